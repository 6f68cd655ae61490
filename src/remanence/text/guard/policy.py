"""The policy file: what may be told to whom and for what, and the sections of the other guards, as plain data.

A file is TOML. One of one's own is laid over the shipped one: tables are merged, values and lists replaced; with
`base = "none"` it stands alone. What is wrong in it is reported with file, line and key.

    [integrity]
    level = "strict"

    [integrity.roles.book_club]
    words = "book club, reading circle"
    needs = ["schedule"]
    may = ["identity"]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NoReturn, Self, cast

from remanence.errors import BadImport, InvalidInput

SENSITIVITIES: Final = ("open", "personal", "sensitive", "special")
"""How sensitive a domain or an event is; `special` flows only where it is asked for."""
LISTS: Final = ("needs", "may", "if_needed", "absent")
"""Where a domain can stand in a role."""
ASKED: Final = ("needs", "may", "none", "unknown")
"""What a purpose says of a domain; `unknown`: there is no purpose."""
SECTIONS: Final = ("base", "trust", "integrity", "privacy")
_HERE: Final = Path(__file__).parent
_TABLE: Final = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]")
_KEY: Final = re.compile(r"^\s*([\w.\"'-]+)\s*=")
_WHERE: Final = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A domain or an event: how sensitive it is and how it is recognised. `belongs`: an event's domains."""

    name: str
    level: str
    strong: tuple[str, ...]
    weak: tuple[str, ...]
    like: tuple[str, ...]
    belongs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A kind of recipient: its domains by list, and events that it handles whatever domains they belong to."""

    name: str
    words: tuple[str, ...]
    like: tuple[str, ...]
    needs: tuple[str, ...]
    may: tuple[str, ...]
    if_needed: tuple[str, ...]
    events: tuple[str, ...]

    def place(self, domain: str) -> str:
        """On which of `LISTS` a domain stands."""
        if domain in self.needs:
            return "needs"
        if domain in self.may:
            return "may"
        return "if_needed" if domain in self.if_needed else "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """A kind of purpose: the domains that it needs, and those that fit."""

    name: str
    words: tuple[str, ...]
    like: tuple[str, ...]
    needs: tuple[str, ...]
    may: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How strict: the grade that content of each sensitivity must reach, which of its domains count, and whether events do."""

    name: str
    accept: Mapping[str, float]
    share: float
    events: bool
    unrecognised: Literal["allow", "deny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """The section `[integrity]`, checked: every name that is used is defined."""

    level: str
    levels: Mapping[str, Level]
    grades: Mapping[str, Mapping[str, float]]
    domains: Mapping[str, Kind]
    events: Mapping[str, Kind]
    roles: Mapping[str, Role]
    purposes: Mapping[str, Purpose]
    neutral: tuple[str, ...]
    """Sentences that tell nothing of any domain."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """A policy file, read. `sections`: its tables as TOML values, for the guards that parse their own; `integrity`: that one, checked."""

    path: str
    sections: Mapping[str, Mapping[str, Any]]
    integrity: Integrity

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The file at `path`, over the shipped one. Raises: InvalidInput (no such file), BadImport, with line and key."""
        tables, text = _read(Path(path))
        if tables.get("base", "shipped") not in ("shipped", "none"):
            _fail(path, text, ("base",), "is neither 'shipped' nor 'none'")
        if tables.get("base") != "none":
            tables = _over(_shipped_tables(), tables)
        return cls._of(tables, str(path), text)

    @classmethod
    def shipped(cls) -> Policy:
        """The policy that comes with Remanence."""
        return _shipped()

    def section(self, name: str) -> Mapping[str, Any]:
        """A table of the file, empty where it has none. Raises: InvalidInput for a name that no policy has."""
        if name not in SECTIONS[1:]:
            raise InvalidInput(
                f"no section {name!r} in a policy", hint=f"there are {', '.join(SECTIONS[1:])}"
            )
        return self.sections.get(name, MappingProxyType({}))

    @classmethod
    def _of(cls, tables: Mapping[str, Any], path: str, text: str) -> Self:
        root = _Table(tables, path, text)
        root.only(SECTIONS)
        sections = {name: root.table(name).value for name in SECTIONS[1:] if name in tables}
        return cls(path=path, sections=sections, integrity=_integrity(root.table("integrity")))


def _integrity(table: _Table) -> Integrity:
    table.only(("level", "levels", "grades", "domains", "events", "roles", "purposes", "neutral"))
    grades = {}
    for place in LISTS:
        row = table.table("grades").table(place)
        row.only(ASKED)
        grades[place] = {asked: row.share(asked, 0.0) for asked in ASKED}
    levels = {name: _level(name, row) for name, row in table.table("levels").tables()}
    domains = {name: _kind(name, row) for name, row in table.table("domains").tables()}
    events = {name: _kind(name, row, domains) for name, row in table.table("events").tables()}
    roles = {}
    for name, row in table.table("roles").tables():
        row.only(("words", "like", *LISTS[:3], "events"))
        lists = {key: row.names(key, domains) for key in LISTS[:3]}
        roles[name] = Role(
            name=name,
            words=row.words("words"),
            like=row.strings("like"),
            events=row.names("events", events),
            **lists,
        )
    purposes = {}
    for name, row in table.table("purposes").tables():
        row.only(("words", "like", "needs", "may"))
        purposes[name] = Purpose(
            name=name,
            words=row.words("words"),
            like=row.strings("like"),
            needs=row.names("needs", domains),
            may=row.names("may", domains),
        )
    return Integrity(
        level=table.one_of("level", tuple(levels)),
        levels=levels,
        grades=grades,
        domains=domains,
        events=events,
        roles=roles,
        purposes=purposes,
        neutral=table.strings("neutral"),
    )


def _level(name: str, row: _Table) -> Level:
    row.only(("accept", "share", "events", "unrecognised"))
    accept = row.table("accept")
    accept.only(SENSITIVITIES)
    events = row.value.get("events", True)
    if not isinstance(events, bool):
        row.fail("events", "is neither true nor false")
    return Level(
        name=name,
        accept={sensitivity: accept.share(sensitivity, 1.0) for sensitivity in SENSITIVITIES},
        share=row.share("share", 0.5),
        events=events,
        unrecognised=cast(
            Literal["allow", "deny"], row.one_of("unrecognised", ("allow", "deny"), "deny")
        ),
    )


def _kind(name: str, row: _Table, domains: Mapping[str, Kind] | None = None) -> Kind:
    row.only(("level", "strong", "weak", "like") + (("belongs",) if domains is not None else ()))
    return Kind(
        name=name,
        level=row.one_of("level", SENSITIVITIES, "sensitive"),
        strong=row.words("strong"),
        weak=row.words("weak"),
        like=row.strings("like"),
        belongs=row.names("belongs", domains) if domains is not None else (),
    )


class _Table:
    """A table of the file with its place, so that every complaint can name it."""

    def __init__(
        self, value: Mapping[str, Any], path: str, text: str, at: tuple[str, ...] = ()
    ) -> None:
        self.value, self.path, self.text, self.at = value, path, text, at

    def fail(self, key: str, what: str, hint: str = "") -> NoReturn:
        _fail(self.path, self.text, (*self.at, key), what, hint)

    def only(self, known: Sequence[str]) -> None:
        for key in self.value:
            if key not in known:
                self.fail(key, "is unknown", f"known here are {', '.join(known)}")

    def table(self, key: str) -> _Table:
        value = self.value.get(key, {})
        if not isinstance(value, dict):
            self.fail(key, "is not a table")
        return _Table(value, self.path, self.text, (*self.at, key))

    def tables(self) -> Iterator[tuple[str, _Table]]:
        return ((key, self.table(key)) for key in self.value)

    def share(self, key: str, default: float) -> float:
        value = self.value.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            self.fail(key, f"is {value!r}", "give a number from 0 to 1")
        return float(value)

    def one_of(self, key: str, known: Sequence[str], default: str = "") -> str:
        value = self.value.get(key, default)
        if value not in known:
            self.fail(key, f"is {value!r}", f"one of {', '.join(known)}")
        return str(value)

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.value.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, "is not a list of texts")
        return tuple(value)

    def names(self, key: str, known: Mapping[str, object] | None) -> tuple[str, ...]:
        values = self.strings(key)
        for value in values:
            if known is not None and value not in known:
                self.fail(
                    key, f"names {value!r}, which is not defined", f"one of {', '.join(known)}"
                )
        return values

    def words(self, key: str) -> tuple[str, ...]:
        value = self.value.get(key, "")
        if not isinstance(value, str):
            self.fail(key, "is not a text", "give words and phrases with commas between them")
        return tuple(word for part in value.split(",") if (word := " ".join(part.split())))


def _read(path: Path) -> tuple[dict[str, Any], str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InvalidInput(f"no policy file {path}", hint="give the path of a TOML file") from error
    except UnicodeDecodeError as error:
        raise BadImport("not UTF-8", path=str(path), hint="save it as UTF-8") from error
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        where = _WHERE.search(str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        raise BadImport(f"not TOML: {error}", path=str(path), line=line) from error


def _fail(path: str | Path, text: str, at: tuple[str, ...], what: str, hint: str = "") -> NoReturn:
    raise BadImport(
        f"{'.'.join(at)} {what}", path=str(path), line=_line(text, ".".join(at)), hint=hint
    )


def _line(text: str, wanted: str) -> int:
    """The line that sets a key, or the nearest table around it; 0 where the file has neither."""
    table, best, closest = "", 0, -1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = here = header[1].replace('"', "").replace(" ", "")
        elif key := _KEY.match(line):
            name = key[1].replace('"', "").replace("'", "")
            here = f"{table}.{name}" if table else name
        else:
            continue
        if (here == wanted or wanted.startswith(here + ".")) and len(here) > closest:
            best, closest = number, len(here)
    return best


def _over(base: Mapping[str, Any], mine: Mapping[str, Any]) -> dict[str, Any]:
    """`mine` laid over `base`: tables merged, everything else replaced."""
    merged = dict(base)
    for key, value in mine.items():
        below = base.get(key)
        merged[key] = (
            _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return merged


def _shipped_tables() -> dict[str, Any]:
    return _over(_read(_HERE / "policy.toml")[0], _read(_HERE / "lexicon.toml")[0])


@lru_cache(maxsize=1)
def _shipped() -> Policy:
    path = _HERE / "policy.toml"
    return Policy._of(_shipped_tables(), str(path), _read(path)[1])
