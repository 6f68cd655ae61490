// The frame: which view the address names, whose memory, light or dark.
import { get, OWN, Refused, signIn, whose } from "./lib/api.js";
import { h, say } from "./lib/dom.js";
import { field, href, trouble } from "./lib/parts.js";
import { plain } from "./lib/text.js";

/**
 * @typedef {object} Page what a view gets
 * @property {HTMLElement} root to fill; has the heading already
 * @property {string} id what stands behind the view's name in the address
 * @property {URLSearchParams} params
 * @property {AbortSignal} signal aborted when the view is left
 * @property {(query: Record<string, unknown>) => void} remember puts what is asked into the address
 * @property {() => Promise<void>} again shows the view anew
 */

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const brand = /** @type {HTMLAnchorElement} */ (document.querySelector("a.brand"));
const links = [...document.querySelectorAll("nav a")];
/** Views by the first word of the address, each in a module of that name; one memory is reached from the others. */
const titles = new Map([...links.map((link) => [link.hash.slice(2), link.textContent]), ["record", "Memory"]]);
let leaving = new AbortController();

function address() {
  const [path, asked = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view, ...id] = path.split("/");
  return { view: titles.has(view) ? view : "search", id: decoded(id.join("/")), params: new URLSearchParams(asked) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function show({ focus = true } = {}) {
  const { view, id, params } = address();
  leaving.abort();
  leaving = new AbortController();
  const signal = leaving.signal;
  whose.user = params.get("user") ?? "";
  whose.agent = params.get("agent") ?? "";
  params.delete("user");
  params.delete("agent");
  showWhose();
  showNav(view);
  const heading = h("h1", { tabindex: "-1" }, titles.get(view));
  const root = h("section", h("header", heading));
  document.title = `${titles.get(view)} · Remanence`;
  main.replaceChildren(root);
  if (focus) {
    scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  }
  const remember = (query) => history.pushState(null, "", href(view, id, query));
  main.setAttribute("aria-busy", "true");
  try {
    const { draw } = await import(`./views/${view}.js`);
    const again = () => show({ focus: false });
    if (!signal.aborted) await draw({ root, id, params, signal, remember, again });
  } catch (error) {
    if (!signal.aborted) root.append(trouble(error, () => show()));
  }
  if (!signal.aborted) main.removeAttribute("aria-busy");
}

function showNav(current) {
  brand.hash = href("search");
  for (const link of links) {
    const name = link.hash.slice(2).split("?")[0];
    link.hash = href(name);
    if (name === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// --- whose memory ---

const user = /** @type {HTMLSelectElement} */ (document.getElementById("user"));
const agent = /** @type {HTMLInputElement} */ (document.getElementById("agent"));

function showWhose() {
  if (whose.user && ![...user.options].some((option) => option.value === whose.user))
    user.append(h("option", { value: whose.user }, plain(whose.user)));
  user.value = whose.user;
  agent.value = whose.agent;
}

function choose() {
  whose.user = user.value;
  whose.agent = agent.value.trim();
  const { view } = address();
  location.hash = href(view === "record" ? "search" : view);
}

/** Who may be chosen: everybody, where the caller may know of them; otherwise the one that the caller is bound to. */
async function askWho() {
  const caller = await get("session", {}, { mine: false });
  if (caller.user_id) return setUsers([caller.user_id], caller.user_id);
  const known = caller.rights.includes("admin") ? await get("users", {}, { mine: false }) : { items: [] };
  setUsers(known.items.length ? known.items : [OWN], OWN);
  // Where there is nothing of one's own, begin with the first one of whom there is.
  if (known.items.length && !known.items.includes(OWN) && !address().params.get("user")) {
    const { view, id, params } = address();
    whose.user = known.items[0];
    history.replaceState(null, "", href(view, id, Object.fromEntries(params)));
  }
}

/** @param {string[]} names @param {string} own the one that is meant where the address names nobody */
function setUsers(names, own) {
  user.replaceChildren(...names.map((name) => h("option", { value: name === own ? "" : name }, plain(name))));
}

// --- light and dark ---

const theme = /** @type {HTMLButtonElement} */ (document.getElementById("theme"));
const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));

theme.addEventListener("click", () => {
  const chosen = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = chosen;
  localStorage.setItem("theme", chosen);
  showTheme();
});
dark.addEventListener("change", showTheme);

// --- beginning ---

/** @param {Refused} refused */
function askToken(refused) {
  const token = h("input", { type: "password", autocomplete: "off", required: true });
  const place = h("div");
  const enter = async () => {
    try {
      await signIn(token.value.trim());
      await begin();
    } catch (error) {
      place.replaceChildren(trouble(error));
    }
  };
  const form = h(
    "form.panel",
    {
      onsubmit: (event) => {
        event.preventDefault();
        enter();
      },
    },
    h("p", h("code", "rmem ui"), " opens this page signed in; ", h("code", "rmem token new NAME"), " prints a token."),
    field("Token", token),
    h("div.row", h("button.main", { type: "submit" }, "Sign in")),
    place,
  );
  main.replaceChildren(
    h("section", h("header", h("h1", { tabindex: "-1" }, "Sign in"), h("p.lead", refused.message)), form),
  );
  document.title = "Sign in · Remanence";
  say("Sign in");
  token.focus();
}

async function begin() {
  try {
    await askWho();
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return askToken(error);
    main.replaceChildren(trouble(error, begin));
    return;
  }
  await show({ focus: false });
}

document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
user.addEventListener("change", choose);
agent.addEventListener("change", choose);
document.getElementById("whose")?.addEventListener("submit", (event) => {
  event.preventDefault();
  choose();
});
addEventListener("hashchange", () => show());
showTheme();
begin();
