"""The file of shards, and where it sends a new tenant."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import InvalidInput, NotFound
from remanence.store.shards.file import Server, Shards, file_of, read, score, write

TENANTS = [f"tenant-{number}" for number in range(3000)]


def shards(*weights: float) -> Shards:
    servers = [Server(f"s{n}", f"postgresql:///d{n}", weight) for n, weight in enumerate(weights)]
    return Shards(Path("shards.toml"), tuple(servers), "s0")


def homes(among: Shards) -> dict[str, str]:
    return {tenant: among.ranked(tenant)[0].id for tenant in TENANTS}


def test_placing_is_the_same_in_every_version() -> None:
    three = shards(1, 1, 2)
    assert [[server.id for server in three.ranked(name)] for name in ("acme", "blue", "łódź", "")] == [
        ["s2", "s0", "s1"], ["s1", "s0", "s2"], ["s2", "s0", "s1"], ["s0", "s2", "s1"]
    ]  # fmt: skip
    assert score(Server("a", ""), "acme") == pytest.approx(0.9344618797838613, abs=1e-15)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=6), st.floats(0.1, 10))
def test_a_new_server_takes_its_share_and_moves_nobody_else(
    weights: list[float], weight: float
) -> None:
    before, after = homes(shards(*weights)), homes(shards(*weights, weight))
    new = f"s{len(weights)}"
    moved = [tenant for tenant in TENANTS if before[tenant] != after[tenant]]
    assert all(after[tenant] == new for tenant in moved)
    share = weight / (sum(weights) + weight)
    spread = (share * (1 - share) / len(TENANTS)) ** 0.5
    assert abs(len(moved) / len(TENANTS) - share) < 6 * spread


def test_weights_are_shares() -> None:
    counted = Counter(homes(shards(1, 1, 2)).values())
    assert counted["s2"] == pytest.approx(len(TENANTS) / 2, rel=0.1)
    assert counted["s0"] == pytest.approx(len(TENANTS) / 4, rel=0.15)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = Shards(
        tmp_path / "shards.toml",
        (Server("a", 'postgresql://u@h/d?x="\\'), Server("b.2", "postgresql:///ü", 0.5)),
        "b.2",
    )
    write(written)
    assert read(written.path) == written
    assert written.path.stat().st_mode & 0o77 == 0
    with pytest.raises(InvalidInput, match="twice"):
        write(replace(written, servers=(*written.servers, Server("a", "postgresql:///e"))))
    assert read(written.path) == written
    assert [path.name for path in tmp_path.iterdir()] == ["shards.toml"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"lists no \[\[server\]\]"),
        ("x = 1", "says 'x'"),
        ("= 1", "is no TOML"),
        ("server = 3", r"lists no \[\[server\]\]"),
        ('[[server]]\nid = "a"', "has no URL"),
        ('[[server]]\nid = "a"\nurl = "http://x"', "has no URL"),
        ('[[server]]\nid = "a b"\nurl = "postgresql:///d"', "id is 'a b'"),
        ('[[server]]\nid = "a"\nurl = "postgresql:///d"\nweight = 0', "weighs 0"),
        ('[[server]]\nid = "a"\nurl = "postgresql:///d"\nweight = true', "weighs True"),
        ('[[server]]\nid = "a"\nurl = "postgresql:///d"\nhost = "h"', "id, url and weight"),
        ('directory = "c"\n[[server]]\nid = "a"\nurl = "postgresql:///d"', "no server 'c'"),
        (
            '[[server]]\nid = "a"\nurl = "postgresql:///d"\n[[server]]\nid = "b"\nurl = "postgresql:///e"',
            "no server '' to keep the list",
        ),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InvalidInput, match=message):
        read(tmp_path / "s.toml")


def test_no_file_no_shards(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="rmem shards add"):
        read(tmp_path / "none.toml")
    for url in ("shards://", "shards:///", "shards:///a\0b"):
        with pytest.raises(InvalidInput):
            file_of(url)
    assert file_of("shards:///a.toml") == Path("a.toml")
    assert file_of("shards:////etc/a.toml") == Path("/etc/a.toml")


def test_a_url_is_not_shown() -> None:
    assert "secret" not in repr(Server("a", "postgresql://u:secret@h/d"))
