"""The file that lists the servers, and which of them a new tenant goes to.

    directory = "a"

    [[server]]
    id = "a"
    url = "postgresql://remanence@db1/memories"

    [[server]]
    id = "b"
    url = "postgresql://remanence@db2/memories"
    weight = 2.0

The directory is the server that keeps the list of who is where. A password belongs into libpq's password file, not here.
"""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from remanence.errors import InvalidInput, NotFound, ReadOnly
from remanence.store.postgres.place import Place, is_url, place

SCHEME: Final = "shards"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Server:
    """A server: its name, which never changes and is never given to another one; where it is; its share of new tenants beside others'."""

    id: str
    url: str = field(repr=False)
    weight: float = 1.0

    @property
    def place(self) -> Place:
        """Raises: InvalidInput, MissingExtra."""
        return place(self.url)


@dataclass(frozen=True, slots=True)
class Shards:
    """The servers, in the order of the file; `directory`: the name of the one that keeps the list of who is where."""

    path: Path
    servers: tuple[Server, ...]
    directory: str

    def __getitem__(self, id: str) -> Server:
        """Raises: NotFound for a server that is not listed."""
        for server in self.servers:
            if server.id == id:
                return server
        raise NotFound(
            f"there is no server {id!r} in {self.path}",
            hint="add it to the file: it has tenants, or take the file that the others use",
        )

    def ranked(self, tenant: str) -> list[Server]:
        """The servers, the one that a new tenant goes to first. Adding a server changes that for its share of tenants only."""
        return sorted(self.servers, key=lambda server: (-score(server, tenant), server.id))


def score(server: Server, tenant: str) -> float:
    """How much a server wants a tenant: weighted rendezvous hashing. The same on every machine, in every version.

    Source: Thaler and Ravishankar, IEEE/ACM Transactions on Networking 6(1), 1998; the weights by Schindler and Schomaker's logarithmic
    method."""
    name = f"{len(server.id)}:{server.id}{tenant}".encode("utf-8", "surrogatepass")
    drawn = int.from_bytes(blake2b(name, digest_size=8, person=b"remanence-place").digest())
    return -server.weight / math.log((drawn + 0.5) / 2**64)


def is_shards(location: object) -> bool:
    """Whether this names a file of shards: `shards:///relative.toml` or `shards:////absolute.toml`."""
    return isinstance(location, str) and location.partition("://")[0] == SCHEME


def file_of(location: str) -> Path:
    """The path in a URL. Raises: InvalidInput."""
    name = location.partition("://")[2].removeprefix("/")
    if not name.strip() or "\0" in name:
        raise InvalidInput(
            f"{location!r} names no file", hint="write shards:///shards.toml, or shards:////etc/…"
        )
    return Path(name).expanduser()


def read(path: Path) -> Shards:
    """Raises: NotFound where there is no such file, InvalidInput where it says what can't be."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise NotFound(
            f"no file of shards at {path}: {error.strerror}", hint="rmem shards add makes one"
        ) from error
    try:
        said = tomllib.loads(raw.decode())
    except ValueError as error:
        raise InvalidInput(f"{path} is no TOML: {error}", hint="see docs/doors/scale.md") from None
    unknown = said.keys() - {"directory", "server"}
    listed = said.get("server", [])
    if unknown or not isinstance(listed, list) or not listed:
        what = f"says {min(unknown)!r}" if unknown else "lists no [[server]]"
        raise InvalidInput(f"{path} {what}", hint="write directory and [[server]] only")
    servers = tuple(_server(path, one) for one in listed)
    ids = [server.id for server in servers]
    if len(set(ids)) < len(ids):
        raise InvalidInput(f"{path} names a server twice", hint="each has a name of its own")
    directory = said.get("directory", ids[0] if len(ids) == 1 else "")
    if directory not in ids:
        raise InvalidInput(
            f"{path} has no server {directory!r} to keep the list of tenants",
            hint=f'write directory = "{ids[0]}", and never change it',
        )
    return Shards(path, servers, directory)


def _server(path: Path, said: Any) -> Server:
    if not isinstance(said, dict) or said.keys() - {"id", "url", "weight"}:
        raise InvalidInput(f"{path}: a server has id, url and weight", hint="write no more")
    id, url, weight = said.get("id"), said.get("url", ""), said.get("weight", 1.0)
    if not isinstance(id, str) or not _ID.match(id):
        raise InvalidInput(f"{path}: a server's id is {id!r}", hint="use letters, digits, . _ -")
    if not is_url(url):
        raise InvalidInput(f"{path}: server {id} has no URL", hint="postgresql://user@host/name")
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < 1e6:
        raise InvalidInput(f"{path}: server {id} weighs {weight!r}", hint="give a number above 0")
    return Server(id, url, float(weight))


def write(shards: Shards) -> None:
    """Write the file, whole or not at all, readable by its owner only.

    Raises: InvalidInput where two servers have one name, ReadOnly."""
    lines = [f"directory = {_quoted(shards.directory)}"]
    for server in shards.servers:
        lines += ["", "[[server]]", f"id = {_quoted(server.id)}"]
        lines += [f"url = {_quoted(server.url)}", f"weight = {server.weight}"]
    part = shards.path.with_name(f"{shards.path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write("\n".join(lines) + "\n")
            out.flush()
            os.fsync(out.fileno())
        read(part)
        os.replace(part, shards.path)
    except OSError as error:
        raise ReadOnly(
            f"{shards.path} can't be written: {error.strerror}", hint="check its permissions"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a string of JSON is one of TOML
