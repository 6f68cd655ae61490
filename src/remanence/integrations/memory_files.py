"""Text files under `/memories` that are records: what the Anthropic memory tool works on, without its package.

Nothing here touches a file system. A file is a record of kind `file` with its path in `meta["path"]`; a folder is there as long as a
file is in it. Editing and renaming make new versions of the record, so `Memory.history` tells how a file came about; deleting forgets
it in all its versions. What the commands answer, and what they say of mistakes, is worded as Anthropic's own tool words it: models are
used to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from threading import Lock
from typing import Final, cast
from unicodedata import normalize
from uuid import uuid4

from remanence.errors import NotFound, UsageError
from remanence.memory_bound import BoundMemory
from remanence.text.write.messages import MOST
from remanence.types import Record

ROOT: Final = "/memories"
KIND: Final = "file"
VIA: Final = "anthropic-memory"
LONGEST_PATH: Final = 1024
LONGEST_PART: Final = 255
MOST_LINES: Final = 999_999
_WIDTH: Final = len(str(MOST_LINES))
_ENCODED: Final = re.compile(r"%(?:2e|2f|5c|00|25)", re.IGNORECASE)
"""A dot, a slash, a backslash, a NUL or a per cent sign as URLs write them: some other program might decode it."""
_UNITS: Final = ("B", "K", "M", "G")


class Refused(UsageError):
    """What a command can't do; the message is for the model."""


class MemoryFiles:
    """The six commands over one user's files. Every method answers with text, or raises `Refused` and has changed nothing."""

    def __init__(self, memory: BoundMemory, *, origin: str = "assistant") -> None:
        self._memory = memory
        self._origin = origin
        self._lock = Lock()

    def view(self, path: object, view_range: object = None) -> str:
        """A file with its lines numbered, of which `view_range` [first, last] chooses (last -1: to the end); or what is in a folder,
        two levels deep, without names that begin with a dot."""
        here = _path(path)
        files = self._files()
        if here in files:
            return _numbered(here, text_of(files[here]), _range(view_range))
        inside = {name: record for name, record in files.items() if name.startswith(f"{here}/")}
        if not inside and here != ROOT:
            raise Refused(f"The path {here} does not exist. Please provide a valid path.")
        return _listed(here, inside)

    def create(self, path: object, file_text: object) -> str:
        """A new file."""
        here, text = _path(path), _text("file_text", file_text)
        with self._lock:
            files = self._files()
            if here in files or here == ROOT or _within(here, files):
                raise Refused(f"File {here} already exists")
            _refuse_under_a_file(here, files)
            id = uuid4().hex
            [ack] = self._memory.add(
                {"role": "assistant", "content": _shown(text), "kind": KIND, "meta": _meta(here, text)},
                id=id,
                origin=self._origin,
            )  # fmt: skip
            if ack.status == "rejected":
                raise Refused(f"File {here} can't be kept: {ack.reason}")
            if len(self._all(here)) > 1:  # another process was quicker
                self._memory.forget(id, recheck=False, sign=False)
                raise Refused(f"File {here} already exists")
        return f"File created successfully at: {here}"

    def str_replace(self, path: object, old_str: object, new_str: object = "") -> str:
        """Put `new_str` in the place of `old_str`, which must stand in the file exactly once."""
        here, old, new = _path(path), _text("old_str", old_str), _text("new_str", new_str)
        with self._lock:
            record = self._file(here)
            text = text_of(record)
            count = text.count(old)
            if count == 0:
                raise Refused(
                    f"No replacement was performed, old_str `{old}` did not appear verbatim in {here}."
                )
            if count > 1:
                places = ", ".join(str(line) for line in _lines_with(old, text))
                raise Refused(
                    f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines: {places}. Please ensure it is unique"
                )
            edited = text.replace(old, new)
            self._write(record, here, edited)
        changed = text[: text.index(old)].count("\n")
        first, lines = max(changed - 2, 0), edited.split("\n")
        snippet = _with_numbers(lines[first : changed + 3], first + 1)
        return (
            "The memory file has been edited. Here is the snippet showing the change (with line numbers):\n"
            + snippet
        )

    def insert(self, path: object, insert_line: object, insert_text: object) -> str:
        """Put text after line `insert_line`; 0: before the first."""
        here, more = _path(path), _text("insert_text", insert_text)
        if isinstance(insert_line, bool) or not isinstance(insert_line, int):
            raise Refused(
                f"Invalid `insert_line` parameter: {insert_line!r}. It is a whole number."
            )
        with self._lock:
            record = self._file(here)
            lines = text_of(record).split("\n")
            if not lines[-1]:
                lines.pop()
            if not 0 <= insert_line <= len(lines):
                raise Refused(
                    f"Invalid `insert_line` parameter: {insert_line}. It should be within the range [0, {len(lines)}]."
                )
            lines.insert(insert_line, more.rstrip("\n"))
            text = "\n".join(lines)
            self._write(record, here, text if text.endswith("\n") else f"{text}\n")
        return f"The file {here} has been edited."

    def delete(self, path: object) -> str:
        """Forget a file, or all files of a folder, for good."""
        here = _path(path)
        if here == ROOT:
            raise Refused(f"Cannot delete the {ROOT} directory itself")
        with self._lock:
            files = self._files()
            gone = [files[name].id for name in ([here] if here in files else _within(here, files))]
            if not gone:
                raise Refused(f"The path {here} does not exist")
            self._forget(gone)
        return f"Successfully deleted {here}"

    def rename(self, old_path: object, new_path: object) -> str:
        """Give a file another path, or all files of a folder, one after the other; their history stays theirs."""
        old, new = _path(old_path), _path(new_path)
        if old == ROOT:
            raise Refused(f"Cannot rename the {ROOT} directory itself")
        with self._lock:
            files = self._files()
            if new in files or new == ROOT or _within(new, files):
                raise Refused(f"The destination {new} already exists")
            moved = [old] if old in files else _within(old, files)
            if not moved:
                raise Refused(f"The path {old} does not exist")
            if new.startswith(f"{old}/"):
                raise Refused(f"Cannot move {old} into itself")
            _refuse_under_a_file(new, files)
            paths = {name: _path(new + name.removeprefix(old)) for name in moved}
            for name, path in paths.items():
                self._write(files[name], path, text_of(files[name]))
        return f"Successfully renamed {old} to {new}"

    def clear(self) -> str:
        """Forget all files."""
        with self._lock:
            if ids := [record.id for record in self._all()]:
                self._forget(ids)
        return "All memory cleared"

    def _all(self, path: str = "") -> list[Record]:
        filters = {"via": VIA, "path": path} if path else {"via": VIA}
        return self._memory.list(
            kinds=[KIND], filters=filters, archived=True, quarantined=True, limit=MOST
        )

    def _files(self) -> dict[str, Record]:
        return {cast(str, record.meta["path"]): record for record in self._all()}

    def _file(self, path: str) -> Record:
        files = self._files()
        if path in files:
            return files[path]
        if path == ROOT or _within(path, files):
            raise Refused(f"The path {path} is not a file.")
        raise Refused(f"The path {path} does not exist. Please provide a valid path.")

    def _write(self, record: Record, path: str, text: str) -> None:
        try:
            self._memory.update(
                record.id, _shown(text), expect=record.version, meta=_meta(path, text)
            )
        except (
            UsageError
        ) as error:  # changed or forgotten in between, too long, or refused by a guard
            raise Refused(f"The file {path} was not changed: {error}") from error

    def _forget(self, ids: Sequence[str]) -> None:
        try:
            self._memory.forget(ids, recheck=False, sign=False)
        except NotFound as error:
            raise Refused("The files changed in between. Please look again.") from error


def text_of(record: Record) -> str:
    """What is in a file, to the character."""
    blank = record.meta.get("blank")
    return blank if isinstance(blank, str) else record.text


def _shown(text: str) -> str:
    """Records have words: a file without any says so, and keeps its blanks beside."""
    return text if text.strip() else "(an empty file)"


def _meta(path: str, text: str) -> dict[str, object]:
    blank = {} if text.strip() else {"blank": text}
    return {"via": VIA, "path": path, **blank}


def _path(path: object) -> str:
    """A path under the root in its one spelling. Raises: Refused for everything that is none, or could be read as another."""
    if not isinstance(path, str):
        raise Refused(f"A path is text, not {type(path).__name__}")
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        raise Refused(f"Path must start with {ROOT}, got: {path!a}")
    parts = [part for part in path.split("/")[2:] if part not in ("", ".")]
    plain = normalize("NFKC", path)
    escapes = (
        ".." in parts
        or ".." in re.split(r"[/\\]", plain)
        or plain.count("/") != path.count("/")
        or "\\" in plain
        or _ENCODED.search(plain)
    )
    if escapes:
        raise Refused(f"Path {path!a} would escape {ROOT} directory")
    if not "".join(parts).isprintable():
        raise Refused(f"Path {path!a} has characters that can't be shown")
    here = "/".join((ROOT, *parts))
    if len(here) > LONGEST_PATH or any(len(part) > LONGEST_PART for part in parts):
        raise Refused(f"A path has at most {LONGEST_PATH} characters, {LONGEST_PART} in each part")
    return here


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(f"`{name}` is text, not {type(value).__name__}")
    return value


def _range(value: object) -> tuple[int, int]:
    """First and last line; a range of another form is passed over, as Anthropic's tool does."""
    if isinstance(value, Sequence) and len(value) == 2 and all(type(n) is int for n in value):
        return value[0], value[1]
    return 1, -1


def _within(path: str, files: dict[str, Record]) -> list[str]:
    return [name for name in files if name.startswith(f"{path}/")]


def _refuse_under_a_file(path: str, files: dict[str, Record]) -> None:
    parts = path.split("/")
    for end in range(3, len(parts)):
        if (above := "/".join(parts[:end])) in files:
            raise Refused(f"The path {above} is a file, not a directory")


def _numbered(path: str, text: str, asked: tuple[int, int]) -> str:
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        raise Refused(f"File {path} exceeds maximum line limit of {MOST_LINES:,} lines.")
    start = max(asked[0], 1) - 1
    chosen = lines[start : None if asked[1] == -1 else asked[1]]
    return f"Here's the content of {path} with line numbers:\n{_with_numbers(chosen, start + 1)}"


def _with_numbers(lines: Sequence[str], first: int) -> str:
    return "\n".join(f"{number:>{_WIDTH}}\t{line}" for number, line in enumerate(lines, first))


def _lines_with(words: str, text: str) -> list[int]:
    """The line of every place, overlapping ones included, where these words begin."""
    lines, line, at, before = list[int](), 1, text.find(words), 0
    while at >= 0:
        line, before = line + text.count("\n", before, at), at
        lines.append(line)
        at = text.find(words, at + 1)
    return lines


def _listed(path: str, files: dict[str, Record]) -> str:
    """What is in a folder, each with its size: of a folder, that of the files in it."""
    sizes = {
        name: len(text_of(one).encode("utf-8", "surrogatepass")) for name, one in files.items()
    }
    shown: dict[tuple[str, ...], int] = {}
    folders: set[tuple[str, ...]] = set()
    for name, size in sizes.items():
        parts = tuple(name.removeprefix(f"{path}/").split("/"))
        for depth in range(1, min(len(parts), 2) + 1):
            if not any(part.startswith(".") for part in parts[:depth]):
                shown[parts[:depth]] = shown.get(parts[:depth], 0) + size
                folders |= {parts[:depth]} if depth < len(parts) else set()
    rows = [f"{_size(sum(sizes.values()))}\t{path}"]
    rows += [
        f"{_size(shown[parts])}\t{path}/{'/'.join(parts)}{'/' if parts in folders else ''}"
        for parts in sorted(shown)
    ]
    head = (
        f"Here're the files and directories up to 2 levels deep in {path}, excluding hidden items:"
    )
    return "\n".join((head, *rows))


def _size(count: int) -> str:
    """Bytes as people write them.

    >>> _size(0), _size(1024), _size(1536), _size(5 * 2**40)
    ('0B', '1K', '1.5K', '5120G')
    """
    unit = min(max(count.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    size = count / 1024**unit
    return f"{size:.0f}{_UNITS[unit]}" if size == int(size) else f"{size:.1f}{_UNITS[unit]}"
