// Decide: facts that can't both hold, and what was put aside until somebody looked at it.
import { get, post } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { about, doing, field, given, href, load, marked, none, settled, those } from "../lib/parts.js";
import { plain, shown } from "../lib/text.js";
import { time } from "../lib/time.js";

/** @param {import("../app.js").Page} page */
export function draw({ root, signal }) {
  const place = h("div.both");
  root.firstChild.append(
    h(
      "p.lead",
      "What memory can't decide by itself. Nothing here is erased: what you decide against stays readable, as of its time.",
    ),
  );
  root.append(place);
  const show = () =>
    load(
      place,
      signal,
      () => Promise.all([settled(opposed(signal)), settled(get("quarantine", {}, { signal }))]),
      ([conflicts, waiting]) => [
        h(
          "section.part",
          h("h2", "Conflicts"),
          given(conflicts, ({ items, sources }) =>
            items.length
              ? h(
                  "div.cards",
                  items.map((one) => conflict(one, sources, show)),
                )
              : none(
                  "No two facts contradict each other. Where they do, and it is not clear which holds, both wait here for you.",
                ),
          ),
        ),
        h(
          "section.part",
          h("h2", "Quarantine"),
          given(waiting, ({ items }) =>
            items.length
              ? h(
                  "div.cards",
                  items.map((one) => held(one, show)),
                )
              : none(
                  "Nothing waits. A text from an untrusted origin that would steer later actions ",
                  "is kept out of every read, and waits here.",
                ),
          ),
        ),
      ],
      5,
    );
  return show();
}

/** Conflicts, and what their facts were read out of. */
async function opposed(signal) {
  const { items } = await get("conflicts", {}, { signal });
  const sources = await those(
    items.flatMap(({ older, newer }) => [older, newer].flatMap((fact) => fact.sources.map((source) => source.id))),
    signal,
    200,
  );
  return { items, sources };
}

/** Does it, says so in place of the card, with a way back. @param {HTMLElement} card */
async function decided(card, path, body, words, again) {
  const { items } = await post(path, body);
  const seqs = items
    .map((ack) => ack.seq)
    .filter(Boolean)
    .sort((a, b) => b - a);
  const [button, beside] = doing("Take it back", async () => {
    for (const what of seqs) await post("undo", { what });
    await again();
  });
  const done = h("div.panel.done", { tabindex: "-1" }, h("p", words), h("div.row", seqs.length > 0 && button, beside));
  card.replaceWith(done);
  done.focus();
}

function conflict({ older, newer, subject, since }, sources, again) {
  const card = h("article.card.conflict");
  const settle = (fact) =>
    doing(
      ["Keep “", h("bdi", shown(fact.slot.value)), "”"],
      () =>
        decided(
          card,
          `conflicts/${encodeURIComponent(fact.id)}/settle`,
          {},
          `“${plain(fact.slot.value)}” holds now.`,
          again,
        ),
      ".main",
    );
  const both = doing("Both hold", () =>
    decided(
      card,
      `conflicts/${encodeURIComponent(newer.id)}/settle`,
      { both: true },
      "Both hold: they don’t contradict each other.",
      again,
    ),
  );
  card.append(
    h("header", h("h3", "About ", h("bdi", shown(subject))), h("p.soft", "both since ", time(since))),
    h(
      "div.sides",
      [older, newer].map((fact, at) => side(fact, at ? "Newer" : "Older", sources, settle(fact))),
    ),
    h("div.row", both),
  );
  return card;
}

function side(fact, label, sources, buttons) {
  return h(
    "div.side-of",
    h("p.label", label),
    h("p.value", { dir: "auto" }, shown(fact.slot.value)),
    fact.sources.map((source) => {
      const record = sources.get(source.id);
      return (
        record &&
        h(
          "blockquote",
          marked(record.text, [source]),
          about(record, h("a", { href: href("record", record.id) }, "open")),
        )
      );
    }),
    h("div.row", buttons),
  );
}

function held({ record, why }, again) {
  const reason = h("input", { type: "text", autocomplete: "off" });
  const card = h("article.card.held");
  const path = `quarantine/${encodeURIComponent(record.id)}`;
  card.append(
    marked(record.text, []),
    h(
      "dl.facts",
      h("dt", "Why it waits"),
      h("dd", shown(why)),
      h("dt", "Came through"),
      h("dd", h("bdi", shown(record.origin || "nobody says"))),
      h("dt", "Trust"),
      h("dd", record.trust.toFixed(2), " of 1"),
      h("dt", "Said"),
      h("dd", time(record.valid_from), " ", h("a", { href: href("record", record.id) }, "open")),
    ),
    h(
      "div.row.end-aligned",
      h(
        "span",
        doing("Confirm", () => decided(card, `${path}/confirm`, {}, "Confirmed: it can be read now.", again), ".main"),
      ),
      field("Why not", reason),
      h(
        "span",
        doing("Reject", () =>
          decided(
            card,
            `${path}/reject`,
            { why: reason.value.trim() },
            "Rejected: it stays out, and so does what says the same.",
            again,
          ),
        ),
      ),
    ),
  );
  return card;
}
