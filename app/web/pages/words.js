// Numbers, times and reasons as people read them.

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];
const SPANS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

const REASONS = {
  expired: "reaches the maximum age",
  over_limit: "least recently used, beyond the images an owner may have",
  space: "least recently used, for want of space",
};

export const number = (value) => new Intl.NumberFormat("en").format(value);

/** Return a count with its noun: `1 image`, `2 images`. */
export const counted = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

export function size(bytes) {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${number(Number(value.toFixed(power && value < 100 ? 1 : 0)))} ${UNITS[power]}`;
}

/** Return a time as how long ago it was, or how long it is until then. */
export function when(text) {
  const seconds = (new Date(text) - Date.now()) / 1000;
  const [unit, length] = SPANS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return relative.format(Math.round(seconds / length), unit);
}

export const moment = (text) => absolute.format(new Date(text));

/** Return why retention takes an image; a reason of a later version is said as it is. */
export const why = (reason) => REASONS[reason] ?? spaced(reason);

export const spaced = (word) => word.replaceAll("_", " ");
