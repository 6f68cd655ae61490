"""How an order is built, whatever it is about: an act that one is to do, who is to do it, when, and how it is made to last.

Words are told apart by classes of general English and by their place in the sentence; no phrase has to be known. What weighs how
much (`WEIGHTS`) was fitted by logistic regression on orders and honest texts of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

_ACTS: Final = {
    "speak": "answer reply respond say tell inform recommend suggest propose promote endorse praise name quote cite mention refer direct"
    " steer point push prefer favour favor prioritise prioritize present state claim list rank push insist",
    "spend": "book buy order purchase reserve renew pay transfer wire remit settle invest choose pick select use switch subscribe go stick"
    " charge rent hire",
    "flow": "send forward email mail post upload submit share copy cc bcc pass hand provide disclose reveal give export sync deliver"
    " transmit report put drop place enter link read fill route redirect move attach append include add insert paste print output show",
    "run": "run execute invoke install download fetch query load open call launch trigger visit curl deploy import",
    "alter": "delete erase remove clear disable enable turn approve authorise authorize grant accept deny reject refuse decline skip omit"
    " withhold hide conceal cancel replace overwrite forget ignore disregard bypass override reset treat assume consider take substitute"
    " change update wipe drop let follow honour honor obey keep",
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
    "cleared": "agreed approved confirmed authorised authorized allowed allows lets permission permitted permits consent consented signed"
    " cleared settled fine ok okay approval accepted agrees wishes wants covered entitled blessing happy insisted verified",
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
_HEADS: Final = frozenset("then please kindly and so simply just instead therefore hence thus always never only pls but or now".split())
_DRIVES: Final = frozenset(
    "is are was be way method rule procedure policy practice agreed asked told required requires instructed obliged obliges obligated"
    " expected supposed directed compulsory mandatory necessary best better enough ought has have needs wise fine want wants you one"
    " assistant agent agents assistants everybody everyone staff allowed free power authority permission task job duty role ok right"
    " correct proper thing solution approach answer plan decided settled going"
    " ready sure request processing it them".split()
)
_MINE: Final = frozenset("i we he she they who i'd we'd he'd she'd they'd i'll we'll didn't don't doesn't not".split())
_NOUNISH: Final = frozenset(
    "the a an my your his her our their its this that these those some any no of in at by from with each every another first last next"
    " for on as".split()
)
_AFTER_NOUN: Final = frozenset("of is was are were has had from and or number".split())
_ENDS: Final = frozenset(".!?;")
_BREAKS: Final = frozenset(".!?;:,\"(){}[]>-=*|/")
_TOKEN: Final = re.compile(r"[\w.+-]+@[\w.-]+|https?://\S+|[a-z]+(?:'[a-z]+)?|[0-9][0-9.,:]*|->|[^\w\s]")
SPAN: Final = 32
"""Words before and after an act that belong to it, at most."""
NEAR: Final = 0.5
"""What stands in the next sentence counts so much."""


def _past(verb: str) -> str:
    odd = {
        "send": "sent", "pay": "paid", "tell": "told", "say": "said", "give": "given", "buy": "bought", "put": "put", "go": "gone",
        "choose": "chosen", "run": "run", "read": "read", "hide": "hidden", "take": "taken", "forget": "forgotten", "let": "let",
        "keep": "kept", "withhold": "withheld",
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
    "head", "driven", "bare", "passive", "address", "topic", "label", "equals", "yours", "mine", "purpose", "asked", "twice", "him", "past", "long",
)  # fmt: skip
_BIT: Final = {name: 1 << number for number, name in enumerate(NAMES)}
_VERBS: Final = {verb: _BIT[kind] for kind, verbs in _ACTS.items() for verb in verbs.split()}
_PASSIVE: Final = {_past(verb): bit for verb, bit in _VERBS.items()}


def _words() -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, words in _CLASSES.items():
        for word in words.split():
            found[word] = found.get(word, 0) | _BIT[kind]
    return found


_OF: Final = _words()


class Sentence(NamedTuple):
    """Its tokens, what classes its words belong to, and what is done in it and how."""

    tokens: Sequence[str]
    words: int
    acts: int


def sentences(plain: str) -> list[Sentence]:
    """The sentences of a folded text."""
    found: list[Sentence] = []
    start = 0
    tokens = _TOKEN.findall(plain)
    for place, token in enumerate(tokens):
        if token in _ENDS or place - start > 2 * SPAN:
            found.append(_sentence(tokens[start : place + 1]))
            start = place + 1
    if start < len(tokens):
        found.append(_sentence(tokens[start:]))
    return found


def _sentence(tokens: Sequence[str]) -> Sentence:
    words = acts = 0
    verbs = 0
    for place, token in enumerate(tokens):
        words |= _OF.get(token, 0)
        if (kind := _VERBS.get(token)) is not None:
            if how := _how(tokens, place):
                acts |= how | kind
                verbs += 1
        elif (kind := _PASSIVE.get(token)) is not None:
            if place and _done(tokens, place):
                acts |= kind | _BIT["passive"]
        elif not token[0].isalpha():
            if token == "->" or token == "=":
                words |= _BIT["equals"]
        if "@" in token[1:] or token.startswith("http") or sum(map(str.isdigit, token)) > 3:
            words |= _BIT["address"]
    if verbs > 1:
        acts |= _BIT["twice"]
    if tokens[-1] == "?":
        words |= _BIT["asked"]
    if not _PAST.isdisjoint(tokens):
        words |= _BIT["past"]
    if len(tokens) > SPAN:
        words |= _BIT["long"]
    if ":" in tokens[1:7]:
        words |= _BIT["label"]
    if not _TOPICS.isdisjoint(tokens):
        words |= _BIT["topic"]
    return Sentence(tokens, words, acts)


_HIM: Final = frozenset("him her it them this that yourself myself".split())
_PAST: Final = frozenset("was were had did said went came could would".split())
_TOPICS: Final = frozenset("for on about regarding concerning concerned regards".split())


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
    if after in _AFTER_NOUN:
        return 0
    if before in _NOUNISH or before in _MINE:
        return 0
    if before in _BREAKS or before in _HEADS:
        return _BIT["head"] | more
    if before == "to":
        if place == 1 or tokens[place - 2] in _BREAKS:
            return _BIT["purpose"] | more
        by = tokens[place - 2]
        return _BIT["driven"] | more if by in _DRIVES and not _own(tokens, place - 2) else 0
    if before in _MODALS:
        return 0 if _own(tokens, place - 1) else _BIT["driven"] | more
    if before == "you":
        return _BIT["driven"] | more
    if before.endswith("ly"):
        return _BIT["driven"] | more
    return _BIT["bare"] | more


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


def features(found: Sequence[Sentence], place: int) -> Mapping[str, float]:
    """Of a sentence and those next to it: which features are there, and how much they count."""
    own = found[place].words | found[place].acts
    beside = 0
    for other in (place - 1, place + 1):
        if 0 <= other < len(found):
            beside |= found[other].words
    return {
        name: 1.0 if own & bit else NEAR
        for name, bit in _BIT.items()
        if own & bit or beside & bit
    }


def candidates(plain: str) -> Iterator[Mapping[str, float]]:
    found = sentences(plain)
    for place, one in enumerate(found):
        if (one.acts | one.words) & _CORE:
            yield features(found, place)
