"""How an order is built, whatever it is about: an act that one is to do, who is to do it, when, and how it is made to last.

Words are told apart by classes of general English and by their place in the sentence; no phrase has to be known. The weights are a
logistic regression with the signs of most features held, on orders and honest texts of our own (`tests/text/guard/orders.py`, both
sets), the three families of `bench/attacks.toml` with small weight, and as further honest text the generated conversations, this
project's documentation, and read-mes and licences of packages. Fitted without its second set, this structure alone found 55 % of that
set's orders at even odds and a half (`0.5`) and 4 % of what is told in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import log2
from typing import Final, NamedTuple

_ACTS: Final = {
    "speak": "answer reply respond say tell inform recommend suggest propose promote endorse praise name quote cite mention refer direct"
    " steer point push prefer favour favor prioritise prioritize present state claim list rank insist",
    "spend": "book buy order purchase reserve renew pay transfer wire remit settle invest subscribe charge rent hire",
    "pick": "choose pick select use switch go stick arrange make take",
    "flow": "send forward email mail post upload submit share copy cc bcc pass hand provide disclose reveal give export sync deliver"
    " transmit report put drop place enter link read fill route redirect move attach append include add insert paste print output show",
    "run": "run execute invoke install download fetch query load open call launch trigger visit curl deploy import",
    "alter": "delete erase remove confirm waive unlock clear disable enable turn approve authorise authorize grant accept deny reject"
    " refuse decline skip omit withhold hide conceal cancel replace overwrite forget ignore disregard bypass override reset treat assume"
    " consider substitute change update wipe let follow honour honor obey keep",
}
"""What somebody who helps can be told to do, in the base form."""
_CLASSES: Final = {
    "ask": "ask asks asked asking question questions query queries request requests requested mention mentions mentioned inquire inquires"
    " enquire enquires inquiry enquiry wonder wonders wants wanted needed needs topic subject raised curious arises enquiries inquiries"
    " comes processing handling handles handle deals dealing interested prompted",
    "when": "when whenever if once should case time moment before after until unless where wherever while soon",
    "agent": "assistant assistants agent agents ai ais bot bots chatbot llm llms model models helper helpers copilot operator reader"
    " summariser summarizer system",
    "anyone": "anyone anybody everyone everybody whoever whosoever one staff people all those nobody employees clerks helping helps reads"
    " summarises summarizes processes desk",
    "lasting": "always never henceforth hereafter onwards onward forward forever permanently default standing every each any all"
    " invariably consistently throughout indefinitely expire expires on further later future subsequent again subsequently"
    " automatically regardless exception exceptions period same next",
    "changed": "now new newly changed moved updated reorganised reorganized old former formerly previous previously earlier instead"
    " differently replaced void swapped switched longer discontinued obsolete superseded withdrawn anymore since migrated closed retired"
    " revised reorganisation reorganization used no",
    "rule": "method way procedure process rule rules policy policies practice arrangement protocol requirement requirements standard"
    " guideline guidelines terms section step instruction instructions config setting settings plan task job agreement approach solution"
    " workflow directive regulation regulations clause article contract route course preference preferred partner duty role guidance",
    "must": "must shall should ought has have need needs required requires obliged obligated compulsory mandatory expected supposed"
    " instructed directed honour binding obligatory necessary bound",
    "office": "administrator admin security compliance legal lawyers lawyer finance management director office operations platform"
    " regulator bulletin memo official accounts department team supervisor headquarters board undersigned parties developers developer"
    " vendor supplier colleague notice authority attorney ceo owner's",
    "cleared": "agree agreed approved confirmed authorised authorized allowed allows lets permission permitted permits consent consented"
    " signed cleared settled fine ok okay approval accepted agrees wishes wants covered entitled blessing happy insisted verified",
    "unasked": "without unasked silently quietly discreetly secretly confirmation check checks checking sign-off needless"
    " unnecessary nothing hush secret privately",
    "memory": "remember memorise memorize note notes store save record memory memories mind preference preferences reference log"
    " permanent profile forget noted jot",
    "only": "only exclusively first instead rather others else other alone solely preferably top best just",
    "user": "user users owner customer customers client clients user's principal human holder requester",
    "secret": "password passwords passcode passcodes credential credentials key keys token tokens code codes pin otp login"
    " passphrase passport",
    "money": "payment payments invoice invoices bill bills account iban wallet bitcoin refund refunds fee fees funds"
    " salary payroll deposit bank beneficiary recipient",
    "data": "contacts inbox file files document documents backup calendar address records logs history database mailbox conversation"
    " chat data report reports",
    "today": "right away immediately straight effective today asap",
    "told": "i i'm i've i'd i'll me my mine we we're us our he she his him they",
    "softly": "please kindly pls would could can want",
}
_MODALS: Final = frozenset(
    "must shall should ought will to is are has have needs need may can would do please kindly always never only just then and so simply"
    " instead therefore hence thus now automatically immediately or directly merely gladly also first better".split()
)
_HEADS: Final = frozenset(
    "then please kindly and so simply just instead therefore hence thus always never only pls but or now".split()
)
_DRIVES: Final = frozenset(
    "is are was be way method rule procedure policy practice agreed asked told required requires instructed obliged obliges obligated"
    " expected supposed directed compulsory mandatory necessary best better enough ought has have needs wise fine want wants you one"
    " assistant agent agents assistants everybody everyone staff allowed free power authority permission task job duty role ok right"
    " correct proper thing solution approach answer plan decided settled going"
    " ready sure request processing it them".split()
)
_MINE: Final = frozenset(
    "i we he she they who i'd we'd he'd she'd they'd i'll we'll didn't don't doesn't not".split()
)
_NOUNISH: Final = frozenset(
    "the a an my your his her our their its this that these those some any no of in at by from with each every another first last next"
    " for on as".split()
)
_AFTER_NOUN: Final = frozenset("of is was are were has had from and or number".split())
_ENDS: Final = frozenset(".!?;")
_TELLERS: Final = frozenset(("i", "we", "he", "she", "it"))
_STOPS: Final = frozenset(':;"(')
_BREAKS: Final = frozenset('.!?;:,"(){}[]>-=*|/')
_TOKEN: Final = re.compile(
    r"[\w.+-]+@[\w.-]+|https?://\S+|[A-Za-z]+(?:'[a-z]+)?|[0-9][0-9.,:]*|->|[^\w\s]"
)
SPAN: Final = 32
"""Words before and after an act that belong to it, at most."""
FEW: Final = 3
WORDY: Final = 0.4
"""Among many sentences one looks like an order by chance: so much less for each doubling beyond `FEW`."""
NEAR: Final = 0.5
"""What stands in the next sentence counts so much."""


def _past(verb: str) -> str:
    odd = {
        "send": "sent", "pay": "paid", "tell": "told", "say": "said", "give": "given", "buy": "bought", "put": "put", "go": "gone",
        "choose": "chosen", "run": "run", "read": "read", "hide": "hidden", "take": "taken", "forget": "forgotten", "let": "let",
        "keep": "kept", "make": "made", "stick": "stuck", "steer": "steered", "withhold": "withheld",
    }  # fmt: skip
    if verb in odd:
        return odd[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + "ed"


NAMES: Final = (
    *_ACTS, *_CLASSES,
    "head", "driven", "bare", "passive", "address", "topic", "label", "equals", "yours", "mine", "purpose", "asked", "twice", "him", "past",
    "long", "name",
)  # fmt: skip
_BIT: Final = {name: 1 << number for number, name in enumerate(NAMES)}
_VERBS: Final = {verb: _BIT[kind] for kind, verbs in _ACTS.items() for verb in verbs.split()}
_PASSIVE: Final = {_past(verb): bit for verb, bit in _VERBS.items()}


_EQUALS: Final = dict.fromkeys(("->", "="), _BIT["equals"])


def _words() -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, words in _CLASSES.items():
        for word in words.split():
            found[word] = found.get(word, 0) | _BIT[kind]
    return found


_PAST: Final = frozenset("was were had did said went came could would".split())
_TOPICS: Final = frozenset("for on about regarding concerning concerned regards".split())
_OF: Final = _words()
_KNOWN: Final = {
    word: (
        _OF.get(word, 0)
        | _EQUALS.get(word, 0)
        | _BIT["past"] * (word in _PAST)
        | _BIT["topic"] * (word in _TOPICS),
        _VERBS.get(word, 0),
        _PASSIVE.get(word, 0),
    )
    for word in sorted({*_OF, *_EQUALS, *_PAST, *_TOPICS, *_VERBS, *_PASSIVE})
}
"""Of each word that matters: its classes, what it asks for in the base form, and what as a participle."""


class Sentence(NamedTuple):
    """Its tokens, what classes its words belong to, and what is done in it and how."""

    tokens: Sequence[str]
    words: int
    acts: int


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text; capitals in it tell names."""
    found: list[Sentence] = []
    start = 0
    tokens = _TOKEN.findall(text)
    for place, token in enumerate(tokens):
        if token in _ENDS or place - start > 2 * SPAN:
            found.append(_sentence(tokens[start : place + 1]))
            start = place + 1
    if start < len(tokens):
        found.append(_sentence(tokens[start:]))
    return found


def _sentence(said: Sequence[str]) -> Sentence:
    words = acts = 0
    verbs = 0
    tokens = [token.lower() for token in said]
    for place, token in enumerate(tokens):
        if (known := _KNOWN.get(token)) is None:
            if token.isalpha():
                continue
            if "@" in token[1:] or token.startswith("http") or sum(map(str.isdigit, token)) > 3:
                words |= _BIT["address"]
            continue
        in_general, kind, done = known
        words |= in_general
        if kind and (how := _how(tokens, place)):
            acts |= how | kind
            verbs += 1
        elif not kind and done and _done(tokens, place):
            acts |= done | _BIT["passive"]
        else:
            continue
        if _named(said, place):
            acts |= _BIT["name"]
    if verbs > 1:
        acts |= _BIT["twice"]
    if tokens[-1] == "?":
        words |= _BIT["asked"]
    if len(tokens) > SPAN:
        words |= _BIT["long"]
    if ":" in tokens[1:7]:
        words |= _BIT["label"]
    return Sentence(tokens, words, acts)


_OBLIGED: Final = frozenset(
    "compulsory mandatory obligatory obliged required binding necessary expected".split()
)
_FIRST_PERSON: Final = re.compile("I(?:'|$)")
_HEARTILY: Final = frozenset(
    "highly definitely really totally certainly truly absolutely friendly family early daily".split()
)
"""Who says so speaks of their own liking ("highly recommend!"), or it is no adverb."""
_NOUNS: Final = frozenset(
    "book order report list name query copy post mail email text rent hire charge point state claim place link print output load call"
    " visit run turn change push show share use take switch pick direct clear purchase reserve transfer answer reply release load quote"
    " rank mention request export deposit record upload download update reset pass hand".split()
)
"""Acts that are things too."""
_PLURAL: Final = re.compile(r"[^s']s$")
_HIM: Final = frozenset("him her it them this that yourself myself".split())


def _how(tokens: Sequence[str], place: int) -> int:
    """In what position a verb in the base form stands: at the head of a clause, driven by another word, or bare; 0 where it is a noun
    or told of somebody."""
    before = tokens[place - 1] if place else "."
    after = tokens[place + 1] if place + 1 < len(tokens) else "."
    more = 0
    if after in ("your", "yours", "yourself"):
        more = _BIT["yours"]
    elif after in ("me", "us", "my", "our"):
        more = _BIT["mine"]
    elif after in _HIM:
        more = _BIT["him"]
    if after in _AFTER_NOUN or ":" in tokens[place + 1 : place + 3]:
        return 0
    if before in _NOUNISH or before in _MINE:
        return 0
    if before in _BREAKS or before in _HEADS:
        if (
            place and tokens[0] in _TELLERS and before not in _STOPS
        ):  # somebody does one thing, then another
            return 0
        return _BIT["head"] | more
    if before == "to":
        if place == 1 or tokens[place - 2] in _BREAKS:
            return _BIT["purpose"] | more
        by = tokens[place - 2]
        if not _OBLIGED.isdisjoint(tokens[: place - 2]) and _MINE.isdisjoint(tokens[:place]):
            return _BIT["driven"] | more
        return _BIT["driven"] | more if by in _DRIVES and not _own(tokens, place - 2) else 0
    if before in _MODALS:
        return 0 if _own(tokens, place - 1) else _BIT["driven"] | more
    if before == "you":
        return _BIT["driven"] | more
    if before.endswith("ly"):
        return 0 if before in _HEARTILY else _BIT["driven"] | more
    if tokens[place] in _NOUNS and not (before in _DRIVES or _PLURAL.search(before)):
        return 0
    return _BIT["bare"] | more


def _named(said: Sequence[str], place: int) -> bool:
    """Whether a name stands soon after an act."""
    for token in said[place + 1 : place + 8]:
        if token in _ENDS:
            return False
        if token[0].isupper() and not _FIRST_PERSON.match(token):
            return True
    return False


def _own(tokens: Sequence[str], place: int) -> bool:
    """Whether somebody else than the reader is to do it: the subject before a modal."""
    return any(token in _MINE for token in tokens[max(0, place - 2) : place])


def _done(tokens: Sequence[str], place: int) -> bool:
    """Whether a participle tells what is to be done, not what was done."""
    near = tokens[max(0, place - 4) : place]
    if not ({"be", "get", "gets", "are", "is", "wants"} & set(near)):
        return False
    return not {"was", "were", "been", "had"} & set(near)


_CORE: Final = sum(_BIT[kind] for kind in (*_ACTS, "equals"))


BIAS: Final = -2.27
WEIGHTS: Final[Mapping[str, float]] = {
    "act&address": 1.98, "act&agent": 0.45, "act&anyone": 0.88, "act&ask": 1.4, "act&cleared": 0.85, "act&data": 0.27,
    "act&label": 1.26, "act&long": -1.79, "act&memory": 0.89, "act&mine": -0.74, "act&money": 0.2, "act&must": 0.3, "act&name": 0.32,
    "act&office": 0.61, "act&past": -0.6, "act&purpose": -0.48, "act&rule": 0.19, "act&secret": 0.92, "act&softly": -0.16,
    "act&today": 0.66, "act&unasked": 0.42, "act&user": 0.49, "act&yours": -0.78, "address": 0.8, "agent": 1.33, "alter": -1.05,
    "alter&bare": -1.07, "alter&driven": 0.95, "alter&head": -0.08, "alter&passive": -0.71, "anyone": 0.2, "ask": 0.97, "bare": -0.29,
    "changed": 0.39, "cleared": 0.84, "equals": 0.16, "flow": -0.43, "flow&bare": -1.07, "flow&driven": 0.53, "flow&head": -0.89,
    "flow&passive": 0.2, "head": 0.63, "label": 0.57, "lasting": 0.57, "long": -2.28, "memory": 0.31, "mine": -0.74, "money": 0.49,
    "name": 1.31, "office": 0.57, "only": 0.05, "passive": -0.69, "past": -1.2, "pick": -0.82, "pick&bare": 0.82, "pick&driven": -0.63,
    "pick&head": -0.23, "pick&passive": -1.31, "purpose": -0.58, "rule": 0.27, "run": -1.85, "run&bare": 0.34, "run&driven": -0.46,
    "run&head": 0.44, "run&passive": -0.72, "secret": 0.51, "speak": 0.83, "speak&bare": -0.93, "speak&driven": 1.5, "speak&head": 0.81,
    "speak&passive": -0.35, "spend": 1.03, "spend&bare": 0.25, "spend&driven": -0.78, "spend&head": -0.52, "spend&passive": 0.57,
    "today": 0.46, "topic": 0.1, "twice": 0.09, "unasked": 0.12, "user": 0.47, "when": -0.58, "yours": -0.78,
}  # fmt: skip
"""Of each feature; `act&x`: of `x` where an act is asked for; `x&how`: of an act of this class in this position."""
_PLAIN: Final = tuple((bit, WEIGHTS[name]) for name, bit in _BIT.items() if name in WEIGHTS)
_WITH: Final = tuple(
    (_BIT[name.removeprefix("act&")], weight)
    for name, weight in WEIGHTS.items()
    if name.startswith("act&")
)
_BOTH: Final = tuple(
    (_BIT[name.split("&")[0]] | _BIT[name.split("&")[1]], weight)
    for name, weight in WEIGHTS.items()
    if "&" in name and not name.startswith("act&")
)
_SIGNS: Final = frozenset(("->", "=", *_VERBS, *_PASSIVE))
_PIECE: Final = re.compile(r"[a-z]+|->|=")
_ASKED: Final = _BIT["head"] | _BIT["driven"] | _BIT["passive"]


def order(text: str) -> float | None:
    """The log odds that the likeliest sentence of a text, with those next to it, is an order; None where nothing could be one.

    >>> order("The train leaves at nine.") is None
    True
    """
    if _SIGNS.isdisjoint(_PIECE.findall(text.lower())):
        return None
    found = sentences(text)
    best: float | None = None
    for place, one in enumerate(found):
        if (one.acts | one.words) & _CORE:
            odds = _odds(found, place)
            best = odds if best is None else max(best, odds)
    return best if best is None else best - WORDY * log2(max(1.0, len(found) / FEW))


def _odds(found: Sequence[Sentence], place: int) -> float:
    own, beside = found[place].words | found[place].acts, 0
    for other in (place - 1, place + 1):
        if 0 <= other < len(found):
            beside |= found[other].words
    return _weight(own, beside & ~own)


@lru_cache(maxsize=65_536)
def _weight(own: int, beside: int) -> float:
    """The log odds of these features, those in the sentence and those next to it."""
    odds = BIAS
    for bit, weight in _PLAIN:
        if own & bit:
            odds += weight
        elif beside & bit:
            odds += NEAR * weight
    asked = 1.0 if own & _ASKED else NEAR if own & _BIT["bare"] else 0.0
    if asked:
        for bit, weight in _WITH:
            if own & bit:
                odds += asked * weight
            elif beside & bit:
                odds += asked * NEAR * weight
    return odds + sum(weight for bits, weight in _BOTH if own & bits == bits)
