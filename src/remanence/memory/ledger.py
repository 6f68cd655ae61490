"""The verbs that look after the store, and the ledger for people: what happened, what changed, where words came from, who read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from remanence.errors import NotFound
from remanence.memory.core import Core, Status, When
from remanence.store.people import Changed, LogLine, Readout, Span
from remanence.store.transfer import Loaded
from remanence.store.verify import Report
from remanence.text.write.messages import moment, several, whole, word
from remanence.types import BEGINNING, Event


class Ledger(Core):
    """What can be said about a store, and what keeps it in good order."""

    def events(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> list[Event]:
        """The ledger of this scope: what was committed, when and by whom, without content."""
        first, most = whole("after", after, least=0), whole("limit", limit, least=0)
        scope = self._scope(user_id, agent_id)
        return list(self._store.events(scope, after=first, limit=most)) if most else []

    def log(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        actor: str = "",
        ops: Sequence[str] = (),
        reads: bool = True,
        after: int = 0,
        limit: int = 100,
        newest: bool = True,
    ) -> list[LogLine]:
        """What happened, in words, newest first. `actor`: whose doing (one that ends in "/" stands for all that begin so); `ops`:
        `add`, `revise`, `retract`, `link`, `touch`, `mark`, `undo`, `forget`; `reads`: with the reads that were noted."""
        most = whole("limit", limit, least=0)
        found = self._store.log(
            self._scope(user_id, agent_id),
            actor=word("actor", actor),
            ops=several("ops", ops),
            reads=reads,
            after=whole("after", after, least=0),
            limit=most,
            newest=newest,
        )
        return found[:most]

    def diff(
        self,
        since: When = None,
        until: When = None,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
    ) -> list[Changed]:
        """What is different at the known time `until` (default: now) from what it was at `since` (default: at first)."""
        start, end = moment("since", since), moment("until", until)
        return self._store.diff(
            self._scope(user_id, agent_id),
            BEGINNING if start is None else start,
            self._store.now() if end is None else end,
        )

    def blame(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Span]:
        """Which words of a record came from where, by whom and when, in the order of its text. Raises: NotFound."""
        scope = self._scope(user_id, agent_id)
        spans = self._store.blame(scope, id)
        if not spans:
            raise NotFound(f"no record {id!r}", hint="list() shows what there is")
        self._noted(self._store.history(scope, id)[-1:])
        return spans

    def readers(
        self,
        id: str | None = None,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        limit: int = 100,
    ) -> list[Readout]:
        """Who read a record (None: any), newest first. Only reads through a memory opened with `audit_reads` are noted."""
        return self._store.readers(
            self._scope(user_id, agent_id), id, whole("limit", limit, least=0)
        )

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every record has its vectors; False if `timeout` seconds passed first. Raises: what stopped the encoder."""
        return self._worker.flush(timeout) if self._worker is not None else True

    def users(self) -> list[str]:
        """Whose memories are in this store, in the order in which they were first written to."""
        return [user for tenant, user in self._store.spaces() if tenant == self._tenant]

    def status(self) -> Status:
        """Counts, sizes and how far the vectors are."""
        counts = self._store.counts(self._encoder.id if self._encoder else "")
        error = self._worker.error if self._worker is not None else None
        return Status(
            path=counts.path,
            schema=counts.schema,
            records=counts.records,
            versions=counts.versions,
            events=counts.events,
            spaces=counts.spaces,
            bytes=counts.bytes,
            recipe=self._recipe.name,
            encoder=self._encoder.id if self._encoder else "none",
            embedded=counts.embedded,
            pending=counts.pending,
            dense=self._dense(),
            error=str(error) if error else "",
        )

    def _dense(self) -> str:
        if self._encoder is None:
            return "none"
        with self._lock:
            known = [
                recall for space in self._spaces.values() if (recall := space.recall()) is not None
            ]
        return f"approximate (recall@10 {min(known):.3f})" if known else "exact"

    def verify(self) -> Report:
        """Check the chain, every digest, derived state against the ledger, and the pages of the file."""
        return self._store.verify()

    def rebuild(self) -> None:
        """Derive everything anew from the ledger."""
        self._store.rebuild()
        with self._lock:
            self._spaces.clear()

    def state_digest(self) -> str:
        """A digest of all that is known now, equal for equal memories on any machine; undoing restores it exactly."""
        return self._store.state_digest()

    def history_digest(self) -> str:
        """A digest of all that is remembered and of how it came about, equal for equal histories on any machine."""
        return self._store.history_digest()

    def backup(self, path: str | Path) -> None:
        """Copy the store to `path` while it is in use; the copy appears whole or not at all."""
        self._store.backup(Path(path))

    def export(self, path: str | Path) -> int:
        """Write everything (history, tombstones, vectors) as JSON lines; the number of lines."""
        return self._store.export_jsonl(Path(path))

    def load(self, path: str | Path) -> Loaded:
        """Read an export into this store, which must be empty; the result has the same state digest."""
        loaded = self._store.import_jsonl(Path(path))
        if self._worker is not None:
            self._worker.wake()
        return loaded
