"""What counts as a secret or personal data, and what only looks like it: generated texts of every class, and near misses."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from itertools import pairwise

import pytest
from stdnum import luhn

from remanence.text.guard.detect import KINDS, Found, find

R = random.Random(7)
ALNUM = string.ascii_letters + string.digits
NAMES = "Oak Maple Harbour Station Mill Church Garden River".split()


def chars(alphabet: str, n: int) -> str:
    return "".join(R.choice(alphabet) for _ in range(n))


def card() -> str:
    body = R.choice(("4", "51", "6011")) + chars(string.digits, 14)
    digits = body[:15]
    digits += luhn.calc_check_digit(digits)
    style = R.choice(("", " ", "-"))
    return style.join(digits[i : i + 4] for i in range(0, 16, 4)) if style else digits


def iban() -> str:
    account = chars(string.digits, 18)
    check = 98 - int(f"{account}131400".replace(" ", "")) % 97
    return f"DE{check:02d}{account}"


def ssn() -> str:
    return f"{R.randint(100, 665)}-{R.randint(10, 99)}-{R.randint(1000, 9999)}"


MAKE: dict[str, tuple[Callable[[], str], tuple[str, ...]]] = {
    "key": (
        lambda: R.choice(
            (
                f"ghp_{chars(ALNUM, 36)}",
                f"AKIA{chars(string.ascii_uppercase + string.digits, 16)}",
                f"sk-proj-{chars(ALNUM, 32)}",
                f"xoxb-{chars(string.digits, 11)}-{chars(string.ascii_lowercase, 24)}",
                f"glpat-{chars(ALNUM, 20)}",
                f"SG.{chars(ALNUM, 22)}.{chars(ALNUM, 43)}",
            )
        ),
        ("deploy with {} please", "TOKEN={}", "I pasted {} into the form, was that bad?"),
    ),
    "password": (
        lambda: chars(ALNUM, 7) + R.choice("!#9"),
        ("the wifi password is {}", "my PIN is {}, keep it", "password: {}"),
    ),
    "card": (card, ("charge it to {} then", "card no {}")),
    "account": (iban, ("wire it to {} please", "my account is {}")),
    "identity": (ssn, ("my ssn is {}", "they asked for {} again")),
    "phone": (
        lambda: f"+1 650-253-{R.randint(1000, 9999)}",
        ("call {} after six", "my number is {}"),
    ),
    "email": (
        lambda: f"{chars(string.ascii_lowercase, 6)}.x@{chars(string.ascii_lowercase, 7)}.org",
        ("write to {} soon", "<{}> replied"),
    ),
    "ip": (
        lambda: f"{R.randint(11, 99)}.{R.randint(1, 250)}.{R.randint(1, 250)}.{R.randint(1, 250)}",
        ("the box at {} is down", "ssh root@{}"),
    ),
    "address": (
        lambda: (
            f"{R.randint(1, 9999)} {R.choice(NAMES)} {R.choice(('Street', 'Avenue', 'Rd', 'Lane'))}"
        ),
        ("we moved to {} in May", "deliver it to {}"),
    ),
}
HARMLESS: tuple[Callable[[], str], ...] = (
    lambda: (
        f"order {chars(string.digits, 16)} shipped"
        if not R.random()
        else "order 1234567890123 shipped"
    ),
    lambda: f"commit {chars('0123456789abcdef', 40)} broke it",
    lambda: (
        f"version {R.randint(1, 9)}.{R.randint(0, 20)}.{R.randint(0, 9)}.{R.randint(1, 9)} is out"
    ),
    lambda: "the ISBN is 978-3-16-148410-0",
    lambda: f"we met on 2024-0{R.randint(1, 9)}-1{R.randint(0, 9)} from 14:00 to 15:30",
    lambda: (
        f"it cost {R.randint(1, 9)},{R.randint(100, 999)}.50 and weighed {R.randint(10, 99)}.5 kg"
    ),
    lambda: "the password is required before you can reset the password",
    lambda: "see src/remanence/text/guard/test_detect.py for ThatVeryLongClassName2",
    lambda: (
        f"id {chars('0123456789abcdef', 8)}-{'-'.join(chars('0123456789abcdef', 4) for _ in range(3))}-{chars('0123456789abcdef', 12)}"
    ),
    lambda: "I drove 300 miles this way to see the 5 of them",
    lambda: "the server 192.168.0.12 and localhost 127.0.0.1 are ours",
    lambda: "a key idea, a secret garden, a pin on the map, no token of thanks",
)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_with_its_characters(kind: str) -> None:
    make, frames = MAKE[kind]
    missed, wrong = [], []
    for _ in range(60):
        secret, frame = make(), R.choice(frames)
        text = frame.format(secret)
        start = frame.index("{}")
        found = find(text)
        if not any(
            f.kind == kind and f.start <= start and f.end >= start + len(secret) for f in found
        ):
            missed.append(text)
        wrong += [(text, f) for f in found if f.kind != kind and f.end <= start]
    assert len(missed) <= 2, missed
    assert not wrong


def test_what_only_looks_like_it_is_left_alone() -> None:
    wrong = [
        (text, found) for _ in range(40) for make in HARMLESS if (found := find(text := make()))
    ]
    assert not wrong


def test_only_the_kinds_asked_for_and_never_overlapping() -> None:
    text = "postgres://joe:s3cretpw@db.example.org:5432/x and mail joe@example.org, +49 30 901820"
    assert {found.kind for found in find(text, {"email"})} == {"email"}
    everything = find(text)
    assert all(a.end <= b.start for a, b in pairwise(everything))
    assert {"key", "email", "phone"} <= {found.kind for found in everything}


def test_a_private_key_is_found_whole_even_without_its_end() -> None:
    block = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
    assert find(f"here: {block} ok") == [Found("key", 6, 6 + len(block))]
    assert find("-----BEGIN PRIVATE KEY-----\nMIIE") == [Found("key", 0, 32)]


def test_bare_digits_are_a_telephone_only_where_something_says_so() -> None:
    assert [f.kind for f in find("call me: 6502530000")] == ["phone"]
    assert find("invoice 6502530000 is due") == []
