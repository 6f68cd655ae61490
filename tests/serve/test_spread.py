"""One parameter that stands for the options that many commands share."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer

from remanence.serve.opening import Asking, Here, Place, key_place
from remanence.serve.spread import spread
from remanence.store.keys import KeyFolder


@dataclass(frozen=True, kw_only=True)
class Base:
    first: Annotated[str, typer.Option("--first")] = "a"


@dataclass(frozen=True, kw_only=True)
class More(Base):
    second: Annotated[int, typer.Option("--second")] = 2


@spread
def command(text: str, loud: bool = False, *, options: More) -> int:
    """Its help."""
    return len(text) + loud + len(options.first) + options.second


def test_fields_become_options_behind_the_own_ones() -> None:
    names = list(inspect.signature(command).parameters)
    assert names == ["text", "loud", "first", "second"]
    assert command.__doc__ == "Its help."
    assert command(text="abc", loud=True, first="xy", second=10) == 16


def test_what_asks_takes_all_that_says_where() -> None:
    fields = set(Asking.__dataclass_fields__)
    assert set(Place.__dataclass_fields__) < set(Here.__dataclass_fields__) < fields


@pytest.mark.parametrize(
    ("store", "tenant", "path"),
    [
        ("a.rmem", "", "a.rmem"),
        ("a.rmem", "acme", "a.rmem"),
        ("stores/", "acme", "stores/acme.rmem"),
        ("stores/", "Acme", "stores/%41cme.rmem"),
        ("sqlite:///a.rmem", "", "a.rmem"),
        ("sqlite:////a.rmem", "", "/a.rmem"),
        ("folder:///stores", "acme", "stores/acme.rmem"),
        ("stores/", "", "stores"),
    ],
)
def test_the_file_of_a_store(store: str, tenant: str, path: str) -> None:
    assert Place(store=store, tenant=tenant).path == Path(path)


def test_other_urls_name_no_file() -> None:
    assert Place(store="redis://host").path is None


def test_where_keys_are(tmp_path: Path) -> None:
    assert key_place("") is None
    assert key_place("some.key") == Path("some.key")
    assert isinstance(key_place(str(tmp_path)), KeyFolder)
    assert isinstance(key_place("not/yet/there/"), KeyFolder)
