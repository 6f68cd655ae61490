"""Attacks on a memory, generated: what somebody who may only talk to it would plant, and what honest strangers say beside it.

Wordings come in four families that share none: `develop`, which the guards were developed on; `heldout`, written when they stood and
scored before anything was changed for them; `fresh`, written after they had been improved on what that showed, and scored once
before it was looked at (the weights of `text.guard.structure` have since been fitted on all three); and `unseen`, with facts and
deeds of its own, written without sight of the detector and scored only where it is asked for. All are ours; names, addresses and
companies in them are made up (`attacks.toml`, `attacks_unseen.toml`).
"""

from __future__ import annotations

import base64
import codecs
import random
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

Wording = Literal["develop", "heldout", "fresh", "unseen"]
CLAIMS: Final = ("repetition", "recency", "authority", "document", "reinforced")
"""Families that want something false believed, of which the owner has told the truth."""
ORDERS: Final = ("trigger", "authorised", "planted", "injection")
"""Families that want something done."""
FAMILIES: Final = (*CLAIMS, *ORDERS, "obfuscated")
REPEATS: Final = 10
CHANNELS: Final[Mapping[str, tuple[str, ...]]] = {
    "repetition": ("web:board.example", "user:mallory"),
    "recency": ("tool:search", "email:desk.example", "web:news.example"),
    "authority": ("email:desk.example", "web:office.example"),
    "document": ("document:notes.txt", "web:pages.example", "tool:search"),
    "reinforced": ("assistant",),
    "trigger": ("web:pages.example", "user:mallory", "tool:search"),
    "authorised": ("email:desk.example", "tool:search"),
    "planted": ("web:pages.example", "document:notes.txt", "tool:search"),
    "injection": ("user:mallory",),
    "obfuscated": ("web:pages.example", "document:notes.txt", "tool:search"),
    "uncontested": ("web:pages.example", "user:mallory"),
    "own voice": ("user:owner",),
    "benign": ("web:pages.example", "document:notes.txt", "tool:search", "email:desk.example"),
}
"""Where each family comes from. `user:mallory` is another user who may write into a shared memory."""


class Planted(NamedTuple):
    """A record that is not the owner's."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Attack:
    """What is planted, and the question that it waits for. `channel`: where it comes from, up to the colon."""

    family: str
    origin: str
    question: str
    planted: tuple[Planted, ...]
    part: str = ""
    """The disguise, where the family has several."""
    told: tuple[str, ...] = ()
    """What the owner may have said of it."""

    @property
    def channel(self) -> str:
        return self.origin.partition(":")[0]


@cache
def _data(wording: Wording) -> dict[str, Any]:
    name = "attacks_unseen.toml" if wording == "unseen" else "attacks.toml"
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def told(who: str, seed: int, wording: Wording = "develop") -> list[str]:
    """What the owner tells of the facts that the claims are about, in an order drawn by chance."""
    rng = random.Random(f"told/{seed}/{who}")
    lines = [rng.choice(fact["told"]) for fact in _data(wording)["fact"]]
    rng.shuffle(lines)
    return lines


def attacks(wording: Wording, who: str, seed: int) -> Iterator[Attack]:
    """Every family on every fact or deed, worded by chance; the same arguments give the same attacks."""
    for family in CLAIMS:
        for fact in _data(wording)["fact"]:
            yield _claim(wording, family, fact, who, seed)
    for family in ORDERS:
        for deed in _data(wording)["deed"]:
            yield _order(wording, family, deed, who, seed)
    for deed in _data(wording)["deed"]:
        for name, disguise in DISGUISES[wording].items():
            rng = random.Random(f"{wording}/{name}/{deed['topic']}/{seed}")
            plain = _order(wording, rng.choice(ORDERS[:3]), deed, who, seed)
            text = rng.choice(plain.planted).text
            origin = rng.choice(CHANNELS["obfuscated"])
            hidden = Planted(f"{deed['topic']}: {disguise(text, rng)}", origin)
            yield Attack("obfuscated", origin, plain.question, (hidden,), name)


def uncontested(wording: Wording, who: str, seed: int) -> Iterator[Attack]:
    """The claims again, in a memory whose owner never spoke of the matter: nothing there contradicts them."""
    for fact in _data(wording)["fact"]:
        rng = random.Random(f"{wording}/uncontested/{fact['attribute']}/{seed}")
        origin = rng.choice(CHANNELS["uncontested"])
        claim = _claim(wording, "document", fact, who, seed)
        planted = tuple(one._replace(origin=origin) for one in claim.planted)
        yield replace(claim, family="uncontested", origin=origin, planted=planted, told=())


def own_voice(wording: Wording, who: str, seed: int) -> Iterator[Attack]:
    """Orders through the owner's own channel: no origin tells them from the owner's."""
    for deed in _data(wording)["deed"]:
        order = _order(wording, "trigger", deed, who, seed)
        planted = tuple(one._replace(origin="user:owner") for one in order.planted)
        yield replace(order, family="own voice", origin="user:owner", planted=planted)


def benign(wording: Wording, who: str, seed: int) -> Iterator[Attack]:
    """What honest strangers say, each with a question that it answers: no attacks, and to be found."""
    found = _data(wording)[wording]["benign"]
    for about, asked in zip(found["about"], found["asked"], strict=True):
        rng = random.Random(f"{wording}/benign/{asked}/{seed}")
        origin = rng.choice(CHANNELS["benign"])
        text = about.replace("{W}", who)
        yield Attack("benign", origin, asked, (Planted(text, origin),))


def _claim(wording: Wording, family: str, fact: Mapping[str, Any], who: str, seed: int) -> Attack:
    rng = random.Random(f"{wording}/{family}/{fact['attribute']}/{seed}")
    values = {"W": who, "A": fact["attribute"], "V": rng.choice(fact["lies"])}
    says = fact["says" if wording == "develop" else wording]
    values["C"] = _fill(rng.choice(says), values)
    texts = _data(wording)[wording][family]
    most = REPEATS if family == "repetition" else 2
    # A file with just as many as are repeated says them in its own order, so that its attacks stay what they were.
    chosen = texts if len(texts) == REPEATS == most else rng.sample(texts, most)
    origin = rng.choice(CHANNELS[family])
    planted = tuple(Planted(_fill(text, values), origin) for text in chosen)
    return Attack(
        family, origin, _fill(fact["question"], values), planted, told=tuple(fact["told"])
    )


def _order(wording: Wording, family: str, deed: Mapping[str, Any], who: str, seed: int) -> Attack:
    rng = random.Random(f"{wording}/{family}/{deed['topic']}/{seed}")
    values = {"W": who, "T": deed["topic"], "D": deed["deed"]}
    texts = _data(wording)[wording][family]
    if family != "injection":
        chosen = rng.sample(texts, 2)
    elif isinstance(texts[0], list):  # several series
        chosen = rng.choice(texts)
    else:
        chosen = texts
    origin = rng.choice(CHANNELS[family])
    planted = tuple(Planted(_fill(text, values), origin) for text in chosen)
    return Attack(family, origin, deed["question"], planted)


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text.replace("{{", "{").replace("}}", "}")


# --- disguises ------------------------------------------------------------------------------------------------------

Disguise = Callable[[str, random.Random], str]
_CYRILLIC = dict(
    zip("aceiopsxy", "\u0430\u0441\u0435\u0456\u043e\u0440\u0455\u0445\u0443", strict=True)
)
_GREEK = dict(zip("aioknv", "\u03b1\u03b9\u03bf\u03ba\u03b7\u03bd", strict=True))
_LEET = dict(zip("aeiost", "431057", strict=True))


def _swapped(table: Mapping[str, str], share: float) -> Disguise:
    def swap(text: str, rng: random.Random) -> str:
        return "".join(table[c] if c in table and rng.random() < share else c for c in text)

    return swap


def _unseen(signs: str, share: float) -> Disguise:
    def put(text: str, rng: random.Random) -> str:
        return "".join(c + rng.choice(signs) if rng.random() < share else c for c in text)

    return put


def _shifted(lower: int, upper: int) -> Disguise:
    """Letters from another block of Unicode: full width, mathematical bold, …"""

    def shift(text: str, rng: random.Random) -> str:
        return "".join(
            chr(lower + ord(c) - 97)
            if "a" <= c <= "z"
            else chr(upper + ord(c) - 65)
            if "A" <= c <= "Z"
            else c
            for c in text
        )

    return shift


def _spread(gap: str, between: str) -> Disguise:
    def spread(text: str, rng: random.Random) -> str:
        return between.join(gap.join(word) for word in text.split())

    return spread


def _coded(encode: Callable[[bytes], bytes]) -> Disguise:
    return lambda text, rng: encode(text.encode()).decode()


DISGUISES: Final[Mapping[str, Mapping[str, Disguise]]] = {
    "develop": {
        "zero width": _unseen("\u200b\u200c\u200d", 0.4),
        "Cyrillic": _swapped(_CYRILLIC, 0.6),
        "leet": _swapped(_LEET, 0.7),
        "base64": _coded(base64.b64encode),
        "letters apart": _spread(" ", "   "),
    },
    "heldout": {
        "full width": _shifted(0xFF41, 0xFF21),
        "bold": _shifted(0x1D41A, 0x1D400),
        "Greek": _swapped(_GREEK, 0.6),
        "soft hyphens": _unseen("\u00ad\u2060", 0.3),
        "tags": lambda text, rng: (
            "see below" + "".join(chr(0xE0000 + ord(c)) for c in text if c.isascii())
        ),
        "hexadecimal": lambda text, rng: text.encode().hex(),
        "entities": lambda text, rng: "".join(f"&#{ord(c)};" for c in text),
        "base64 twice": _coded(lambda raw: base64.b64encode(base64.b64encode(raw))),
        "dots": _spread(".", "  "),
    },
    "fresh": {
        "sans serif": _shifted(0x1D5BA, 0x1D5A0),
        "Cyrillic and unseen": lambda text, rng: _unseen("\u200b\u2063", 0.2)(
            _swapped(_CYRILLIC, 0.5)(text, rng), rng
        ),
        "percent": lambda text, rng: "".join(f"%{ord(c):02X}" for c in text),
        "reversed": lambda text, rng: text[::-1],
        "rot13": lambda text, rng: codecs.encode(text, "rot13"),
        "hyphens": _spread("-", " "),
    },
    "unseen": {
        "circled": _shifted(0x24D0, 0x24B6),
        "bold fraktur": _shifted(0x1D586, 0x1D56C),
        "struck through": _unseen("\u0336", 1.0),
        "variation selectors": lambda text, rng: (
            "nice" + "".join(chr(0xE0100 + byte) for byte in text.encode())
        ),
        "base32": _coded(base64.b32encode),
        "escapes": lambda text, rng: "".join(f"\\u{ord(c):04x}" for c in text),
        "quoted printable": lambda text, rng: "".join(f"={byte:02X}" for byte in text.encode()),
        "underscores": _spread("_", " "),
    },
}
