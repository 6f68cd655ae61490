"""Which pieces of a text count, and where they stand in it."""

from __future__ import annotations

from hypothesis import given

from remanence.embed.pieces import LONGEST, WINDOW, Cutter, without_surrogates
from tests.embed import small
from tests.embed.contract import TEXTS

CUTTER = Cutter(small.tokenizer_json())


def kept(text: str) -> list[tuple[str, str]]:
    pieces = CUTTER.cut(text)
    names = [CUTTER.vocabulary[i] for i in pieces.ids[pieces.words]]
    return [(name, text[a:b]) for name, (a, b) in zip(names, pieces.spans, strict=True)]


def test_letters_and_digits_count_punctuation_and_special_pieces_do_not() -> None:
    assert kept('"My dogs, 2023!" - café?') == [
        ("my", "My"), ("dog", "dog"), ("##s", "s"), ("2023", "2023"), ("[UNK]", "café"),
    ]  # fmt: skip
    assert kept("?!… \u200b") == [("[UNK]", "…")]


def test_spans_survive_surrogates_and_zero_width_characters() -> None:
    assert kept("\ud83d my\u200b dog") == [("my", "my"), ("dog", "dog")]


def test_the_window_holds_256_pieces_and_the_rest_is_cut() -> None:
    pieces = CUTTER.cut("dog " * 1000)
    assert len(pieces.ids) == WINDOW == 256
    assert len(pieces.words) == WINDOW - 2
    whole = Cutter(small.tokenizer_json(), window=None).cut("dog " * 10_000)
    assert len(whole.words) == LONGEST // 4


@given(TEXTS)
def test_ids_alone_are_the_same_pieces(text: str) -> None:
    pieces = CUTTER.cut(text)
    (ids,) = CUTTER.cut_ids([text])
    assert ids.tolist() == pieces.ids[pieces.words].tolist()


@given(TEXTS)
def test_without_surrogates_keeps_every_place(text: str) -> None:
    clean = without_surrogates(text)
    clean.encode()
    assert len(clean) == len(text)
