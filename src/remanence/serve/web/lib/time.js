// Moments as the store has them (ISO 8601, UTC), for people. They are passed on as they came: a Date would cut off microseconds.
import { h } from "./dom.js";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** "3 May 2024". @param {string} iso */
export function day(iso) {
  const date = new Date(iso);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** "3 May 2024, 09:30"; without the time where it is midnight, as of a date. @param {string} iso */
export function moment(iso) {
  const clock = new Date(iso).toISOString().slice(11, 16);
  return clock === "00:00" ? day(iso) : `${day(iso)}, ${clock}`;
}

/** @param {string | null} iso @param {string} none */
export const time = (iso, none = "since ever") =>
  iso
    ? h("time", { datetime: iso, title: `${iso.replace("T", " ").replace(/(\.\d+)?\+00:00$/, "")} UTC` }, moment(iso))
    : h("span", none);

/** For sorting: what has no beginning comes first. @param {string | null} iso */
export const order = (iso) => (iso ? Date.parse(iso) : -Infinity);
