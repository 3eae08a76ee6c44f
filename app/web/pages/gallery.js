// A user's images, newest first, page by page.

import { ask, read, userPath } from "./api.js";
import { byId, make } from "./dom.js";
import { show } from "./pictures.js";
import { counted, moment, when } from "./words.js";

const PER_PAGE = 48;
const TILE = 320;

export class Gallery {
  #user = "";
  #cursor = null;
  #tiles = new Map();
  #asked = new AbortController();

  /** `open` is called with the image somebody chose. */
  constructor({ open }) {
    this.open = open;
  }

  /** Show the images of *user* from the newest on; whatever was under way for another is dropped. */
  async show(user) {
    this.#asked.abort();
    this.#asked = new AbortController();
    [this.#user, this.#cursor] = [user, null];
    this.#tiles.clear();
    byId("images").replaceChildren();
    byId("empty").hidden = true;
    byId("count").textContent = "Looking …";
    await this.more();
  }

  async more() {
    const { signal } = this.#asked;
    const query = new URLSearchParams({ limit: PER_PAGE, ...(this.#cursor && { cursor: this.#cursor }) });
    try {
      const page = await read(`${userPath(this.#user, "images")}?${query}`, { signal });
      this.#add(page);
    } catch (error) {
      if (!signal.aborted) {
        this.#tell();
        throw error;
      }
    }
  }

  /** Take an image out of the view. */
  remove(id) {
    this.#tiles.get(id)?.remove();
    this.#tiles.delete(id);
    this.#tell();
  }

  /** Move the focus to an image, or to the heading if it is no longer there. */
  focus(id) {
    (this.#tiles.get(id)?.querySelector("button") ?? byId("refresh")).focus();
  }

  /** Save all originals as one file. */
  async download() {
    const archive = await (await ask(userPath(this.#user, "images.zip"))).blob();
    const link = make("a", { href: URL.createObjectURL(archive), download: `${this.#user}.zip` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  #add({ images, next_cursor: cursor }) {
    this.#cursor = cursor;
    for (const image of images.filter((each) => !this.#tiles.has(each.id))) {
      const tile = make("li", {}, this.#tile(image));
      this.#tiles.set(image.id, tile);
      byId("images").append(tile);
    }
    this.#tell();
  }

  #tile(image) {
    const frame = make("span", { class: "frame" });
    const badge = image.status === "stored" ? null : make("span", { class: `badge ${image.status}` }, image.status);
    const size = image.width ? `${image.width} × ${image.height}` : image.source;
    const caption = make("span", { class: "caption" }, make("b", {}, size), when(image.created_at));
    const label = `${image.id}, ${image.status}, ${moment(image.created_at)}`;
    const tile = make("button", { type: "button", class: "tile", "aria-label": label }, frame, badge, caption);
    show(frame, image, { width: TILE });
    tile.addEventListener("click", () => this.open(image));
    return tile;
  }

  #tell() {
    const shown = this.#tiles.size;
    byId("count").textContent = shown ? `${counted(shown, "image")}${this.#cursor ? ", and more" : ""}` : "";
    byId("more").hidden = this.#cursor === null;
    byId("refresh").hidden = false;
    byId("archive").hidden = shown === 0;
    byId("empty").hidden = shown > 0;
    byId("empty").textContent = "There are no images.";
  }
}
