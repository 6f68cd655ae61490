// One memory: what it says, where that came from, what became of it, who read it, and what can be done with it.
import { get, memory, patch, post } from "../lib/api.js";
import { difference } from "../lib/diff.js";
import { h, say } from "../lib/dom.js";
import { graph } from "../lib/graph.js";
import {
  about,
  doing,
  field,
  given,
  href,
  link,
  load,
  marked,
  none,
  settled,
  those,
  who,
  words,
} from "../lib/parts.js";
import { counted, long, plain, shown } from "../lib/text.js";
import { order, time } from "../lib/time.js";

const AROUND = 3;
const LONG_SESSION = 1_000;

/** @param {import("../app.js").Page} page */
export async function draw({ root, id, params, signal, again }) {
  const place = h("div.record");
  root.append(place);
  if (!id) return place.append(none("Which one? ", h("a", { href: href("search") }, "Search"), " finds memories."));
  const told = params.get("done");
  await load(
    place,
    signal,
    async () => {
      const record = await get(memory(id), {}, { signal });
      const parts = [
        get(memory(id, "history"), {}, { signal }),
        around(record, signal),
        get(memory(id, "blame"), {}, { signal }),
        family(id, signal),
        get("readers", { id, limit: 200 }, { signal }),
      ];
      return { record, parts: await Promise.all(parts.map(settled)) };
    },
    ({ record, parts: [versions, conversation, blame, lineage, readers] }) => {
      const part = (title, ...parts) => h("section.part", h("h2", title), ...parts);
      if (told) say(told);
      return [
        h("article.card.whole", long(record.text), about(record)),
        actions(record, again),
        part(
          "Sources",
          given(conversation, (found) => conversations(record, found)),
          given(blame, ({ items }) => origin(items, record)),
        ),
        part(
          "Versions",
          given(versions, ({ items }) => history(items)),
        ),
        part("Lineage", given(lineage, related)),
        part(
          "Who may read it, and who did",
          access(record),
          given(readers, ({ items }) => read(items)),
        ),
        part("All fields", fields(record)),
      ];
    },
    6,
  );
}

// --- what can be done ---

function actions(record, again) {
  const has = (mark) => record.marks.includes(mark);
  const place = h("div", { "aria-live": "polite" });
  const act = async (words, done) => {
    await done();
    say(words);
    await again();
  };
  const flip = (mark, on, off) =>
    doing(has(mark) ? off : on, () =>
      act(has(mark) ? off : on, () => post(memory(record.id, "mark"), { mark, on: !has(mark) })),
    );
  const opener = (label, make) => {
    const button = h(
      "button",
      {
        type: "button",
        "aria-expanded": "false",
        onclick: () => {
          const open = button.getAttribute("aria-expanded") === "true";
          for (const other of bar.querySelectorAll("[aria-expanded]")) other.setAttribute("aria-expanded", "false");
          button.setAttribute("aria-expanded", String(!open));
          place.replaceChildren(...(open ? [] : [make()]));
          if (!open) place.querySelector("textarea, input")?.focus();
        },
      },
      label,
    );
    return button;
  };
  const bar = h(
    "div.row.bar",
    opener("Change the text", () => update(record, act)),
    opener("No longer true", () => retract(record, act)),
    flip("pinned", "Pin", "Unpin"),
    flip("archived", "Archive", "Bring back"),
    has("quarantined") && h("a.button", { href: href("decide") }, "Decide"),
    h("a.button.danger", { href: href("forget", "", { ids: record.id }) }, "Forget"),
  );
  return h("div.actions", bar, place);
}

function update(record, act) {
  const text = h("textarea", { rows: "5", required: true, value: record.text });
  const since = h("input", { type: "date" });
  const done = doing(
    "Save",
    () => act("Changed", () => patch(memory(record.id), { text: text.value, at: since.value, expect: record.digest })),
    ".main",
  );
  return h(
    "form.panel",
    { onsubmit: (event) => event.preventDefault() },
    field("New text", text, "The old one stays readable under Versions."),
    field("True from", since, "Empty: the old text was wrong all along."),
    h("div.row", done),
  );
}

function retract(record, act) {
  const at = h("input", { type: "date" });
  const done = doing(
    "No longer true",
    () => act("No longer true", () => post(memory(record.id, "retract"), { at: at.value, expect: record.digest })),
    ".main",
  );
  return h(
    "form.panel",
    { onsubmit: (event) => event.preventDefault() },
    field("Since", at, "Empty: from now on. It stays, and is found when asked for an earlier time."),
    h("div.row", done),
  );
}

// --- where it came from ---

/** The conversation that each source stands in; its own where it is what was said. */
async function around(record, signal) {
  const ids = record.sources.length ? record.sources.map((source) => source.id) : [record.id];
  const sources = await those(ids, signal, 12);
  const sessions = [...new Set([...sources.values()].map((one) => one.session).filter(Boolean))];
  const told = await Promise.all(
    sessions.map((session) =>
      get("memories", { session_id: session, archived: true, limit: LONG_SESSION }, { signal }),
    ),
  );
  return { sources, turns: new Map(sessions.map((session, at) => [session, told[at].items])) };
}

function conversations(record, { sources, turns }) {
  const own = !record.sources.length;
  if (own && !record.session)
    return none("It was said on its own: outside of any session, and made from nothing else.");
  const shownOnes = [...sources.values()].map((source) => {
    const spans = own ? [] : record.sources.filter((one) => one.id === source.id);
    const all = (turns.get(source.session) ?? []).sort((a, b) => order(a.valid_from) - order(b.valid_from));
    const at = all.findIndex((one) => one.id === source.id);
    const near = at < 0 ? [source] : all.slice(Math.max(0, at - AROUND), at + AROUND + 1);
    return h(
      "figure.conversation",
      h(
        "figcaption",
        source.session
          ? [
              "From session ",
              h("a", { href: href("timeline", "", { session: source.session }) }, h("bdi", shown(source.session))),
            ]
          : "Said outside of any session",
      ),
      h(
        "ol",
        near.map((turn) =>
          h(
            "li",
            { "aria-current": turn.id === source.id && "true" },
            h("span.who", h("bdi", shown(who(turn) || "—"))),
            h(
              "div",
              turn.id === source.id ? marked(turn.text, spans) : words(turn, 240),
              h(
                "span.soft",
                time(turn.valid_from),
                " ",
                turn.id !== record.id &&
                  h("a", { href: href("record", turn.id), "aria-label": `open ${plain(turn.id)}` }, "open"),
              ),
            ),
          ),
        ),
      ),
    );
  });
  const lost = new Set(record.sources.map((one) => one.id)).size - sources.size;
  return [...shownOnes, !own && lost > 0 && h("p.soft", `${counted(lost, "source")} not shown.`)].filter(Boolean);
}

/** Which words came from where: told where it is more than one place. */
function origin(spans, record) {
  if (spans.length < 2 && spans[0]?.source === record.id) return [];
  return h(
    "details",
    h("summary", "Which words came from where"),
    h(
      "table",
      h(
        "thead",
        h(
          "tr",
          ["Words", "From", "By", "When"].map((name) => h("th", { scope: "col" }, name)),
        ),
      ),
      h(
        "tbody",
        spans
          .slice(0, 200)
          .map((span) =>
            h(
              "tr",
              h("td.words", shown(span.text.slice(0, 300))),
              h("td", link(span.source), ` v${span.version}`),
              h("td", shown(span.actor || "—")),
              h("td", time(span.at)),
            ),
          ),
      ),
    ),
  );
}

function history(versions) {
  const told = versions.map((version, at) => {
    const before = versions[at - 1];
    const ended = version.valid_to && !before?.valid_to ? ["no longer true since ", time(version.valid_to)] : "";
    return h(
      "li.version",
      h(
        "p.about",
        h("strong", `Version ${version.version}`),
        h("span", "known since ", time(version.known_from)),
        version.known_to && h("span", "until ", time(version.known_to)),
        ended && h("span", ended),
      ),
      before
        ? before.text === version.text
          ? h("p.soft", "The same words.")
          : difference(before.text, version.text)
        : words(version),
    );
  });
  return h("ol.versions", told.reverse());
}

async function family(id, signal) {
  const found = await get(memory(id, "lineage"), {}, { signal });
  const known = await those(
    found.links.flatMap(([src, , dst]) => [src, dst]).filter((one) => one !== id),
    signal,
  );
  return { found, known };
}

function related({ found, known }) {
  const alone = !found.sources.length && !found.derived.length && !found.links.length;
  return alone
    ? none("It was made from nothing else, nothing was made from it, and it is linked to nothing.")
    : graph(found, known);
}

// --- who may read it ---

function access(record) {
  return h(
    "dl.facts",
    h("dt", "Audience"),
    h("dd", record.audience.length ? shown(record.audience.join(", ")) : "the owner; others as the policy decides"),
    h("dt", "Purpose"),
    h("dd", record.purpose.length ? shown(record.purpose.join(", ")) : "any; for others as the policy decides"),
    h("dt", "Sensitivity"),
    h("dd", shown(record.sensitivity || "not labelled")),
  );
}

function read(items) {
  if (!items.length)
    return none(
      "No read of it was noted. Reads are noted where the store is opened with ",
      h("code", "--audit-reads"),
      ".",
    );
  const readers = new Map();
  for (const { reader, at } of items) {
    const [count, last] = readers.get(reader) ?? [0, at];
    readers.set(reader, [count + 1, last]);
  }
  return h(
    "dl.facts",
    [...readers].flatMap(([reader, [count, last]]) => [
      h("dt", "Read by ", h("bdi", shown(reader || "somebody"))),
      h("dd", counted(count, "time"), ", last ", time(last)),
    ]),
  );
}

function fields(record) {
  const rows = Object.entries(record)
    .filter(([name]) => name !== "text")
    .map(([name, value]) => [
      h("dt", name.replaceAll("_", " ")),
      h(
        "dd",
        value === null || value === "" || (typeof value === "object" && !Object.keys(value).length)
          ? h("span.soft", "—")
          : h("code", shown(typeof value === "string" ? value : JSON.stringify(value, null, 1).slice(0, 5_000))),
      ),
    ]);
  return h("details", h("summary", "Everything that is stored of it"), h("dl.facts.all", rows.flat()));
}
