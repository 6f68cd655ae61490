"""Canaries: words of one form, hidden in everything that is stored, and found again in any bytes, however they are written."""

from __future__ import annotations

import random
import re
import string
import subprocess
import sys
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PREFIX: Final = "qzx"
LETTERS: Final = 13
CANARY: Final = re.compile(rb"qzx[a-z]{13}")
_WIDE: Final = re.compile(rb"q\0z\0x\0(?:[a-z]\0){12}[a-z]")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{24,}")
_STREAM: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_OPENED: Final = 4 * 2**20
"""Bytes that one compressed stream is opened to."""
TEXT_PLACES: Final = ("text", "speaker", "session", "meta", "attachment")
"""Where peers can hold one too."""
PLACES: Final = (*TEXT_PLACES, "title", "fact", "summary")
USERS: Final = 20
THINGS: Final = (
    "kettle harbour ladder piano orchard lantern bicycle garden window teapot ferry violin cellar rooftop market compass"
).split()
_DOINGS: Final = (
    "mended painted borrowed sold photographed lost hid cleaned measured described admired inherited"
).split()


@dataclass(frozen=True, slots=True)
class Item:
    """One memory with a canary in every place, and the words it is asked for by."""

    id: str
    user: str
    canaries: Mapping[str, str]
    text: str
    words: str


@dataclass(slots=True)
class Found:
    """Canaries by the surface they were found on."""

    on: dict[str, set[str]] = field(default_factory=dict)

    def add(self, surface: str, canaries: Iterable[str]) -> None:
        """These were seen there; a surface where nothing was seen counts as looked at."""
        self.on.setdefault(surface, set()).update(canaries)

    @property
    def all(self) -> set[str]:
        """Those seen anywhere."""
        return set().union(*self.on.values())


def make_items(count: int, seed: int) -> list[Item]:
    """`count` items of some users, all canaries different."""
    dice = random.Random(seed)
    used: set[str] = set()

    def canary() -> str:
        while True:
            made = PREFIX + "".join(dice.choice(string.ascii_lowercase) for _ in range(LETTERS))
            if made not in used:
                used.add(made)
                return made

    users = [canary() for _ in range(USERS)]
    items = []
    for number in range(count):
        canaries = {place: canary() for place in PLACES}
        words = f"{dice.choice(_DOINGS)} the {dice.choice(THINGS)} beside the {dice.choice(THINGS)}"
        padding = " ".join(dice.choice(THINGS) for _ in range(dice.choice((0, 5, 20, 300))))
        text = f"Yesterday I {words} and called it {canaries['text']}. {padding}".strip()
        items.append(Item(f"m{number}", users[number % USERS], canaries, text, words))
    return items


def canaries_in(data: bytes, depth: int = 2) -> set[str]:
    """Every canary in some bytes: plain, UTF-16, and `depth` layers of base64 and of compressed streams deep."""
    found = {match.decode() for match in CANARY.findall(data)}
    found.update(match.replace(b"\0", b"").decode() for match in _WIDE.findall(data))
    if not depth:
        return found
    for opened in (*_base64s(data), *_streams(data)):
        found |= canaries_in(opened, depth - 1)
    return found


def _base64s(data: bytes) -> Iterator[bytes]:
    for run in _BASE64.findall(data):
        plain = run.translate(_URL_SAFE)
        for begin in range(4):
            part = plain[begin : begin + (len(plain) - begin) // 4 * 4]
            yield b64decode(part)


_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")


def _streams(data: bytes) -> Iterator[bytes]:
    for match in _STREAM.finditer(data):
        opener = zlib.decompressobj(47)  # zlib or gzip, by its header
        try:
            opened = opener.decompress(data[match.start() : match.start() + _OPENED], _OPENED)
        except zlib.error:
            continue
        if len(opened) >= len(PREFIX) + LETTERS:
            yield opened


def canaries_below(folder: Path) -> set[str]:
    """Every canary in any byte of any file of a folder, names of files included.

    The files are copied by another process first: to close a database here would drop the locks that SQLite holds on it in this one."""
    found = set()
    with tempfile.TemporaryDirectory(prefix="remanence-copy-") as scratch:
        copy = Path(scratch) / "copy"
        subprocess.run([sys.executable, "-S", "-c", _COPY, str(folder), str(copy)], check=True)
        for file in sorted(copy.rglob("*")):
            found |= canaries_in(str(file.relative_to(copy)).encode())
            if file.is_file():
                found |= canaries_in(file.read_bytes())
    return found


_COPY: Final = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2])"


def attachment(item: Item) -> str:
    """A file in base64, as clients keep them in metadata."""
    return b64encode(
        b"\x89DOC\x00" + f"attached: {item.canaries['attachment']} end".encode()
    ).decode()
