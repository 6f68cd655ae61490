"""Which importer reads a file: decided by what is in it, never by its name alone."""

from __future__ import annotations

import difflib
import zipfile
from itertools import islice
from pathlib import Path

from remanence.errors import BadImport, InvalidInput
from remanence.serve.imports.base import Importer
from remanence.serve.imports.chatgpt import ChatGPT
from remanence.serve.imports.chroma import Chroma
from remanence.serve.imports.claude import Claude
from remanence.serve.imports.files import Value, conversation_files, elements, lines
from remanence.serve.imports.folder import Folder
from remanence.serve.imports.locomo import LoCoMo
from remanence.serve.imports.mem0 import Mem0
from remanence.serve.imports.messages import Messages
from remanence.serve.imports.sessions import Sessions

IMPORTERS: tuple[Importer, ...] = (
    *(ChatGPT(), Claude(), LoCoMo(), Sessions(), Messages(), Mem0(), Chroma(), Folder()),
)
_LOOK = 20


def named(name: str) -> Importer:
    """The importer of that name. Raises `InvalidInput` with the nearest names."""
    for importer in IMPORTERS:
        if importer.name == name:
            return importer
    names = [importer.name for importer in IMPORTERS]
    near = difflib.get_close_matches(name, names, 1)
    raise InvalidInput(
        f"no format is called {name!r}",
        hint=f"did you mean {near[0]!r}?" if near else f"formats: {', '.join(names)}",
    )


def detect(path: Path) -> Importer:
    """The importer that recognises `path`. Raises `BadImport`, with the list of known formats, where none does."""
    if not path.exists():
        raise BadImport("no such file or folder", path=str(path), hint="check the path")
    try:
        sample = first_value(path)
    except OSError as error:
        raise BadImport(f"it can't be read: {error.strerror or error}", path=str(path)) from error
    for importer in IMPORTERS:
        if importer.recognises(path, sample):
            return importer
    known = "; ".join(importer.title for importer in IMPORTERS)
    raise BadImport(
        "its format is not known", path=str(path), hint=f"known are: {known}; --format NAME decides"
    )


def is_own_export(path: Path) -> bool:
    """Whether `rmem export` wrote it: then the store reads it itself, with history and vectors."""
    found = first_value(path) if path.is_file() else None
    return isinstance(found, dict) and found.get("remanence") == "ledger"


def first_value(path: Path) -> object:
    """The first JSON object in a file or an export, None where there is none among the first few values."""
    if path.is_file() and _is_lines(path):
        for value in islice(lines(path), _LOOK):
            if isinstance(value, Value) and isinstance(value.json, dict):
                return value.json
    documents = conversation_files(path) if _may_hold_json(path) else None
    for document in documents or ():
        for value in islice(elements(document), _LOOK):
            if isinstance(value, Value) and isinstance(value.json, dict):
                return value.json
    return None


def _is_lines(path: Path) -> bool:
    return path.suffix.lower() in (".jsonl", ".ndjson") or _start(path) == b"{"


def _may_hold_json(path: Path) -> bool:
    return path.is_dir() or _start(path) in (b"{", b"[") or zipfile.is_zipfile(path)


def _start(path: Path) -> bytes:
    """The first byte of a file that is not blank and no byte order mark."""
    with path.open("rb") as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
