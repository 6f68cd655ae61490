"""The page's files: small, without markup made from strings, and complete without anything from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import remanence.serve

WEB = Path(remanence.serve.__file__).parent / "web"
FILES = sorted(path for path in WEB.rglob("*") if path.is_file())
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser"
)
ELSEWHERE = re.compile(r"(?:https?:)?//(?!www\.w3\.org/)[a-z0-9-]+\.[a-z]")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(WEB).as_posix())
def test_a_file_is_small_and_keeps_to_itself(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < 400
    assert [line for line in text.splitlines() if len(line) > 140] == []
    assert not MARKUP.search(text)
    assert not ELSEWHERE.search(text)


def test_every_module_and_style_is_used() -> None:
    told = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    views = [path for path in FILES if path.parent.name == "views"]
    unused = [
        path.name
        for path in FILES
        if path not in views and path.name != "index.html" and path.name not in told
    ]
    assert unused == []
    assert {path.stem for path in views} == {*re.findall(r'href="#/(\w+)">', told), "record"}
