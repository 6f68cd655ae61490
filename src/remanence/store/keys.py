"""Keys of encrypted stores, kept outside of them: destroying a key makes its store unreadable, backups included.

A key is 32 random bytes. It is given as such, as 64 hex digits, as the path of a file that holds either, or as something that is called
with the tenant's name and answers with the key: a `KeyFolder`, or the caller's own door to a key service.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from remanence.errors import AccessDenied, InvalidInput, NotFound
from remanence.store.cipher import KEY_BYTES
from remanence.store.names import file_name

Keys = Callable[[str], bytes]
"""The key of a tenant. Raises what it likes where there is none."""
Key = bytes | str | Path | Keys
_SUFFIX: Final = ".key"


class KeyFolder:
    """A folder (0700) with a file (0600) for each key. Keep it on another medium than the stores and out of their backups.

    Destroying overwrites the file before it unlinks it. A file system that copies on write, keeps snapshots or lives on flash memory
    may hold the old bytes for longer: there, the folder belongs on an encrypted or volatile medium, or in a key service."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()

    def __call__(self, name: str) -> bytes:
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        return self._file(name).exists()

    def get(self, name: str) -> bytes:
        """The key of that name. Raises: NotFound where there is none, AccessDenied where it can't be read, InvalidInput."""
        file = self._file(name)
        if not file.exists():
            raise NotFound(
                f"no key for {name!r} in {self.path}",
                hint="it was destroyed or never made: what was encrypted with it can't be read",
            )
        return read_key(file)

    def create(self, name: str) -> bytes:
        """A new key; where another process made one at the same moment, both get the same.

        Raises: InvalidInput where there is one already, AccessDenied where the folder can't be written."""
        if name in self:
            raise InvalidInput(f"there is a key for {name!r}", hint="get() reads it")
        return self.ensure(name)

    def ensure(self, name: str) -> bytes:
        """The key of that name, made where there is none. Raises: AccessDenied, InvalidInput."""
        file = self._file(name)
        if file.exists():
            return read_key(file)
        part = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as out:
                out.write(secrets.token_bytes(KEY_BYTES))
                out.flush()
                os.fsync(out.fileno())
            try:
                os.link(part, file)  # unlike a rename, never over a key that is there
            except FileExistsError:
                _overwrite(part)
            else:
                part.unlink()
            sync_folder(self.path)
        except OSError as error:
            raise AccessDenied(
                f"no key can be made in {self.path}: {error.strerror}",
                hint="name a folder that can be written",
            ) from error
        return read_key(file)

    def destroy(self, name: str) -> None:
        """Overwrite and unlink a key. Who has its store open reads on until it is closed.

        Raises: NotFound where there is none, AccessDenied where it can't be written."""
        file = self._file(name)
        if not file.exists():
            raise NotFound(f"no key for {name!r} in {self.path}", hint="check the name")
        try:
            _overwrite(file)
            sync_folder(self.path)
        except OSError as error:
            raise AccessDenied(
                f"the key of {name!r} can't be destroyed: {error.strerror}",
                hint="check the permissions of the folder of keys",
            ) from error

    def _file(self, name: str) -> Path:
        return self.path / f"{file_name(name)}{_SUFFIX}"


def key_for(key: Key | None, name: str, *, fresh: bool) -> bytes | None:
    """The 32 bytes of whatever was given as a key. `fresh`: the store is about to be made, so a `KeyFolder` may make its key too.

    Raises: InvalidInput, NotFound, AccessDenied, and what the caller's own provider raises."""
    if key is None:
        return None
    if isinstance(key, KeyFolder):
        return key.ensure(name) if fresh else key.get(name)
    if callable(key):
        return _checked(key(name), f"the key of {name!r}")
    if isinstance(key, str):
        found = _from_hex(key)
        key = Path(key).expanduser() if found is None else found
    return read_key(key) if isinstance(key, Path) else _checked(key, "the key")


def read_key(path: Path) -> bytes:
    """A key from a file of 32 bytes, or of 64 hex digits with space around them. Raises: NotFound, AccessDenied, InvalidInput."""
    try:
        with path.open("rb") as file:
            raw = file.read(4 * KEY_BYTES)
    except FileNotFoundError:
        raise NotFound(
            f"no key file at {path}", hint="give 32 bytes, 64 hex digits, or a key file's path"
        ) from None
    except (OSError, ValueError) as error:
        raise AccessDenied(f"{path} can't be read: {error}", hint="name a key file") from error
    found = raw if len(raw) == KEY_BYTES else _from_hex(raw.decode("ascii", "replace").strip())
    return _checked(found, f"the content of {path}")


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _from_hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else None
    except ValueError:
        return None


def _checked(key: object, what: str) -> bytes:
    # The value itself is never shown.
    if not isinstance(key, (bytes, bytearray)) or len(key) != KEY_BYTES:
        raise InvalidInput(
            f"{what} is not {KEY_BYTES} bytes", hint="make one: secrets.token_bytes(32)"
        )
    return bytes(key)
