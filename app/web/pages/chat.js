// A conversation with a model: a question goes as a form, its answer comes as events.

import { Refusal, ask, session, told } from "./api.js";
import { byId, make } from "./dom.js";
import { events } from "./events.js";
import { counted } from "./words.js";

const needsKey = document.body.dataset.keys === "needed";
const form = byId("ask");
const fields = form.elements;
let conversation = null;
let stream = null;
let leaving = null;

/** Show what somebody says; return the paragraph its text goes into. */
async function show(role, text, files = []) {
  const words = make("p", {}, text);
  const pictures = await Promise.all([...files].map(picture));
  byId("said").append(make("li", { class: role }, ...pictures, words));
  return words;
}

async function picture(file) {
  const reader = new FileReader();
  const source = new Promise((resolve) => {
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => resolve("");
  });
  reader.readAsDataURL(file);
  return make("img", { src: await source, alt: file.name });
}

const note = (words, kind, text) => words.parentElement.append(make("small", { class: kind }, text));

const hear = {
  start(data) {
    conversation = data.session_id;
    stream = data.stream_id;
    byId("stop").hidden = byId("fresh").hidden = false;
    byId("state").textContent = "The model is at work.";
  },
  token: ({ content }, words) => words.append(content),
  warning: ({ code, detail }, words) => note(words, "warning", `${detail} (${code})`),
  error: ({ code, detail }, words) => note(words, "error", `${detail} (${code})`),
  done: ({ model, content_length, done_reason }, words) =>
    note(words, "done", `${model}, ${counted(content_length, "character")}${done_reason === "stopped" ? ", stopped" : ""}`),
};

async function say() {
  leaving = new AbortController();
  const response = await ask("api/stream-message", { method: "POST", body: question(), signal: leaving.signal });
  await show("user", fields.message.value, fields.images.files);
  fields.message.value = fields.images.value = "";
  const words = await show("assistant", "");
  for await (const { name, data } of events(response)) {
    hear[name]?.(data, words);
  }
}

function question() {
  const asked = new FormData();
  asked.set("message", fields.message.value);
  for (const [name, value] of [["model", fields.model.value], ["user_id", fields.user.value], ["session_id", conversation]]) {
    if (value) {
      asked.set(name, value);
    }
  }
  for (const file of fields.images.files) {
    asked.append("images", file);
  }
  return asked;
}

function busy(isBusy) {
  byId("send").disabled = isBusy;
  byId("problem").hidden = isBusy || byId("problem").hidden;
  byId("stop").hidden = true;
  byId("state").textContent = isBusy ? "Sending." : "";
}

async function attempt(deed) {
  try {
    await deed();
  } catch (error) {
    const known = error instanceof Refusal ? error : new Error("The answer was cut off.");
    const [text, code] = told(known);
    byId("problem").replaceChildren(text, ...(code ? [make("code", {}, ` ${code}`)] : []));
    byId("problem").hidden = false;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  session.user = fields.user.value;
  session.key = fields.key.value.trim();
  busy(true);
  await attempt(say);
  busy(false);
  stream = null;
  fields.message.focus();
});
byId("stop").addEventListener("click", () => attempt(() => ask(`api/stream-message/${stream}`, { method: "DELETE" })));
byId("fresh").addEventListener("click", () => {
  leaving?.abort();
  conversation = null;
  byId("said").replaceChildren();
  byId("fresh").hidden = true;
});

// A browser may keep a page it has left, with its requests: nobody would notice that nobody listens.
addEventListener("pagehide", () => leaving?.abort());

byId("keyed").hidden = !needsKey;
fields.user.value = session.user;
fields.key.value = session.key;
