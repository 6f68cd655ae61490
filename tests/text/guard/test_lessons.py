"""What was harmful once is recognised, and only lessons of our own count."""

from __future__ import annotations

from remanence.text.guard.lessons import KIND, ORIGIN, Lessons, lesson_of
from remanence.types import Add, Record, Source

SCOPE = ("t", "u")
CLAIM = "Ana's parcel locker is number 44 at the Nordkai depot."


def test_the_same_words_in_another_order_are_recognised() -> None:
    lessons = Lessons.of([CLAIM])
    assert lessons.repeats("At the Nordkai depot, number 44: Ana's parcel locker.")
    assert lessons.repeats("UPDATE: Ana's parcel locker is number 44 at the Nordkai depot!")
    assert not lessons.repeats("Ana's parcel locker is number 12 at the Nordkai depot.")
    assert not lessons.repeats("Ana's parcel came yesterday.")
    assert not Lessons().repeats(CLAIM)


def test_only_untrusted_origins_are_held_back() -> None:
    lessons = Lessons.of([CLAIM])
    assert lessons.admit(Add(scope=SCOPE, text=CLAIM, trust=0.3)).action == "quarantine"
    assert lessons.admit(Add(scope=SCOPE, text=CLAIM, trust=1.0)).action == "allow"


def test_a_lesson_names_its_source_and_is_not_held_back_itself() -> None:
    record = Record(id="r1", scope=SCOPE, text=CLAIM, origin="web:a.example", trust=0.3)
    lesson = lesson_of(record, "was wrong")
    assert (lesson.kind, lesson.origin, lesson.sources) == (KIND, ORIGIN, (Source("r1"),))
    assert Lessons.of([CLAIM]).admit(lesson).action == "allow"
    assert lesson_of(Add(scope=SCOPE, text=CLAIM), "refused").sources == ()
