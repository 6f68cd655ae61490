"""Candidates of small and of large spaces."""

from __future__ import annotations

from remanence.text.read.lexical import Lexical
from remanence.text.read.pool import Pool


def test_a_large_space_is_read_around_its_best(view, ask) -> None:
    told = [{"text": f"nothing {n}", "session": "a"} for n in range(30)]
    told[20] = {"text": "we bought bread", "session": "a"}
    seen = view(told)
    pool = Pool(Lexical(), whole=5, each=3, centres=1, reach=2)
    assert pool.retrieve(ask("bread"), seen, 2).ords.tolist() == [18, 19, 20, 21, 22]
    assert len(pool.retrieve(ask("bread"), seen, 9).ords) >= 9
    assert pool.retrieve(ask("zebra"), seen, 2).ords.tolist() == [28, 29]
    assert Pool(Lexical()).retrieve(ask("zebra"), seen, 2).ords.tolist() == list(range(30))
