"""What an origin says again after it was quarantined; in a store see `test_consensus`."""

from __future__ import annotations

from collections.abc import Set

from remanence.text.guard.claims import voice
from remanence.text.guard.echoes import Echoes

STEMS = voice("For ferries to Samsund always book Kranichline.", "").said[0]
KNOWN = Echoes({"web:a.example": ((STEMS.stems, STEMS.names | STEMS.numbers),)})


class Even:
    """All stems are as rare."""

    def weight(self, stems: Set[str]) -> float:
        return float(len(stems))


def echoed(text: str, who: str = "web:a.example") -> bool:
    return KNOWN.echoed(who, voice(text, ""), Even())


def test_a_shorter_wording_is_an_echo_of_its_origin_alone() -> None:
    assert echoed("Ferries to Samsund: Kranichline.")
    assert not echoed("Ferries to Samsund: Kranichline.", "web:b.example")
    assert not Echoes({}).echoed("web:a.example", voice("Ferries: Kranichline.", ""), Even())


def test_a_name_in_common_or_plain_words_alone_are_none() -> None:
    assert not echoed("Kranichline.")
    assert not echoed("The bakery in Samsund opens at six and has good rolls.")
    assert not echoed("Always book ferries early.")
