// Sleep: what would be done while nobody waits, doing it, and taking it back.
import { get, post, stream } from "../lib/api.js";
import { h, say } from "../lib/dom.js";
import { doing, field, link, load, none, those, words } from "../lib/parts.js";
import { counted, plain, shown } from "../lib/text.js";
import { day, time } from "../lib/time.js";

const SHOWN = 100;
const EVENTS = 1_000;

/** @param {import("../app.js").Page} page */
export function draw({ root, signal }) {
  root.firstChild.append(
    h(
      "p.lead",
      "Merges duplicates, proposes how conflicts end, moves what has faded to the archive, and writes summaries. ",
      "It names its sources, and every run can be undone.",
    ),
  );
  const seconds = h("input", { type: "number", min: "1", max: "3600", value: "30" });
  const outcome = h("div.steps", { tabindex: "-1" });
  const past = h("div");
  const pastPart = () => h("section.part", h("h2", "Past runs"), past);
  const showPast = () =>
    load(
      past,
      signal,
      () => runs(signal),
      (found) =>
        found.length
          ? h(
              "ol.cards",
              found.map((run) => h("li", pastRun(run, showPast))),
            )
          : none("Memory has not slept yet. ", h("strong", "Show what it would do"), " changes nothing."),
      3,
    );
  const limits = () => ({ seconds: Number(seconds.value) || undefined });
  const show = (...nodes) => {
    outcome.replaceChildren(...nodes);
    root.lastChild.replaceWith(pastPart()); // drawn anew below it, not pushed down
    outcome.focus();
  };

  root.append(
    h(
      "form.panel",
      { onsubmit: (event) => event.preventDefault() },
      h("div.fields", field("Seconds at most", seconds, "what is left goes on next time")),
      h(
        "div.row",
        doing(
          "Show what it would do",
          async () => {
            const night = await post("sleep", { ...limits(), dry_run: true }, { signal });
            const ids = night.changes
              .flatMap((change) => [change.id, change.src, change.dst, ...(change.sources ?? []).map((one) => one.id)])
              .filter(Boolean);
            const known = await those(ids, signal, SHOWN);
            say(counted(night.changes.length, "change"));
            show(dream(night, known));
          },
          ".main",
        ),
        doing("Sleep now", async () => {
          const progress = h("ul.plain", { "aria-live": "polite" });
          show(h("div.panel", h("h2", "Asleep …"), progress));
          const night = await sleep(limits(), progress, signal);
          say("Awake again.");
          show(slept(night));
          await showPast();
        }),
      ),
    ),
    outcome,
    pastPart(),
  );
  return showPast();
}

/** A run, with its progress as it comes. */
async function sleep(limits, place, signal) {
  const bars = new Map();
  for await (const { event, data } of stream("sleep", limits, { signal })) {
    if (event === "error")
      throw Object.assign(new Error(data.error?.message ?? data.message), { hint: data.error?.hint ?? data.hint });
    if (event === "result") return data;
    if (event !== "progress") continue;
    if (!bars.has(data.sleeper)) {
      const bar = h("progress", { max: "1" });
      const note = h("span.soft");
      bars.set(data.sleeper, [bar, note]);
      place.append(h("li.progress", h("label", plain(data.sleeper), " ", bar), note));
    }
    const [bar, note] = bars.get(data.sleeper);
    bar.value = data.done;
    note.replaceChildren(shown(data.note ?? ""));
  }
  throw new Error("The run ended without a result.");
}

// --- what it did, or would do ---

function slept(night) {
  const did = night.sleepers.map((one) =>
    h(
      "li",
      h("strong", plain(one.name)),
      ": ",
      Object.entries(one.changes)
        .map(([kind, count]) => counted(count, plain(kind)))
        .join(", ") || "nothing to do",
      one.left > 0 && `, ${Math.round(one.left * 100)} % left for next time`,
      one.notes.length > 0 &&
        h(
          "ul.soft",
          one.notes.slice(0, 5).map((note) => h("li", shown(note))),
        ),
    ),
  );
  return h("div.panel", h("h2", "Done"), h("ul.plain", did));
}

function dream(night, known) {
  if (!night.changes.length)
    return h(
      "div.panel",
      h("h2", "Nothing is due"),
      h(
        "p.soft",
        "No duplicates to merge, no conflict that rules could end, nothing faded, no session that a summary is missing of.",
      ),
    );
  const rows = night.changes
    .slice(0, SHOWN)
    .map((change) => h("li.change", { "data-sign": SIGNS[change.change] }, told(change, known)));
  return h(
    "div.panel",
    h("h2", `${counted(night.changes.length, "change")} would be made`),
    h("p.soft", "Nothing was written."),
    h("ul.changes", rows, night.changes.length > SHOWN && h("li.soft", `… and ${night.changes.length - SHOWN} more`)),
  );
}

const SIGNS = { add: "+", revise: "±", retract: "−", mark: "•", link: "→", touch: "•", undo: "↺" };

/** A change in words, with the memory that it is about. */
function told(change, known) {
  const one = (id) => (known.has(id) ? h("blockquote", words(known.get(id), 160), link(id)) : link(id));
  switch (change.change) {
    case "add":
      return [
        h("p", h("strong", "New ", plain(change.kind)), change.session && [" of ", h("bdi", shown(change.session))]),
        h("ins.words", shown(change.text)),
        change.sources?.length > 0 &&
          h("p.soft", "from ", counted(new Set(change.sources.map((source) => source.id)).size, "memory", "memories")),
      ];
    case "retract":
      return [
        h(
          "p",
          h("strong", "No longer true"),
          change.at !== null && ` since ${day(new Date(change.at / 1000).toISOString())}`,
        ),
        one(change.id),
      ];
    case "revise":
      return [h("p", h("strong", "New text")), one(change.id), h("ins.words", shown(change.text))];
    case "mark":
      return [
        h(
          "p",
          h("strong", change.on ? "Marked " : "No longer ", plain(change.mark)),
          change.why && [": ", shown(change.why)],
        ),
        one(change.id),
      ];
    case "link":
      return [
        h("p", h("strong", "Linked: "), shown(change.relation.replaceAll("_", " "))),
        one(change.src),
        one(change.dst),
      ];
    default:
      return [h("p", h("strong", plain(change.change))), change.id && one(change.id)];
  }
}

// --- what it did before ---

/** Runs, newest first, as the ledger has them. */
async function runs(signal) {
  const [done, undone] = await Promise.all([
    get("log", { actor: "sleep/", limit: EVENTS }, { signal }),
    get("log", { ops: ["undo"], limit: EVENTS }, { signal }),
  ]);
  const taken = new Set(undone.items.map((line) => Number(/\d+$/.exec(line.what)?.[0])));
  const found = new Map();
  for (const line of done.items) {
    const [, run, sleeper] = line.actor.split("/");
    if (!found.has(run)) found.set(run, { run, at: line.at, lines: [], sleepers: new Set(), taken: 0 });
    const one = found.get(run);
    one.lines.push(line);
    one.sleepers.add(sleeper);
    one.taken += Number(taken.has(line.seq));
  }
  return [...found.values()];
}

function pastRun({ run, at, lines, sleepers, taken }, again) {
  const undone = taken > 0;
  const ops = new Map();
  for (const line of lines) ops.set(line.op, (ops.get(line.op) ?? 0) + 1);
  return h(
    "article.card.run",
    h(
      "header.row.between",
      h("h3", time(at)),
      undone
        ? h("span.tag", "undone")
        : h(
            "span",
            doing("Undo this run", async () => {
              const { items } = await post("undo", { what: run });
              say(`${counted(items.length, "change")} taken back`);
              await again();
            }),
          ),
    ),
    h(
      "p.soft",
      [...sleepers].map(plain).join(", "),
      ": ",
      [...ops].map(([op, count]) => counted(count, plain(op))).join(", "),
    ),
    h(
      "details",
      h("summary", "What it did"),
      h(
        "ul.plain",
        lines
          .slice(0, SHOWN)
          .map((line) =>
            h(
              "li",
              h("strong", plain(line.op)),
              " ",
              shown(line.what),
              " ",
              link(line.id),
              line.text && h("p.words", shown(line.text.slice(0, 300))),
            ),
          ),
      ),
    ),
  );
}
