"""What each view shows and does, as a person in a browser has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remanence.serve.ops.op import Right
from tests.serve.web.conftest import Server, settle

Look = Callable[..., Any]


def test_search_shows_who_when_and_what_no_longer_holds(look: Look) -> None:
    page = look("search")
    page.get_by_label("Search memory").fill("Where do I live?")
    page.keyboard.press("Enter")
    first, second = page.locator("article.card").nth(0), page.locator("article.card").nth(1)
    first.get_by_text("I moved to Porto last week!").wait_for()
    assert "Ana" in first.inner_text()
    assert "3 May 2024, 09:00" in first.inner_text()
    assert "no longer so since 2024-05-03" in second.inner_text()
    assert "porto-1" in second.locator(".notes a").get_attribute("href")
    first.get_by_text("Why it is here").click()
    assert first.locator(".bars tbody tr").count() >= 1
    assert "q=Where" in page.url  # can be linked


def test_search_narrows_and_says_what_is_withheld(look: Look) -> None:
    page = look("search?q=diabetes&audience=landlord&purpose=rent+a+flat")
    assert "about health" in page.locator(".withheld").inner_text()
    assert (
        "diabetes" not in page.locator("ol.cards").inner_text()
        if page.locator("ol.cards").count()
        else True
    )
    page.get_by_label("To be told to").fill("")
    page.get_by_label("For the purpose of").fill("")
    page.get_by_label("Search memory").press("Enter")
    page.locator("article.card", has_text="diabetes").wait_for()
    assert page.locator(".withheld").count() == 0


def test_search_as_of_a_day(look: Look) -> None:
    page = look("search?q=where+do+I+live&as_of=2023-06-01")
    assert "Lisbon" in page.locator("article.card").first.inner_text()
    assert page.locator("article.card", has_text="Porto").count() == 0
    page = look("search?q=where+do+I+live&speaker=Nobody")
    assert "Nothing found" in page.locator(".none").inner_text()


def test_search_tells_an_error_in_its_place_with_the_hint(look: Look) -> None:
    page = look("search?q=x&k=0")
    assert "k=0" in page.get_by_role("alert").inner_text()
    assert "whole number" in page.get_by_role("alert").inner_text()
    look.seen.complaints.clear()  # type: ignore[attr-defined]  # Chromium's own line about the 422


def test_the_timeline_shows_any_moment_of_either_time(look: Look) -> None:
    page = look("timeline")
    assert "1 of them no longer so" in page.locator(".summary").inner_text()
    over = page.locator(".point.over")
    assert "ferries start" in over.inner_text()
    assert page.get_by_role("heading", name="moving").count() == 1
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    page.get_by_text("True on 1 Mar 2023").wait_for()
    settle(page)
    assert page.locator(".point").count() == 1
    assert slider.get_attribute("aria-valuetext") == "1 Mar 2023, 09:00"
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.get_by_text("True on 1 Mar 2023, 09:02").wait_for()
    settle(page)
    assert page.locator(".point").count() == 3
    assert page.locator(".point.over").count() == 0  # it still was
    page.get_by_label("When it was known").check()
    page.get_by_role("slider").press("Home")
    page.get_by_text("Known here on").wait_for()
    settle(page)
    assert 1 <= page.locator(".point").count() <= 4  # the first commit
    assert "axis=known" in page.url
    page.reload()
    settle(page)
    assert page.get_by_text("Known here on").count() == 1


def test_the_timeline_of_thousands_comes_as_one_scrolls(look: Look) -> None:
    page = look("timeline", user="diary")
    assert "1,200 memories" in page.locator(".summary").inner_text()
    few = page.locator(".point").count()
    assert few < 400
    page.mouse.move(700, 500)
    page.mouse.wheel(0, 100_000)
    page.locator(".point").nth(few).wait_for(state="attached")


def test_a_memory_shows_where_it_came_from_and_what_became_of_it(look: Look) -> None:
    page = look("record/trip-3")
    versions = page.locator(".version")
    assert versions.count() == 2
    assert versions.first.locator("del").all_inner_texts() == ["Saturday", "six"]
    assert versions.first.locator("ins").all_inner_texts() == ["Friday", "seven"]
    turns = page.locator(".conversation li")
    assert turns.count() == 3
    assert "Friday at seven" in page.locator(".conversation li[aria-current]").inner_text()
    assert "http/owner" in page.get_by_text("Read by").first.inner_text()


def test_a_fact_shows_its_source_marked_and_its_lineage(look: Look) -> None:
    page = look("record/porto-1")
    page.locator("a.node", has_text="I moved to Porto").first.click()
    page.wait_for_url(lambda url: "porto-1" not in url)
    settle(page)
    assert page.locator(".conversation mark").inner_text() == "I moved to Porto last week!"
    nodes = page.locator("a.node").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label'))"
    )
    assert "source: I moved to Porto last week!" in nodes
    assert any(label.startswith("supersedes: I live in Lisbon") for label in nodes)


def test_a_memory_is_changed_pinned_and_retracted(look: Look) -> None:
    page = look("record/work-2", user="edits")
    page.get_by_role("button", name="Change the text").click()
    page.get_by_label("New text").fill("The deadline for the Atlas cookbook is 14 May.")
    page.get_by_role("button", name="Save").click()
    page.locator(".version ins", has_text="14").wait_for()
    page.get_by_role("button", name="Pin", exact=True).click()
    page.get_by_role("button", name="Unpin").wait_for()
    page.get_by_role("button", name="No longer true").first.click()
    page.get_by_label("Since").fill("2024-05-14")
    page.locator("form.panel").get_by_role("button", name="No longer true").click()
    page.locator(".whole", has_text="14 May 2024").wait_for()


def test_a_change_that_somebody_else_overtook_is_refused(look: Look) -> None:
    mine, theirs = look("record/porto-3", user="edits"), look("record/porto-3", user="edits")
    for page, text in ((theirs, "Small, with two fig trees."), (mine, "Large.")):
        page.get_by_role("button", name="Change the text").click()
        page.get_by_label("New text").fill(text)
        page.get_by_role("button", name="Save").click()
        if page is theirs:
            page.locator(".whole", has_text="two fig trees").wait_for()
    mine.get_by_role("alert").wait_for()
    assert mine.get_by_label("New text").input_value() == "Large."  # nothing that was typed is lost
    look.seen.complaints.clear()  # type: ignore[attr-defined]  # Chromium's own line about the 409


def test_what_is_not_there_says_so(look: Look) -> None:
    page = look("record/gone")
    assert "gone" in page.get_by_role("alert").inner_text()
    look.seen.complaints.clear()  # type: ignore[attr-defined]  # Chromium's own line about the 404


def test_conflicts_and_quarantine_are_decided_and_taken_back(look: Look) -> None:
    page = look("decide", user="decides")
    conflict = page.locator(".conflict")
    assert conflict.locator(".value").all_inner_texts() == ["12 May", "20 May"]
    assert "through user:ben" in conflict.inner_text()
    conflict.get_by_role("button", name="Keep “20 May”").click()
    page.get_by_text("“20 May” holds now.").wait_for()
    page.get_by_role("button", name="Take it back").click()
    page.locator(".conflict .value").first.wait_for()
    page.get_by_role("button", name="Both hold").click()
    page.get_by_text("Both hold: they don’t contradict each other.").wait_for()
    held = page.locator(".held")
    assert "from an untrusted origin" in held.inner_text()
    assert "web:recipes.example" in held.inner_text()
    held.get_by_label("Why not").fill("nobody asked for it")
    held.get_by_role("button", name="Reject").click()
    page.get_by_text("Rejected: it stays out").wait_for()
    page.reload()
    settle(page)
    assert "No two facts contradict" in page.locator(".none").first.inner_text()
    assert "nobody asked for it" in page.locator(".held").inner_text()


def test_sleep_is_shown_done_and_undone(look: Look) -> None:
    page = look("sleep", user="sleeps")
    assert "Memory has not slept yet" in page.locator(".none").inner_text()
    page.get_by_role("button", name="Show what it would do").click()
    page.get_by_text("changes would be made").wait_for()
    assert "Bring the blue tent for the coast trip" in page.locator(".changes").inner_text()
    page.get_by_role("button", name="Sleep now").click()
    page.get_by_role("heading", name="Done").wait_for()
    assert "merge" in page.locator(".steps").inner_text()
    page.get_by_role("button", name="Undo this run").click()
    page.get_by_text("undone", exact=True).wait_for()


def test_health_shows_the_store_and_verifies_it(look: Look) -> None:
    page = look("health")
    assert "memories" in page.locator(".figures").inner_text()
    page.get_by_role("button", name="Verify everything").click()
    page.get_by_text("All is in order.").wait_for()
    page.get_by_label("What", exact=True).select_option("forget")
    page.locator(".log tbody tr", has_text="erased in all versions").first.wait_for()
    assert "4711" not in page.content()
    page.get_by_role("link", name="diary", exact=True).click()
    page.locator(".summary", has_text="1,200").wait_for()


def test_whose_memory_is_chosen_and_stays_chosen(look: Look) -> None:
    page = look("search?q=diary")
    page.get_by_label("Whose memory").select_option("diary")
    page.wait_for_url(lambda url: "user=diary" in url)
    page.get_by_label("Search memory").fill("long diary")
    page.keyboard.press("Enter")
    page.locator("article.card", has_text="long diary").first.wait_for()
    page.get_by_role("link", name="Timeline").click()
    page.locator(".summary", has_text="1,200").wait_for()
    page = look("timeline")
    page.get_by_label("Of one agent").fill("baker")
    page.keyboard.press("Enter")
    page.locator(".summary", has_text="1 memory").wait_for()
    assert "Rye keeps" in page.locator(".point").inner_text()


def test_forgetting_by_words_gives_a_receipt_to_keep(look: Look, tmp_path: Path) -> None:
    page = look("forget", user="edits", accept_downloads=True)
    page.get_by_label("All that match").check()
    page.get_by_label("That mention").fill("diabetes")
    page.get_by_role("button", name="Show what would go").click()
    page.get_by_text("1 memory as chosen").wait_for()
    page.get_by_role("button", name="for good").click()
    assert "Type forget first" in page.get_by_role("alert").inner_text()
    page.get_by_label("Type “forget” to confirm").fill("forget")
    page.get_by_role("button", name="for good").click()
    page.get_by_text("Gone", exact=True).wait_for()
    assert page.locator(".receipt tbody tr").count() > 5
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download the receipt").click()
    downloading.value.save_as(tmp_path / "receipt.json")
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert receipt["remanence"] == "receipt"
    assert receipt["ids"][0] == "porto-4"
    assert receipt["signature"]


def test_who_has_a_token_signs_in_and_sees_what_it_is_bound_to(look: Look, server: Server) -> None:
    secret, _ = server.tokens.make("reader", [Right.read], user_id="ana")
    page = look("timeline", user="", storage_state=None)
    page.get_by_label("Token").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    page.get_by_label("Token").fill(secret)
    page.keyboard.press("Enter")
    page.locator(".point").first.wait_for()
    assert page.get_by_label("Whose memory").locator("option").all_inner_texts() == ["ana"]
    page.get_by_role("link", name="Health").click()
    page.get_by_text("takes the right to admin").first.wait_for()
    settle(page)
    assert "use a token" in page.get_by_role("alert").first.inner_text()
    assert (
        "read" in page.get_by_text("You may").locator("xpath=following-sibling::dd[1]").inner_text()
    )
    assert page.locator(".log tbody tr").count() > 0  # what may be seen is
    look.seen.complaints.clear()  # type: ignore[attr-defined]  # Chromium's own lines about 401 and 403
