// Forget: choose, see what would go with it, say that it is meant, and keep the receipt.
import { post, whose } from "../lib/api.js";
import { h, say } from "../lib/dom.js";
import { doing, field, href, link, none, rest, those, words } from "../lib/parts.js";
import { counted, number, plain, shown, size } from "../lib/text.js";
import { time } from "../lib/time.js";

const SHOWN = 20;
const WORD = "forget";

/** @param {import("../app.js").Page} page */
export function draw({ root, params, signal }) {
  root.firstChild.append(
    h(
      "p.lead",
      "Erases memories in all their versions, with everything that was derived from them, ",
      "then reads every byte again and gives you a receipt. What is only no longer true can be ",
      h("em", "retracted"),
      " instead: open the memory.",
    ),
  );
  const next = h("div.steps", { tabindex: "-1" });
  const ids = h("textarea", { rows: "3", value: params.get("ids") ?? "", spellcheck: "false" });
  const mentions = h("input", { type: "text", autocomplete: "off" });
  const session = h("input", { type: "text", autocomplete: "off", value: params.get("session") ?? "" });
  const before = h("input", { type: "date" });
  const ways = {
    ids: [
      "These memories",
      () => ({
        ids: ids.value
          .split("\n")
          .map((id) => id.trim())
          .filter(Boolean),
      }),
      [field("Ids, one a line", ids)],
    ],
    matching: [
      "All that match",
      () => ({ mentions: mentions.value, session_id: session.value, before: before.value }),
      [
        field("That mention", mentions, "words of any version, capitals aside"),
        field("Of the session", session),
        field("Said before", before),
      ],
    ],
    everything: [
      "Everything",
      () => ({ everything: true }),
      [h("p", "All memories of ", h("strong", ownerName()), ", the name included.")],
    ],
  };
  let way = params.get("session") ? "matching" : "ids";
  const shownWay = h("div.fields");
  const turn = (to) => {
    way = to;
    shownWay.replaceChildren(...ways[to][2]);
    next.replaceChildren();
  };
  turn(way);
  const [planning, beside] = doing(
    "Show what would go",
    async () => {
      next.replaceChildren();
      const chosen = ways[way][1]();
      const plan = await post("forget/plan", chosen, { signal });
      const known = await those([...plan.asked.slice(0, SHOWN), ...plan.kin.slice(0, SHOWN)], signal, 2 * SHOWN);
      next.replaceChildren(planned(plan, known, chosen, next));
      next.focus();
    },
    ".main",
  );
  root.append(
    h(
      "form.panel",
      {
        onsubmit: (event) => {
          event.preventDefault();
          planning.click();
        },
      },
      h(
        "fieldset.choice",
        h("legend", "What shall be forgotten"),
        Object.entries(ways).map(([key, [label]]) =>
          h(
            "label",
            h("input", { type: "radio", name: "way", value: key, checked: key === way, onchange: () => turn(key) }),
            h("span", label),
          ),
        ),
      ),
      shownWay,
      h("div.row", planning, beside),
    ),
    next,
  );
}

const ownerName = () =>
  h(
    "bdi",
    shown(whose.user || "the user that this page is signed in for"),
    whose.agent ? [" (agent ", shown(whose.agent), ")"] : "",
  );

function planned(plan, known, chosen, next) {
  const all = plan.asked.length + plan.kin.length;
  if (!all) return none("Nothing would go: there is nothing like that.");
  const listed = (ids) =>
    h(
      "ul.plain.list",
      ids
        .slice(0, SHOWN)
        .map((id) =>
          h(
            "li",
            known.has(id)
              ? [words(known.get(id), 160), h("span.soft", plain(known.get(id).kind), " "), link(id)]
              : link(id),
          ),
        ),
      rest(SHOWN, ids.length),
    );
  const typed = h("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
  const [erase, beside] = doing(
    `Forget ${counted(all, "memory", "memories")} for good`,
    async () => {
      if (typed.value.trim().toLowerCase() !== WORD) {
        typed.setAttribute("aria-invalid", "true");
        typed.focus();
        throw Object.assign(new Error(`Type ${WORD} first.`), { hint: "What is forgotten can’t be brought back." });
      }
      // What was shown is what goes, even where more would match by now.
      const receipt = await post("forget", chosen.everything ? chosen : { ids: plan.asked });
      say("Forgotten. The receipt follows.");
      next.replaceChildren(receiptOf(receipt));
      next.focus();
    },
    ".danger",
  );
  return h(
    "div.panel.plan",
    h("h2", "What would go"),
    h(
      "p",
      h("strong", counted(plan.asked.length, "memory", "memories")),
      " as chosen, ",
      h("strong", number(plan.kin.length)),
      " derived from ",
      plan.asked.length === 1 ? "it" : "them",
      `, ${size(plan.bytes)} of content in all versions.`,
    ),
    h("h3", "Chosen"),
    listed(plan.asked),
    plan.kin.length > 0 && [h("h3", "Goes with it"), listed(plan.kin)],
    h(
      "details",
      h("summary", "In which forms"),
      h(
        "dl.facts",
        Object.entries(plan.forms).flatMap(([form, count]) => [h("dt", plain(form)), h("dd", number(count))]),
      ),
    ),
    h(
      "form.confirm",
      {
        onsubmit: (event) => {
          event.preventDefault();
          erase.click();
        },
      },
      field(
        `Type “${WORD}” to confirm`,
        typed,
        "This can’t be undone. Backups and exports elsewhere are out of reach.",
      ),
      h("div.row", erase, beside),
    ),
  );
}

function receiptOf(receipt) {
  const found = receipt.checks.reduce((sum, [, , count]) => sum + count, 0);
  const clean = receipt.checks.length > 0 && !found;
  const rows = receipt.checks.map(([surface, looked, count, note]) =>
    h(
      `tr${count ? ".bad" : ""}`,
      h("th", { scope: "row" }, plain(surface)),
      h("td.figure", number(looked)),
      h("td.figure", number(count)),
      h("td", shown(note)),
    ),
  );
  return h(
    "article.panel.receipt",
    h(
      "header.row.between",
      h("h2", "Receipt"),
      h(
        "span.stamped",
        { "data-clean": String(clean) },
        clean ? "Gone" : found ? `${number(found)} still found` : "Not looked at again",
      ),
    ),
    h(
      "p",
      counted(receipt.ids.length, "memory", "memories"),
      ` in ${counted(receipt.versions, "version")} erased on `,
      time(receipt.at),
      ". Keep this receipt: it is shown only now.",
    ),
    h(
      "div.row",
      h("button.main", { type: "button", onclick: () => download(receipt) }, "Download the receipt"),
      h("a.button", { href: href("search") }, "Search"),
    ),
    h(
      "table",
      h("caption", "What was read again afterwards"),
      h(
        "thead",
        h(
          "tr",
          ["Where", "Looked at", "Found", ""].map((name) =>
            h("th", { scope: "col" }, name || h("span.unseen", "Note")),
          ),
        ),
      ),
      h("tbody", rows),
    ),
    h(
      "dl.facts",
      h("dt", "Event"),
      h("dd", number(receipt.seq)),
      h("dt", "By"),
      h("dd", shown(receipt.actor || "—")),
      h("dt", "Ids"),
      h("dd", h("code", shown(receipt.ids.slice(0, SHOWN).join(", ") + (receipt.ids.length > SHOWN ? " …" : "")))),
      h("dt", "Chain"),
      h("dd", h("code", receipt.head)),
      h("dt", "Signed by"),
      h("dd", h("code", receipt.signer || "nobody")),
      h("dt", "Signature"),
      h("dd", h("code", receipt.signature || "—")),
    ),
  );
}

/** @param {{seq: number}} receipt */
function download(receipt) {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(receipt)}\n`], { type: "application/json" }));
  h("a", { href: url, download: `receipt-${receipt.seq}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
