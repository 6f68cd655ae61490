// The one way to the server: JSON below /v1, errors with a hint, and whose memory is meant.

const BASE = new URL("../v1/", document.baseURI);

/** Whose memory it is where nobody says. */
export const OWN = "default";

/** Whose memory the page looks at; the router keeps it. */
export const whose = { user: "", agent: "" };

/** What the server refused, or that it can't be reached. */
export class Refused extends Error {
  /** @param {number} status @param {{code?: string, message?: string, hint?: string}} told */
  constructor(status, told) {
    super(told.message || `the server answered ${status}`);
    this.status = status;
    this.code = told.code ?? "";
    this.hint = told.hint ?? "";
  }
}

/** Begins a session with a token: from then on a cookie opens the door, which scripts can't read. @param {string} token */
export const signIn = (token) =>
  send("POST", "session", { mine: false, headers: { authorization: `Bearer ${token}` } });

/**
 * @typedef {object} Options
 * @property {Record<string, unknown>} [query] what is empty is left out
 * @property {Record<string, unknown>} [body] likewise
 * @property {AbortSignal} [signal]
 * @property {boolean} [mine] of the user that is looked at (default), or of the whole store
 * @property {string} [accept]
 * @property {Record<string, string>} [headers]
 */

/**
 * The answer as it comes. Raises: Refused; AbortError.
 * @param {string} method @param {string} path below /v1/ @param {Options} options
 */
async function send(
  method,
  path,
  { query, body, signal, mine = true, accept = "application/json", headers: more = {} },
) {
  const url = new URL(path, BASE);
  const own = mine ? { user_id: whose.user, agent_id: whose.agent } : {};
  const headers = { accept, "x-remanence": "1", ...more };
  let sent;
  if (method === "GET") append(url.searchParams, { ...own, ...query });
  else {
    headers["content-type"] = "application/json";
    sent = JSON.stringify(given({ ...own, ...body }));
  }
  let answer;
  try {
    answer = await fetch(url, { method, headers, body: sent, signal, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, {
      message: "the server does not answer",
      hint: "is `rmem ui` or `rmem serve` still running?",
    });
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, told.error ?? {});
}

/** @param {string} path @param {Record<string, unknown>} [query] @param {Options} [options] */
export const get = async (path, query = {}, options = {}) => (await send("GET", path, { ...options, query })).json();

/** @param {string} path @param {Record<string, unknown>} [body] @param {Options} [options] */
export const post = async (path, body = {}, options = {}) => (await send("POST", path, { ...options, body })).json();

/** @param {string} path @param {Record<string, unknown>} [body] @param {Options} [options] */
export const patch = async (path, body = {}, options = {}) => (await send("PATCH", path, { ...options, body })).json();

/** The path of one memory. @param {string} id */
export const memory = (id, verb = "") => `memories/${encodeURIComponent(id)}${verb && `/${verb}`}`;

/**
 * Server-sent events, one after the other.
 * @param {string} path @param {Record<string, unknown>} body @param {Options} [options]
 * @returns {AsyncGenerator<{event: string, data: any}>}
 */
export async function* stream(path, body, options = {}) {
  const answer = await send("POST", path, { ...options, body, accept: "text/event-stream" });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block
        .split(/\r?\n/)
        .map((line) => /^(\w+): ?(.*)$/.exec(line))
        .filter(Boolean);
      const data = lines
        .filter((line) => line[1] === "data")
        .map((line) => line[2])
        .join("\n");
      const event = lines.find((line) => line[1] === "event")?.[2] ?? "message";
      if (data) yield { event, data: JSON.parse(data) };
    }
  }
}

/** What is worth sending. */
function given(values) {
  const said = ([, value]) =>
    value !== "" && value !== null && value !== undefined && !(Array.isArray(value) && !value.length);
  return Object.fromEntries(Object.entries(values).filter(said));
}

function append(params, values) {
  for (const [name, value] of Object.entries(given(values))) {
    if (Array.isArray(value)) for (const one of value) params.append(name, String(one));
    else params.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
}
