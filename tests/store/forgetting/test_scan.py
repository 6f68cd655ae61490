"""The scanner finds every needle at every place in every spelling, and nothing else."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.store.forgetting import scan
from remanence.store.forgetting.scan import CHUNK, Needles, Scanner, spellings


def places(data: bytes, patterns: list[bytes]) -> dict[bytes, int]:
    import numpy as np

    scanner = Scanner(patterns)
    scanner.look(np.frombuffer(data, np.uint8))
    return {patterns[id]: place for id, (_, place) in scanner.found.items()}


short = st.binary(min_size=6, max_size=60)


@given(st.lists(short, min_size=1, max_size=8, unique=True), st.binary(max_size=300), st.data())
def test_it_agrees_with_bytes_find(
    patterns: list[bytes], noise: bytes, data: st.DataObject
) -> None:
    hay = bytearray(noise)
    for pattern in data.draw(st.lists(st.sampled_from(patterns), max_size=4)):
        at = data.draw(st.integers(0, len(hay)))
        hay[at:at] = pattern
    found = places(bytes(hay), patterns)
    for pattern in patterns:
        assert (pattern in found) == (pattern in hay)
        if pattern in found:
            assert hay[found[pattern] :].startswith(pattern)


@given(st.text(alphabet="ab", min_size=6, max_size=40), st.text(alphabet="ab", max_size=200))
def test_also_where_every_word_of_it_is_everywhere(needle: str, hay: str) -> None:
    assert bool(places(hay.encode(), [needle.encode()])) == (needle in hay)


@pytest.mark.parametrize("length", [6, 7, 10, 11, 15, 22, 23, 24, 31, 200])
def test_every_offset_and_every_chunk_border(tmp_path: Path, length: int) -> None:
    dice = random.Random(length)
    file = tmp_path / "a"
    needle = dice.randbytes(length)
    for at in [*range(0, 40, 3), *range(CHUNK - length - 3, CHUNK + 3, 2), 2 * CHUNK - 3]:
        file.write_bytes(bytes(at) + needle + bytes(dice.randrange(20)))
        scanner = Scanner([needle, dice.randbytes(length)])
        assert scanner.file(file) == file.stat().st_size
        assert scanner.found == {0: ("a", at)}
        os.close(scan._handles.pop(file.resolve())[0])


@given(st.text(min_size=6, max_size=24), st.binary(max_size=7), st.binary(max_size=7))
def test_every_spelling_is_one_of_the_text(text: str, before: bytes, behind: bytes) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    written = [
        before + raw + behind,
        json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        json.dumps(text).encode(),
        before + text.encode("utf-16-le", "surrogatepass"),
        before + text.encode("utf-16-be", "surrogatepass"),
        b64encode(before + raw + behind),
    ]
    patterns = list(spellings(text))
    for data in written:
        assert any(pattern in data for pattern in patterns)


def test_needles_are_taken_from_all_of_a_value() -> None:
    needles = Needles()
    needles.add_value(
        {"telephone": 491511234567, "tags": ["harbour", {"inner": "a longer text than one window of it"}], "no": 7, "yes": True}
    )  # fmt: skip
    assert {"telephone", "491511234567", "harbour"} <= set(needles.texts)
    whole = "a longer text than one window of it"
    windows = [text for text in needles.texts if text in whole and len(text) == scan.WINDOW]
    assert whole.startswith(windows[0])
    assert whole.endswith(windows[-1])
    assert not {"no", "7", "True", "tags"} & set(needles.texts)


def test_a_long_text_is_covered_from_end_to_end() -> None:
    words = [f"w{n:05d}" for n in range(3_000)]
    text = " ".join(words)
    needles = Needles()
    needles.add_text(text)
    starts = sorted(text.index(window) for window in needles.texts)
    assert (starts[0], starts[-1]) == (0, len(text) - scan.WINDOW)
    assert 120 < len(starts) <= scan.PER_TEXT + 1


@given(st.text(min_size=31, max_size=900), st.data())
def test_any_piece_of_some_length_has_a_needle_in_it(text: str, data: st.DataObject) -> None:
    needles = Needles()
    needles.add_text(text)
    start = data.draw(st.integers(0, len(text) - 31))
    piece = text[start : start + 31]
    dull = any(len(set(piece[at : at + scan.WINDOW])) < 5 for at in range(8))
    assert dull or any(needle in piece for needle in needles.texts)


def test_what_is_in_every_file_is_no_needle() -> None:
    needles = Needles()
    needles.add_text("aaaaaaaaaaaa")
    needles.add_text("short")
    needles.add_blob(bytes(100))
    assert not needles.texts
    assert not needles.blobs
    assert needles.patterns() == {}


def test_too_many_are_thinned_evenly_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MOST", 10)
    needles = Needles()
    for number in range(25):
        needles.add_text(f"needle number {number}")
    texts = sum(is_text for is_text in needles.patterns().values())
    assert texts > 0
    assert needles.left_out == 25 - 9


def test_own_files_are_the_stores_and_no_others(tmp_path: Path) -> None:
    store = tmp_path / "m.rmem"
    for name in (
        "m.rmem",
        "m.rmem-wal",
        "m.rmem-shm",
        "m.rmem-journal",
        "x.jsonl.77.part",
        "other.rmem",
        "x.jsonl",
    ):
        (tmp_path / name).write_bytes(b"x")  # fmt: skip
    names = [file.name for file in scan.own_files(store)]
    assert names == ["m.rmem", "m.rmem-journal", "m.rmem-shm", "m.rmem-wal", "x.jsonl.77.part"]


def test_half_done_files_of_ended_processes_are_deleted(tmp_path: Path) -> None:
    store = tmp_path / "m.rmem"
    ended = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", ""])
    os.waitpid(ended, 0)
    dead, ours, old, running = (
        tmp_path / f"{name}.part"
        for name in (f"a.{ended}", f"b.{os.getpid()}", f"c.{os.getpid()}", f"d.{os.getppid()}")
    )
    for file in (store, dead, ours, old, running):
        file.write_bytes(b"x")
    os.utime(old, (1, 1))  # of an earlier process that had our number
    os.utime(ours, (time.time() + 9, time.time() + 9))
    assert scan.drop_parts(store) == 2
    assert sorted(file.name[0] for file in tmp_path.iterdir()) == ["b", "d", "m"]


def test_handles_are_kept_while_a_store_is_open_and_closed_after(tmp_path: Path) -> None:
    file = tmp_path / "m.rmem"
    file.write_bytes(b"0123456789")
    scan.hold(file)
    scan.hold(tmp_path / "." / "m.rmem")
    assert scan.head(file) == b"0123456789"
    scan.release(file)
    handle = scan._handles[file.resolve()][0]
    os.fstat(handle)
    scan.release(file)
    assert file.resolve() not in scan._handles
    with pytest.raises(OSError):
        os.fstat(handle)
