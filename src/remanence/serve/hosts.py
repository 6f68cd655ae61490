"""By which names a server is called, and which web pages may call it: a browser sends its user's requests wherever a page says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from remanence.errors import InvalidInput


def stranger(
    headers: Mapping[str, str], origins: Collection[str], *, loopback: bool
) -> Literal["host", "origin", ""]:
    """What of a request shows that it should not be here: its host, its origin, or nothing ("").

    `headers` by names in lower case; `origins`: those of pages that may call, besides the server's own; `loopback`: it must be called by a
    name that leads to this machine only, for another one that leads here is how a page gets round the rule on origins.

    >>> stranger({"host": "evil.example:80"}, (), loopback=True)
    'host'
    >>> stranger({"host": "localhost:80", "origin": "https://evil.example"}, (), loopback=True)
    'origin'
    >>> stranger({"host": "localhost:80", "origin": "http://localhost:80"}, (), loopback=True)
    ''
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    if loopback and not is_loopback(host_of(host)):
        return "host"
    if origin is None:
        # A page's pictures and scripts bring no origin, but browsers say all the same whose they are. Following a link is no call.
        elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        return "origin" if elsewhere and headers.get("sec-fetch-mode") != "navigate" else ""
    if origin in origins:
        return ""
    scheme, _, netloc = origin.partition("://")
    return "" if scheme in ("http", "https") and host and netloc == host else "origin"


def host_of(netloc: str) -> str:
    """A host without its port.

    >>> host_of("[::1]:8765"), host_of("localhost:80"), host_of("example.org")
    ('::1', 'localhost', 'example.org')
    """
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0]
    return netloc.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that host.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("127.0.0.1.evil.org")
    (True, True, False, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def told_origins(origins: Iterable[str]) -> tuple[str, ...]:
    """Origins as browsers write them. Raises: InvalidInput.

    >>> told_origins(["https://App.example.org/"])
    ('https://app.example.org',)
    """
    found = []
    for origin in origins:
        parts = urlsplit(origin.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            raise InvalidInput(
                f"{origin} is no origin", hint="such as --origin https://app.example.org"
            )
        found.append(f"{parts.scheme}://{parts.netloc.lower()}")
    return tuple(found)
