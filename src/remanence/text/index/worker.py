"""The queue of texts that wait for their vectors, drained beside the caller's work.

The queue itself is the store's: it survives crashes, and several processes may drain it at once (a text encoded twice gives the
same bytes). This thread only takes the oldest texts, encodes them and hands the vectors back.
"""

from __future__ import annotations

import threading
import time

from remanence.errors import ModelError, RemanenceError, StoreBusy, WrongDimension
from remanence.seams import Embedder, Store
from remanence.text.write.spoken import spoken

BATCH = 64
"""Texts taken at once: what a crash can cost is encoding them again."""


QUIET = 0.05
"""Seconds without a write after which it starts: encoding beside a burst of writes would slow each of them down."""
PATIENCE = 1.0
"""Seconds after which a batch is encoded even so."""


class EmbeddingWorker:
    """Encodes what is pending for one encoder. Starts with the first `wake()`; a daemon, so it never holds up an exit.

    `later`: other processes do it (`rmem worker`), and this one only where somebody waits in `flush`."""

    def __init__(self, store: Store, encoder: Embedder, *, later: bool = False) -> None:
        self.store = store
        self.later = later
        self.encoder = encoder
        self.error: RemanenceError | None = None
        """Why it stopped, until the next wake."""
        self.encoding = threading.Lock()
        """Held while a batch is read, encoded and stored: who erases takes it, so that no batch holds what is gone."""
        self._work = threading.Condition()
        self._wanted = False
        self._busy = False
        self._flushing = 0
        self._stopping = False
        self._last_write = 0.0
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There may be work, soon."""
        if not self.later:
            self._ask()

    def _ask(self) -> None:
        with self._work:
            self._last_write = time.monotonic()
            if self._stopping or self._wanted:
                return
            self._wanted, self.error = True, None
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="remanence-embed", daemon=True
                )
                self._thread.start()
            self._work.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing is pending; False if `timeout` seconds passed first.

        Raises: the error that stopped the worker."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self._ask()
        with self._work:
            self._flushing += 1
            self._work.notify_all()
            try:
                while (self._wanted or self._busy) and self.error is None:
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        return False
                    self._work.wait(left)
            finally:
                self._flushing -= 1
            if self.error is not None:
                raise self.error
        return True

    def stop(self) -> None:
        """Finish the batch in hand and end; what is pending waits in the store."""
        with self._work:
            self._stopping = True
            self._work.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._due():
            more = False
            try:
                more = self._batch()
            except RemanenceError as error:
                self.error = error
            except (
                Exception
            ) as error:  # an encoder may raise anything: whoever waits must hear of it
                self.error = ModelError(
                    f"the encoder {self.encoder.id} failed: {type(error).__name__}: {error}",
                    hint="the texts wait in the store; mend it or open with another encoder",
                )
                self.error.__cause__ = error
            finally:
                with self._work:
                    self._busy, self._wanted = False, self._wanted or more
                    self._work.notify_all()

    def _due(self) -> bool:
        """Wait until a batch should be encoded; False where the worker should end."""
        with self._work:
            while not (self._wanted or self._stopping):
                self._work.wait()
            latest = time.monotonic() + PATIENCE
            while not (self._flushing or self._stopping):
                left = min(self._last_write + QUIET, latest) - time.monotonic()
                if left <= 0:
                    break
                self._work.wait(left)
            self._wanted, self._busy = False, True
            return not self._stopping

    def _batch(self) -> bool:
        """Encode the oldest texts. True where more may be pending."""
        with self.encoding:
            return self._encoded()

    def _encoded(self) -> bool:
        try:
            batch = self.store.pending(self.encoder.id, BATCH)
            if not batch:
                return False
            vectors = self.encoder.encode([spoken(waiting) for waiting in batch])
            if vectors.dense.shape != (len(batch), self.encoder.dim):
                raise WrongDimension(
                    f"{len(batch)} texts, vectors of shape {vectors.dense.shape} from {self.encoder.id}",
                    hint=f"give one row a text, each of the {self.encoder.dim} numbers that dim says",
                )
            self.store.put_vectors(self.encoder.id, [waiting.seq for waiting in batch], vectors)
        except StoreBusy:  # a long write elsewhere: the batch is still pending
            time.sleep(QUIET)
        return True
