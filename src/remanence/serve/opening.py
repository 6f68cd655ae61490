"""Where a command's store is and whose memory it means; and opening it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from remanence.embed.choose import open_embedder
from remanence.errors import NotFound
from remanence.memory import Memory
from remanence.recipes.default import default
from remanence.serve.options import (
    Actor,
    Agent,
    Archived,
    Asker,
    AsOf,
    Audience,
    AuditReads,
    Embedder,
    Keys,
    KnownAt,
    PolicyFile,
    Purpose,
    Ranker,
    Store,
    Tenant,
    User,
    default_store,
)
from remanence.serve.output import working
from remanence.store.folder import tenant_file
from remanence.store.keys import Key, KeyFolder
from remanence.text.guard.policy import Policy
from remanence.text.read.ranker import Weights

_URLS = ("sqlite", "folder")


class Whose(TypedDict):
    """Whose memory, as the verbs take it."""

    user_id: str | None
    agent_id: str | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which store."""

    store: Store = ""
    tenant: Tenant = ""
    keys: Keys = ""

    def open(self, *, embedder: str = "none") -> Memory:
        """The memory there. Raises: NotFound, and what `Memory.open` raises."""
        return open_memory(self, embedder=embedder)

    @property
    def path(self) -> Path | None:
        """The file of the store, a tenant's in a folder; None for a URL that names no file."""
        location = self.store or default_store()
        kind, separator, rest = location.partition("://")
        if separator and kind not in _URLS:
            return None
        path = Path(rest.removeprefix("/") if separator else location).expanduser()
        folder = location.endswith(("/", os.sep)) or path.is_dir()
        if (kind == "folder" if separator else folder) and self.tenant:
            return tenant_file(path, self.tenant)
        return path


@dataclass(frozen=True, kw_only=True)
class Here(Place):
    """Which store, and whose memory in it."""

    user: User = None
    agent: Agent = None

    @property
    def whose(self) -> Whose:
        """As the verbs take it."""
        return {"user_id": self.user, "agent_id": self.agent}


@dataclass(frozen=True, kw_only=True)
class Doing(Here):
    """As `Here`, for commands that change something."""

    actor: Actor = ""

    def open(self, *, embedder: str = "none") -> Memory:
        """The memory there, its changes in the name of the actor."""
        return open_memory(self, embedder=embedder, actor=self.actor)


@dataclass(frozen=True, kw_only=True)
class Writing(Doing):
    """As `Doing`, for commands that bring text."""

    policy: PolicyFile = ""

    def open(self, *, embedder: str = "none", create: bool = False) -> Memory:
        """The memory there, guarded by the policy; made where there is none and `create`."""
        return open_memory(
            self, embedder=embedder, actor=self.actor, policy=self.policy, create=create
        )


@dataclass(frozen=True, kw_only=True)
class Asking(Here):
    """As `Here`, for commands that ask: at which time, for whom, and by what the answer is found."""

    as_of: AsOf = None
    known_at: KnownAt = None
    archived: Archived = False
    audience: Audience = ""
    purpose: Purpose = ""
    asker: Asker = ""
    audit_reads: AuditReads = False
    policy: PolicyFile = ""
    embedder: Embedder = "auto"
    ranker: Ranker = ""

    def open(self, *, embedder: str = "") -> Memory:
        """The memory there, with its encoder."""
        return open_memory(
            self,
            embedder=embedder or self.embedder,
            ranker=self.ranker,
            policy=self.policy,
            audit_reads=self.audit_reads,
        )

    @property
    def how(self) -> Asked:
        """As `search` and `context` take it."""
        return {
            "user_id": self.user,
            "agent_id": self.agent,
            "as_of": self.as_of,
            "known_at": self.known_at,
            "archived": self.archived,
            "audience": self.audience,
            "purpose": self.purpose,
            "asker": self.asker,
        }


class Asked(Whose):
    """How it is asked, as `search` and `context` take it."""

    as_of: str | None
    known_at: str | None
    archived: bool
    audience: str
    purpose: str
    asker: str


def open_memory(
    place: Place,
    *,
    embedder: str = "none",
    ranker: str = "",
    policy: str = "",
    actor: str = "",
    audit_reads: bool = False,
    create: bool = False,
) -> Memory:
    """The memory at a place, read with the weights in the file `ranker` and under the policy in the file `policy` where they are given.

    Only writing commands make a new store: a mistyped path should not be a memory. Raises: NotFound, and what `Memory.open` raises."""
    path = place.path
    if path is not None and create and not place.store:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path is not None and not create and not path.exists():
        refuse_missing(place, path)
    weights = Weights.load(ranker) if ranker else None
    rules = Policy.load(policy) if policy else None
    with working(
        "loading the encoder", shown=embedder != "none"
    ):  # the first time it is converted: some seconds
        encoder = open_embedder(embedder)
    return Memory.open(
        place.store or default_store(),
        embedder=encoder,
        recipe=default(encoder, weights=weights, policy=rules),
        tenant=place.tenant,
        key=key_place(place.keys),
        actor=actor,
        audit_reads=audit_reads,
    )


def refuse_missing(place: Place, path: Path) -> None:
    """Raises: NotFound for a store that is not there."""
    hint = "rmem add or rmem import makes one; --store or $REMANENCE_STORE names another"
    if place.tenant and path.parent.is_dir() and path == tenant_file(path.parent, place.tenant):
        known = "rmem tenants lists those in it; rmem add makes another one"
        raise NotFound(f"there is no store of {place.tenant!r} in {path.parent}", hint=known)
    raise NotFound(f"there is no store at {path}", hint=hint)


def key_place(given: str) -> Key | None:
    """What `--keys` names: a folder of keys, or a key's file. Not the key itself, which others could read in the list of processes."""
    if not given:
        return None
    path = Path(given).expanduser()
    return KeyFolder(path) if path.is_dir() or given.endswith(("/", os.sep)) else path
