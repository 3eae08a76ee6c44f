// One image: everything that is known of it, its links, and its end.

import { ask, imagePath, read } from "./api.js";
import { byId, facts, make } from "./dom.js";
import { abilities, show, signedLink } from "./pictures.js";
import { moment, number, size, spaced, when } from "./words.js";

export class Details {
  #image = null;
  #dialog = byId("details");

  /** `deleted` and `closed` are called with the image's id. */
  constructor({ deleted, closed }) {
    byId("close").addEventListener("click", () => this.#dialog.close());
    byId("delete").addEventListener("click", () => this.#sure(true));
    byId("keep").addEventListener("click", () => this.#sure(false));
    byId("copy").addEventListener("click", () => this.#copy(this.#image.url, "Copied."));
    byId("sign").addEventListener("click", () => this.#attempt(() => this.#sign()));
    byId("confirm").addEventListener("click", () => this.#attempt(() => this.#delete(deleted)));
    this.#dialog.addEventListener("close", () => closed(this.#image.id));
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
  }

  /** Show what a list said of the image, and then what is true now. */
  async open(image) {
    byId("said").textContent = "";
    byId("sign").hidden = !abilities.isSigned && image.source !== "chat";
    this.#fill(image);
    this.#sure(false);
    this.#dialog.showModal();
    byId("close").focus();
    await this.#attempt(async () => {
      const now = await read(imagePath(image, "/info"));
      if (this.#image === image) {
        this.#fill(now);
      }
    });
  }

  #fill(image) {
    const isSame = this.#image?.id === image.id && this.#image.status === image.status && this.#dialog.open;
    this.#image = image;
    byId("details-title").textContent = image.id;
    byId("url").value = image.url;
    if (!isSame) {
      show(byId("picture"), image, { alt: `The image ${image.id}` });
    }
    const list = facts(rows(image));
    list.id = "facts";
    byId("facts").replaceWith(list);
  }

  #sure(isAsked) {
    byId("ask").hidden = isAsked;
    byId("sure").hidden = !isAsked;
    if (isAsked) {
      byId("keep").focus();
    }
  }

  async #delete(deleted) {
    const { id } = this.#image;
    byId("confirm").disabled = true;
    try {
      await ask(imagePath(this.#image), { method: "DELETE" });
    } finally {
      byId("confirm").disabled = false;
    }
    deleted(id);
    this.#dialog.close();
  }

  async #sign() {
    const link = await signedLink(this.#image);
    await this.#copy(link.url, `Copied. The link works until ${moment(link.expires_at)}.`);
  }

  async #copy(text, said) {
    byId("url").value = text;
    try {
      await navigator.clipboard.writeText(text);
      byId("said").textContent = said;
    } catch {
      // A page that did not come by https may not use the clipboard.
      byId("url").focus();
      byId("url").select();
      byId("said").textContent = "Selected: press Ctrl+C or ⌘C to copy.";
    }
  }

  async #attempt(deed) {
    try {
      await deed();
    } catch (error) {
      byId("said").textContent = error.message;
    }
  }
}

function rows(image) {
  const time = (text) => text && make("time", { datetime: text }, `${moment(text)} (${when(text)})`);
  const metadata = Object.keys(image.metadata).length ? JSON.stringify(image.metadata, null, 2) : null;
  return [
    ["Status", make("span", { class: `badge ${image.status}` }, image.status)],
    ["Why", image.reason && spaced(image.reason)],
    ["Source", image.source],
    ["Type", image.content_type],
    ["Pixels", image.width && `${number(image.width)} × ${number(image.height)}`],
    ["Size", image.size_bytes && size(image.size_bytes)],
    ["Created", time(image.created_at)],
    ["Hosted", time(image.hosted_at)],
    ["Expires", time(image.expires_at)],
    ["Provider", image.provider],
    ["Prediction", image.prediction_id],
    ["Came from", image.replicate_url && from(image.replicate_url)],
    ["SHA-256", image.sha256 && make("code", {}, image.sha256)],
    ["Metadata", metadata && make("pre", {}, make("code", {}, metadata))],
  ];
}

/** Return a link, if it is one that may be followed. */
function from(url) {
  return /^https?:/i.test(url) ? make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url) : url;
}
