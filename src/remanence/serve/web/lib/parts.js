// What several views are made of: a memory as a card, what went wrong, what is still coming, what there is none of.
import { get, memory, whose } from "./api.js";
import { fresh, h } from "./dom.js";
import { counted, offsets, plain, short, shown } from "./text.js";
import { time } from "./time.js";

/**
 * @typedef {object} Source
 * @property {string} id
 * @property {number} start
 * @property {number} end
 *
 * @typedef {object} Memory a record, as the server tells it
 * @property {string} id
 * @property {string[]} scope
 * @property {string} text
 * @property {string} kind
 * @property {string} session
 * @property {string} speaker
 * @property {string} role
 * @property {string} origin
 * @property {number} trust
 * @property {string[]} marks
 * @property {Source[]} sources
 * @property {{subject: string, attribute: string, value: string} | null} slot
 * @property {string | null} valid_from
 * @property {string | null} valid_to
 * @property {string | null} known_from
 * @property {string | null} known_to
 * @property {number} version
 * @property {string} digest
 */

/** A link to a view, of the same user. @param {string} view @param {string} [id] @param {Record<string, unknown>} [query] */
export function href(view, id = "", query = {}) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, user: whose.user, agent: whose.agent }))
    if (value) params.set(name, String(value));
  const asked = params.toString();
  return `#/${view}${id && `/${encodeURIComponent(id)}`}${asked && `?${asked}`}`;
}

/** A memory by its name. @param {string} id */
export const link = (id) => h("a.id", { href: href("record", id) }, h("bdi", shown(short(id, 40))));

/** Who said it, as far as is known. @param {Memory} record */
export const who = (record) => record.speaker || record.role || record.origin || "";

/** Who, when, where, and what stands on it. @param {Memory} record @param {Node[]} more */
export function about(record, ...more) {
  const said = who(record);
  return h(
    "p.about",
    said && h("span.who", h("bdi", shown(said))),
    h("span.when", time(record.valid_from), record.valid_to && [" – ", time(record.valid_to)]),
    record.session &&
      h(
        "span.where",
        "in ",
        h("a", { href: href("timeline", "", { session: record.session }) }, h("bdi", shown(record.session))),
      ),
    record.scope[2] && h("span", "agent ", h("bdi", shown(record.scope.slice(2).join("/")))),
    record.origin && record.origin !== said && h("span", "through ", h("bdi", shown(record.origin))),
    record.trust < 1 && h("span", `trust ${record.trust.toFixed(2)}`),
    record.kind !== "episode" && h("span.tag", plain(record.kind)),
    ...record.marks.map((mark) => h("span.tag", plain(mark))),
    ...more,
  );
}

/** A memory's text, its beginning where it is long. @param {Memory} record @param {number} [most] */
export function words(record, most = 400) {
  return h(
    "p.words",
    { dir: "auto" },
    shown(short(record.text, most)),
    !record.text.trim() && h("em.soft", "no text of its own"),
  );
}

/**
 * A text with spans marked, around the first of them where it is long.
 * @param {string} text @param {Source[]} spans
 */
export function marked(text, spans) {
  const [around, before] = [1_500, 300];
  const edges = offsets(
    text,
    spans.flatMap((span) => [span.start, span.end < 0 ? text.length : span.end]),
  );
  const pairs = spans
    .map((_, i) => [edges[2 * i], edges[2 * i + 1]])
    .filter(([start, end]) => end > start)
    .sort((a, b) => a[0] - b[0]);
  const from = text.length <= around ? 0 : Math.max(0, (pairs[0]?.[0] ?? 0) - before);
  const until = Math.min(text.length, from + around);
  const box = h("p.words", { dir: "auto" }, from > 0 && "… ");
  let at = from;
  for (const [start, end] of pairs) {
    if (start < at || start >= until) continue;
    box.append(shown(text.slice(at, start)), h("mark", shown(text.slice(start, Math.min(end, until)))));
    at = Math.min(end, until);
  }
  box.append(shown(text.slice(at, until)), until < text.length ? " …" : "");
  return box;
}

/** What went wrong, in its place, and how to mend it. @param {any} error @param {() => void} [again] */
export function trouble(error, again) {
  return h(
    "div.trouble",
    { role: "alert" },
    h("p", h("strong", shown(short(error.message || String(error), 600)))),
    error.hint && h("p", shown(short(error.hint, 600))),
    again && h("button", { type: "button", onclick: again }, "Try again"),
  );
}

/** There is nothing here: what to do. @param {...import("./dom.js").Child} parts */
export const none = (...parts) => h("div.none", h("p", ...parts));

/** Room for what is coming. @param {number} [lines] */
export const waiting = (lines = 3) =>
  h(
    "div.waiting",
    { "aria-hidden": "true" },
    Array.from({ length: lines }, () => h("div")),
  );

/**
 * Fills a place with what is coming: room for it first, then itself, or why not.
 * @template T
 * @param {HTMLElement} place @param {AbortSignal} signal
 * @param {() => Promise<T>} ask @param {(found: T) => import("./dom.js").Child | import("./dom.js").Child[]} show
 * @param {number} [lines]
 */
export async function load(place, signal, ask, show, lines = 3) {
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(waiting(lines));
  try {
    const made = show(await ask());
    if (!signal.aborted) place.replaceChildren(...[made].flat().filter((node) => node instanceof Node));
  } catch (error) {
    if (!signal.aborted) place.replaceChildren(trouble(error, () => load(place, signal, ask, show, lines)));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

/** What was asked for, or why it did not come: for a place among others that came. @template T @param {Promise<T>} asked */
export const settled = (asked) =>
  asked.then(
    (found) => ({ found }),
    (error) => ({ error }),
  );

/** Shows it, or why not. @template T @param {{found: T} | {error: any}} outcome @param {(found: T) => any} show */
export const given = (outcome, show) => ("error" in outcome ? trouble(outcome.error) : show(outcome.found));

/** A labelled control. @param {string} label @param {HTMLElement} control @param {string} [help] */
export function field(label, control, help = "") {
  control.id ||= fresh();
  const told = help && h("span.help", { id: fresh() }, help);
  if (told) control.setAttribute("aria-describedby", told.id);
  return h("div.field", h("label", { for: control.id }, label), control, told);
}

/**
 * A button that does something, once at a time, and a place beside it that says what went wrong.
 * @param {string | (string | Node)[]} label @param {() => Promise<unknown>} act @param {string} [style] its classes: ".main"
 */
export function doing(label, act, style = "") {
  const place = h("span.beside");
  const button = h(`button${style}`, {
    type: "button",
    onclick: async () => {
      if (button.getAttribute("aria-disabled") === "true") return;
      button.setAttribute("aria-disabled", "true");
      place.replaceChildren();
      try {
        await act();
      } catch (error) {
        if (error.name !== "AbortError") place.replaceChildren(trouble(error));
      } finally {
        button.removeAttribute("aria-disabled");
      }
    },
  });
  button.append(h("span", label));
  return [button, place];
}

/**
 * Memories by id, as far as they are there; each asked for once.
 * @param {Iterable<string>} ids @param {AbortSignal} signal @param {number} [most]
 */
export async function those(ids, signal, most = 40) {
  const asked = [...new Set(ids)].slice(0, most);
  const found = await Promise.all(asked.map((id) => get(memory(id), {}, { signal }).catch(() => null)));
  return new Map(asked.map((id, at) => [id, found[at]]).filter(([, record]) => record));
}

/** "Its 3 first of 20", where not all are shown. @param {number} shownCount @param {number} all @param {string} one */
export const rest = (shownCount, all, one = "more") =>
  all > shownCount && h("li.soft", `… and ${counted(all - shownCount, one, one)}`);
