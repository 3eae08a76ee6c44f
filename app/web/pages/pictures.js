// Showing an image: its placeholder at once, its bytes when it comes into view.

import { imagePath, read } from "./api.js";
import { make } from "./dom.js";
import { placeholder } from "./thumbhash.js";
import { spaced } from "./words.js";

const HOUR = 3600;

/** What the service says of itself; filled in at start. */
export const abilities = { isSigned: false, widths: [] };

// Where links are signed, each picture costs a request of its own: only those that are looked at are asked for.
const seen = new IntersectionObserver(
  (entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      seen.unobserve(target);
      target.dispatchEvent(new Event("seen"));
    }
  },
  { rootMargin: "200px" },
);

/** Fill *frame* with the picture of *image*, or with why there is none. */
export function show(frame, image, { alt = "", width = null } = {}) {
  const blurred = placeholder(image.thumbhash);
  frame.style.backgroundImage = blurred ? `url("${blurred}")` : "";
  frame.replaceChildren(image.status === "stored" ? picture(frame, image, alt, width) : instead(image));
}

/** Return a link to *image* that anyone can open for an hour: {url, expires_at}. */
export const signedLink = (image) =>
  read(imagePath(image, "/signed-url"), { method: "POST", body: { expires_in: HOUR } });

const instead = ({ status, reason }) => (status === "capturing" ? "on its way" : spaced(reason ?? "no picture"));

function picture(frame, image, alt, width) {
  const made = make("img", { alt, loading: "lazy", decoding: "async", class: "waiting" });
  const fail = () => frame.replaceChildren("cannot be shown");
  made.addEventListener("load", () => {
    made.classList.remove("waiting");
    frame.style.backgroundImage = "";
  });
  made.addEventListener("error", fail);
  // A chat's picture is its owner's alone, wherever links are signed.
  if (abilities.isSigned || image.source === "chat") {
    made.addEventListener("seen", () => signed(image, width).then((source) => (made.src = source), fail));
    seen.observe(made);
  } else {
    made.src = sized(image, "", width);
  }
  return made;
}

async function signed(image, width) {
  // Only its query: the link may name an address that is not the one this page came from.
  const query = new URL((await signedLink(image)).url).search;
  return sized(image, query, width);
}

/** Return the path of the smallest rendering that is wide enough, or of the original. */
function sized(image, query, width) {
  const fitting = width === null ? undefined : abilities.widths.filter((each) => each >= width).sort((a, b) => a - b)[0];
  // In WebP, which the service makes as images arrive: it is there at the first look.
  return imagePath(image, fitting === undefined ? query : `.webp${query ? `${query}&` : "?"}w=${fitting}`);
}
