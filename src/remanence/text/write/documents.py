"""A page becomes one record that holds it whole, and passages that point into it.

Passages end at headings (Markdown's `#` and underlines) and between paragraphs, never inside a fenced block if it fits; a
paragraph that is too long is cut between sentences, a sentence that is too long between words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple, cast

from remanence.catalogue.declare import mechanism
from remanence.errors import InvalidInput
from remanence.seams import Observation
from remanence.text.write.dates import date_words, mentions
from remanence.types import Add, Role, Source

_LINE = re.compile(r"[^\n]*(?:\n|$)")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)$")
_UNDERLINE = re.compile(r" {0,3}(={2,}|-{3,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019)\]]*\s+|[\u3002\uff01\uff1f]\s*|\n")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


class Block(NamedTuple):
    """Characters `start:end` of a text that belong together (a paragraph), under the headings `path`."""

    start: int
    end: int
    path: tuple[str, ...]
    heading: bool


@mechanism(
    seam="Writer",
    source="Remanence",
    title="Passages by headings and paragraphs",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """One page: a record of kind `document` with the whole text, and records of kind `passage` with its parts.

    The text of a passage is exactly the characters of the page that its one source names; part n of page `p` is `p#n`, from
    1. Its field `title` is the page's title and the headings above it. A page without an id gets one from its content. All
    parts share a session (the page's id, where the caller names none), so that neighbours are neighbours.
    """

    fewest: int = 120
    """Words from which on a passage may end at the next paragraph."""
    most: int = 320
    """Words that a passage never exceeds."""

    def __post_init__(self) -> None:
        if not 4 <= self.fewest <= self.most:
            raise InvalidInput(
                f"fewest={self.fewest}, most={self.most}", hint="give 4 <= fewest <= most"
            )

    def write(self, observation: Observation) -> list[Add]:
        text, title = observation.text, observation.title
        blocks = list(_blocks(text))
        if not title and blocks and blocks[0].heading:
            title = blocks[0].path[-1]
        id = observation.id or _digest(observation)
        session = observation.session or id
        page = self._add(observation, text, id, session, title, "document", ())
        parts = [
            self._add(
                observation,
                text[start:end],
                f"{id}#{number}",
                session,
                " / ".join(dict.fromkeys(filter(None, (title, *path)))),
                "passage",
                (Source(id, start, end),),
            )
            for number, (start, end, path) in enumerate(self.passages(text, blocks), 1)
        ]
        return [page, *parts]

    def passages(
        self, text: str, blocks: list[Block] | None = None
    ) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        """(start, end, headings above) of each passage of a text, in order, without white space around."""
        start = end = size = 0
        path: tuple[str, ...] = ()
        only_headings = True
        for block in self._fitting(text, _blocks(text) if blocks is None else iter(blocks)):
            words = _size(text[block.start : block.end])
            ends_here = (block.heading and not only_headings) or size >= self.fewest
            if size and (ends_here or size + words > self.most):
                yield start, end, path
                size = 0
            if not size:
                start, only_headings = block.start, True
            end, path, size = block.end, block.path, size + words
            only_headings = only_headings and block.heading
        if size:
            yield start, end, path

    def _fitting(self, text: str, blocks: Iterator[Block]) -> Iterator[Block]:
        """The blocks, those of more than `most` words cut."""
        for block in blocks:
            if _size(text[block.start : block.end]) <= self.most:
                yield block
                continue
            for start, end in _cut(text, block.start, block.end, self.most):
                yield block._replace(start=start, end=end)

    def _add(
        self,
        observation: Observation,
        text: str,
        id: str,
        session: str,
        title: str,
        kind: str,
        sources: tuple[Source, ...],
    ) -> Add:
        fields = dict(observation.fields)
        if title:
            fields["title"] = title
        if observation.speaker:
            fields.setdefault("speaker", observation.speaker)
        if observation.at is not None:
            named = [(found.since, found.until) for found in mentions(text, observation.at)]
            if dates := date_words(named):
                fields["dates"] = dates
        return Add(
            scope=observation.scope,
            text=text,
            id=id,
            kind=kind,
            session=session,
            speaker=observation.speaker,
            role=cast(Role, observation.role or "document"),
            fields=fields,
            meta=observation.meta,
            sources=sources,
            origin=observation.origin,
            valid_from=observation.at,
        )


def _digest(observation: Observation) -> str:
    """An id from title and text: the same page twice is one page."""
    content = f"{observation.title}\0{observation.text}".encode("utf-8", "surrogatepass")
    return "doc-" + blake2b(content, digest_size=10).hexdigest()


def _size(text: str) -> int:
    """Words; in scripts written without spaces, pairs of characters."""
    words = len(text.split())
    return words if text.isascii() else words + (len(_UNSPACED.findall(text)) + 1) // 2


def _blocks(text: str) -> Iterator[Block]:
    """Headings and paragraphs of a text, in order, without the white space between them."""
    path: list[tuple[int, str]] = []
    start, fence = -1, ""
    lines = [(match.start(), match[0]) for match in _LINE.finditer(text) if match[0]]

    def block(first: int, last: int, heading: bool = False) -> Block:
        return Block(*_trim(text, first, last), tuple(name for _, name in path), heading)

    for number, (place, line) in enumerate(lines):
        if fence:
            fence = "" if line.lstrip().startswith(fence) else fence
            continue
        bare = line.rstrip("\r\n")
        underlined = number > 0 and start == lines[number - 1][0] and _UNDERLINE.match(bare)
        heading = _HEADING.match(bare)
        if opening := _FENCE.match(bare):
            fence = opening[1]
        if heading or underlined or not bare.strip():
            if start >= 0 and not underlined:
                yield block(start, place)
                start = -1
        elif start < 0:
            start = place
        if heading or underlined:
            if heading:
                level, name, first = len(heading[1]), _name(heading[2]), place
            else:
                first = start
                level, name = 1 if "=" in bare else 2, text[first:place].strip()
            path = [(depth, above) for depth, above in path if depth < level] + [(level, name)]
            yield block(first, place + len(bare), heading=True)
            start = -1
    if start >= 0:
        yield block(start, len(text))


def _name(heading: str) -> str:
    """What a heading says, without the `#`s that may close it."""
    name = heading.strip()
    bare = name.rstrip("#")
    return bare.strip() if not bare or bare[-1].isspace() else name


def _cut(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """`start:end` in pieces of at most `most` words, cut after sentences where there are any."""
    piece = start
    size = 0
    for first, last in _sentences(text, start, end, most):
        words = _size(text[first:last])
        if size and size + words > most:
            yield _trim(text, piece, first)
            piece, size = first, 0
        size += words
    if size:
        yield _trim(text, piece, end)


def _sentences(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Sentences of `start:end`, without gaps; one of more than `most` words as its single words."""
    for match in (*_SENTENCE_END.finditer(text, start, end), None):
        stop = match.end() if match else end
        if _size(text[start:stop]) <= most:
            yield start, stop
        else:
            for word in re.finditer(rf"\s*\S{{1,{most}}}\s*", text[start:stop]):
                yield start + word.start(), start + word.end()
        start = stop


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """`start:end` without white space around."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())
