// A conversation with a model: a question goes as a form, its answer comes as events.

import { Refusal, ask, session, told } from "./api.js";
import { byId, make } from "./dom.js";
import { events } from "./events.js";
import { counted } from "./words.js";

const needsKey = document.body.dataset.keys === "needed";
const form = byId("ask");
const fields = form.elements;
let conversation = null;
let owner = null;
let stream = null;
let leaving = new AbortController();

/** Show what somebody says; return the paragraph its text goes into. */
function show(role, text, pictures = []) {
  const words = make("p", {}, text);
  byId("said").append(make("li", { class: role }, ...pictures, words));
  return words;
}

/** Return the picture in a file, or its name if this browser cannot show it: the service may know better. */
async function picture(file) {
  const reader = new FileReader();
  const source = new Promise((resolve) => {
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => resolve("");
  });
  reader.readAsDataURL(file);
  const image = make("img", { src: await source, alt: file.name });
  return image.decode().then(() => image, () => make("small", { class: "file" }, file.name));
}

const note = (words, kind, text) => words.parentElement.append(make("small", { class: kind }, text));

const hear = {
  start(data) {
    conversation = data.session_id;
    stream = data.stream_id;
    byId("fresh").hidden = false;
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
  const { signal } = leaving;
  const response = await ask("api/stream-message", { method: "POST", body: question(), signal });
  const pictures = await Promise.all([...fields.images.files].map(picture));
  signal.throwIfAborted();
  show("user", fields.message.value, pictures);
  fields.message.value = fields.images.value = "";
  const words = show("assistant", "");
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
  byId("stop").hidden = !isBusy;
  byId("state").textContent = isBusy ? "Sending." : "";
}

async function attempt(deed) {
  try {
    await deed();
  } catch (error) {
    if (error.name === "AbortError") {
      return; // as it was wanted here
    }
    const known = error instanceof Refusal ? error : new Error("The answer was cut off.");
    const [text, code] = told(known);
    byId("problem").replaceChildren(text, ...(code ? [make("code", {}, ` ${code}`)] : []));
    byId("problem").hidden = false;
  }
}

/** Begin a new conversation; what is being said in this one stops. */
function forget() {
  leaving.abort();
  conversation = null;
  byId("said").replaceChildren();
  byId("fresh").hidden = byId("problem").hidden = true;
}

/** Stop the answer; before there is one, the question, which stays where it was written. */
async function stop() {
  if (stream === null) {
    leaving.abort();
  } else {
    await ask(`api/stream-message/${stream}`, { method: "DELETE" });
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  session.user = fields.user.value;
  session.key = fields.key.value.trim();
  // A conversation is its owner's: for anyone else it is not there.
  if (conversation !== null && owner !== `${session.user} ${session.key}`) {
    forget();
  }
  owner = `${session.user} ${session.key}`;
  busy(true);
  await attempt(say);
  busy(false);
  stream = null;
  fields.message.focus();
});
byId("stop").addEventListener("click", () => attempt(stop));
byId("fresh").addEventListener("click", forget);

// A browser may keep a page it has left, with its requests: nobody would notice that nobody listens.
addEventListener("pagehide", () => leaving.abort());

byId("keyed").hidden = !needsKey;
fields.user.value = session.user;
fields.key.value = session.key;
