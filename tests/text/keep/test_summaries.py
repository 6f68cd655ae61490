"""Summaries of sessions: whose every sentence is somebody's, and which follow what they were made of."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from remanence.seams import Encoded
from remanence.text.index.space import Space
from remanence.text.keep.summaries import SessionSummaries
from remanence.types import Add, Mark, Record, Retract, Undo
from tests.embed import small
from tests.text.keep.conftest import SCOPE, Kept
from tests.text.keep.nights import night, summaries, undo

GARDEN = (
    "We planted forty tulips beside the old garden wall.",
    "Nice!",
    "The tulips along the garden wall need water every morning. Did you buy a hose?",
    "I bought a green hose for the tulips. It reaches the wall.",
    "My knee hurts when it rains.",
    "The hose leaks, so watering the tulips takes an hour.",
    "Hm, maybe.",
    "Then let us water the garden tulips with two cans instead of the hose.",
)


def garden(kept: Kept, texts: tuple[str, ...] = GARDEN, **more: object) -> None:
    for number, text in enumerate(texts):
        who = ("Ana", "Ben")[number % 2]
        values = {"speaker": who, "session": "garden", "text": text, **more}
        kept.told(f"g{number}", -10 + number / 10, **values)


def check(kept: Kept, made: Record) -> None:
    """Line by line, what isn't who and when is what the source says there."""
    lines = made.text.split("\n")
    assert len(lines) == len(made.sources)
    for line, source in zip(lines, made.sources, strict=True):
        record = kept.store.get(SCOPE, source.id)
        assert record is not None
        said = record.text[source.start : source.end]
        assert line == f"{record.speaker} ({record.valid_from:%Y-%m-%d}): {said}"


def test_the_central_sentences(kept: Kept) -> None:
    garden(kept)
    found = night(kept, SessionSummaries())
    (made,) = summaries(kept)
    check(kept, made)
    assert (made.kind, made.session, made.origin) == ("summary", "garden", "")
    assert len(made.sources) == 3
    assert "tulips" in made.text
    assert "knee" not in made.text
    assert "?" not in made.text
    last = kept.store.get(SCOPE, "g7")
    assert last is not None
    assert made.valid_from == last.valid_from
    assert found.sleepers[0].notes == ("garden: 8 records",)
    order = [int(source.id[1:]) for source in made.sources]
    assert order == sorted(order)
    assert night(kept, SessionSummaries()).sleepers[0].steps == 0


def test_too_short_a_session(kept: Kept) -> None:
    garden(kept, GARDEN[:7])
    night(kept, SessionSummaries())
    assert summaries(kept) == []
    night(kept, SessionSummaries(least=7))
    assert len(summaries(kept)) == 1


def test_nothing_to_tell(kept: Kept) -> None:
    garden(kept, ("Hm?",) * 4 + ("Yes.", "No.", "Well!", "Ok, you?"))
    assert night(kept, SessionSummaries()).sleepers[0].changes == {}


def test_a_newer_one_supersedes(kept: Kept) -> None:
    garden(kept)
    night(kept, SessionSummaries())
    (old,) = summaries(kept)
    kept.told("g8", -1, speaker="Ben", session="garden", text="All forty tulips are in bloom.")
    night(kept.at(1), SessionSummaries())
    (new,) = summaries(kept)
    assert new.id != old.id
    check(kept, new)
    assert kept.store.linked(SCOPE, "supersedes")[0][:2] == (new.id, old.id)
    closed = kept.store.get(SCOPE, old.id)
    assert closed is not None
    assert closed.valid_to == new.valid_from


def test_undone_and_on(kept: Kept) -> None:
    """Undoing brings the last one back and is not undone by the next night; something new is."""
    garden(kept)
    night(kept, SessionSummaries())
    (old,) = summaries(kept)
    kept.told("g8", -1, speaker="Ben", session="garden", text="All forty tulips are in bloom.")
    before = kept.store.state_digest()
    run = night(kept.at(1), SessionSummaries()).run
    undo(kept, run)
    assert kept.store.state_digest() == before
    assert night(kept.at(2), SessionSummaries()).sleepers[0].steps == 0
    assert [one.id for one in summaries(kept)] == [old.id]
    kept.told("g9", -0.5, speaker="Ana", session="garden", text="The tulips have faded.")
    night(kept.at(3), SessionSummaries())
    assert [one.id for one in summaries(kept)] != [old.id]


def test_a_forgotten_source(kept: Kept) -> None:
    """Takes the summary along, and the next night makes one without it."""
    garden(kept, (*GARDEN, "Ben is proud of the tulips at the garden wall."))
    night(kept, SessionSummaries())
    (old,) = summaries(kept)
    gone = old.sources[0].id
    said = kept.store.get(SCOPE, gone)
    assert said is not None
    receipt = kept.store.forget(SCOPE, [gone])
    assert old.id in receipt.ids
    assert summaries(kept) == []
    night(kept.at(1), SessionSummaries())
    (new,) = summaries(kept)
    assert new.id != old.id
    assert gone not in [source.id for source in new.sources]
    assert said.text not in new.text
    check(kept, new)


def test_a_retracted_record(kept: Kept) -> None:
    garden(kept, (*GARDEN, "Ben is proud of the tulips at the garden wall."))
    night(kept, SessionSummaries())
    (old,) = summaries(kept)
    kept.apply(Retract(scope=SCOPE, id=old.sources[0].id, at=kept.now))
    night(kept.at(1), SessionSummaries())
    (new,) = summaries(kept)
    assert old.sources[0].id not in [source.id for source in new.sources]


def test_what_is_not_told_from(kept: Kept) -> None:
    garden(kept)
    secret = "The tulips and the hose at the garden wall are for tulips."
    kept.told("s0", -9, session="garden", text=secret, sensitivity="health")
    kept.told("s1", -9, session="garden", text=secret, audience=("family",))
    kept.told("s2", -9, session="garden", text=secret, purpose=("work",))
    for id, mark in (("s3", "archived"), ("s4", "quarantined")):
        kept.told(id, -9, session="garden", text=secret)
        kept.apply(Mark(scope=SCOPE, id=id, mark=mark))
    kept.told("s5", -9, session="garden", text=secret, kind="note")
    night(kept, SessionSummaries(longest=50, share=5))
    (made,) = summaries(kept)
    assert secret not in made.text
    assert len(made.sources) == 6


def test_trust_and_origin_come_from_the_sources(kept: Kept) -> None:
    garden(kept, origin="chat", trust=0.5)
    night(kept, SessionSummaries())
    (made,) = summaries(kept)
    assert (made.origin, made.trust) == ("chat", 0.5)


def test_sessions_and_scopes_stay_apart(kept: Kept) -> None:
    for scope in (SCOPE, (*SCOPE, "x")):
        for number, text in enumerate(GARDEN):
            kept.told(f"{len(scope)}{number}", -9, scope=scope, session="garden", text=text)
    found = night(kept, SessionSummaries())
    assert found.sleepers[0].steps == 2
    assert sorted(len(one.scope) for one in summaries(kept)) == [2, 3]
    for made in summaries(kept):
        assert {source.id[0] for source in made.sources} == {str(len(made.scope))}


def test_vectors_speak_too(kept: Kept) -> None:
    """Of eight sentences that share no word those are central whose vectors are alike."""
    names = "ant bee cat dog elk fox gnu hen ibis jay kite lark mole newt owl pig quail ram seal toad urial vole wolf yak".split()
    texts = tuple(f"{' '.join(names[at : at + 3])}." for at in range(0, 24, 3))
    garden(kept, texts)
    encoder = small.encoder()
    kept.space = Space(kept.store, SCOPE, encoder)
    waiting = [one.seq for one in kept.store.pending(encoder.id, 10)]
    dense = np.eye(max(encoder.dim, 8), encoder.dim, dtype=np.float32)[:8]
    dense[[2, 5]] = dense[0] * 0.8 + np.array([0, 0.6, *[0] * (encoder.dim - 2)], np.float32)
    dense[4] = dense[2]
    tokens = encoder.encode(list(texts)).tokens
    kept.store.put_vectors(encoder.id, waiting, Encoded(dense, tokens))
    night(kept, SessionSummaries(relevance=1.0, damping=0.15))
    (made,) = summaries(kept)
    assert {source.id for source in made.sources} <= {"g0", "g2", "g4", "g5"}


def test_a_very_long_session(kept: Kept) -> None:
    texts = [
        f"Lamp {n} of row {n % 7} burns{' very brightly' * (n % 2)} on street {n % 50}."
        for n in range(700)
    ]
    adds = [
        Add(scope=SCOPE, id=f"n{n}", session="s", speaker="Ana", text=text)
        for n, text in enumerate(texts)
    ]
    kept.apply(*adds)
    kept.at(1)
    night(kept, SessionSummaries())
    (made,) = summaries(kept)
    check(kept, made)
    assert len(made.sources) == 10


said = st.lists(
    st.text(alphabet="abc .!?\nxé", max_size=40)
    | st.lists(st.sampled_from("tulip wall hose rain knee water garden can".split()), max_size=9).map(" ".join),
    min_size=8,
    max_size=12,
)  # fmt: skip


@given(texts=said)
def test_any_session(tmp_path_factory, texts: list[str]) -> None:
    kept = Kept(tmp_path_factory.mktemp("any") / "kept.rmem")
    try:
        garden(kept, tuple(f"{number} {text}" for number, text in enumerate(texts)))
        before = kept.store.state_digest()
        run = night(kept, SessionSummaries()).run
        for made in summaries(kept):
            check(kept, made)
        assert night(kept, SessionSummaries()).sleepers[0].changes == {}
        if summaries(kept):
            undo(kept, run)
        assert kept.store.state_digest() == before
    finally:
        kept.store.close()


def test_taking_back_one_event(kept: Kept) -> None:
    garden(kept)
    night(kept, SessionSummaries())
    (event,) = [event for event in kept.store.events(SCOPE) if event.actor.startswith("sleep/")]
    kept.apply(Undo(scope=SCOPE, seq=event.seq))
    assert summaries(kept) == []
