"""Who may call: bearer tokens, each with its rights and whose memory it is for.

A token is `rmem_`, eight hex digits that name it, `_`, and 256 random bits. It is shown once, when it is made; the file keeps a salted
SHA-256 of it. A slow hash would add nothing: it is there for passwords, which can be guessed, and nobody guesses 256 random bits.
The file is for its owner alone (mode 0600) and is read again whenever it has changed, so that revoking takes effect at once.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from threading import Lock
from typing import Any, Final

from remanence.errors import AccessDenied, InvalidInput, NotFound
from remanence.serve.ops.op import Caller, Right
from remanence.store.forgetting.receipts import config_folder
from remanence.store.scopes import check_name

try:
    import fcntl
except (
    ImportError
):  # Windows: whoever makes two tokens at the same moment there makes one of them again
    fcntl = None  # type: ignore[assignment]

NAME: Final = "tokens.json"
_SHAPE: Final = re.compile(r"rmem_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
_SPAN: Final = re.compile(r"([0-9]{1,6})([mhdwy])")
_UNITS: Final = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token: everything but the token itself.

    `tenant`: whose store, "" the server's own; `user_id`, `agent_id`: the only ones it may name, None any; `origin`: the channel of
    all that it brings, "" leaves it to the call; `expires`: None never."""

    name: str
    rights: frozenset[Right] = frozenset({Right.read, Right.write})
    tenant: str = ""
    user_id: str | None = None
    agent_id: str | None = None
    origin: str = ""
    created: datetime
    expires: datetime | None = None
    id: str = ""
    salt: str = ""
    hash: str = ""

    @property
    def caller(self) -> Caller:
        """Who calls with it, as the operations take it."""
        return Caller(
            name=f"http/{self.name}",
            rights=self.rights,
            user_id=self.user_id,
            agent_id=self.agent_id,
            origin=self.origin,
        )

    def expired(self, now: datetime) -> bool:
        """Whether it is of no use any more."""
        return self.expires is not None and self.expires <= now

    def told(self) -> dict[str, object]:
        """What may be shown of it."""
        return {name: value for name, value in _as_json(self).items() if name not in _SECRET}


_SECRET: Final = ("salt", "hash")
_FIELDS: Final = frozenset(field.name for field in fields(Token))


class TokenFile:
    """The tokens in a file; there need not be one yet.

    Raises, whenever it is read: InvalidInput where it holds something else; AccessDenied where others than its owner may read it."""

    def __init__(
        self, path: Path | None = None, *, now: Callable[[], datetime] | None = None
    ) -> None:
        self.path = path or config_folder() / NAME
        self._now = now or (lambda: datetime.now(UTC))
        self._lock = Lock()
        self._seen: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def all(self) -> list[Token]:
        """Every token, in the order in which they were made, expired ones too."""
        return list(self._read().values())

    def who(self, given: str) -> Token | None:
        """Whose token this is; None where it is none of ours, was revoked or has expired."""
        shaped = _SHAPE.fullmatch(given)
        found = self._read().get(shaped[1]) if shaped else None
        # One that is not there takes as long as one that is wrong.
        known = found or _NOBODY
        right = compare_digest(_hash(known.salt, given), known.hash)
        return found if found and right and not found.expired(self._now()) else None

    def has(self, token: Token) -> bool:
        """Whether it is still good: not revoked and not expired."""
        return self._read().get(token.id) == token and not token.expired(self._now())

    def make(
        self,
        name: str,
        rights: Sequence[Right] = (Right.read, Right.write),
        *,
        tenant: str = "",
        user_id: str | None = None,
        agent_id: str | None = None,
        origin: str = "",
        expires: str | datetime | None = None,
    ) -> tuple[str, Token]:
        """A new token, which is not kept anywhere, and what is known of it.

        `expires`: a moment, or a span such as "90d" (m, h, d, w, y). Raises: InvalidInput."""
        if not check_name(name, "a token's name") or not rights:
            raise InvalidInput(
                "a token without a name or rights", hint="name it, and say what it may"
            )
        for value, what in ((tenant, "a tenant"), (user_id, "a user"), (agent_id, "an agent")):
            check_name(value or "", what)
        check_name(origin, "an origin")
        now = self._now()
        id, salt = secrets.token_hex(4), secrets.token_hex(16)
        secret = f"rmem_{id}_{secrets.token_urlsafe(32)}"
        token = Token(
            id=id,
            name=name,
            rights=frozenset(rights),
            tenant=tenant,
            user_id=user_id or None,
            agent_id=agent_id or None,
            origin=origin,
            created=now,
            expires=until(expires, now),
            salt=salt,
            hash=_hash(salt, secret),
        )
        with self._changing():
            tokens = self._read()
            if any(one.name == name and not one.expired(now) for one in tokens.values()):
                raise InvalidInput(
                    f"there is a token {name!r}", hint="revoke it first, or choose another name"
                )
            self._write([*tokens.values(), token])
        return secret, token

    def revoke(self, name: str) -> list[Token]:
        """Take the tokens of that name (or id) away for good. Raises: NotFound."""
        with self._changing():
            tokens = self._read().values()
            gone = [one for one in tokens if name in (one.name, one.id)]
            if not gone:
                raise NotFound(f"no token {name!r}", hint="rmem token list shows them")
            self._write([one for one in tokens if one not in gone])
        return gone

    def _read(self) -> dict[str, Token]:
        try:
            about = self.path.stat()
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise _unreadable(self.path, error) from error
        seen = (about.st_mtime_ns, about.st_size, about.st_ino)
        with self._lock:
            if seen != self._seen:
                if os.name == "posix" and about.st_mode & 0o077:
                    raise AccessDenied(
                        f"{self.path} can be read by others than its owner",
                        hint=f"chmod 600 {self.path}, and make new tokens if somebody may have read it",
                    )
                self._tokens, self._seen = _parsed(self.path), seen
            return dict(self._tokens)

    def _write(self, tokens: Sequence[Token]) -> None:
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        held = json.dumps({"tokens": [_as_json(one) for one in tokens]}, indent=1)
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                out.write(held + "\n")
                out.flush()
                os.fsync(out.fileno())
            os.replace(part, self.path)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone with the file, among all processes."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = self.path.with_name(f"{self.path.name}.lock")
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise _unreadable(self.path, error) from error


def until(expires: str | datetime | None, now: datetime) -> datetime | None:
    """The moment that a span ("90d"), a date or a moment means; None for none. Raises: InvalidInput where it is no moment to come."""
    if expires is None or expires == "":
        return None
    moment = expires if isinstance(expires, datetime) else _moment(expires, now)
    if moment is None or moment.tzinfo is None or moment <= now:
        raise InvalidInput(
            f"expires={expires!s} is no moment to come", hint="write 90d, 12h or 2030-01-31"
        )
    return moment


def _moment(text: str, now: datetime) -> datetime | None:
    if span := _SPAN.fullmatch(text.strip()):
        try:
            return now + int(span[1]) * _UNITS[span[2]]
        except OverflowError:
            return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if len(text.strip()) <= len("2030-01-31") else found


def _hash(salt: str, token: str) -> str:
    return sha256(f"{salt}{token}".encode("utf-8", "backslashreplace")).hexdigest()


_NOBODY: Final = Token(name="", created=datetime.fromtimestamp(0, UTC), hash="0" * 64)


def _as_json(token: Token) -> dict[str, Any]:
    return {
        **asdict(token),
        "rights": sorted(token.rights),
        "created": token.created.isoformat(),
        "expires": token.expires.isoformat() if token.expires else None,
    }


def _parsed(path: Path) -> dict[str, Token]:
    try:
        found = [_token(one) for one in json.loads(path.read_bytes())["tokens"]]
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(
            f"{path} holds no tokens: {type(error).__name__}",
            hint="restore it, or move it away and make new tokens",
        ) from error
    return {one.id: one for one in found}


def _token(held: dict[str, Any]) -> Token:
    known = {name: value for name, value in held.items() if name in _FIELDS}
    token = Token(**known)
    expires = token.expires
    return replace(
        token,
        rights=frozenset(Right(one) for one in known["rights"]),
        created=datetime.fromisoformat(known["created"]),
        expires=datetime.fromisoformat(str(expires)) if expires else None,
    )


def _unreadable(path: Path, error: OSError | ValueError) -> InvalidInput:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return InvalidInput(f"{path} can't be used: {why}", hint="name another file with --tokens")
