"""Receipts that can be checked: canonical JSON, signed with Ed25519 by a key that lies outside the store.

The key is made once, for its owner alone (mode 0600), in `$REMANENCE_CONFIG`, else `$XDG_CONFIG_HOME/remanence`, else
`~/.config/remanence`. Who has the store but not the key can't write receipts; who has a receipt can check it against the key he knows
and against the store's own chain of hashes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from remanence.errors import InvalidInput
from remanence.store.derive import EVENTS, FORGET, entry_of
from remanence.store.engine import Database
from remanence.store.ledger import chain
from remanence.types import Check, Receipt, to_micros

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT: Final = 1
NAME: Final = "receipts.key"
_FIELDS: Final = (
    "remanence", "format", "ids", "versions", "derived", "at", "seq", "scope", "actor", "digests", "head", "checks", "signer",
    "signature",
)  # fmt: skip


class Attesting(Protocol):
    """A store that can say whether a receipt agrees with its ledger."""

    def attest(self, receipt: Receipt) -> list[str]:
        """What the ledger says against the receipt; nothing where they agree."""
        ...


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, and its public half as 64 hex digits."""

    _key: Ed25519PrivateKey
    public: str

    @classmethod
    def open(cls, folder: Path | None = None) -> Signer:
        """The key of this user, made on first use. `folder`: in place of the configuration folder.

        Raises: InvalidInput where the file holds no key or can't be made."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        path = (folder or config_folder()) / NAME
        try:
            raw = secret_in(path)
        except OSError as error:
            raise InvalidInput(
                f"{path} can't be read or made: {error.strerror}",
                hint="set REMANENCE_CONFIG to a folder of your own",
            ) from error
        try:
            key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(raw.strip()))
        except ValueError as error:
            raise InvalidInput(
                f"{path} holds no signing key",
                hint="restore it, or move it away: a new one is made, and receipts of the old one need its public key",
            ) from error
        return cls(key, key.public_key().public_bytes_raw().hex())

    def sign(self, receipt: Receipt) -> Receipt:
        """The receipt with `signer` and `signature` set."""
        named = replace(receipt, signer=self.public, signature="")
        return replace(named, signature=self._key.sign(_signed(named)).hex())


def config_folder() -> Path:
    """Where the user's key lies."""
    if own := os.environ.get("REMANENCE_CONFIG"):
        return Path(own)
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "remanence"


def secret_in(path: Path) -> str:
    """The text of a file with a secret: 32 random bytes as hex digits, made on first use (mode 0600), whole or not at all.

    Raises: OSError."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written whole under another name first: two processes may make it at once, and both must go on with the same one.
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(os.urandom(32).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # the other one was first
            os.link(fresh, path)
    finally:
        fresh.unlink()
    return path.read_text(encoding="ascii", errors="replace")


def to_json(receipt: Receipt) -> str:
    """One line of canonical JSON: keys sorted, no spaces, ASCII."""
    return json.dumps(
        {**_values(receipt), "signature": receipt.signature},
        sort_keys=True, separators=(",", ":"), allow_nan=False,
    )  # fmt: skip


def from_json(text: str | bytes) -> Receipt:
    """The inverse of `to_json`; what it does not know is an error, for it would not be under the signature.

    Raises: InvalidInput."""
    try:
        values = json.loads(text)
        if not isinstance(values, dict) or values.get("remanence") != "receipt":
            raise InvalidInput("this is no receipt", hint="give the JSON that forget wrote")
        if values["format"] != FORMAT:
            raise InvalidInput(
                f"a receipt of format {values['format']!r}", hint="install a newer Remanence"
            )
        if strange := sorted(set(values) - set(_FIELDS)):
            raise InvalidInput(f"a receipt with {strange[0]!r}", hint="it was changed")
        receipt = Receipt(
            ids=_strings(values["ids"]),
            versions=_number(values["versions"]),
            derived={_string(name): _number(count) for name, count in values["derived"].items()},
            at=datetime.fromisoformat(_string(values["at"])),
            seq=_number(values["seq"]),
            scope=_strings(values["scope"]),
            actor=_string(values["actor"]),
            digests=_strings(values["digests"]),
            head=_string(values["head"]),
            checks=tuple(
                Check(_string(surface), _number(looked), _number(found), _string(note))
                for surface, looked, found, note in values["checks"]
            ),
            signer=_string(values["signer"]),
            signature=_string(values["signature"]),
        )
        if receipt.at.tzinfo is None:
            raise ValueError("a moment without a time zone")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(
            f"this is no whole receipt: {type(error).__name__}: {error}", hint="it was changed"
        ) from error
    return receipt


def verify(
    receipt: Receipt, *, key: str | None = None, store: Attesting | None = None
) -> list[str]:
    """What is wrong with a receipt; empty where it is in order.

    `key`: the public key that it must be signed with (None: that of this user here); `store`: whose ledger must agree with it.
    A check that found something is a problem too: then the forget was not complete."""
    problems = _check_signature(receipt, key or Signer.open().public)
    problems += [
        f"{check.surface}: {check.found} of {check.looked} found: {check.note}"
        for check in receipt.checks
        if check.found
    ]
    if store is not None:
        problems += store.attest(receipt)
    return problems


def _check_signature(receipt: Receipt, key: str) -> list[str]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not receipt.signature:
        return ["it is not signed"]
    if receipt.signer != key:
        return [f"it is signed by {receipt.signer or 'nobody'}, not by {key}"]
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        signature = bytes.fromhex(receipt.signature)
        if signature.hex() != receipt.signature:
            return ["its signature is not written as it was"]
        public.verify(signature, _signed(receipt))
    except (InvalidSignature, ValueError):
        return ["its signature does not fit: it was changed, or signed with another key"]
    return []


def attest(db: Database, receipt: Receipt) -> list[str]:
    """What the ledger says against a receipt. Names are not compared: a forgotten space has none."""
    problems = []
    rows = db.execute(f"{EVENTS} WHERE seq = ?", (receipt.seq,)).fetchall()
    if not rows:
        return [f"the ledger has no event {receipt.seq}"]
    last = entry_of(rows[0])
    if last.hash.hex() != receipt.head:
        problems.append(f"event {receipt.seq} has another hash: this ledger is not the receipt's")
    if not receipt.ids:
        return problems
    if last.at != to_micros(receipt.at):
        problems.append(f"event {receipt.seq} is of another moment")
    if last.actor != receipt.actor:
        problems.append(f"event {receipt.seq} is another actor's")
    wanted = set(receipt.ids)
    first, named = last.seq, set[str]()
    # The forget events of one call follow each other and bear its moment.
    for row in db.execute(f"{EVENTS} WHERE seq <= ? ORDER BY seq DESC", (last.seq,)):
        entry = entry_of(row)
        if entry.at != last.at or entry.space != last.space or entry.op != FORGET:
            break
        first = entry.seq
        named.add(entry.rid)
    if not wanted <= named:
        problems.append(f"{len(wanted - named)} of its ids were not forgotten by these events")
    if named - wanted:
        problems.append(f"{len(named - wanted)} ids were forgotten with them and are not named")
    problems += _check_chain(db, first, last.seq)
    problems += _check_erased(db, receipt, first, last.seq, last.space)
    return problems


def _check_chain(db: Database, first: int, last: int) -> list[str]:
    rows = db.execute(f"{EVENTS} WHERE seq BETWEEN ? AND ? ORDER BY seq", (first - 1, last))
    keys: dict[int, bytes] = dict(db.execute("SELECT id, key FROM spaces"))
    previous = None
    for row in rows:
        entry = entry_of(row)
        if previous is not None and (
            entry.space not in keys or chain(previous, keys[entry.space], entry) != entry.hash
        ):
            return [f"event {entry.seq}: its hash does not follow from its header"]
        previous = entry.hash
    return []


def _check_erased(db: Database, receipt: Receipt, first: int, last: int, space: int) -> list[str]:
    rows = db.execute(
        "SELECT e.digest, e.body IS NULL AND e.salt IS NULL FROM erased g JOIN events e ON e.seq = g.seq "
        "WHERE g.space = ? AND g.by BETWEEN ? AND ?",
        (space, first, last),
    ).fetchall()
    problems = []
    digests = sorted(digest.hex() for digest, _ in rows)
    if digests != sorted(receipt.digests):
        problems.append("the chain holds other digests for what these events erased")
    if present := sum(not blank for _, blank in rows):
        problems.append(f"{present} erased events have their content")
    if receipt.versions != len(receipt.digests):
        problems.append(f"{receipt.versions} versions and {len(receipt.digests)} digests")
    living = db.execute(
        "SELECT count(*) FROM docs WHERE space = ? AND seq IN (SELECT seq FROM erased WHERE space = ? AND by BETWEEN ? AND ?)",
        (space, space, first, last),
    ).fetchone()[0]
    if living:
        problems.append(f"{living} of its versions can still be read")
    return problems


def _values(receipt: Receipt) -> dict[str, Any]:
    return {
        "remanence": "receipt",
        "format": FORMAT,
        "ids": list(receipt.ids),
        "versions": receipt.versions,
        "derived": dict(receipt.derived),
        "at": receipt.at.isoformat(),
        "seq": receipt.seq,
        "scope": list(receipt.scope),
        "actor": receipt.actor,
        "digests": list(receipt.digests),
        "head": receipt.head,
        "checks": [[c.surface, c.looked, c.found, c.note] for c in receipt.checks],
        "signer": receipt.signer,
    }


def _signed(receipt: Receipt) -> bytes:
    return json.dumps(
        _values(receipt), sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no string")
    return value


def _strings(values: Sequence[object]) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise ValueError(f"{values!r} is no list")
    return tuple(map(_string, values))


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
