// Elements without markup: what comes from outside only ever becomes text.

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, unknown>} Attributes
 */

/**
 * An element. `h("p.note", {id: "a"}, "text", other)`; `on…` attributes are listeners; false, null and undefined leave an attribute out.
 * @param {string} tag name and classes: "li.card.open"
 * @param {...(Attributes | Child | Child[])} parts
 * @returns {HTMLElement}
 */
export function h(tag, ...parts) {
  const [name, ...classes] = tag.split(".");
  return filled(document.createElement(name), classes, parts);
}

/**
 * As `h`, for SVG.
 * @param {string} tag
 * @param {...(Attributes | Child | Child[])} parts
 * @returns {SVGElement}
 */
export function svg(tag, ...parts) {
  const [name, ...classes] = tag.split(".");
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), classes, parts);
}

function filled(element, classes, parts) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const part of parts.flat(Infinity)) {
    if (part === null || part === undefined || part === false) continue;
    if (part instanceof Node) element.append(part);
    else if (typeof part === "object") set(element, part);
    else element.append(String(part));
  }
  return element;
}

/** @param {Element} element @param {Attributes} attributes */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "value") /** @type {HTMLInputElement} */ (element).value = String(value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, String(value));
  }
}

/** A name for an element that labels and descriptions can point at. */
let count = 0;
export const fresh = () => `e${++count}`;

/** Says something to those who don't see the page change. @param {string} text */
export function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}
