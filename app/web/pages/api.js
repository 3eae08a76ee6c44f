// Requests to the service.  Whatever it refuses is thrown as a Refusal, in words.

// Paths are relative to where the service is, whichever page asks.
const ROOT = new URL("..", import.meta.url);
const KEY = "holdfast.key";
const USER = "holdfast.user";

/** What this tab remembers, and no other: the key is never part of a URL. */
export const session = {
  get key() {
    return sessionStorage.getItem(KEY) ?? "";
  },
  set key(value) {
    sessionStorage.setItem(KEY, value);
  },
  get user() {
    return sessionStorage.getItem(USER) ?? "";
  },
  set user(value) {
    sessionStorage.setItem(USER, value);
  },
  forget() {
    sessionStorage.removeItem(KEY);
  },
};

/** A problem document (RFC 9457), or no answer at all (status 0). */
export class Refusal extends Error {
  constructor(status, problem, retryAfter = null) {
    super(problem.detail ?? `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    this.retryAfter = retryAfter;
  }
}

/** Return the response, if it is a good one or has one of the statuses in `also`. */
export async function ask(path, { method = "GET", body, signal, also = [] } = {}) {
  const headers = session.key ? { Authorization: `Bearer ${session.key}` } : {};
  const init = { method, headers, signal, cache: "no-store", credentials: "omit" };
  if (body instanceof FormData) {
    init.body = body;
  } else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const response = await fetch(new URL(path, ROOT), init).catch(unreachable);
  if (response.ok || also.includes(response.status)) {
    return response;
  }
  const problem = await response.json().catch(() => ({}));
  throw new Refusal(response.status, problem, response.headers.get("Retry-After"));
}

export const read = async (path, options) => (await ask(path, options)).json();

/** Return the path of something of a user's. */
export const userPath = (user, name) => `v1/users/${encodeURIComponent(user)}/${name}`;

/** Return the path of an image. */
export const imagePath = (image, rest = "") =>
  `v1/images/hosted/${encodeURIComponent(image.user_id)}/${encodeURIComponent(image.id)}${rest}`;

/** Return what to tell of an error that was thrown, and its code. */
export function told(error) {
  const later = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  return [`${error.message}${later}`, error instanceof Refusal ? error.code : ""];
}

function unreachable(error) {
  if (error.name === "AbortError") {
    throw error;
  }
  throw new Refusal(0, { detail: "The service cannot be reached." });
}
