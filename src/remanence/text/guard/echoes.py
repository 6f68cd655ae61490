"""Echoes: what an origin says again in fewer or other words after some of its records were quarantined.

Injection through conversation shortens its order from message to message until only a claim is left; the last message has no sign
of an order, but it has the names and the matter of the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from remanence.seams import View
from remanence.text.guard.claims import FRAME, Voice, voice
from remanence.text.guard.witnesses import family

MOST: Final = 500
"""Quarantined records, the latest, that are remembered."""
SHARE: Final = 0.5
"""Share of what a text says, by weight, that was in a quarantined one."""
TRUSTED: Final = 0.7
"""From this trust on a quarantine says nothing of an origin."""


class Weighing(Protocol):
    """Whatever knows how rare stems are."""

    def weight(self, stems: Set[str]) -> float: ...


@dataclass(frozen=True, slots=True)
class Echoes:
    """What was quarantined, by whose word it was: of each record all stems, and the names and numbers among them."""

    known: Mapping[str, tuple[tuple[frozenset[str], frozenset[str]], ...]]

    def echoed(self, who: str, said: Voice, rare: Weighing) -> bool:
        """Whether a voice says again what it was quarantined for: at least `SHARE` of it by weight, two stems and more, one of
        them a name or a number of the quarantined."""
        quarantined = self.known.get(who)
        if not quarantined:
            return False
        own = said.stems - FRAME
        whole = SHARE * rare.weight(own)
        for stems, values in quarantined:
            shared = own & stems
            if len(shared) > 1 and shared & values and rare.weight(shared) >= whole:
                return True
        return False


def echoes_in(view: View) -> Echoes:
    """What was quarantined in a space, computed once per state of it."""
    return view.derived("echoes", _read)


def _read(view: View, before: Echoes | None) -> Echoes:
    marked = view.marked("quarantined") & view.standing
    ords = np.flatnonzero(marked)[-MOST:].astype(np.int32)
    known: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
    for record in view.records(ords):
        if record is None or record.trust >= TRUSTED:
            continue
        said = voice(record.text, "").said
        stems = frozenset().union(*(one.stems for one in said))
        values = frozenset().union(*(one.names | one.numbers for one in said))
        known.setdefault(family(record), []).append((stems, values))
    return Echoes({who: tuple(found) for who, found in known.items()})
