"""Where a PostgreSQL store is: a URL as libpq takes it, with a parameter or two of ours, and the same without its secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from remanence.errors import InvalidInput, MissingExtra

SCHEMES: Final = ("postgresql", "postgres")
SCHEMA: Final = "remanence"
_OURS: Final = ("schema", "fsync", "embed", "big")
_NUMBER: Final = re.compile(r"[0-9]{1,15}\Z")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,39}\Z")
"""What a schema may be called: it stands in statements, where no parameter can."""


@dataclass(frozen=True, slots=True)
class Place:
    """A database and a schema in it. `settings`: what libpq is given, the password included; `name`: for people, without it."""

    settings: tuple[tuple[str, str], ...]
    schema: str
    name: str
    unsafe: bool
    later: bool
    """Texts are encoded by workers elsewhere, not beside the writes of whoever opens this."""
    big: int | None = None
    """Versions of a space above which it is not followed in memory alone; None: the measured number."""

    def __repr__(self) -> str:
        return f"Place({self.name!r})"


def is_url(location: object) -> bool:
    """Whether this names a PostgreSQL database."""
    return isinstance(location, str) and location.partition("://")[0] in SCHEMES


def driver() -> ModuleType:
    """The package psycopg. Raises: MissingExtra."""
    try:
        return import_module("psycopg")
    except ImportError as error:
        raise MissingExtra(
            "PostgreSQL stores need psycopg", hint="pip install 'remanence[postgres]'"
        ) from error


def place(url: str) -> Place:
    """Take a URL apart. Ours are `schema=` (where the tables are; default `remanence`), `embed=later` (leave the encoding to `rmem
    worker`), `big=200000` (records of one person above which words and vectors are left in the database) and `fsync=off` (let the server
    run without it, as tests do: then a power cut loses what was acknowledged).

    Raises: InvalidInput, without the URL, as it may hold a password; MissingExtra."""
    psycopg = driver()
    try:
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True)
        ours = {key: value for key, value in given if key in _OURS}
        rest = urlencode([pair for pair in given if pair[0] not in ours], quote_via=quote)
        bare = f"{parts.scheme}://{parts.netloc}{parts.path or '/'}{f'?{rest}' if rest else ''}"
        found = psycopg.conninfo.conninfo_to_dict(bare)
    except (ValueError, psycopg.Error):
        raise InvalidInput(
            "this is no URL of a PostgreSQL database",
            hint="give postgresql://user@host/database; write special characters as %40",
        ) from None
    schema = ours.get("schema", SCHEMA)
    if not _NAME.match(schema) or schema.startswith("pg_"):
        raise InvalidInput(f"schema {schema!r}", hint="use lower-case letters, digits and _")
    if ours.get("embed", "now") not in ("now", "later"):
        raise InvalidInput(f"embed={ours['embed']}", hint="give embed=later or embed=now")
    big = ours.get("big")
    if big is not None and not _NUMBER.match(big):
        raise InvalidInput(f"big={big}", hint="give a number of records: big=200000")
    settings = {name: str(value) for name, value in found.items()}
    settings.setdefault("connect_timeout", "10")
    settings.setdefault("application_name", "remanence")
    return Place(
        tuple(sorted(settings.items())), schema, _name(settings, schema),
        unsafe=ours.get("fsync") == "off", later=ours.get("embed") == "later",
        big=None if big is None else int(big),
    )  # fmt: skip


def _name(settings: dict[str, str], schema: str) -> str:
    user = f"{quote(settings['user'])}@" if "user" in settings else ""
    host, port = settings.get("host", ""), settings.get("port", "")
    socket = host.startswith("/")
    where = "" if socket else host
    query = {"host": host if socket else "", "schema": "" if schema == SCHEMA else schema}
    shown = urlencode({name: value for name, value in query.items() if value}, safe="/")
    return (
        f"postgresql://{user}{where}{f':{port}' if port else ''}/{quote(settings.get('dbname', ''))}"
        f"{f'?{shown}' if shown else ''}"
    )


def with_setting(url: str, name: str, value: str) -> str:
    """The URL with one of its parameters set.

    >>> with_setting("postgresql://db/memories?schema=mine", "embed", "later")
    'postgresql://db/memories?schema=mine&embed=later'
    """
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    query = urlencode([*kept, (name, value)], quote_via=quote, safe="/")
    return f"{parts.scheme}://{parts.netloc}{parts.path}?{query}"
