"""Sessions for conversations that come without: a long silence ends one.

A log of months is one list of messages in many exports. Neighbours, session scores and dates need the
sittings in it, so a new session begins where nothing was said for `hours`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from remanence.errors import InvalidInput
from remanence.seams import Observation
from remanence.types import Micros, Scope, to_datetime

HOUR: Micros = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sittings:
    """Observations, in the order they come, with sessions cut at silences of more than `hours`.

    What is cut is each (scope, session) by itself. A sitting is called after its session and its first
    moment ("log 2023-05-08 13:56:00"), so that reading the same log again gives the same names. What has
    no moment belongs to the sitting that is under way; before the first moment, the session stays.

    >>> messages = [Observation(text="hi", scope=("t", "u"), at=hour * HOUR) for hour in (0, 1, 9)]
    >>> [found.session for found in Sittings().split(messages)]
    ['1970-01-01 00:00:00', '1970-01-01 00:00:00', '1970-01-01 09:00:00']
    """

    hours: float = 4.0

    def __post_init__(self) -> None:
        if not self.hours > 0:
            raise InvalidInput(f"hours={self.hours}", hint="a silence has a length above 0")

    def split(self, observations: Iterable[Observation]) -> Iterator[Observation]:
        """Lazy; holds one name and one moment for each session."""
        return map(self.cutter(), observations)

    def cutter(self) -> Callable[[Observation], Observation]:
        """What `split` does, one observation at a time."""
        under_way: dict[tuple[Scope, str], tuple[str, Micros]] = {}
        gap = round(self.hours * HOUR)

        def cut(observation: Observation) -> Observation:
            key = observation.scope, observation.session
            name, last = under_way.get(key, ("", None))
            at = observation.at
            if at is not None:
                if last is None or abs(at - last) > gap:
                    name = _name(observation.session, at)
                under_way[key] = name, at
            return replace(observation, session=name) if name else observation

        return cut


def _name(session: str, at: Micros) -> str:
    moment = to_datetime(at)
    start = f"{moment:%Y-%m-%d %H:%M:%S}" if moment else str(at)
    return f"{session} {start}".strip()
