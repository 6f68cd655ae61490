"""The phrases of a space and the passages that hold them: the graph that a question walks from passage to passage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from remanence.seams import View
from remanence.text.analyze import STOP_WORDS, words
from remanence.text.write.entities import MOST_WORDS, phrases

Ords = NDArray[np.int32]
Floats = NDArray[np.float32]

TITLE = 2.0
"""Weight of the edge between a passage and its own title; any other phrase has 1."""
GROWTH = 1.25
"""The graph is built anew when the space has grown by this factor; in between, newer passages are linked by the phrases known."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Passages and phrases as a bipartite graph of m edges, sorted by passage.

    `passages` (m,) ords; `phrases` (m,) phrase numbers; `weights` (m,); `holding` (p,) pages (passages of one title) that hold each phrase;
    `numbers`: phrase as words joined by spaces -> number; `starts`: first words of phrases -> most words of one that starts so."""

    n: int
    count: int
    """Passages among the first `n` records."""
    learnt: int
    """Passages that the phrases were learnt from."""
    numbers: dict[str, int]
    starts: dict[str, int]
    passages: Ords
    phrases: Ords
    weights: Floats
    holding: Ords
    linked: float
    """Share of the passages that hold a phrase which other pages, but at most 30 in all, hold too."""

    def of(self, passage: int) -> tuple[Ords, Floats]:
        """Phrases of one passage, and the weights of those edges."""
        start, end = np.searchsorted(self.passages, [passage, passage + 1])
        return self.phrases[start:end], self.weights[start:end]

    def named_in(self, text: str) -> list[int]:
        """Numbers of the known phrases that a text holds word for word, in any case."""
        found = list(_occurring(_tokens(text), self.numbers, self.starts))
        return list(dict.fromkeys(found))


def phrase_graph(view: View) -> Phrases:
    """One for each state of the space: extended while the space grows a little, learnt anew where it grew much or lost something."""
    return view.derived("phrases", _build)


def _build(view: View, before: Phrases | None) -> Phrases:
    ords = np.flatnonzero(view.visible).astype(np.int32)
    if before is not None and len(ords) <= GROWTH * before.learnt:
        fresh = ords[ords >= before.n]
        if len(ords) - len(fresh) == before.count:  # nothing of it was replaced or forgotten
            return _extended(view, before, fresh)
    texts, titles = view.texts(ords), view.titles(ords)
    numbers: dict[str, int] = {}
    starts: dict[str, int] = {}
    title_numbers: list[int] = []
    for text, title in zip(texts, titles, strict=True):
        for phrase in phrases(text):
            _learn(_tokens(phrase), numbers, starts)
        title_numbers.append(_learn(_tokens(title), numbers, starts) if title else -1)
    return _linked(ords, texts, title_numbers, numbers, starts, view.n)


def _extended(view: View, before: Phrases, fresh: Ords) -> Phrases:
    passages: list[int] = []
    held: list[int] = []
    weights: list[float] = []
    for ord, text, title in zip(fresh.tolist(), view.texts(fresh), view.titles(fresh), strict=True):
        found = dict.fromkeys(_occurring(_tokens(text), before.numbers, before.starts), 1.0)
        known = before.numbers.get(" ".join(_tokens(title)))
        if known is not None:
            found[known] = TITLE
        passages += [ord] * len(found)
        held += found
        weights += found.values()
    phrase_of = np.array(held, np.int32)
    return replace(
        before,
        n=view.n,
        count=before.count + len(fresh),
        passages=np.concatenate((before.passages, np.array(passages, np.int32))),
        phrases=np.concatenate((before.phrases, phrase_of)),
        weights=np.concatenate((before.weights, np.array(weights, np.float32))),
        holding=before.holding
        + np.bincount(phrase_of, minlength=len(before.holding)).astype(np.int32),
    )


def _linked(
    ords: Ords,
    texts: Sequence[str],
    titles: Sequence[int],
    numbers: dict[str, int],
    starts: dict[str, int],
    n: int,
) -> Phrases:
    passages: list[int] = []
    held: list[int] = []
    weights: list[float] = []
    for ord, text, title in zip(ords.tolist(), texts, titles, strict=True):
        found = dict.fromkeys(_occurring(_tokens(text), numbers, starts), 1.0)
        if title >= 0:
            found[title] = TITLE
        passages += [ord] * len(found)
        held += found
        weights += found.values()
    passage_of, phrase_of = np.array(passages, np.int32), np.array(held, np.int32)
    holding = _pages(passage_of, phrase_of, ords, titles, n, len(numbers))
    between = (holding >= 2) & (holding <= 30)
    sharing = np.unique(passage_of[between[phrase_of]])
    return Phrases(
        n=n,
        count=len(ords),
        learnt=len(ords),
        numbers=numbers,
        starts=starts,
        passages=passage_of,
        phrases=phrase_of,
        weights=np.array(weights, np.float32),
        holding=holding,
        linked=len(sharing) / max(len(ords), 1),
    )


def _pages(
    passages: Ords, held: Ords, ords: Ords, titles: Sequence[int], n: int, count: int
) -> Ords:
    """(count,) pages that hold each phrase: passages of one title are one page."""
    page = np.arange(n, dtype=np.int64) + count
    titled = np.array(titles, np.int64)
    page[ords[titled >= 0]] = titled[titled >= 0]
    pairs = np.unique(held * np.int64(n + count) + page[passages])
    return np.bincount(pairs // (n + count), minlength=count).astype(np.int32)


def _tokens(text: str) -> list[str]:
    return [word.text.removesuffix("'s") for word in words(text)]


def _learn(phrase: Sequence[str], numbers: dict[str, int], starts: dict[str, int]) -> int:
    """The number of a phrase, a new one where it is new; -1 for what is no phrase (nothing but stop words)."""
    if not phrase or all(word in STOP_WORDS for word in phrase):
        return -1
    starts[phrase[0]] = max(starts.get(phrase[0], 0), min(len(phrase), 2 * MOST_WORDS))
    return numbers.setdefault(" ".join(phrase), len(numbers))


def _occurring(
    tokens: Sequence[str], numbers: dict[str, int], starts: dict[str, int]
) -> Iterator[int]:
    for place, token in enumerate(tokens):
        for length in range(1, starts.get(token, 0) + 1):
            number = numbers.get(" ".join(tokens[place : place + length]))
            if number is not None and place + length <= len(tokens):
                yield number
