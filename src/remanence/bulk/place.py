"""Where a memory is and how it is opened, as plain data that can be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from remanence.embed.choose import open_embedder
from remanence.memory import Memory
from remanence.seams import Embedder
from remanence.store.choose import open_store
from remanence.store.keys import Key
from remanence.store.verbs import LedgerStore
from remanence.text.index.terms import record_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The arguments of `Memory.open` that work in another process too; `embedder` is a name or a URL."""

    store: str
    key: Key | None = None
    policy: str = ""
    embedder: str = "none"
    actor: str = ""

    def open(self, tenant: str = "", *, embedder: str | None = None) -> Memory:
        """The memory of a tenant, made where there is none. Raises: what `Memory.open` raises."""
        return Memory.open(
            self.store,
            embedder=encoder(self.embedder if embedder is None else embedder),
            tenant=tenant,
            key=self.key,
            policy=self.policy or None,
            actor=self.actor,
        )

    def store_of(self, tenant: str = "") -> LedgerStore:
        """The store alone. Raises: what `open_store` raises."""
        return open_store(self.store, analyze=record_terms, tenant=tenant, key=self.key)


@lru_cache(maxsize=2)
def encoder(spec: str) -> Embedder | None:
    """An encoder by name, loaded once a process."""
    return open_embedder(spec)
