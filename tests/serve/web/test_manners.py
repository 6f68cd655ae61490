"""How the page behaves whatever it shows: by keyboard, for eyes that need contrast or size, and with text that means harm."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.serve.web.conftest import HUGE, Server, settle

Look = Callable[..., Any]
VIEWS = {
    "search": "search?q=where+do+I+live",
    "withheld": "search?q=diabetes&audience=landlord",
    "nothing": "search?q=xylophone&speaker=Nobody",
    "timeline": "timeline",
    "record": "record/trip-3",
    "source": "record/porto-1",
    "decide": "decide",
    "forget": "forget?ids=trip-1",
    "sleep": "sleep",
    "health": "health",
}


def tab_to(page: Any, wanted: str, most: int = 60) -> None:
    """Press Tab until the focus is on what matches; whatever it passes can be seen to have it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        there, outlined = page.evaluate(FOCUS, wanted)
        assert outlined, page.evaluate("document.activeElement.outerHTML")
        if there:
            return
    raise AssertionError(f"Tab does not lead to {wanted}")


def arrived(page: Any) -> None:
    """Until a view that was gone to has the focus, on its heading: whoever tabs on earlier is thrown back."""
    page.locator("h1:focus").wait_for()
    settle(page)


FOCUS = """(wanted) => {
  const at = document.activeElement;
  const mark = at.matches(".node") ? at.querySelector("rect") : at.matches(".choice input") ? at.nextElementSibling : at;
  const style = getComputedStyle(mark);
  const outlined = at === document.body || at.matches(".node")
    ? true : style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [at.matches(wanted), outlined];
}"""


def test_everything_from_a_question_to_a_receipt_by_keyboard_alone(look: Look) -> None:
    page = look("search", user="keys")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    tab_to(page, "input[type=search]")
    page.keyboard.type("fig tree in the yard")
    page.keyboard.press("Enter")
    page.locator("article.card", has_text="fig tree").first.wait_for()
    tab_to(page, "article.card a.cover")
    page.keyboard.press("Enter")
    page.wait_for_url("**/#/record/**")
    arrived(page)
    assert "fig tree" in page.locator(".whole").inner_text()
    tab_to(page, "a.danger")
    page.keyboard.press("Enter")
    page.wait_for_url("**/#/forget**")
    arrived(page)
    tab_to(page, "form.panel button.main")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What would go").wait_for()
    tab_to(page, ".confirm input")
    page.keyboard.type("forget")
    page.keyboard.press("Enter")
    page.get_by_text("Gone", exact=True).wait_for()
    tab_to(page, ".receipt a.button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/#/search**")
    arrived(page)
    tab_to(page, "input[type=search]")
    page.keyboard.type("fig tree in the yard")
    page.keyboard.press("Enter")
    settle(page)
    assert page.locator("article.card", has_text="fig tree").count() == 0


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_is_still_named_contrasty_and_readable(look: Look, view: str) -> None:
    page = look(view)
    still(page)
    assert page.locator("h1").count() == 1
    assert page.evaluate(NAMELESS) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map((e) => Number(e.tagName[1]))"
    )
    assert all(after <= before + 1 for before, after in pairwise(levels))
    narrowed(page)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(FAINT) == [], scheme


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_that_begins_narrow_is_still_and_readable(look: Look, view: str) -> None:
    page = look(view, viewport={"width": 400, "height": 700})
    still(page)
    narrowed(page)


def narrowed(page: Any) -> None:
    """Nothing is cut off where it is narrow or large: 550 pixels of a screen of 1100 are what a zoom of 200 % leaves."""
    for width in (400, 320, 550):
        page.set_viewport_size({"width": width, "height": 700})
        page.evaluate(FRAME)  # what is drawn to the width is drawn anew
        assert page.evaluate(WIDE) == [], width
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


def still(page: Any) -> None:
    """Nothing that could be seen moved while it loaded: a shift of 0.1 is what browsers call good."""
    page.evaluate(FRAME)  # the observer is told after it
    shifted = page.evaluate("window.shifted")
    assert sum(amount for amount, _ in shifted) < 0.005, shifted


FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 20))))"
NAMELESS = """[...document.querySelectorAll("input, select, textarea, button, a[href]")]
  .filter((e) => !(e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label"))).map((e) => e.outerHTML)"""
WIDE = """[...document.querySelectorAll("main *")]
  .filter((e) => !e.closest(".scroll, .unseen") && e.getBoundingClientRect().right > innerWidth + 1)
  .map((e) => e.outerHTML.slice(0, 100))"""
FAINT = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, ground) => [0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3])).concat(1);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const groundOf = (element) => {
    const rect = element.closest("svg .node")?.querySelector("rect");
    if (rect) return rgba(getComputedStyle(rect).fill);
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255, 1]);
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const box = element.getBoundingClientRect();
    if (!walker.currentNode.data.trim() || !box.width || element.closest(".unseen, .skip, title, noscript, option")) continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const ink = over(rgba(element instanceof SVGElement ? style.fill : style.color), ground);
    const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    seen++;
    if ((a + 0.05) / (b + 0.05) < needed) faint.push([element.outerHTML.slice(0, 100), ((a + 0.05) / (b + 0.05)).toFixed(2)]);
  }
  return seen > 15 ? faint : ["nothing was looked at"];
}"""


def test_hostile_text_is_shown_and_does_nothing(look: Look) -> None:
    page = look("search?q=hostile+reversed", user="hostile")
    card = page.locator("article.card").first
    for told in (
        "U+202E",
        "U+202C",
        "U+200B",
        "U+0007",
        "U+D800",
        "hidden text “hi”",
        "<img src=x onerror=alert(1)>",
        "<b>odd</b>",
    ):
        assert told in card.inner_text()
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert family in card.inner_text()  # how people write is left alone
    assert page.locator("main img, main script, main b").count() == 0
    card.locator("a.cover").click()
    page.wait_for_url("**/#/record/**")
    settle(page)
    assert "U+202E" in page.locator(".whole").inner_text()
    assert page.locator("main img, main script, main b").count() == 0
    page.get_by_role("link", name="Forget", exact=True).last.click()
    settle(page)
    assert page.get_by_label("Ids, one a line").input_value() == "a/b ü?#<i>"


def test_a_very_long_text_is_shown_in_parts(look: Look) -> None:
    page = look("record/huge", user="hostile")
    shown = len(page.locator(".whole .text").text_content())
    assert 20_000 <= shown < 21_000
    page.get_by_role("button", name="Show more").click()
    assert len(page.locator(".whole .text").text_content()) > shown + 49_000
    assert len(page.content()) < len(HUGE)


def test_light_and_dark_can_be_chosen_and_stay_chosen(look: Look) -> None:
    page = look("search", color_scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    settle(page)
    assert page.evaluate(ground) == dark
    assert page.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"


def test_motion_stops_and_paper_has_no_controls(look: Look) -> None:
    page = look("record/trip-3", reduced_motion="reduce")
    moving = "[...document.querySelectorAll('*')].some((e) => getComputedStyle(e).animationName !== 'none')"
    assert not page.evaluate(moving)
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation").is_visible()
    assert not page.get_by_role("button", name="Pin").is_visible()
    assert page.locator(".whole").is_visible()


def test_a_user_without_memories_is_told_what_to_do(look: Look) -> None:
    page = look("timeline", user="nobody-yet")
    assert "rmem add" in page.locator(".none").inner_text()
    page = look("decide", user="nobody-yet")
    assert page.locator(".none").count() == 2


def test_a_server_that_has_gone_is_told_and_asked_again(look: Look) -> None:
    page = look("timeline")
    page.context.set_offline(True)
    page.get_by_role("link", name="Decide").click()
    page.get_by_role("alert").first.wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").first.click()
    page.locator(".conflict").wait_for()
    look.seen.complaints.clear()  # type: ignore[attr-defined]  # Chromium's own lines about the network


def test_ids_of_any_shape_are_found(look: Look, server: Server) -> None:
    page = look(f"record/{quote('a/b ü?#<i>', safe='')}", user="hostile")
    assert "hostile" in page.locator(".whole").inner_text()


def test_the_page_may_run_nothing_but_itself(server: Server) -> None:
    answer = httpx.get(f"{server.url}/ui/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    for mark in ("<style", " style=", "onclick=", "http://", "https://", "//cdn"):
        assert mark not in answer.text
