"""Which conversation a request belongs to, and ids of what is said in it: the same words at the same place have the same id.

So a request that is sent again stores nothing twice, whoever sends it and after whichever restart. An id would let somebody who
guesses forgotten words check the guess, were it a plain hash: it is keyed with 32 random bytes that lie outside the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Final

from remanence.errors import InvalidInput
from remanence.serve.proxy.said import Turn
from remanence.store.forgetting.receipts import secret_in

NAME: Final = "proxy.key"


class Names:
    """Keyed ids of conversations and turns."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, folder: Path) -> Names:
        """With the key of this folder, made on first use (mode 0600).

        Raises: InvalidInput where the file holds no key or can't be made."""
        path = folder / NAME
        try:
            raw = secret_in(path)
        except OSError as error:
            raise InvalidInput(
                f"{path} can't be read or made: {error.strerror}",
                hint="set REMANENCE_CONFIG to a folder of your own",
            ) from error
        try:
            key = bytes.fromhex(raw.strip())
        except ValueError:
            key = b""
        if len(key) != 32:
            raise InvalidInput(f"{path} holds no key", hint="move it away: a new one is made")
        return cls(key)

    def session(self, whose: Iterable[str | None], first: str) -> str:
        """The conversation of somebody's that begins with these words."""
        return f"proxy-{self._hash('session', *(one or '' for one in whose), first)[:20]}"

    def turns(self, session: str, turns: Iterable[Turn]) -> list[str]:
        """An id for each turn: of all that was said up to it."""
        so_far, found = self._hash("turn", session), []
        for turn in turns:
            so_far = self._hash(so_far, turn.role, turn.text)
            found.append(f"px-{so_far}")
        return found

    def word(self) -> str:
        """A word that nobody can guess and that stays the same: for a URL."""
        return self._hash("word")

    def _hash(self, *parts: str) -> str:
        digest = blake2b(digest_size=16, key=self._key)
        for part in parts:
            raw = part.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "big") + raw)
        return digest.hexdigest()
