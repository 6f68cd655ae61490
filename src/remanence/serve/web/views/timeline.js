// Timeline: what was true, and what was known, at a moment of one's choice; as it is now where none is chosen.
import { get, memory } from "../lib/api.js";
import { h, say, svg } from "../lib/dom.js";
import { about, field, href, load, none, trouble, words } from "../lib/parts.js";
import { counted, number, plain, shown } from "../lib/text.js";
import { day, moment, order, time } from "../lib/time.js";

const PAGE = 500;
const MOST = 10_000;
const CHUNK = 60;
const STOPS = 1_000;
const CHANGED = 200;
const COMMITS = ["add", "revise", "retract", "undo"];
/** Kinds that stand behind what was said: lists leave them out. */
const APART = ["fact", "lesson"];

/** The two axes of time, and how a memory lies on them. */
const AXES = {
  true: { label: "When it was true", parameter: "as_of", start: (record) => record.valid_from, verb: "true" },
  known: { label: "When it was known", parameter: "known_at", start: (record) => record.known_from, verb: "known" },
};

/** @param {import("../app.js").Page} page */
export async function draw(page) {
  const { root, params, signal } = page;
  const session = params.get("session") ?? "";
  const place = h("div.timeline");
  root.firstChild.append(
    h(
      "p.lead",
      session
        ? ["Session ", h("bdi", shown(session)), ". ", h("a", { href: href("timeline") }, "All sessions")]
        : "Every memory has two times: when it was true, and when it was known here. Move the slider to look at either as it was.",
    ),
  );
  root.append(place);
  await load(
    place,
    signal,
    () => everything(session, signal),
    (all) => {
      if (!all.records.length)
        return none(
          "Nothing is remembered yet. ",
          h("code", 'rmem add "…"'),
          " remembers a text, ",
          h("code", "rmem import FILE"),
          " a conversation.",
        );
      return timeline(page, session, all);
    },
    8,
  );
}

/**
 * What there is now, what there was before, and the moments at which something was committed. Lists leave out what has ended: it is
 * asked for by the ids that the log has closed or changed.
 */
async function everything(session, signal) {
  const [now, log] = await Promise.all([
    pages("memories", { session_id: session, archived: true }, signal),
    pages("log", { ops: COMMITS, reads: false, newest: false }, signal),
  ]);
  const changed = new Set(log.filter((line) => line.op === "retract" || line.op === "revise").map((line) => line.id));
  const histories = await Promise.all(
    [...changed].slice(-CHANGED).map((id) => get(memory(id, "history"), {}, { signal }).catch(() => ({ items: [] }))),
  );
  const there = new Set(now.map((record) => record.id));
  const before = histories
    .flatMap(({ items }) => items)
    .filter((record) => !APART.includes(record.kind) && (!session || record.session === session));
  const over = before.filter(
    (record) => !record.known_to && record.valid_to && !there.has(record.id) && !record.marks.includes("quarantined"),
  );
  const versions = [...before, ...now.filter((record) => !changed.has(record.id))];
  return { records: [...now, ...over], versions, commits: log.map((line) => line.at) };
}

/** Page by page, as long as more follows. */
async function pages(path, query, signal) {
  const found = [];
  for (let after = 0; after !== null && found.length < MOST;) {
    const { items, next = null } = await get(path, { ...query, limit: PAGE, after }, { signal });
    found.push(...items);
    after = next;
  }
  return found;
}

function timeline(page, session, { records, versions, commits }) {
  const { params, signal, remember } = page;
  const list = h("div.line", { "aria-busy": "false" });
  const summary = h("p.summary", { role: "status" });
  let asking = new AbortController();
  let chosen = {
    axis: params.get("axis") === "known" ? "known" : "true",
    at: params.get("at") ?? "",
    by: params.get("by") === "month" ? "month" : "session",
  };

  const choose = (change) => {
    chosen = { ...chosen, ...change };
    remember({
      session,
      axis: chosen.axis === "known" && "known",
      at: chosen.at,
      by: chosen.by === "month" && "month",
    });
    if ("axis" in change)
      place.replaceChildren(slider(chosen, stops(chosen.axis, versions, commits), versions, choose));
    refresh();
  };
  const refresh = async () => {
    asking.abort();
    asking = new AbortController();
    signal.addEventListener("abort", () => asking.abort(), { once: true });
    const axis = AXES[chosen.axis];
    list.setAttribute("aria-busy", "true");
    try {
      const seen = chosen.at
        ? await pages("memories", { session_id: session, archived: true, [axis.parameter]: chosen.at }, asking.signal)
        : records;
      summary.replaceChildren(...told(chosen, seen, records));
      list.replaceChildren(...groups(seen, chosen, asking.signal));
      list.setAttribute("aria-busy", "false");
    } catch (error) {
      if (error.name !== "AbortError") list.replaceChildren(trouble(error, refresh));
    }
  };

  const place = h("div");
  place.append(slider(chosen, stops(chosen.axis, versions, commits), versions, choose));
  const controls = h(
    "div.panel.controls",
    h(
      "div.row",
      choice("Time", "axis", chosen.axis, { true: AXES.true.label, known: AXES.known.label }, (axis) =>
        choose({ axis, at: "" }),
      ),
      choice("Together", "by", chosen.by, { session: "by session", month: "by month" }, (by) => choose({ by })),
    ),
    place,
    summary,
  );
  refresh();
  return [
    controls,
    list,
    records.length >= MOST &&
      h("p.soft", `Only the first ${number(MOST)} memories are shown: look at one session, or search.`),
  ];
}

/** @returns {import("../lib/dom.js").Child[]} */
function told({ axis, at }, seen, all) {
  const many = counted(seen.length, "memory", "memories");
  const over = seen.filter((record) => ended(record, Date.now())).length;
  if (!at) return [many, over > 0 && `, ${number(over)} of them no longer so`, "."].filter(Boolean);
  return [
    h("strong", axis === "known" ? "Known here on " : "True on ", moment(at)),
    `: ${many} of ${number(all.length)}.`,
  ];
}

const ended = (record, then) => record.valid_to !== null && order(record.valid_to) <= then;

/** One of several, as radio buttons. */
function choice(legend, name, value, options, chosen) {
  return h(
    "fieldset.choice",
    h("legend", legend),
    Object.entries(options).map(([key, label]) =>
      h(
        "label",
        h("input", { type: "radio", name, value: key, checked: key === value, onchange: () => chosen(key) }),
        h("span", label),
      ),
    ),
  );
}

// --- the slider: each step is a moment at which something began, ended, or was committed ---

function stops(axis, versions, commits) {
  const moments = axis === "known" ? commits : versions.flatMap((record) => [record.valid_from, record.valid_to]);
  const found = [...new Set(moments.filter(Boolean))].sort((a, b) => order(a) - order(b));
  if (found.length <= STOPS) return found;
  const step = found.length / STOPS;
  return Array.from({ length: STOPS }, (_, at) => found[Math.min(found.length - 1, Math.round((at + 1) * step) - 1)]);
}

function slider({ axis, at }, moments, versions, choose) {
  const now = moments.length;
  const index = at ? nearest(moments, at) : now;
  const output = h("output", at ? moment(moments[index] ?? at) : "now");
  const input = h("input", {
    type: "range",
    min: "0",
    max: String(now),
    step: "1",
    value: String(index),
    "aria-valuetext": at ? moment(at) : "now",
  });
  const label = (value) => (value >= now ? "now" : moment(moments[value]));
  let timer = 0;
  input.addEventListener("input", () => {
    const value = Number(input.value);
    output.textContent = label(value);
    input.setAttribute("aria-valuetext", label(value));
    clearTimeout(timer);
    timer = setTimeout(() => choose({ at: moments[value] ?? "" }), 120);
  });
  return h(
    "div.slider",
    h("div.row.between", h("span", `What was ${AXES[axis].verb} at`), output),
    curve(axis, moments, versions),
    field(`Moment: what was ${AXES[axis].verb} then`, input),
    h("div.row.between.soft", h("span", moments.length ? day(moments[0]) : ""), h("span", "now")),
  );
}

function nearest(moments, at) {
  const exact = moments.indexOf(at);
  if (exact >= 0) return exact;
  const wanted = order(at);
  const after = moments.findIndex((one) => order(one) > wanted);
  return after < 0 ? moments.length - 1 : Math.max(0, after - 1);
}

/** How much was true, or known, at each step: the ground that the slider moves over. */
function curve(axis, moments, versions) {
  // What was replaced outright never held: only what is still known counts, but for what was known.
  const counting = versions.filter((one) => axis === "known" || !one.known_to);
  const sorted = (edge) =>
    counting
      .map((one) => one[`${axis === "known" ? "known" : "valid"}_${edge}`])
      .filter((at) => at || edge === "from")
      .map(order)
      .sort((a, b) => a - b);
  const [starts, ends] = [sorted("from"), sorted("to")];
  const until = (places, moment) => {
    let low = 0;
    for (let high = places.length; low < high;) {
      const middle = (low + high) >> 1;
      if (places[middle] <= moment) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const counts = moments.map((one) => until(starts, order(one)) - until(ends, order(one)));
  const most = Math.max(1, ...counts);
  const width = Math.max(1, moments.length);
  const steps = counts.map((count, at) => `H${at}V${(1 - count / most).toFixed(3)}`).join("");
  return svg(
    "svg.curve",
    { viewBox: `0 0 ${width} 1`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { d: `M0 1${steps}H${width}V1Z` }),
  );
}

// --- the line: groups of memories, drawn as one comes to them ---

/** @param {import("../lib/parts.js").Memory[]} records */
function groups(records, { axis, at, by }, signal) {
  if (!records.length) return [none("Nothing yet at this moment: move the slider to the right.")];
  const { start } = AXES[axis];
  const sorted = [...records].sort((a, b) => order(start(a)) - order(start(b)));
  const found = new Map();
  for (const record of sorted) {
    const key = by === "month" ? (start(record) ?? "").slice(0, 7) : record.session;
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(record);
  }
  const then = at ? order(at) : Date.now();
  const place = h(`div.groups.by-${by}`);
  const waiting = [...found].flatMap(([key, members]) => [{ key, members }, ...members.map((record) => ({ record }))]);
  const end = h("div.end");
  let items = null;
  const more = () => {
    for (const { key, members, record } of waiting.splice(0, CHUNK)) {
      if (members) {
        items = h("ol.points");
        place.append(h("section.group", heading(key, members, by, start), items));
      } else items.append(point(record, start, then, axis));
    }
    if (!waiting.length) seen.disconnect();
  };
  const seen = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      more();
      // Still in sight: look again.
      seen.unobserve(end);
      if (waiting.length) seen.observe(end);
    },
    { rootMargin: "1200px" },
  );
  signal.addEventListener("abort", () => seen.disconnect(), { once: true });
  more();
  if (waiting.length) seen.observe(end);
  say(counted(records.length, "memory", "memories"));
  return [place, end];
}

function heading(key, members, by, start) {
  const [first, last] = [start(members[0]), start(members.at(-1))];
  const name =
    by === "month" ? (first ? day(first).replace(/^\d+ /, "") : "Since ever") : key ? plain(key) : "No session";
  const span = first && last && day(first) !== day(last) ? [time(first), " – ", time(last)] : [time(first)];
  return h(
    "header.row.between",
    h("h2", h("bdi", name)),
    h(
      "span.soft",
      by === "session" && [...span.map((one) => h("span", one)), " · "],
      counted(members.length, "memory", "memories"),
    ),
  );
}

function point(record, start, then, axis) {
  const over = axis === "true" && ended(record, then);
  return h(
    `li.point${over ? ".over" : ""}`,
    h("div.stamp", time(start(record))),
    h(
      "div.body",
      h("a.cover", { href: href("record", record.id) }, words(record, 280)),
      about(record),
      over && h("p.notes", "no longer so since ", time(record.valid_to)),
    ),
  );
}
