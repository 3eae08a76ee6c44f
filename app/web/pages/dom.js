// Elements and nothing else: text only ever becomes a text node, so nothing has to be escaped.

/** Return the element of the page with that id. */
export const byId = (id) => document.getElementById(id);

/** Return a new element; what is null among its children is left out. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Return a description list of [name, value] pairs; what has no value is left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", { class: "facts" }, ...known.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}
