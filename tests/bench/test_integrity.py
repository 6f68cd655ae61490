"""The benchmark of the gate, on a profile of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from remanence.bench.integrity import main_integrity, plot_integrity, show_integrity
from remanence.bench.result import Measured, Result, read
from remanence.errors import BadImport, InvalidInput, MissingExtra

TOLD = {
    "rent": ("My apartment's rent is 900 a month.", "housing"),
    "pills": ("My psychiatrist prescribed antidepressants.", "mental_health"),
    "knee": ("The surgeon operated on my knee in hospital.", "health"),
    "tea": ("I drink green tea.", "general"),
    "again": ("I drink green tea.", "general"),
}
SENT = {
    ("Landlord", "Negotiate lease terms"): {
        "rent": "necessary",
        "pills": "private",
        "knee": "private",
    },
    ("Doctor", "Discuss my treatment plan"): {
        "rent": "private",
        "pills": "necessary",
        "knee": "necessary",
        "tea": "unlabeled",
    },
}


def data(folder: Path) -> Path:
    profile: dict[str, Any] = {
        "information_attributes": {
            name: {"memory_statement": text, "information_domain": domain, "event": "general"}
            for name, (text, domain) in TOLD.items()
        },
        "contexts": [
            {
                "recipient": recipient,
                "task": task,
                "labels_combined": {TOLD[name][0]: {label: 1.0} for name, label in labels.items()},
            }
            for (recipient, task), labels in SENT.items()
        ],
    }
    path = folder / "profiles.json"
    path.write_text(json.dumps([profile, profile]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("integrity")
    return main_integrity(
        data(folder), embedder="none", depths=(1, 5), json=folder / "out.json", say=lambda _: None
    )


def system(result: Result, name: str) -> Measured:
    return next(found for found in result.systems if found.name == name)


def test_figures_are_those_that_can_be_counted_by_hand(result: Result) -> None:
    everything = system(result, "everything").overall
    assert (everything["violation"].mean, everything["coverage"].mean) == (1.0, 1.0)
    assert everything["ever"].mean == 1.0
    gate = system(result, "gate normal").overall
    assert gate["violation"].mean == 0.0
    assert gate["coverage"].mean == 1.0
    assert gate["ever"].n == 2
    stated = system(result, "gate normal, domains stated").overall
    assert stated["violation"].mean == 0.0
    harmless = system(result, "nothing sensitive")
    assert harmless.overall["coverage"].mean == 0.0
    assert harmless.size["returned"] == 2.0  # both names of one text
    assert system(result, "relevant@1").size["returned"] <= 2.0


def test_a_gate_after_a_search_returns_no_more_than_either(result: Result) -> None:
    for k in (1, 5):
        both = system(result, f"relevant@{k} + gate normal").overall
        for alone in (f"relevant@{k}", "gate normal"):
            for metric in ("violation", "coverage", "ever"):
                assert both[metric].mean <= system(result, alone).overall[metric].mean


def test_the_result_can_be_written_read_shown_and_drawn(result: Result, tmp_path: Path) -> None:
    again = main_integrity(
        data(tmp_path), embedder="none", limit=1, json=tmp_path / "out.json", say=lambda _: None
    )
    assert read(tmp_path / "out.json") == again
    assert again.examples == 1
    console = Console(record=True, width=140)
    show_integrity(result, console)
    assert "gate normal" in console.export_text()
    assert "--limit 1" in again.command
    try:
        plot_integrity(result, tmp_path / "curve.png")
    except MissingExtra as missing:
        pytest.skip(str(missing))
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_policy_of_ones_own_and_errors(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[integrity.roles.doctor]\nneeds = []\nmay = []\nif_needed = []\n")
    found = main_integrity(
        data(tmp_path), policy=policy, embedder="none", depths=(), say=lambda _: None
    )
    assert system(found, "gate normal").overall["coverage"].mean == 0.5
    policy.write_text("[integrity]\nlevel = 'x'\n")
    with pytest.raises(BadImport, match=r"integrity\.level"):
        main_integrity(data(tmp_path), policy=policy, embedder="none", say=lambda _: None)
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(InvalidInput, match="no message with labels"):
        main_integrity(tmp_path / "none.json", embedder="none", say=lambda _: None)
