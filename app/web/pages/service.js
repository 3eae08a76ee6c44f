// The operator's view: is it well, what may it do, what does a user have and what goes next, a few numbers.

import { ask, read, session, userPath } from "./api.js";
import { byId, facts, make } from "./dom.js";
import { counted, moment, number, size, spaced, when, why } from "./words.js";

let turn = 0;

/** Ask everything anew; what cannot be read says so in its own card.  Only what was asked last is shown. */
export async function showService() {
  const mine = ++turn;
  byId("as-of").textContent = "Looking …";
  const cards = [
    ["Health", health],
    ["Usage", usage],
    ["Since the start", metrics],
    ["Limits", capabilities],
  ];
  const filled = await Promise.all(cards.map(([title, fill]) => card(title, fill)));
  if (mine !== turn) {
    return;
  }
  byId("cards").replaceChildren(...filled);
  byId("as-of").textContent = `as of ${new Date().toLocaleTimeString("en")}`;
}

async function card(title, fill) {
  const heading = make("h3", {}, title);
  let content;
  try {
    content = await fill(heading);
  } catch (error) {
    content = [make("p", {}, error.message)];
  }
  return make("article", { class: "card" }, heading, ...content);
}

async function health(heading) {
  const found = await (await ask("readyz", { also: [503] })).json();
  heading.append(make("span", { class: `badge ${found.status}` }, spaced(found.status)));
  const checks = Object.entries(found.checks).map(([name, state]) => [spaced(name), spaced(state)]);
  const free = found.free_bytes === null ? null : size(found.free_bytes);
  const captures = found.captures_open === null ? null : number(found.captures_open);
  return [facts([...checks, ["Free space", free], ["Captures open", captures]])];
}

async function usage(heading) {
  if (!session.user) {
    return [make("p", {}, "Whose? Give a user id above.")];
  }
  const found = await read(userPath(session.user, "usage"));
  heading.textContent = `Usage of ${found.user_id}`;
  const { images: most, max_age_days: days, min_age_hours: hours } = found.limits;
  const images = most === null ? number(found.images) : `${number(found.images)} of ${number(most)}`;
  const list = facts([
    ["Images", make("span", {}, images, most ? bar(found.images / most) : null)],
    ["Stored", size(found.bytes)],
    ["Capturing", number(found.capturing)],
    ["Kept for", days === null ? "ever" : counted(days, "day")],
    ["At least", hours ? counted(hours, "hour") : null],
  ]);
  return [list, ...(found.next.length ? [next(found.next)] : [make("p", {}, "Nothing is about to go.")])];
}

function next(going) {
  const row = ({ id, reason, at }) => {
    const time = at ? `${when(at)}, ${moment(at)}` : "with the next image";
    return make("li", {}, make("code", {}, id), make("span", {}, `${time}: ${why(reason)}`));
  };
  return make("ul", { class: "next", "aria-label": "What goes next" }, ...going.map(row));
}

function bar(share) {
  const filled = make("i");
  filled.style.width = `${Math.min(100, 100 * share)}%`;
  return make("div", { class: "bar-of" }, filled);
}

async function metrics() {
  const samples = parse(await (await ask("metrics")).text());
  const sum = (name, label, value) => {
    const fitting = samples.filter((each) => each.name === name && (!label || each.labels[label] === value));
    return fitting.length ? fitting.reduce((total, each) => total + each.value, 0) : null;
  };
  const shown = (value, words = number) => (value === null || Number.isNaN(value) ? null : words(value));
  const images = ["stored", "rejected", "lost"].map((status) => [
    `Images ${status}`,
    shown(sum("holdfast_images_total", "status", status)),
  ]);
  const requests = ["2xx", "3xx", "4xx", "5xx"].map((status) => [
    `Requests ${status}`,
    shown(sum("holdfast_requests_total", "status", status)),
  ]);
  const started = sum("process_start_time_seconds");
  return [
    facts([
      ["Started", started && when(new Date(1000 * started).toISOString())],
      ["Memory", shown(sum("process_resident_memory_bytes"), size)],
      ...images,
      ...requests,
    ]),
  ];
}

/** Return the samples of Prometheus' text format. */
function parse(text) {
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)/gm)].map(([, name, labels, value]) => ({
    name,
    labels: Object.fromEntries([...(labels ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, is]) => [key, is])),
    value: Number(value),
  }));
}

async function capabilities() {
  const found = await read("v1/capabilities");
  const inBytes = (name) => name.endsWith("_bytes") || name === "bytes";
  const limits = Object.entries(found.limits).map(([name, value]) => [
    spaced(name.replace(/_bytes$/, "")),
    typeof value !== "number" ? null : inBytes(name) ? size(value) : number(value),
  ]);
  return [
    facts([
      ["Version", found.version],
      ["Hosting", found.hosting ? "on" : "off"],
      ["Access", found.access],
      ["Formats", found.formats.map((type) => type.replace("image/", "")).join(", ")],
      ["Widths", found.variant_widths.join(", ")],
      ...limits,
    ]),
  ];
}
