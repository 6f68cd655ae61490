"""What slots are made of: words for properties, changes and doubts, the forms that a value takes, and how a noun phrase
becomes a subject and an attribute.

Everything is general English. Word lists are compared by stem, so that "budgets" and "budget" are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from remanence.text.analyze import stem, words
from remanence.text.lazy import regex

ENDED: Final = "no longer "
"""How the value of a slot begins that says only what does not hold any more."""
HERE: Final = "here"
"""The subject of what belongs to nobody in particular: "the wifi password", "never squash commits"."""
WHEN: Final = "when"
COUNT: Final = "count"
"""Aspects: the first word of the attribute of "the review is on Friday" and of "the shelf has 31 jars"."""


def stems(text: str) -> frozenset[str]:
    """The stems of a list of words."""
    return frozenset(found for word in words(text) if (found := stem(word.text)))


EVENT_WORDS = """
    appointment call ceremony class concert conference course deadline delivery demo departure dinner exam
    flight game hearing interview kickoff launch lecture lesson lunch meeting meetup migration onboarding
    opening orientation party performance presentation reception recital rehearsal release retro
    retrospective review screening seminar session shift show standup sync talk test trip visit wedding webinar
    workshop
"""
MEASURE_WORDS = """
    accuracy age allowance average balance bill budget cap capacity commission cost count coverage deposit
    discount duration fee fine frequency goal headcount height interval latency length level limit loan margin
    mileage minimum maximum number pace percentage population premium price quota rate rating ratio rent
    retention salary savings score size speed target temperature threshold timeout timeline total uptime wage
    weight width
"""
LABEL_WORDS = """
    account address badge branch captain ceo chair channel city code color colour combination contact
    coordinator cto currency database date day default dentist desk director doctor domain editor email employer
    engine event extension favorite favourite file floor folder format framework frequency gate host ide id ip job key
    keyboard landlord language lead leader location locker login manager model name nickname office owner
    passcode passphrase password phone pin plan plate platform port position project provider region
    role room route schedule seat server size slogan slot status street supervisor supplier sponsor
    theme time title tool topic treasurer url username vendor venue version wifi
"""
_FREE = """
    badge channel color colour combination favorite favourite format login nickname passcode passphrase password pin
    plan role slogan status theme title topic username
"""
_PROPER = "address city domain email location office platform provider region server street supplier vendor venue language framework"
_ONE_RELATION = """
    accountant advisor assistant boss boyfriend coach dentist doctor fiance fiancee girlfriend
    husband instructor landlady landlord lawyer manager mentor partner spouse supervisor teacher therapist trainer tutor wife
"""
_KIN_WORDS = "aunt brother cat colleague cousin daughter dog friend kid neighbour neighbor niece nephew pet roommate sister son uncle"

RELATION_WORDS = f"{_ONE_RELATION} {_KIN_WORDS}"
EVENTS: Final = stems(EVENT_WORDS)
"""What takes place at a time."""
PROPERTY: Final = EVENTS | stems(MEASURE_WORDS) | stems(LABEL_WORDS) | stems(_ONE_RELATION)
"""What something or somebody has one of at a time; what else a phrase names is whose it is."""
FREE: Final = stems(_FREE)
"""Properties whose value may be any few words."""
PROPER: Final = stems(_PROPER)
"""Properties whose value may be a few words with a capital or a digit among them."""
RELATIONS: Final = stems(_ONE_RELATION)
"""People of whom one has one at a time."""
KIN: Final = stems(_KIN_WORDS)
"""People and animals of whom one may have several."""
_SAME: Final = {
    stem(word): stem(same)
    for word, same in (
        ("boss", "manager"), ("supervisor", "manager"), ("husband", "spouse"), ("wife", "spouse"),
        ("telephone", "phone"), ("mobile", "phone"), ("cellphone", "phone"), ("mail", "email"), ("colour", "color"),
        ("passcode", "password"), ("passphrase", "password"), ("favourite", "favorite"), ("wage", "salary"),
        ("landlady", "landlord"), ("fiancee", "fiance"), ("neighbor", "neighbour"), ("leader", "lead"),
        ("due", "deadline"),
    )
}  # fmt: skip
_IGNORED = stems(
    "new current old latest overall updated final next upcoming actual present previous same own default recent exact"
)
"""Words of a phrase that do not tell which thing it is."""

LEVELS = """
    increased grown risen improved dropped decreased fallen climbed reduced shortened extended raised lowered expanded
    adjusted updated changed set revised bumped cut grew rose fell corrected renamed switched upgraded downgraded reset amended
"""
MOVES = "moved rescheduled pushed postponed shifted delayed brought reassigned"
CHANGES: Final = "|".join((*LEVELS.split(), *MOVES.split()))
"""Past forms of verbs of change, as a regular expression."""
IMPERATIVES: Final = "set|change|update|switch|rename|make|move|reschedule|push|postpone|raise|lower|increase|reduce|extend|bump|reset"
GROWTH: Final = "reached|hit|averages|averaged|totals|equals|grew to|rose to|fell to|went up to|went down to|gone up to|gone down to"

DOUBT: Final = regex(
    r"\b(?:if|unless|whether|suppose|supposing|imagine|imagining|wish|wishes|hope|hopes|hoping|might|may|could|would|should|"
    r"wants?|wanted|wanna|planning|plan|plans|planned|thinking|consider|considering|used to|maybe|perhaps|possibly|probably|"
    r"dream|dreams|pretend|going to|gonna|like to|love to|need to|trying to|try to|hate to|when|while|until|before|after|ago|as if|"
    r"said|says|told|tells|claim|claims|claimed|heard|according|asked|asks|rumou?r(?:s|ed)?|allegedly|supposedly|reportedly|doubt|wonder|wondering|will|'ll|'d|"
    r"nearly|almost|never|not|n't|cannot|wasn't|isn't|don't|didn't|doesn't|haven't|hasn't)\b"
    r"|[\u2019'](?:ll|d)\b|n[\u2019']t\b",
    re.I,
)
"""What in front of a statement takes its truth away: conditions, wishes, plans, the past, what others said, negation."""

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?)"
)
_CLOCK = (
    r"(?:[012]?\d(?::[0-5]\d)?\s?(?:[ap]\.?m\b\.?|o'clock)|[012]?\d:[0-5]\d|noon|midnight|midday)"
)
_TIME1 = (
    r"(?:(?:next |this |every |the )?(?:mon|tues|wednes|thurs|fri|satur|sun)days?(?: morning| afternoon| evening| night)?"
    rf"|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:[-\u2013]\d{{1,2}})?(?:,? (?:19|20)\d\d)?|\d{{1,2}}(?:st|nd|rd"
    rf"|th)?(?: of)? {_MONTH}\b(?:,? (?:19|20)\d\d)?"
    rf"|(?:late |early |mid-?|end of )?{_MONTH}(?: (?:19|20)\d\d)?\b|\d{{4}}-\d\d-\d\d|\d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})?"
    r"|tomorrow(?: morning| afternoon| evening| night)?|today|tonight|next (?:week|month|year|quarter|spring|summer|autumn|fall|winter)"
    rf"|the \d{{1,2}}(?:st|nd|rd|th)\b|q[1-4](?: (?:19|20)\d\d)?\b|{_CLOCK})"
)
TIME: Final = rf"{_TIME1}(?:,?\s(?:(?:at|on|from|to|until|of|and)\s)?{_TIME1})*"
_DIGITS = r"\d(?:[\d,]*\d)?(?:\.\d+)?"
_NO_UNIT = (
    "and|but|so|for|in|on|at|to|by|after|with|because|since|while|when|if|which|that|now|from|as|of|instead|until|before|this|due"
    "|thanks|or|"
    "we|i|you|they|he|she|it|my|our|per|a|an|the|is|are|was|then|there|starting|going|would|will|can"
)
NUMBER: Final = (
    rf"(?:(?:about|around|over|roughly|nearly|almost|exactly|approximately|up to|just)\s)?(?:[$€£¥]\s?)?{_DIGITS}(?:/\d+)?"
    rf"(?:\s?(?:-|\u2013|to)\s?(?:[$€£¥]\s?)?{_DIGITS})?(?:\s?%|[a-z°]{{1,3}}\b|\s(?:percent|million|billion|thousand)\b)?"
    rf"(?:\s(?!(?:{_NO_UNIT})\b)[a-z]+)?(?:\s(?:per|a|an)\s[a-z]+)?"
)
QUOTED: Final = r"(?:'[^'\n]{1,60}'(?!\w)|\"[^\"\n]{1,60}\"|\u2018[^\u2019\n]{1,60}\u2019|\u201c[^\u201d\n]{1,60}\u201d|`[^`\n]{1,60}`)"
CODE: Final = r"(?=[\w#+-]*(?:\d|_|[@./:](?=\w)))[\w#@][\w./:#@+-]*[\w#]"
_CAPITAL = "A-Z\u00c0-\u00de" + "".join(filter(str.isupper, map(chr, range(0x100, 0x180))))
_CAP = (
    rf"(?:Dr|Mr|Mrs|Ms|Prof|St)\.(?=\s[{_CAPITAL}])"
    rf"|[{_CAPITAL}][\w'\u2019&.-]*\w(?<!\bI['\u2019]m)|[A-HJ-Z]\b"
)
NAME: Final = (
    rf"(?:{_CAP})(?:\s(?:(?:of|de|van|von|der|la|le|du|da|&|and the|the)\s)*(?:{_CAP}|\d+))*"
)
FIRST_NAME: Final = rf"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.?\s)?(?:{_CAP})(?:\s(?:{_CAP}))?"
_FEW = r"[\w#@$€£][\w'\u2019#@$€£%&/.:+-]*(?:\s[\w#@&(][\w'\u2019#@%&/.:+()-]*){0,5}"
STATES: Final = (
    "done|finished|cancell?ed|approved|rejected|blocked|live|closed|deprecated|on hold|archived|inactive|active|paused|"
    "complete|completed|in progress|offline|online|in review|under review|sold out|over|unblocked|merged|frozen"
)

END = (
    r"(?=\s*(?:$|[,;.!?)\]\u2014]|\s-\s|\b(?:and|but|so|because|since|while|which|now|instead|as|for|after|from|in|at|on|with|to|until|by"
    r"|due|thanks|this|starting|per)\b))"
)
"""What follows a phrase of free words."""
_TYPED: Final = tuple(
    (kind, regex(rf"\s*(?P<value>{pattern})", flags))
    for kind, pattern, flags in (
        ("quoted", QUOTED, 0),
        ("when", rf"(?:(?:on|at|by|for|until|till|in|due|due on|due by|scheduled for|set for|planned for)\s)*{TIME}", re.I),
        ("code", rf"{CODE}(?<![.])(?=[\s,;.!?)]|$)(?!\s(?:of|to)\b)", 0),
        ("number", NUMBER, re.I),
        ("name", NAME, 0),
    )
)  # fmt: skip
_PLAIN_NUMBER: Final = regex(
    r"[$€£¥]?\d+(?:,\d{3})*(?:\.\d+)?(?:[-/]\d{1,2})?(?:%|[a-zA-Z]{1,3})?\Z"
)
_FREE_VALUE: Final = regex(rf"\s*(?P<value>{_FEW}?)(?:\s+instead|\s+now)?{END}", re.I)
_LEAD: Final = regex(r"\A(?:(?:on|at|by|for|until|till|in|due|scheduled|set|planned)\s)+", re.I)
_OR: Final = regex(r",?\s+or\s(?!so\b)", re.I)
"""After a value: it is one of two, and nobody has said which."""
_THAN: Final = frozenset("times higher lower more less fewer bigger smaller larger longer shorter above below".split())  # fmt: skip
"""Units of a number that only compares."""
_NOT_FREE: Final = frozenset(
    """so very really too quite pretty super a an the not to that what how why all about still always going getting being been
    kind kinda sort more less much great good bad nice amazing awesome cool important hard easy difficult fun beautiful
    wonderful perfect fine ok okay just only also my your his her our their this these those one something anything nothing it
    he she they there here like in on at of with for from by as up down out over under never usually sometimes often probably
    definitely currently both such no yes most some many few because when if""".split()
)


class Value(NamedTuple):
    """What a slot is said to be; `kind`: `quoted`, `when`, `code`, `number`, `name` or `free`; `end`: characters of the text it took."""

    text: str
    kind: str
    end: int


def value_of(key: Key, text: str, start: int) -> Value | None:
    """The value that begins at a place of a text, of the kinds that a key can have."""
    named = heads(key)
    free = not named.isdisjoint(FREE)
    if not free and not named.isdisjoint(PROPER):
        found = value_at(text, start, free=True, typed=False)
        own = found is not None and any(char.isupper() or char.isdigit() for char in found.text)
        return found if own else None
    return value_at(text, start, free=free)


def value_at(text: str, start: int, *, free: bool = False, typed: bool = True) -> Value | None:
    """The value that begins at a place of a text: `typed`, or, with `free`, any few words up to the end of the phrase."""
    for kind, pattern in _TYPED if typed else ():
        if match := pattern.match(text, start):
            value = match["value"].strip(" ,.")
            if kind == "code" and _PLAIN_NUMBER.match(value):
                continue
            if kind == "quoted":
                value = match["value"].strip()[1:-1].strip()
            elif kind == "when":
                value = _LEAD.sub("", value, count=1)
            if not value or _OR.match(text, match.end()):
                return None
            if kind == "number" and value.rsplit(None, 1)[-1].lower() in _THAN:
                return None
            return Value(value, kind, match.end())
    if free and (match := _FREE_VALUE.match(text, start)):
        first = match["value"].split(None, 1)[0].lower()
        if _OR.match(text, match.end()) or _OR.search(match["value"]):
            return None
        if first not in _NOT_FREE and not first.endswith("ing"):
            return Value(match["value"].strip(" ,.;:!"), "free", match.end())
    return None


class Key(NamedTuple):
    """Subject and attribute, normalised."""

    subject: str
    attribute: str


def key_of(phrase: Iterable[str], owner: str, *, aspect: str = "", most: int = 7) -> Key | None:
    """The slot that a noun phrase names: its property words are the attribute, the others whose it is.

    A function of the set of stems alone, so "the deadline for Atlas", "Atlas's deadline" and "the Atlas deadline" are one. None
    where nothing is named, or more than `most` stems.

    >>> key_of(("Atlas's", "deadline"), ""), key_of(("phone", "number"), "ana")
    (Key(subject='atlas', attribute='deadlin'), Key(subject='ana', attribute='number phone'))
    """
    found = {
        _SAME.get(here, here)
        for word in phrase
        for part in words(word)
        if (here := stem(part.text)) and here not in _IGNORED
    }
    if not found or len(found) > most:
        return None
    attribute = sorted(found & PROPERTY) or sorted(found)
    rest = sorted(found.difference(attribute))
    subject = " ".join([*([owner] if owner and (not rest or owner != "user") else []), *rest])
    return Key(subject or HERE, " ".join([*([aspect] if aspect else []), *attribute]))


def heads(key: Key) -> frozenset[str]:
    """The stems of an attribute."""
    return frozenset(key.attribute.split())


def value_words(value: str) -> frozenset[str]:
    """What two values are compared by: words as they stand, numbers as digits, without case and articles."""
    found = (part.strip(".,;:!?()'\"").casefold() for part in value.replace("\u2019", "'").split())
    return frozenset(
        stem(part) if part.isalpha() and stem(part) else part
        for part in found
        if part and part not in ("the", "a", "an", "about", "around")
    )


def same_value(one: str, other: str) -> bool:
    """Whether two values do not contradict each other: equal, or one says more than the other ("Porto", "Porto, Portugal").

    >>> same_value("about $500", "$500"), same_value("k1-", "-k1"), same_value("Friday", "friday at 3pm")
    (True, False, True)
    """
    if one.startswith(ENDED) != other.startswith(ENDED):
        return False
    if " " not in one and " " not in other:
        return one.casefold() == other.casefold()
    first, second = value_words(one), value_words(other)
    return first <= second or second <= first


def ended(slot_value: str) -> str:
    """What a value that begins with `ENDED` says to be over; empty for others."""
    return slot_value[len(ENDED) :] if slot_value.startswith(ENDED) else ""


_TOKEN: Final = regex(
    r"[\w$€£%#@&+/.-]*\w(?:['\u2019]s\b|['\u2019]\w+|s['\u2019](?=\s))?|[,;:()\"\u201c\u201d!?\u2014]"
)
_STOP: Final = frozenset(
    """because so while who whom when where if as since although though then or i you he she it we they them him me us is are was were
    be been being am has have had do does did think know heard hear see saw said say told note remember confirm guess mean hope says that
    this these those what how why but and noted learned learnt understand forgot found believe sure know there here also please considering
    despite especially given thanks between than like not about just anyway well yes no hey hi oh ok okay update fyi reminder
    actually""".split()
)
_THROUGH: Final = frozenset("of for in on with to from at into per".split())
_DETERMINERS: Final = frozenset("the my our your a an".split())


class Phrase(NamedTuple):
    """A noun phrase: its content words, and its determiner (`my`, `our`, `the`, or empty)."""

    words: tuple[str, ...]
    determiner: str
    start: int


def phrase_before(text: str, end: int) -> Phrase | None:
    """The noun phrase that ends at a place of a text, None where there is none: a determiner, a name or the beginning of a
    clause has to open it. ", which" and "that" just before `end` are passed over."""
    tokens = [(match[0], match.start()) for match in _TOKEN.finditer(text, 0, end)]
    if len(tokens) >= 2 and tokens[-1][0].lower() in ("which", "that"):
        tokens.pop()
        if tokens[-1][0] == ",":
            tokens.pop()
    found: list[str] = []
    opened, determiner, start, place = False, "", 0, len(tokens) - 1
    while place >= 0:
        token, at = tokens[place]
        low = token.lower()
        before = tokens[place - 1][0].lower() if place else ""
        if low in _STOP or not (token[0].isalnum() or token[0] in "$€£#@"):
            break
        if low in _DETERMINERS:
            start = at
            if before not in _THROUGH:
                opened, determiner = True, low
                break
        elif low not in _THROUGH:
            found.append(token)
            start = at
        place -= 1
    if len(found) > 8 or not found:
        return None
    if determiner in ("a", "an", "your"):
        return None
    clause = place < 0 or tokens[place][0] in ",;:(\u2014" or tokens[place][0].lower() in _STOP
    if not opened and not (clause or found[-1][0].isupper() or found[-1][0].isdigit()):
        return None
    return Phrase(tuple(reversed(found)), determiner, start)


def phrase_of(text: str) -> Phrase | None:
    """A text that is one noun phrase."""
    return phrase_before(text, len(text))


def content_stems(text: str, drop: Sequence[str] | frozenset[str] = ()) -> list[str]:
    """Stems of the content words of a text, sorted, each once, without numbers and those in `drop`."""
    return sorted(
        {
            found
            for word in words(text)
            if (found := stem(word.text)) and not found[0].isdigit() and found not in drop
        }
    )
