"""Which statements are read as slots, and which are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.write.slots import slots_of

Slots = list[tuple[str, str, str]]


def said(text: str, speaker: str = "Ana", role: str = "") -> Slots:
    return [found.slot[:3] for found in slots_of(text, speaker=speaker, role=role)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # where
        ("I live in Porto with my cat.", [("ana", "residence", "Porto")]),
        ("Guess what! I just moved to New Haven.", [("ana", "residence", "New Haven")]),
        ("I've relocated from Rome to Oslo", [("ana", "residence", "Oslo")]),
        ("My sister Lena moved to Porto in May.", [("lena", "residence", "Porto")]),
        ("My brother lives in Turin.", [("ana's brother", "residence", "Turin")]),
        ("Ben is based in Kyoto now.", [("ben", "residence", "Kyoto")]),
        ("I live in St. Ives.", [("ana", "residence", "St. Ives")]),
        ("I live in \u0160ibenik.", [("ana", "residence", "\u0160ibenik")]),
        ("My doctor is Dr. Ida Moss.", [("ana", "doctor", "Dr. Ida Moss")]),
        ("My favorite color is blue now.", [("ana", "color favorit", "blue")]),
        ("I left Hale Labs yesterday.", [("ana", "employer", "no longer Hale Labs")]),
        # work
        ("I work at Hale Labs.", [("ana", "employer", "Hale Labs")]),
        ("I just joined Hale Labs!", [("ana", "employer", "Hale Labs")]),
        ("I got promoted to head nurse.", [("ana", "job", "head nurse")]),
        # people
        ("My manager is Ines Prado.", [("ana", "manag", "Ines Prado")]),
        ("My new boss is Marta.", [("ana", "manag", "Marta")]),
        ("Otto is our new coach.", [("ana", "coach", "Otto")]),
        # things
        ("My phone number is 555-0199.", [("ana", "number phone", "555-0199")]),
        ("The wifi password is otter-42, by the way.", [("here", "password wifi", "otter-42")]),
        ("The theme of the party is masked ball.", [("here", "parti theme", "masked ball")]),
        ("wifi password: otter-43", [("here", "password wifi", "otter-43")]),
        ("pool_size = 20", [("pool", "size", "20")]),
        ("Set the pool size to 30.", [("pool", "size", "30")]),
        ("The gate code isn't 4471 but 5523.", [("here", "code gate", "5523")]),
        ("Kestrel is on hold.", [("kestrel", "status", "on hold")]),
        # when
        ("The review with Otto is now on Friday at 3pm.", [("otto", "when review", "Friday at 3pm")]),
        ("We moved the team meeting from Monday to Wednesday.", [("team", "when meet", "Wednesday")]),
        ("The Kestrel deadline has been pushed to May 3.", [("kestrel", "when deadlin", "May 3")]),
        ("I have a call with the agency on June 4.", [("agenc", "when call", "June 4")]),
        # how much
        ("My rent is $900 now.", [("ana", "rent", "$900")]),
        ("I've raised the fuel budget to $320, which route is best?", [("fuel", "budget", "$320")]),
        ("The kiln temperature, which has now dropped to 940 degrees, is fine.", [("kiln", "temperatur", "940 degrees")]),
        ("I have 3 cats now.", [("ana", "count cat", "3 cats")]),
        ("I've painted 6 fences so far.", [("ana", "count fenc paint", "6 fences")]),
        # likes
        ("My favourite colour is green.", [("ana", "color favorit", "green")]),
        ("I love strong coffee.", [("ana", "like", "strong coffee")]),
        # over
        ("I no longer work at Hale.", [("ana", "employer", "no longer Hale")]),
        ("I don't eat meat anymore.", [("ana", "like", "no longer meat")]),
        ("I quit smoking.", [("ana", "do", "no longer smoking")]),
        ("The wifi password is no longer otter-42.", [("here", "password wifi", "no longer otter-42")]),
    ],
)  # fmt: skip
def test_statements(text: str, expected: Slots) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Where is the wifi password?",
        "Do you live in Porto?",
        "If I moved to Rome, I'd be happy.",
        "I might move to Rome.",
        "I want to live in Oslo.",
        "I used to live in Rome.",
        "I hope the budget is $500.",
        "Ben said the deadline is May 3.",
        'She wrote "my rent is $900" on the wall.',
        "Imagine my rent was raised to $5000.",
        "The meeting was on Friday.",
        "He lives in Porto.",
        "They moved to Rome.",
        "My family is great.",
        "My day was long and the show is amazing.",
        "I am so happy!",
        "Can you move the meeting to Friday?",
        "Never mind.",
        "Always here for you!",
        "I have 5 minutes.",
        "It's 20 degrees.",
        "Hi Ben: how are you",
        "See https://a.example/x=1",
        "```\nrent: 900\n```",
        "",
    ],
)
def test_what_states_nothing(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "The deadline for Kestrel is May 3.",
        "Kestrel's deadline is May 3.",
        "The Kestrel deadline is May 3.",
        "the kestrel deadline was changed to May 3",
        "Kestrel deadline: May 3",
        "We pushed the deadline of Kestrel to May 3.",
        "Actually, the Kestrel deadline is on May 3.",
    ],
)
def test_one_thing_under_many_names(text: str) -> None:
    assert said(text) == [("kestrel", "when deadlin", "May 3")]


@pytest.mark.parametrize(
    ("text", "corrects"),
    [
        ("The rent is $900.", False),
        ("The rent is now $900.", True),
        ("Actually, the rent is $900.", True),
        ("The rent was raised to $900.", True),
        ("Correction: the rent is $900.", True),
        ("I live in Porto.", False),
        ("I moved to Porto.", True),
        ("I live in Porto now.", False),
    ],
)
def test_words_that_correct(text: str, corrects: bool) -> None:
    (found,) = slots_of(text, speaker="Ana")
    assert found.slot.corrects is corrects


def test_lists_are_not_exclusive() -> None:
    assert not slots_of("I love strong coffee.")[0].slot.exclusive
    assert not slots_of("My sister is Lena.")[0].slot.exclusive
    assert slots_of("My manager is Ines.")[0].slot.exclusive


def test_who_i_is() -> None:
    assert said("I live in Porto.", speaker="", role="user")[0][0] == "user"
    assert said("I live in Porto.", speaker="User", role="user")[0][0] == "user"
    assert said("I live in Porto.", speaker="Ana", role="assistant") == []
    assert said("My rent is $900.", speaker="")[0] == said("The rent is $900.", speaker="")[0]
    assert said("My rent is $900.", speaker="Ana") != said("My rent is $900.", speaker="Ben")


def test_places_of_what_states() -> None:
    text = "Hello there. My rent is $900 now! And I moved to Porto."
    assert [text[start:end] for _, start, end in slots_of(text)] == [
        "My rent is $900 now!",
        "And I moved to Porto.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("From now on, end all icon names with '-lg'.", [("rule end icon", "-lg")]),
        ("Also, when naming shell scripts, end their names with '.run'.", [("rule end script shell", ".run")]),
        (
            "Start icon names with 'ic-' and layer names with 'ly-'.",
            [("rule start icon", "ic-"), ("rule start layer", "ly-")],
        ),
        (
            "Please start topic names with 'tp.' and end them with '.v1'.",
            [("rule start topic", "tp."), ("rule end topic", ".v1")],
        ),
        ("I'd like you to use 'tb-' as a prefix for table names.", [("rule start tabl", "tb-")]),
        ("Use Otter as the note app.", [("rule use app note", "Otter")]),
        ("Never squash commits.", [("rule commit squash", "never")]),
        ("Always feed the cat at 7.", [("rule cat feed", "always 7")]),
    ],
)  # fmt: skip
def test_instructions(text: str, expected: list[tuple[str, str]]) -> None:
    assert [found.slot[1:3] for found in slots_of(text)] == expected


def test_more_of_what_is_added_does_not_replace_it() -> None:
    (found,) = slots_of("Always add the '@traced' decorator to all handlers.")
    assert not found.slot.exclusive


@given(st.text(max_size=300), st.text(max_size=8))
def test_any_text(text: str, speaker: str) -> None:
    found = slots_of(text, speaker=speaker)
    assert found == slots_of(text, speaker=speaker)
    for slot, start, end in found:
        assert 0 <= start < end <= len(text)
        assert slot.subject
        assert slot.attribute
        assert slot.value


_PIECES = st.sampled_from(
    "I we my the rent deadline Kestrel is now moved to $900 Friday at 3pm not no longer 'x' : = because , . ? and live in Porto "
    "actually always use as for budget of was changed from".split()
)


@given(st.lists(_PIECES, max_size=30))
def test_any_words(words: list[str]) -> None:
    text = " ".join(words)
    for slot, start, end in slots_of(text, speaker="Ana"):
        assert text[start:end].strip()
        assert len(slot.value) <= 200


@pytest.mark.parametrize(
    "text",
    [
        "The code is 4711 or 1147.",
        "The review is on Friday or Saturday.",
        "My favorite color is red or blue.",
        "My favorite color is not blue.",
        "The budget is 3 times what we had.",
        "My salary is 5% higher than hers.",
        "I work as hard as I can.",
        "I work as usual.",
        "It is rumoured that the deadline is 12 May.",
    ],
)
def test_what_is_left_open_or_only_compared_is_no_fact(text: str) -> None:
    assert said(text) == []


def test_a_name_with_new_in_it_corrects_nothing() -> None:
    for text in ("I live in New Haven.", "I work at New Hale.", "My favourite city is New Haven."):
        (found,) = slots_of(text, speaker="Ana")
        assert not found.slot.corrects
    (found,) = slots_of("I now live in New Haven.", speaker="Ana")
    assert found.slot.corrects
