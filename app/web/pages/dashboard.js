// The dashboard: who is looked at, and which of the two views is shown.

import { read, session, told } from "./api.js";
import { Details } from "./details.js";
import { byId, make } from "./dom.js";
import { Gallery } from "./gallery.js";
import { abilities } from "./pictures.js";
import { showService } from "./service.js";

const needsKey = document.body.dataset.keys === "needed";
const who = byId("who");
const gallery = new Gallery({ open: (image) => details.open(image) });
const details = new Details({ deleted: (id) => gallery.remove(id), closed: (id) => gallery.focus(id) });

/** Do something that may be refused, and say so if it is; a button that started it waits. */
async function attempt(deed, button = null) {
  byId("problem").hidden = true;
  if (button) {
    button.disabled = true;
  }
  try {
    await deed();
  } catch (error) {
    tell(error);
  } finally {
    if (button) {
      button.disabled = false;
    }
  }
}

function tell(error) {
  const [text, code] = told(error);
  byId("problem").replaceChildren(text, ...(code ? [make("code", {}, ` ${code}`)] : []));
  byId("problem").hidden = false;
  if (error.status === 401 && needsKey) {
    who.elements.key.focus();
  }
}

/** Show what the address asks for; a view that is not shown asks the service nothing. */
function show() {
  const isService = location.hash === "#service";
  byId("service-view").hidden = !isService;
  byId("gallery-view").hidden = isService;
  for (const link of document.querySelectorAll(".views a")) {
    link.ariaCurrent = (link.hash === "#service") === isService ? "page" : null;
  }
  return attempt(async () => {
    if (isService) {
      await showService();
    } else if (session.user) {
      await gallery.show(session.user);
    }
  });
}

function greet() {
  byId("keyed").hidden = !needsKey;
  byId("forget").hidden = !needsKey || !session.key;
  who.elements.user.value = session.user;
  who.elements.key.value = session.key;
}

who.addEventListener("submit", (event) => {
  event.preventDefault();
  session.user = who.elements.user.value;
  session.key = who.elements.key.value.trim();
  greet();
  show();
});
byId("forget").addEventListener("click", () => {
  session.forget();
  greet();
  who.elements.key.focus();
});
byId("more").addEventListener("click", ({ target }) => attempt(() => gallery.more(), target));
byId("refresh").addEventListener("click", ({ target }) => attempt(() => gallery.show(session.user), target));
byId("archive").addEventListener("click", ({ target }) => attempt(() => gallery.download(), target));
byId("again").addEventListener("click", ({ target }) => attempt(showService, target));
addEventListener("hashchange", show);

greet();
await attempt(async () => {
  const found = await read("v1/capabilities");
  byId("version").textContent = found.version;
  abilities.isSigned = found.access === "signed";
  abilities.widths = found.variant_widths;
});
await show();
