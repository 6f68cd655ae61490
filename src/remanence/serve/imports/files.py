"""Bytes to JSON values with line numbers: JSON Lines line by line, and arrays element by element.

A JSON Lines file is read in constant memory. A JSON array (ChatGPT and Claude write all conversations into one) is read
into memory as text once, and its elements are decoded one at a time, so only one conversation exists as objects; where an
array breaks off, everything before the break is still read.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from remanence.errors import BadImport
from remanence.serve.imports.base import Item, Skipped

_DECODER = json.JSONDecoder()
_BLANK = " \t\r\n"


class Value(NamedTuple):
    """A JSON value and where it begins."""

    path: str
    line: int
    json: object


class Document(NamedTuple):
    """A text file, possibly inside a zip: the path to show, and its bytes."""

    path: str
    data: bytes


def conversation_files(path: Path) -> list[Document] | None:
    """The `conversations*.json` of an export (a zip or an unpacked folder), or the file itself; None for another zip or folder."""
    if path.is_dir():
        found = sorted(path.glob("conversations*.json"))
        return [Document(str(file), file.read_bytes()) for file in found] or None
    if not zipfile.is_zipfile(path):
        return [Document(str(path), path.read_bytes())]
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(
                n for n in archive.namelist() if PurePosixPath(n).match("conversations*.json")
            )
            return [Document(f"{path}/{name}", archive.read(name)) for name in names] or None
    except (
        zipfile.BadZipFile,
        RuntimeError,
        NotImplementedError,
    ) as error:  # damaged, encrypted, unknown compression
        raise BadImport(
            f"the zip can't be read: {error}",
            path=str(path),
            hint="unpack it and import the folder",
        ) from error


def conversations(path: Path, read: Callable[[Value, int], Iterator[Item]]) -> Iterator[Item]:
    """What `read` makes of each conversation of an export, with its number. Raises: BadImport where there are none."""
    documents = conversation_files(path)
    if documents is None:
        raise BadImport("no conversations.json in it", path=str(path))
    for document in documents:
        for number, value in enumerate(elements(document), 1):
            if isinstance(value, Skipped):
                yield value
            else:
                yield from read(value, number)


def decode(document: Document) -> str:
    """Its text; UTF-8, with or without a byte order mark."""
    try:
        return document.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = document.data.count(b"\n", 0, error.start) + 1
        raise BadImport(
            f"byte {error.start} is not UTF-8",
            path=document.path,
            line=line,
            hint="save it as UTF-8",
        ) from error


def elements(document: Document) -> Iterator[Value | Skipped]:
    """The elements of a JSON array, or the file's only value where it is no array; a syntax error ends it with a `Skipped`."""
    text = decode(document)
    position, line = _skip(text, 0), 1
    in_array = text[position : position + 1] == "["
    position, mark = _skip(text, position + in_array), 0
    while position < len(text) and not (in_array and text[position] == "]"):
        line, mark = line + text.count("\n", mark, position), position
        try:
            value, position = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            yield Skipped(
                document.path, error.lineno, f"not JSON: {error.msg}; nothing after this was read"
            )
            return
        except (ValueError, RecursionError) as error:
            yield Skipped(
                document.path,
                line,
                f"not JSON that can be read: {error}; nothing after this was read",
            )
            return
        yield Value(document.path, line, value)
        position = _skip(text, position)
        separator = text[position : position + 1]
        if in_array and separator == ",":
            position = _skip(text, position + 1)
        elif separator != ("]" if in_array else ""):
            line += text.count("\n", mark, position)
            yield Skipped(
                document.path, line, "not JSON: the file breaks off or goes on after its end"
            )
            return


def lines(path: Path) -> Iterator[Value | Skipped]:
    """The values of a JSON Lines file; blank lines are passed over, a line that is no JSON is a `Skipped`."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if text:
                    yield Value(str(path), number, json.loads(text))
            except json.JSONDecodeError as error:
                yield Skipped(str(path), number, f"not JSON: {error.msg} at column {error.colno}")
            except (ValueError, RecursionError) as error:
                yield Skipped(str(path), number, f"not JSON that can be read: {error}")


def is_json_lines(path: Path) -> bool:
    """Whether the first line that is not blank is a whole JSON object (then the file may have one per line)."""
    first = next(lines(path), None)
    return isinstance(first, Value) and isinstance(first.json, dict)


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position
