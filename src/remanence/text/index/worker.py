"""The queue of texts that wait for their vectors, drained beside the caller's work.

The queue itself is the store's: it survives crashes, and several processes may drain it at once (a text encoded twice gives the
same bytes). This thread only takes the oldest texts, encodes them and hands the vectors back.
"""

from __future__ import annotations

import threading
import time

from remanence.errors import ModelError, StoreBusy, StoreError
from remanence.seams import Embedder, Store
from remanence.text.write.spoken import spoken

BATCH = 64
"""Texts taken at once: what a crash can cost is encoding them again."""


class EmbeddingWorker:
    """Encodes what is pending for one encoder. Starts with the first `wake()`; a daemon, so it never holds up an exit."""

    def __init__(self, store: Store, encoder: Embedder) -> None:
        self.store = store
        self.encoder = encoder
        self.error: ModelError | StoreError | None = None
        """Why it stopped, until the next wake."""
        self._work = threading.Condition()
        self._wanted = False
        self._busy = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There may be work."""
        with self._work:
            if self._stopping:
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
        self.wake()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._work:
            while (self._wanted or self._busy) and self.error is None:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._work.wait(left)
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
        while True:
            with self._work:
                while not (self._wanted or self._stopping):
                    self._work.wait()
                if self._stopping:
                    return
                self._wanted, self._busy = False, True
            try:
                self._drain()
            except (ModelError, StoreError) as error:
                self.error = error
            finally:
                with self._work:
                    self._busy = False
                    self._work.notify_all()

    def _drain(self) -> None:
        while not self._stopping:
            try:
                batch = self.store.pending(self.encoder.id, BATCH)
                if not batch:
                    return
                vectors = self.encoder.encode([spoken(waiting) for waiting in batch])
                self.store.put_vectors(self.encoder.id, [waiting.seq for waiting in batch], vectors)
            except StoreBusy:  # a long write elsewhere: the batch is still pending
                time.sleep(0.05)
