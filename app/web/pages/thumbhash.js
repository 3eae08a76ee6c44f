// ThumbHash (evanw.github.io/thumbhash): a picture in at most 25 bytes, drawn again as a blurred placeholder.

const SIDE = 32;

/** Return {width, height, pixels} (RGBA, at most 32 a side) of a hash in base64, or null if it is none. */
export function decode(text) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
  return bytes.length < 5 ? null : paint(parse(bytes));
}

/** Return a hash as the URL of a picture, or null. */
export function placeholder(text) {
  const found = text ? decode(text) : null;
  if (found === null) {
    return null;
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [found.width, found.height];
  canvas.getContext("2d").putImageData(new ImageData(found.pixels, found.width, found.height), 0, 0);
  return canvas.toDataURL();
}

function parse(bytes) {
  const bits = (start, count) => {
    let value = 0;
    for (let place = count - 1; place >= 0; place--) {
      const at = start + place;
      value = value * 2 + (((bytes[at >> 3] ?? 0) >> (at & 7)) & 1);
    }
    return value;
  };
  const hasAlpha = bits(23, 1) === 1;
  const isLandscape = bits(39, 1) === 1;
  const [long, short] = [hasAlpha ? 5 : 7, bits(24, 3)];
  let at = hasAlpha ? 48 : 40;
  // The varying terms of a channel: those above the anti-diagonal, 4 bits each; the first is its mean, and not here.
  const channel = (mean, scale, columns, rows) => {
    const terms = [];
    for (let y = 0; y < rows; y++) {
      for (let x = y ? 0 : 1; x * rows < columns * (rows - y); x++, at += 4) {
        terms.push({ x, y, weight: 2 * scale * (bits(at, 4) / 7.5 - 1) });
      }
    }
    return { mean, terms };
  };
  const [wide, high] = isLandscape ? [long, short] : [short, long];
  // Colour differences were quantised towards grey, and are drawn a little stronger than they were kept.
  return {
    ratio: Math.max(1, wide) / Math.max(1, high),
    light: channel(bits(0, 6) / 63, bits(18, 5) / 31, Math.max(3, wide), Math.max(3, high)),
    yellow: channel(bits(6, 6) / 31.5 - 1, (1.25 * bits(27, 6)) / 63, 3, 3),
    red: channel(bits(12, 6) / 31.5 - 1, (1.25 * bits(33, 6)) / 63, 3, 3),
    alpha: hasAlpha ? channel(bits(40, 4) / 15, bits(44, 4) / 15, 5, 5) : { mean: 1, terms: [] },
  };
}

function paint({ ratio, light, yellow, red, alpha }) {
  const width = Math.max(1, Math.round(ratio > 1 ? SIDE : SIDE * ratio));
  const height = Math.max(1, Math.round(ratio > 1 ? SIDE / ratio : SIDE));
  const pixels = new Uint8ClampedArray(width * height * 4);
  const [across, down] = [waves(width), waves(height)];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const value = ({ mean, terms }) =>
        terms.reduce((sum, term) => sum + term.weight * across[x][term.x] * down[y][term.y], mean);
      const [l, p, q] = [value(light), value(yellow), value(red)];
      const blue = l - (2 / 3) * p;
      const r = (3 * l - blue + q) / 2;
      pixels.set([r, r - q, blue, value(alpha)].map((part) => 255 * part), at);
    }
  }
  return { width, height, pixels };
}

/** Return for every place of *length* its value of each cosine wave. */
function waves(length) {
  const frequencies = [0, 1, 2, 3, 4, 5, 6];
  return Array.from({ length }, (_, place) =>
    frequencies.map((frequency) => Math.cos((Math.PI / length) * (place + 0.5) * frequency)),
  );
}
