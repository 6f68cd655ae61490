"""Encoding what waits for an encoder, in many processes: workers encode, one writer a store puts the vectors away.

What waits is a fact of the store, so that an interrupted run goes on where it was, and another encoder's vectors stay in use until the
new ones are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from remanence.bulk.place import Place, encoder
from remanence.bulk.runner import Runner, run
from remanence.bulk.task import Encode
from remanence.errors import ModelMissing
from remanence.seams import Encoded
from remanence.store.verbs import LedgerStore
from remanence.text.write.spoken import spoken

BATCH = 64
"""Texts that a worker gets at once."""
Tell = Callable[[int, int], None]
"""Told how many are done, of how many."""


@dataclass(slots=True)
class _Open:
    """A store in work."""

    store: LedgerStore
    closing: ExitStack
    flying: set[int] = field(default_factory=set)
    drained: bool = False

    def end(self) -> None:
        """Close it once nothing of it is under way."""
        if self.drained and not self.flying:
            self.closing.close()


def embed(place: Place, tenants: Iterable[str], runner: Runner, tell: Tell | None = None) -> int:
    """Encode everything that waits in these tenants' stores (`""`: the one that the place names); how many texts.

    Raises: ModelMissing where there is no such encoder; what a worker raises."""
    model = encoder(place.embedder)
    if model is None:
        raise ModelMissing(
            f"there is no encoder {place.embedder!r} here", hint="rmem models list shows them"
        )
    total = done = 0
    with ExitStack() as all_:

        def batches() -> Iterator[tuple[tuple[_Open, list[int]], Encode]]:
            nonlocal total
            for tenant in tenants:
                closing = all_.enter_context(ExitStack())
                one = _Open(closing.enter_context(place.store_of(tenant)), closing)
                total += one.store.waiting(model.id)
                while not one.drained:
                    found = one.store.pending(model.id, len(one.flying) + BATCH)
                    fresh = [text for text in found if text.seq not in one.flying]
                    one.drained = not fresh
                    if fresh:
                        seqs = [text.seq for text in fresh]
                        one.flying.update(seqs)
                        texts = [spoken(text) for text in fresh]
                        yield (one, seqs), Encode(embedder=place.embedder, texts=texts)
                one.end()

        for (one, seqs), vectors in run(batches(), runner):
            assert isinstance(vectors, Encoded)
            one.store.put_vectors(model.id, seqs, vectors)
            one.flying.difference_update(seqs)
            one.end()
            done += len(seqs)
            if tell is not None:
                tell(done, total)
    return done
