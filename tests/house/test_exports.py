"""The public surface is one sorted list, and the lists that are generated are true."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import remanence
from remanence import errors, types
from remanence.catalogue.lazy import attach

TREE = re.compile(r"[├└]── (\w+)")


def public(module: ModuleType) -> set[str]:
    """What a module's own top level defines, read from its text: names without an underscore, constants apart."""
    found = set()
    for node in ast.parse(Path(inspect.getfile(module)).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return {name for name in found if not name.startswith("_") and not name.isupper()}


def test_all_is_sorted_and_is_what_can_be_seen() -> None:
    assert remanence.__all__ == sorted(remanence.__all__)
    assert dir(remanence) == remanence.__all__
    assert set(remanence.__all__) == public(types) | public(errors) | {
        "Memory",
        "AsyncMemory",
        "BoundMemory",
    }


@pytest.mark.parametrize("name", remanence.__all__)
def test_every_exported_name_loads_and_stays(name: str) -> None:
    value = getattr(remanence, name)
    assert vars(remanence)[name] is value


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(AttributeError, match="'Memroy' - did you mean Memory"):
        remanence.Memroy  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'zzz'$"):
        remanence.zzz  # noqa: B018


def test_attach_loads_a_name_from_its_home_when_it_is_touched() -> None:
    find, names = attach("remanence", {"loads": "json", "dumps": "json"})
    assert names() == ["dumps", "loads"]
    assert find("loads").__module__ == "json"
    del vars(remanence)["loads"]


def test_every_error_stands_in_the_tree_that_its_module_draws() -> None:
    classes = {
        name
        for name, thing in vars(errors).items()
        if inspect.isclass(thing) and thing.__module__ == errors.__name__
    }
    assert set(TREE.findall(errors.__doc__ or "")) == classes - {"RemanenceError"}
    for name in classes:
        assert issubclass(getattr(errors, name), errors.RemanenceError)
        assert getattr(errors, name).__doc__
