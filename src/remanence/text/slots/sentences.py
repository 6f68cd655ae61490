"""A text as the sentences that may state something: cut, without what is only asked, and able to say what is doubted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from remanence.text.slots.words import DOUBT, Key
from remanence.types import Slot

LONGEST_SENTENCE = 600
"""Characters of a sentence that are read."""
SELF = "user"
"""Who "I" is where the speaker has no name."""
I_OR_WE: Final = r"\b(?:I|we)"
ADV: Final = (
    r"(?:\s(?:now|currently|also|just|recently|already|officially|finally|actually|still|only|temporarily|permanently|since|all|back|again"
    r"|then))*"
)
NOBODY: Final = frozenset(
    """he she it they you this that there the a an who what i'm we people everyone someone nobody many most some all and but so yes no oh
    wow well hey also actually just now then here my our your his her their glad happy sounds looks having being if when while after
    before since today tomorrow yesterday since until both these those one two three update correction note reminder always never
    please thanks sorry honestly luckily currently recently finally still once let even in on at by for from to of as""".split()
)
"""Words that may stand where a name stands, and are none."""
_STOPS: Final = re.compile(r"[.!?\n](?:(?<=\n)\n*|(?<!\n)[.!?]*(?=\s|$))")
"""It opens with a plain set of characters, which is what the search skips to at once."""
_SHORT: Final = re.compile(
    r"\b(?:Dr|Mr|Mrs|Ms|St|Prof|e\.g|i\.e|vs|approx|no|No)\.\Z|\b[ap]\.m\.\Z"
)
_ASKING: Final = re.compile(
    r"(?:,|\s[-\u2013\u2014])\s*(?:and |so |but |then |or |also )*(?:can|could|would|will|do|does|did|is|are|was|were|should|shall"
    r"|may|have|has|"
    r"how|what|which|who|when|where|why|any|got any|am|isn't|aren't|don't|won't|right|huh|ok|okay)\b",
    re.I,
)
_CORRECTING: Final = re.compile(
    r"\b(?:actually|correction|i meant|i mean|scratch that|no longer|not\b[^,.;]{1,40}\bany ?more|instead|from now on|going forward|"
    r"my mistake|sorry,|i misspoke|to correct|update:)",
    re.I,
)
NOW: Final = re.compile(r"\b(?:now|currently|these days|nowadays|as of|starting|new|newly|recently)\b", re.I)  # fmt: skip
_IF: Final = re.compile(r"\b(?:if|whether|suppose|unless)\b", re.I)
_BOUNDARY: Final = re.compile(r"[,;:(\u2014]|\s-\s|\b(?:but|and|because|so|although|though)\b")


@dataclass(slots=True)
class Sentence:
    """A sentence of a text: `text` is what of it states something, `start` and `end` its whole place."""

    text: str
    start: int
    end: int
    me: str
    found: list[Slot] = field(default_factory=list)

    def doubted(self, at: int) -> bool:
        """Whether something before a place of it, inside its clause, takes away that it is so; or it stands in quotes."""
        before = self.text[:at]
        edge = max((match.end() for match in _BOUNDARY.finditer(before)), default=0)
        opens_with = self.text[: min(at, 24)].lower()
        if _IF.search(self.text, max(0, at - 60), at):
            return True
        if opens_with.startswith(("if ", "imagine ", "suppose ", "unless ", "when i ", "what if ")):
            return True
        if before.count('"') % 2 or before.count("\u201c") > before.count("\u201d"):
            return True
        return DOUBT.search(before, edge) is not None

    def owner(self, determiner: str) -> str:
        """Whose a thing is by its determiner. Where only one person speaks, "the" rent is theirs."""
        return self.me if determiner == "my" or self.me == SELF else ""

    def state(
        self, key: Key, value: str, *, exclusive: bool = True, corrects: bool = False
    ) -> None:
        """Note a slot."""
        value = value.strip()
        if value and len(value) <= 200 and len(key.subject) + len(key.attribute) <= 300:
            corrects = corrects or (exclusive and _CORRECTING.search(self.text) is not None)
            self.found.append(Slot(key.subject, key.attribute, value, exclusive, corrects))


def _abbreviated(text: str, start: int, end: int) -> bool:
    """Whether the full stop before `end` is that of "Dr." or "e.g."; one of "p.m." may end a sentence too."""
    if not _SHORT.search(text, max(start, end - 8), end):
        return False
    return text[end - 3 : end - 2] != "." or text[end + 1 : end + 2].islower()


def sentences(text: str, me: str) -> Iterator[Sentence]:
    """The sentences of a text that may state something, in order. `me`: who "I" is."""
    start = 0
    for match in _STOPS.finditer(text):
        if match[0] == "." and _abbreviated(text, start, match.end()):
            continue
        if (sentence := _sentence(text, start, match.end(), me)) is not None:
            yield sentence
        start = match.end()
    if (sentence := _sentence(text, start, len(text), me)) is not None:
        yield sentence


def _sentence(text: str, start: int, end: int, me: str) -> Sentence | None:
    """What of a piece of text states something; None where it only asks, or is too short to state anything."""
    piece = text[start:end].rstrip()
    said = piece.lstrip()
    if len(said) < 6:
        return None
    end = start + len(piece)
    start = end - len(said)
    if said.endswith("?"):
        asking = _ASKING.search(said)
        if asking is None:
            return None
        said = said[: asking.start()]
    said = said[:LONGEST_SENTENCE]
    return Sentence(said, start, end, me)
