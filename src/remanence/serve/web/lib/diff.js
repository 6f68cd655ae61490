// What is different between two texts, word by word.
import { h } from "./dom.js";
import { shown } from "./text.js";

const MOST = 1_500;

/**
 * Runs of words that are kept (""), gone ("-") or new ("+").
 * @param {string} before @param {string} after
 * @returns {[string, string][]}
 */
export function compare(before, after) {
  const [a, b] = [split(before), split(after)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const runs = [["", a.slice(0, head).join("")]];
  runs.push(...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)));
  runs.push(["", tail ? a.slice(-tail).join("") : ""]);
  return joined(runs);
}

/** @param {string} text */
const split = (text) => text.match(/\s+|[^\s]+/g) ?? [];

/** The longest common subsequence; of very long parts, all of it old and all of it new. */
function middle(a, b) {
  if (a.length > MOST || b.length > MOST)
    return [
      ["-", a.join("")],
      ["+", b.join("")],
    ];
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1] + 1
          : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const runs = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) [runs[runs.length], i, j] = [["", a[i]], i + 1, j + 1];
    else if (j >= b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1]))
      runs.push(["-", a[i++]]);
    else runs.push(["+", b[j++]]);
  }
  return runs;
}

/** Runs of one kind as one; a blank between two changes belongs to them. */
function joined(runs) {
  const found = [];
  for (const [sign, text] of runs) {
    if (!text) continue;
    if (found.at(-1)?.[0] === sign) found.at(-1)[1] += text;
    else found.push([sign, text]);
  }
  return found;
}

/** The difference to be read: what is gone struck out, what is new underlined. @param {string} before @param {string} after */
export const difference = (before, after) =>
  h(
    "p.words.diff",
    { dir: "auto" },
    compare(before, after).map(([sign, text]) =>
      sign === "-" ? h("del", shown(text)) : sign === "+" ? h("ins", shown(text)) : h("span", shown(text)),
    ),
  );
