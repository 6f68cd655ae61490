// Search: the box, what narrows it, what was found and why, what was withheld and why.
import { post } from "../lib/api.js";
import { h, say } from "../lib/dom.js";
import { about, field, href, load, none, words } from "../lib/parts.js";
import { counted, plain, shown } from "../lib/text.js";

/** What narrows: its name in the address, its label, and its control. */
const FIELDS = [
  ["session", "Session", {}],
  ["speaker", "Speaker", {}],
  ["kind", "Kind", { placeholder: "episode, fact, summary …" }],
  ["audience", "To be told to", { placeholder: "nobody but the owner" }],
  ["purpose", "For the purpose of", { placeholder: "any" }],
  ["as_of", "True on", { type: "date" }],
  ["known_at", "Known on", { type: "date" }],
  ["k", "At most", { type: "number", min: "1", max: "100", placeholder: "10" }],
];
const FLAGS = [
  ["archived", "with the archive"],
  ["quarantined", "with what waits for confirmation"],
];
const EXAMPLES = "Ask as you would ask a person: “Where does Lena live?”";

/** @param {import("../app.js").Page} page */
export function draw({ root, params, signal, remember }) {
  const query = h("input", {
    type: "search",
    name: "q",
    value: params.get("q") ?? "",
    placeholder: "What do you want to know?",
    autocomplete: "off",
    maxlength: "10000",
  });
  const inputs = FIELDS.map(([name, label, more]) => [
    name,
    label,
    h("input", { type: "text", name, autocomplete: "off", value: params.get(name) ?? "", ...more }),
  ]);
  const flags = FLAGS.map(([name, label]) => [
    name,
    label,
    h("input", { type: "checkbox", name, checked: params.has(name) }),
  ]);
  const narrowed = inputs.some(([name]) => params.get(name)) || flags.some(([name]) => params.has(name));
  const results = h("div.results");

  const ask = () => {
    const asked = Object.fromEntries(
      [...inputs, ...flags].map(([name, , input]) => [
        name,
        input.type === "checkbox" ? input.checked && "1" : input.value.trim(),
      ]),
    );
    remember({ q: query.value, ...asked });
    find(query.value.trim(), asked);
  };
  const find = (q, asked) => {
    if (!q) return results.replaceChildren(none(EXAMPLES));
    return load(
      results,
      signal,
      () => post("search", { ...wanted(asked), query: q }, { signal }),
      (found) => {
        say(counted(found.items.length, "memory", "memories") + " found");
        return [...show(found)];
      },
      5,
    );
  };

  root.append(
    h(
      "form.panel.search",
      {
        role: "search",
        onsubmit: (event) => {
          event.preventDefault();
          ask();
        },
      },
      h("div.ask", field("Search memory", query), h("button.main", { type: "submit" }, "Search")),
      h(
        "details",
        { open: narrowed },
        h("summary", "Narrow it down"),
        h(
          "div.fields",
          inputs.map(([, label, input]) => field(label, input)),
        ),
        h(
          "div.row",
          flags.map(([, label, input]) => h("label.check", input, label)),
        ),
      ),
    ),
    results,
  );
  return find((params.get("q") ?? "").trim(), Object.fromEntries(params));
}

/** What narrows, as the server takes it. @param {Record<string, string>} asked */
function wanted({ session, speaker, kind, audience, purpose, as_of, known_at, k, archived, quarantined }) {
  return {
    session_id: session,
    audience,
    purpose,
    as_of,
    // A date means all of that day.
    known_at: known_at && `${known_at}T23:59:59.999999+00:00`,
    k: k ? Number(k) : undefined,
    kinds: kind
      ? kind
          .split(",")
          .map((one) => one.trim())
          .filter(Boolean)
      : undefined,
    filters: speaker ? { speaker } : undefined,
    archived: Boolean(archived) || undefined,
    quarantined: Boolean(quarantined) || undefined,
  };
}

/** @param {{items: any[], withheld: string[]}} found */
function* show({ items, withheld }) {
  yield h("h2.unseen", "Results");
  if (!items.length) yield none("Nothing found. Try other words, or leave out what narrows the search.");
  const most = strongest(items);
  yield h(
    "ol.cards",
    items.map((hit, at) => h("li", card(hit, at + 1, most))),
  );
  if (withheld.length) {
    yield h(
      "aside.panel.withheld",
      { "aria-labelledby": "withheld" },
      h("h2", { id: "withheld" }, "Withheld"),
      h(
        "ul.plain",
        withheld.map((line) => h("li", shown(line))),
      ),
    );
  }
}

function card({ record, notes, signals, score }, at, most) {
  return h(
    "article.card",
    h("div.number", { "aria-label": `Citation ${at}` }, `[${at}]`),
    h(
      "div.body",
      h("a.cover", { href: href("record", record.id) }, words(record)),
      about(record),
      notes.length > 0 &&
        h(
          "ul.notes",
          notes.map((note) => h("li", ...noted(note))),
        ),
      h("details.why", h("summary", "Why it is here"), bars(signals, score, most)),
    ),
  );
}

/** A note, and the memory that it names as a link. @param {string} note */
export function noted(note) {
  const named = /^(.*(?:: see |contradicts ))(.+?)( \("| of \d{4}-).*$/s.exec(note);
  if (!named) return [shown(note)];
  const [, before, id] = named;
  return [
    shown(before),
    h("a", { href: href("record", id) }, h("bdi", shown(id))),
    shown(note.slice(before.length + id.length)),
  ];
}

/** The strongest value of each signal among all hits: a bar means its share of that. */
function strongest(items) {
  const most = new Map();
  for (const { signals } of items)
    for (const [name, value] of Object.entries(signals)) most.set(name, Math.max(most.get(name) ?? 0, Math.abs(value)));
  return most;
}

function bars(signals, score, most) {
  const rows = Object.entries(signals)
    .filter(([, value]) => value)
    .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  return h(
    "table.bars",
    h("caption", `Score ${score.toFixed(3)}. A bar is the share of the strongest among these results.`),
    h("thead.unseen", h("tr", h("th", "Signal"), h("th", "Share"), h("th", "Value"))),
    h(
      "tbody",
      rows.map(([name, value]) =>
        h(
          "tr",
          h("th", { scope: "row" }, plain(name).replaceAll("_", " ")),
          h("td", bar(value / (most.get(name) || 1))),
          h("td.figure", value.toFixed(3)),
        ),
      ),
    ),
  );
}

function bar(share) {
  const filled = h("span.fill", { "data-sign": share < 0 && "minus" });
  filled.style.width = `${Math.min(100, Math.abs(share) * 100)}%`;
  return h("span.bar-of", { "aria-hidden": "true" }, filled);
}
