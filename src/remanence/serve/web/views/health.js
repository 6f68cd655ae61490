// Health: how the store is doing, whose memories it holds, and what happened in it.
import { get, OWN, post } from "../lib/api.js";
import { h, say } from "../lib/dom.js";
import { doing, field, given, link, load, none, settled, words } from "../lib/parts.js";
import { counted, number, plain, shown, size } from "../lib/text.js";
import { time } from "../lib/time.js";

const STORE = { mine: false };
const OPS = ["add", "revise", "retract", "link", "mark", "touch", "undo", "forget"];
const LINES = 50;

/** @param {import("../app.js").Page} page */
export function draw({ root, signal }) {
  const place = h("div.both");
  root.append(place);
  const asked = (path, mine) => settled(get(path, {}, { mine, signal }));
  const show = () =>
    load(
      place,
      signal,
      () => Promise.all([asked("session", false), asked("status", false), asked("users", false)]),
      ([session, status, users]) => [
        h("section.part", h("h2", "Store"), given(status, figures), checks(signal, show)),
        h("section.part", h("h2", "Users"), given(users, people), given(session, caller)),
        h("section.part", h("h2", "What happened"), ...log(signal)),
      ],
      6,
    );
  return show();
}

function people({ items }) {
  if (!items.length) return none("Nobody’s memories are here yet.");
  return h(
    "ul.tiles",
    items.map((name) =>
      h(
        "li",
        h(
          "a.button",
          { href: `#/timeline${name === OWN ? "" : `?user=${encodeURIComponent(name)}`}` },
          h("bdi", shown(name)),
        ),
      ),
    ),
  );
}

/** Who looks at this page, and what they may. */
function caller({ name, rights, tenant, user_id }) {
  return h(
    "dl.facts",
    h("dt", "You are"),
    h("dd", h("bdi", shown(name || "the owner"))),
    h("dt", "You may"),
    h("dd", rights.join(", ")),
    tenant && [h("dt", "Tenant"), h("dd", shown(tenant))],
    user_id && [h("dt", "Bound to"), h("dd", shown(user_id))],
  );
}

function figures(status) {
  const tile = (value, label) => h("li", h("strong", value), h("span", label));
  return [
    h(
      "ul.tiles.figures",
      tile(number(status.records), "memories"),
      tile(number(status.versions), "versions"),
      tile(number(status.events), "events"),
      tile(number(status.spaces), status.spaces === 1 ? "user" : "users"),
      tile(size(status.bytes), "on disk"),
      tile(number(status.pending), "wait for vectors"),
    ),
    status.error &&
      h("div.trouble", { role: "alert" }, h("p", h("strong", "The encoder stopped: "), shown(status.error))),
    h(
      "dl.facts",
      ["path", "schema", "recipe", "encoder", "embedded", "dense"].flatMap((name) => [
        h("dt", name === "dense" ? "dense search" : name),
        h("dd", shown(String(status[name]))),
      ]),
    ),
  ].filter(Boolean);
}

function checks(signal, refresh) {
  const about = h(
    "div.panel",
    h(
      "p.soft",
      "Verifying reads everything: the chain of hashes, the digest of each event, what was derived from them, ",
      "and the pages of the file. It takes about as long as writing it all again.",
    ),
  );
  const outcome = h("div", { role: "status" }, about);
  return h(
    "div.checks",
    h(
      "div.row",
      doing(
        "Verify everything",
        async () => {
          outcome.replaceChildren(h("div.panel", h("p", "Reading everything …")));
          try {
            outcome.replaceChildren(report(await post("verify", {}, { ...STORE, signal })));
          } catch (error) {
            outcome.replaceChildren();
            throw error;
          }
        },
        ".main",
      ),
      doing("Wait for vectors", async () => {
        const { done } = await post("flush", { timeout: 60 }, { ...STORE, signal });
        say(done ? "All vectors are made." : "Some still wait.");
        await refresh();
      }),
    ),
    outcome,
  );
}

function report({ events, versions, vectors, head, problems }) {
  if (problems.length)
    return h(
      "div.trouble",
      h("p", h("strong", counted(problems.length, "problem"))),
      h(
        "ul.plain",
        problems.map((line) => h("li", shown(line))),
      ),
    );
  return h(
    "div.panel.good",
    h(
      "p",
      h("strong", "All is in order. "),
      `${counted(events, "event")}, ${counted(versions, "version")} and ${counted(vectors, "vector")} check out against the chain.`,
    ),
    h("p.soft", "Head ", h("code", head)),
  );
}

// --- the log ---

function log(signal) {
  const op = h(
    "select",
    h("option", { value: "" }, "everything"),
    OPS.map((name) => h("option", { value: name }, name)),
  );
  const actor = h("input", { type: "text", autocomplete: "off", placeholder: "anybody" });
  const reads = h("input", { type: "checkbox" });
  const lines = h("div");
  const show = (limit = LINES) =>
    load(
      lines,
      signal,
      () =>
        get("log", { ops: op.value && [op.value], actor: actor.value.trim(), reads: reads.checked, limit }, { signal }),
      ({ items }) => {
        if (!items.length) return none("Nothing like that happened.");
        const more =
          items.length === limit &&
          h("div.row", h("button", { type: "button", onclick: () => show(limit * 4) }, "Show more"));
        return [table(items), more].filter(Boolean);
      },
      8,
    );
  for (const control of [op, actor, reads]) control.addEventListener("change", () => show());
  show();
  return [
    h(
      "form.fields",
      {
        onsubmit: (event) => {
          event.preventDefault();
          show();
        },
      },
      field("What", op),
      field("By", actor, "one that ends in / stands for all that begin so"),
      h("label.check", reads, "with reads"),
    ),
    lines,
  ];
}

function table(items) {
  const row = (line) =>
    h(
      "tr",
      h("td.figure", number(line.seq)),
      h("td", time(line.at)),
      h("td", h("bdi", shown(line.actor || "—"))),
      h("td", h("strong", plain(line.op)), " ", shown(line.what)),
      h("td", link(line.id), line.text && words({ text: line.text }, 120)),
    );
  return h(
    "div.scroll",
    { tabindex: "0", role: "region", "aria-label": "Log" },
    h(
      "table.log",
      h(
        "thead",
        h(
          "tr",
          ["Event", "When", "By", "What", "Memory"].map((name) => h("th", { scope: "col" }, name)),
        ),
      ),
      h("tbody", items.map(row)),
    ),
  );
}
