"""What is loaded when: asserted from `sys.modules` in a fresh interpreter, never from the clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import remanence

PACKAGE = Path(remanence.__file__).parent
RELATIVE = sorted(
    path.relative_to(PACKAGE.parent)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py" and "peers" not in path.parts
)
MODULES = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in RELATIVE]
OPTIONAL = ("matplotlib", "sklearn", "tantivy", "lightgbm")
"""What a module may need that the base dependencies don't bring."""
EXTENSIONS = (
    "numkong",
    "numpy",
    "onnx",
    "onnxruntime",
    "safetensors",
    "Stemmer",
    "tokenizers",
)
FORKS = """
import contextlib, importlib, json, os, sys
import numkong, numpy, onnx, onnxruntime, rich, safetensors, Stemmer, tokenizers, typer
for package in "agents anthropic fastapi langchain_core.messages langgraph.store.base llama_index.core mcp.server.lowlevel uvicorn".split():
    with contextlib.suppress(ImportError):  # an extra: quicker loaded once than in every fork
        importlib.import_module(package)
errors = {}
for module in sys.argv[1:]:
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            importlib.import_module(module)
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}"[:2000].encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as report:
        if error := report.read():
            errors[module] = error
    os.wait()
print(json.dumps(errors))
"""


def loaded_by(code: str) -> set[str]:
    """Packages outside the standard library that a fresh interpreter has loaded after `code`, remanence apart."""
    report = (
        "import sys, json; before = set(sys.modules)\n"
        f"{code}\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print('\\n' + json.dumps(sorted(new - sys.stdlib_module_names - {'remanence'})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_loads_the_standard_library_only() -> None:
    assert loaded_by("import remanence; dir(remanence)") == set()


def test_the_nouns_and_the_catalogue_load_the_standard_library_only() -> None:
    assert loaded_by("from remanence import Record, NotFound; import remanence.seams") == set()
    assert loaded_by("from remanence.catalogue.scan import entries; entries()") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_loads_the_standard_library_only(arguments: list[str]) -> None:
    run = f"sys.argv = ['rmem', *{arguments!r}]\nfrom remanence.serve.cli import main\ntry: main()\nexcept SystemExit: pass"
    assert loaded_by(run) == set()


def test_writing_and_reading_text_never_loads_torch(tmp_path: Path) -> None:
    use = f"""
from remanence import Memory
with Memory.open({str(tmp_path / "m.db")!r}, embedder="none") as memory:
    memory.add("a word", user_id="ana")
    assert memory.search("word", user_id="ana")
"""
    assert not loaded_by(use) & {"torch", "transformers"}


@pytest.mark.parametrize("first", EXTENSIONS)
def test_compiled_packages_bear_each_other_in_any_order(first: str) -> None:
    """Some wheels bring a C++ runtime of their own, which the next one to be loaded trips over."""
    then = ", ".join(name for name in EXTENSIONS if name != first)
    assert loaded_by(f"import {first}\nimport {then}")


def test_every_module_imports_on_its_own() -> None:
    """Each in a fork that has loaded no other module of ours: circles between them show, and it stays quick."""
    done = subprocess.run(
        [sys.executable, "-c", FORKS, *MODULES], capture_output=True, text=True, check=True
    )
    errors = json.loads(done.stdout)
    absent = (
        *(f"ModuleNotFoundError: No module named '{name}" for name in OPTIONAL),
        "MissingExtra:",
    )
    assert {module: error for module, error in errors.items() if not error.startswith(absent)} == {}
