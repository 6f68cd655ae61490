"""Names of tenants as names of files: whatever a tenant is called, its file can be no other tenant's and lies in no other folder.

Lower-case ASCII letters, digits, `-` and `_` stand for themselves; every other byte of the name's UTF-8 is `%` and two hex digits. So file
systems that fold case, normalise Unicode or know special names (`..`, `con`) see nothing of it to change. What would be too
long for a file system becomes `~` and 32 hex digits of a hash, from which the name can't be read back.
"""

from __future__ import annotations

from hashlib import blake2b
from string import ascii_lowercase, digits
from typing import Final

from remanence.errors import InvalidInput
from remanence.store.scopes import check_name

LONGEST: Final = 180
"""Characters; file systems allow 255 bytes, and suffixes come after it."""
_PLAIN: Final = frozenset((ascii_lowercase + digits + "-_").encode())
_DEVICES: Final = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)))
)
"""What Windows takes for a device whatever its suffix."""


def file_name(name: str) -> str:
    """The name of a file for a tenant, without a suffix; no two names have the same.

    Raises: InvalidInput where it is empty, too long, or has control characters.

    >>> file_name("acme"), file_name("Acme"), file_name("../b"), file_name("con")
    ('acme', '%41cme', '%2e%2e%2fb', '%63on')
    """
    if not check_name(name, "a tenant"):
        raise InvalidInput("a tenant without a name", hint="name the tenant")
    raw = name.encode()
    first = b"" if name in _DEVICES else _PLAIN
    spelled = "".join(
        chr(byte) if byte in (_PLAIN if place else first) else f"%{byte:02x}"
        for place, byte in enumerate(raw)
    )
    return spelled if len(spelled) <= LONGEST else f"~{blake2b(raw, digest_size=16).hexdigest()}"


def name_of(spelled: str) -> str | None:
    """The inverse of `file_name`; None for what is hashed and for what `file_name` does not write.

    >>> name_of("%41cme"), name_of("Acme"), name_of("a%62")
    ('Acme', None, None)
    """
    first, *rest = spelled.split("%")
    try:
        raw = first.encode("ascii") + b"".join(
            bytes.fromhex(part[:2]) + part[2:].encode("ascii") for part in rest
        )
        name = raw.decode()
        return name if file_name(name) == spelled else None
    except (ValueError, UnicodeError):  # InvalidInput is a ValueError too
        return None
