"""Files whose every page is encrypted: connections through SQLCipher instead of SQLite, and how to tell such a file.

SQLCipher encrypts each page with AES-256-CBC under a random initialisation vector and seals it with an HMAC-SHA512, in the file, in
its write-ahead log and in backups alike. The key is used as it is: no passphrase is stretched. The package `sqlcipher3` brings its
own SQLite; nothing of it is loaded where no key is given.
"""

from __future__ import annotations

import sqlite3
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from remanence.errors import AccessDenied, InvalidInput, MissingExtra, NotAStore
from remanence.store.forgetting import scan
from remanence.store.schema import MAGIC, PAGE_SIZE

KEY_BYTES: Final = 32
_DRIVER: Final = "sqlcipher3.dbapi2"
_RANDOM: Final = 250
"""Different bytes in a page of 4096 from which on it looks encrypted: random pages have all 256, texts and databases far fewer."""


def connect(name: str | Path, key: bytes | None, **settings: Any) -> sqlite3.Connection:
    """A connection as `sqlite3.connect` makes it; with a key (32 bytes), to a file that is or will be encrypted with it.

    Whether the key fits shows when the first page is read. Raises: MissingExtra without sqlcipher3."""
    if key is None:
        plain: sqlite3.Connection = sqlite3.connect(name, **settings)
        return plain
    assert len(key) == KEY_BYTES
    try:
        driver = import_module(_DRIVER)
    except ImportError as error:
        raise MissingExtra(
            "encrypted stores need sqlcipher3", hint="pip install 'remanence[crypto]'"
        ) from error
    db = cast(sqlite3.Connection, driver.connect(str(name), **settings))
    try:
        # It would write every page that does not check out to stderr; we raise.
        db.execute("PRAGMA cipher_log_level = NONE")
        cast(Any, db).set_key(f"x'{key.hex()}'")
        # What SQLite puts aside while it sorts or compacts would not be encrypted.
        db.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        db.close()
        raise
    return db


def errors(*names: str) -> tuple[type[Exception], ...]:
    """The exceptions of these names (default: `Error`, the base) of every SQLite in use: SQLCipher's are no relatives of Python's."""
    modules = [sqlite3, sys.modules.get(_DRIVER)]
    return tuple(getattr(m, name) for name in names or ("Error",) for m in modules if m is not None)


def inspect(path: Path) -> bool:
    """Look at a file for which a key was given. True: nothing there yet (absent or empty).

    Raises: InvalidInput where it is an SQLite file that is not encrypted, NotAStore where it is a folder."""
    try:
        header = scan.head(path)[: len(MAGIC)]
    except FileNotFoundError:
        return True
    except IsADirectoryError as error:
        raise NotAStore(f"{path} is a folder", hint="name a file inside it") from error
    if header == MAGIC:
        raise not_encrypted(path)
    return not header


def refuse_encrypted(path: Path) -> None:
    """Raises: AccessDenied where a file that was opened without a key looks encrypted."""
    page = scan.head(path, PAGE_SIZE)
    whole = len(page) == PAGE_SIZE and path.stat().st_size % PAGE_SIZE == 0
    if whole and not page.startswith(MAGIC) and len(set(page)) >= _RANDOM:
        raise no_key(path)


def no_key(path: Path) -> AccessDenied:
    """A file that is encrypted was opened without a key."""
    return AccessDenied(
        f"{path} is encrypted, or no Remanence store at all", hint="open it with its key"
    )


def not_encrypted(path: Path) -> InvalidInput:
    """A file that is not encrypted was opened with a key."""
    return InvalidInput(
        f"{path} is not encrypted, and a key was given",
        hint="open it without a key; to encrypt what it holds, export it and load that into a new store with a key",
    )
