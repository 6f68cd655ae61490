"""Folders of notes: every Markdown or plain text file below a folder, or one such file, as a document.

A document's title is its front matter's `title`, else its first heading, else its file name; its time is the front matter's
`date`, else a date that its file name begins with (`2025-03-14-boat.md`), else unknown: a file's modification time says when
it was copied. Its id is a digest of its path inside the folder and its content, so an edited file is a new document beside
the old one. Hidden files and folders are passed over; files of other kinds are reported as skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from remanence.errors import BadImport
from remanence.seams import Observation
from remanence.serve.imports.base import Item, Malformed, Skipped, moment, stable_id
from remanence.serve.imports.files import Document, decode
from remanence.types import Micros, Scope

_SUFFIXES = {".md", ".markdown", ".mdx", ".txt", ".text", ".rst", ".org"}
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_PAIR = re.compile(r"^(title|date)\s*:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Reads folders of Markdown and plain text. Session: the path inside the folder; role and kind: document."""

    name: str = "folder"
    title: str = "folder of Markdown or plain text files, or one such file"

    def recognises(self, path: Path, sample: object) -> bool:
        return path.is_dir() or (path.suffix.lower() in _SUFFIXES and sample is None)

    def read(self, path: Path, scope: Scope) -> Iterator[Item]:
        files = sorted(_files(path)) if path.is_dir() else [path]
        for file in files:
            inside = file.relative_to(path).as_posix() if path.is_dir() else file.name
            if file.suffix.lower() not in _SUFFIXES:
                yield Skipped(
                    str(file),
                    0,
                    f"a {file.suffix or 'nameless'} file is neither Markdown nor plain text",
                )
                continue
            try:
                yield _document(file, inside, scope)
            except BadImport as error:
                yield Skipped(
                    error.path,
                    error.line,
                    error.message.removeprefix(f"{error.path}:{error.line}: "),
                )
            except Malformed as error:
                yield Skipped(str(file), 0, str(error))
            except OSError as error:
                yield Skipped(str(file), 0, f"it can't be read: {error.strerror or error}")


def _files(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def _document(file: Path, inside: str, scope: Scope) -> Observation:
    text = decode(Document(str(file), file.read_bytes()))
    if "\0" in text:
        raise Malformed("it holds NUL characters: a binary file")
    front, body = _front_matter(text)
    if not body.strip():
        raise Malformed("it is empty")
    heading = (
        _HEADING.search(body) if file.suffix.lower().startswith((".md", ".markdown")) else None
    )
    return Observation(
        text=body,
        scope=scope,
        id=stable_id("folder", inside, text),
        session=inside,
        role="document",
        kind="document",
        at=_date(front, file),
        title=front.get("title") or (heading[1] if heading else file.stem),
        origin="import:folder",
        meta={"path": inside},
    )


def _front_matter(text: str) -> tuple[Mapping[str, str], str]:
    """(title and date, the rest) of a file that may begin with a YAML block between `---` lines."""
    match = _FRONT.match(text)
    if match is None:
        return {}, text
    return {key.lower(): value.strip("\"'") for key, value in _PAIR.findall(match[1])}, text[
        match.end() :
    ]


def _date(front: Mapping[str, str], file: Path) -> Micros | None:
    named = _DATED.match(file.name)
    return moment(front.get("date") or (named[0] if named else None))
