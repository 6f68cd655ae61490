// Where a memory stands: what it was made from, what was made from it, what it is linked to. Drawn beside each other, or, where it is
// narrow, below each other.
import { svg } from "./dom.js";
import { href } from "./parts.js";
import { plain, short } from "./text.js";
import { day } from "./time.js";

const HIGH = 58;
const GAP = 14;
/** Room for what stands above a box, where boxes are below each other. */
const LINE = 8;
const MOST = 12;

/**
 * @typedef {{id: string, label: string, line: string, edge: string}} Node
 * @param {{record: any, sources: any[], derived: any[], links: [string, string, string][]}} lineage
 * @param {Map<string, any>} known linked memories by id
 */
export function graph({ record, sources, derived, links }, known) {
  const node = (one, edge) => ({
    id: one.id,
    label: plain(short(one.text.replace(/\s+/g, " "), 60)),
    line: [one.kind, one.valid_from && day(one.valid_from)].filter(Boolean).join(" · "),
    edge,
  });
  const linked = (id, edge) =>
    known.has(id) ? node(known.get(id), edge) : { id, label: plain(short(id, 40)), line: "not visible", edge };
  const before = [
    ...sources.map((one) => node(one, "source")),
    ...links.filter(([, , dst]) => dst === record.id).map(([src, relation]) => linked(src, relation)),
  ];
  const after = [
    ...derived.map((one) => node(one, "derived")),
    ...links.filter(([src]) => src === record.id).map(([, relation, dst]) => linked(dst, relation)),
  ];
  const box = document.createElement("div");
  box.className = "graph";
  const draw = () =>
    box.replaceChildren(drawn(box.clientWidth || 640, before, { ...node(record, ""), own: true }, after));
  new ResizeObserver(draw).observe(box);
  return box;
}

function drawn(width, before, own, after) {
  const narrow = width < 620;
  const sides = [before.slice(0, MOST), after.slice(0, MOST)];
  const columns = 1 + sides.filter((side) => side.length).length;
  const wide = narrow ? width - 40 : Math.min(320, Math.floor((width - 4 - 96 * (columns - 1)) / columns));
  const left = before.length ? wide + 98 : 2;
  const stack = (nodes) => nodes.length * (HIGH + GAP) - GAP;
  const placed = [];
  let high;
  if (narrow) {
    let y = 2 + LINE;
    const all = [...sides[0], own, ...sides[1]];
    for (const one of all) {
      if (!one.own) y += LINE;
      placed.push({ one, x: one.own ? 2 : 38, y });
      y += HIGH + GAP;
    }
    high = y;
  } else {
    high = Math.max(HIGH, stack(sides[0]), stack(sides[1])) + 4;
    sides.forEach((nodes, side) =>
      nodes.forEach((one, at) =>
        placed.push({ one, x: side ? left + wide + 96 : 2, y: (high - stack(nodes)) / 2 + at * (HIGH + GAP) }),
      ),
    );
    placed.push({ one: own, x: left, y: (high - HIGH) / 2 });
  }
  const center = placed.find(({ one }) => one.own);
  const edges = placed.filter(({ one }) => !one.own).map((at) => edge(at, center, wide, narrow));
  return svg(
    "svg",
    {
      width,
      height: high,
      viewBox: `0 0 ${width} ${high}`,
      role: "group",
      "aria-label": "Lineage: sources before, what was derived behind",
    },
    svg(
      "defs",
      svg(
        "marker",
        { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
        svg("path.head", { d: "M0 0L8 4L0 8Z" }),
      ),
    ),
    edges,
    placed.map((at) => box(at, wide)),
  );
}

/** From what is older to what came of it. */
function edge({ one, x, y }, center, wide, narrow) {
  const middle = y + HIGH / 2;
  const first = y < center.y || (!narrow && x < center.x);
  const to = center.y + HIGH / 2;
  if (narrow) {
    const path = first ? `M38 ${middle}H20V${center.y}` : `M20 ${center.y + HIGH}V${middle}H38`;
    return svg(
      "g.edge",
      svg("path", { d: path, "marker-end": "url(#arrow)" }),
      svg("text", { x: 42, y: y - 5 }, plain(one.edge)),
    );
  }
  const [x1, y1, x2, y2] = first ? [x + wide, middle, center.x, to] : [center.x + wide, to, x, middle];
  const bend = (x1 + x2) / 2;
  const label = { x: bend, y: (first ? y1 : y2) - 6, "text-anchor": "middle" };
  return svg(
    "g.edge",
    svg("path", { d: `M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}`, "marker-end": "url(#arrow)" }),
    svg("text", label, plain(one.edge)),
  );
}

function box({ one, x, y }, wide) {
  const letters = Math.max(8, Math.floor((wide - 20) / 7));
  const shape = [
    svg("rect", { x, y, width: wide, height: HIGH, rx: 8 }),
    svg("text", { x: x + 10, y: y + 25 }, short(one.label, letters - 2)),
    svg("text.line", { x: x + 10, y: y + 44 }, short(one.line, letters)),
  ];
  if (one.own) return svg("g.node.own", shape);
  return svg(
    "a.node",
    { href: href("record", one.id), "aria-label": `${one.edge}: ${one.label}` },
    svg("title", `${one.edge}: ${one.label}`),
    shape,
  );
}
