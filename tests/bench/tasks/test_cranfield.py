"""Cranfield's reader on three documents of our own in the official format."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from remanence.bench.tasks.cranfield import Cranfield
from remanence.errors import BadImport, InvalidInput

DOCUMENTS = """.I 1
.T
flow over
a kite .
.A
someone
.B
nowhere 1950
.W
the kite rises
.I
in the wind .
.I 2
.T
.A
.B
.W
.I 3
.T
a still pond .
.A
.B
.W
nothing moves .
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cran.all.1400").write_text(DOCUMENTS)
    (tmp_path / "cran.qry").write_text(".I 004\n.W\nhow do kites\nrise .\n.I 009\n.W\nponds .\n")
    (tmp_path / "cranqrel").write_text("1 1 1\n1 3 4\n1 2 2\n2 3 3\n2 1 5\n2 1 -1\n")
    return tmp_path


def test_documents_queries_and_gains(folder: Path) -> None:
    notes: Counter[str] = Counter()
    (example,) = Cranfield().examples(folder, notes)
    assert [(t.id, t.title) for t in example.turns] == [
        ("1", "flow over a kite ."),
        ("3", "a still pond ."),
    ]
    assert example.turns[0].text == "the kite rises .I in the wind ."
    kites, ponds = example.questions
    assert (kites.text, dict(kites.grades)) == ("how do kites rise .", {"1": 4.0, "3": 1.0})
    assert ponds.evidence == ("3",)
    assert notes == {"documents without text": 1, "judgements of a document that does not exist": 1}


def test_malformed_files(folder: Path) -> None:
    (folder / "cranqrel").write_text("1 1 1\n1 one 1\n")
    with pytest.raises(BadImport, match=r"cranqrel:2"):
        list(Cranfield().examples(folder))
    (folder / "cran.all.1400").write_text("hello")
    with pytest.raises(BadImport, match=r"\.I"):
        list(Cranfield().examples(folder))
    with pytest.raises(InvalidInput, match="--data"):
        list(Cranfield().examples(folder / "absent" / "x"))
