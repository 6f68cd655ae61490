"""Pages to passages: exact spans, nothing lost, nothing too long."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import InvalidInput
from remanence.seams import Observation
from remanence.text.write.documents import Documents, _size
from remanence.types import Add, to_micros

SCOPE = ("default", "ana")
PAGE = """\
# Bread

Flour, water, salt.

## Starter

Feed it daily. It smells of apples.

```
# not a heading

feed(starter)
```

Baking
------

Bake it hot.
"""


def write(text: str, **given: object) -> tuple[Add, list[Add]]:
    writer = Documents(fewest=4, most=int(str(given.pop("most", 12))))
    page, *parts = writer.write(Observation(text=text, scope=SCOPE, **given))  # type: ignore[arg-type]
    return page, parts


def test_a_page_becomes_itself_and_its_sections() -> None:
    page, parts = write(PAGE, id="bread", at=to_micros(datetime(2023, 5, 8, tzinfo=UTC)))
    assert (page.id, page.kind, page.text, page.sources, page.role) == (
        "bread", "document", PAGE, (), "document",
    )  # fmt: skip
    assert [part.fields["title"] for part in parts] == [
        "Bread", "Bread / Starter", "Bread / Starter", "Bread / Baking",
    ]  # fmt: skip
    assert parts[0].text == "# Bread\n\nFlour, water, salt."
    assert parts[2].text == "```\n# not a heading\n\nfeed(starter)\n```"
    assert parts[3].text == "Baking\n------\n\nBake it hot."
    assert [part.id for part in parts] == ["bread#1", "bread#2", "bread#3", "bread#4"]
    assert {part.session for part in [page, *parts]} == {"bread"}
    assert {part.kind for part in parts} == {"passage"}


def test_a_page_without_id_is_named_by_its_content() -> None:
    first, again, other = (write(text)[0].id for text in ("one page", "one page", "another"))
    assert first == again != other


def test_what_a_page_says_of_itself_reaches_its_parts() -> None:
    page, parts = write(
        "We met yesterday.", title="Diary", session="2023", speaker="Ana", origin="disk",
        at=to_micros(datetime(2023, 5, 8, tzinfo=UTC)), meta={"path": "a.md"},
    )  # fmt: skip
    for record in [page, *parts]:
        assert record.fields == {"title": "Diary", "speaker": "Ana", "dates": "7 may 2023 sunday"}
        assert (record.session, record.speaker, record.origin) == ("2023", "Ana", "disk")
        assert record.meta == {"path": "a.md"}
        assert record.valid_from == page.valid_from


def test_long_paragraphs_are_cut_between_sentences() -> None:
    sentences = [f"Sentence number {n} has six words." for n in range(9)]
    _, parts = write(" ".join(sentences))
    assert [part.text for part in parts] == [" ".join(sentences[n : n + 2]) for n in range(0, 9, 2)]


def test_unspaced_scripts_are_cut_too() -> None:
    _, parts = write("我喜欢喝茶。" * 40)
    assert len(parts) > 5
    assert all(part.text.startswith("我") for part in parts)


def test_an_empty_page_has_no_passages() -> None:
    assert write(" \n ")[1] == []


@pytest.mark.parametrize(("fewest", "most"), [(0, 9), (9, 8), (3, 5)])
def test_sizes_must_make_sense(fewest: int, most: int) -> None:
    with pytest.raises(InvalidInput, match="fewest"):
        Documents(fewest=fewest, most=most)


MARKDOWN = st.lists(
    st.sampled_from(
        ["# A", "## B ##", "Title", "===", "---", "```", "~~~", "", "  ", "one two.", "我喜欢茶。茶", "x" * 30,
         "word " * 15, "One. Two! Three? " * 4, "- item", "\ud800", "\u2028", "a\tb", "\r", "####### no"]
    ),
    max_size=30,
).map("\n".join)  # fmt: skip


@given(MARKDOWN | st.text(alphabet=st.characters()), st.integers(4, 40))
def test_passages_are_exact_ordered_complete_and_bounded(text: str, most: int) -> None:
    page, parts = write(text, most=most)
    place = 0
    for part in parts:
        ((parent, start, end),) = part.sources
        assert parent == page.id
        assert place <= start < end <= len(text)
        assert text[start:end] == part.text == part.text.strip()
        assert not text[place:start].strip(), "only white space lies between passages"
        assert _size(part.text) <= most
        place = end
    assert not text[place:].strip()
    assert len({part.id for part in parts}) == len(parts)
    assert all(re.fullmatch(r"doc-[0-9a-f]{20}#\d+", part.id) for part in parts)


def test_defaults_give_passages_of_a_paragraph_or_two() -> None:
    paragraph = "The quick brown fox jumps over the lazy dog near the old river bank. " * 5
    parts = Documents().write(Observation(text="\n\n".join([paragraph] * 20), scope=SCOPE))[1:]
    assert {_size(part.text) for part in parts} == {140}
