// Memory is what others wrote: nothing in it may act, hide, or turn the page around. What has no shape of its own is shown by its name.
import { h } from "./dom.js";

const NAMES = new Map([
  [0x00, "null"],
  [0x08, "backspace"],
  [0x0d, "carriage return"],
  [0x1b, "escape"],
  [0x7f, "delete"],
  [0xad, "soft hyphen"],
  [0x61c, "Arabic letter mark"],
  [0x200b, "zero-width space"],
  [0x200c, "zero-width non-joiner"],
  [0x200d, "zero-width joiner"],
  [0x200e, "left-to-right mark"],
  [0x200f, "right-to-left mark"],
  [0x202a, "left-to-right embedding"],
  [0x202b, "right-to-left embedding"],
  [0x202c, "end of direction"],
  [0x202d, "left-to-right override"],
  [0x202e, "right-to-left override"],
  [0x2060, "word joiner"],
  [0x2066, "left-to-right isolate"],
  [0x2067, "right-to-left isolate"],
  [0x2068, "isolate"],
  [0x2069, "end of isolate"],
  [0xfeff, "byte order mark"],
]);

// Controls, formats, lone surrogates, and blanks that look like letters, without what is seen after all (Arabic number signs) ...
const SEEN = "[\\n\\t\\u0600-\\u0605\\u06dd\\u070f\\u0890\\u0891\\u08e2]";
const ODD = "[\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029\\u115f\\u1160\\u3164\\uffa0]";
// ... and variation selectors in a row, which can carry a message.
const VARIED = "[\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}]{2,}";
const UNSEEN = new RegExp(`(?:(?!${SEEN})${ODD}|${VARIED})+`, "gu");
const FLAG = /^[\u{e0030}-\u{e007a}]+\u{e007f}$/u;
const JOINS = /(?:\p{Extended_Pictographic}|[\ufe0f\u{1f3fb}-\u{1f3ff}])$/u;
const SCRIPT =
  /[\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Tamil}\p{M}]$/u;
const MOST_NAMED = 4;

/**
 * A text to be read: hidden characters by their names, the rest as it is.
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function shown(text) {
  const made = document.createDocumentFragment();
  let from = 0;
  for (const match of text.matchAll(UNSEEN)) {
    const run = match[0];
    if (belongs(run, text.slice(Math.max(0, match.index - 4), match.index), text[match.index + run.length])) continue;
    made.append(text.slice(from, match.index), odd(run));
    from = match.index + run.length;
  }
  made.append(text.slice(from));
  return made;
}

/** The same as a plain string, for titles, options and SVG. @param {string} text */
export const plain = (text) => shown(text).textContent ?? "";

/** Whether a hidden run is a part of how people write: joined emoji, flags, scripts that join letters, line ends. */
function belongs(run, before, after) {
  if (run === "\r") return after === "\n";
  if (run === "\u200d") return (JOINS.test(before) && after !== undefined) || SCRIPT.test(before);
  if (run === "\u200c") return SCRIPT.test(before);
  return FLAG.test(run) && before.endsWith("\u{1f3f4}");
}

/** @param {string} run */
function odd(run) {
  const points = Array.from(run, (char) => char.codePointAt(0) ?? 0);
  const smuggled = points
    .filter((p) => p >= 0xe0020 && p < 0xe007f)
    .map((p) => String.fromCharCode(p - 0xe0000))
    .join("");
  if (smuggled) return h("span.odd", { title: "text in characters that nothing shows" }, `hidden text “${smuggled}”`);
  const codes = [...new Set(points)].map(named);
  const told = codes.slice(0, MOST_NAMED).join(" ") + (codes.length > MOST_NAMED ? " …" : "");
  const times = points.length > codes.length || codes.length > MOST_NAMED ? ` ×${points.length}` : "";
  const title = [...new Set(points)]
    .slice(0, MOST_NAMED)
    .map((p) => NAMES.get(p) ?? (p >= 0xd800 && p < 0xe000 ? "half a character" : "hidden character"));
  return h("span.odd", { title: title.join(", ") }, told + times);
}

const named = (point) => `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;

/**
 * A text of any length: its beginning, and a button for more.
 * @param {string} text
 * @param {number} most characters at first
 * @param {(text: string, from: number) => Node} render
 */
export function long(text, most = 20_000, render = shown) {
  const box = h("div.text", { dir: "auto" });
  let until = 0;
  const more = h("button.more", { type: "button", onclick: () => grow(50_000) });
  const grow = (by) => {
    const end = cut(text, until + by);
    more.before(render(text.slice(until, end), until));
    until = end;
    more.hidden = until >= text.length;
    more.textContent = `Show more: ${number(until)} of ${number(text.length)} characters`;
  };
  box.append(more);
  grow(most);
  return box;
}

/** The beginning of a text. @param {string} text */
export const short = (text, most = 400) =>
  text.length <= most ? text : `${text.slice(0, cut(text, most)).trimEnd()} …`;

/** A place to cut at that is not inside a character. */
function cut(text, at) {
  const code = text.charCodeAt(at);
  return at >= text.length ? text.length : code >= 0xdc00 && code < 0xe000 ? at - 1 : at;
}

/** Where characters, as the store counts them (code points), lie in a string. @param {string} text @param {number[]} places */
export function offsets(text, places) {
  const ends = [...new Set(places)].sort((a, b) => a - b);
  const found = new Map();
  let at = 0;
  let point = 0;
  for (const end of ends) {
    while (point < end && at < text.length) {
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      point++;
    }
    found.set(end, at);
  }
  return places.map((place) => found.get(place));
}

/** @param {number} value */
export const number = (value) => value.toLocaleString("en-GB");

/** "1 memory", "3 memories". @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return counted(bytes, "byte");
  const units = ["kB", "MB", "GB", "TB"];
  const step = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${(bytes / 1000 ** step).toFixed(1)} ${units[step - 1]}`;
}
