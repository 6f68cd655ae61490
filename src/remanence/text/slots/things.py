"""What is said of things: what they are, when they are, how much and how many, and what they were changed to."""

from __future__ import annotations

import re
from typing import Final

from remanence.text.analyze import stem
from remanence.text.lazy import regex
from remanence.text.slots import words as lexicon
from remanence.text.slots.sentences import ADV, I_OR_WE, NOBODY, NOW, SELF, Sentence
from remanence.text.slots.words import (
    COUNT,
    ENDED,
    FIRST_NAME,
    HERE,
    WHEN,
    Key,
    Value,
    content_stems,
    heads,
    key_of,
    phrase_before,
    phrase_of,
    value_at,
    value_of,
)

_IS: Final = regex(
    rf"(?P<be>\s(?:is|are|will be)(?=\b|n)|(?<=\w)['\u2019]s)(?P<neg>\snot|n['\u2019]t)?(?P<now>{ADV})(?P<set>\s(?:set to|set at"
    rf"|down to|up to|at|due|scheduled|planned|called|named))?(?=\s)",
    re.I,
)
_BUT: Final = regex(r"\s[^,;.]{1,40}?,?\s(?:but|it['\u2019]s|it is)\s", re.I)


def is_so(sentence: Sentence) -> None:
    """Such as "My rent is $900", "the review is now on Friday", "the wifi password is otter-42", "Atlas is on hold"."""
    text = sentence.text
    for match in _IS.finditer(text):
        phrase = phrase_before(text, match.start())
        if phrase is None or phrase.words[0].casefold() in NOBODY:
            continue
        if sentence.doubted(phrase.start):
            continue
        at, corrects = match.end(), bool(NOW.search(match["now"])) or "new" in phrase.words
        if match["neg"]:
            other = _BUT.match(text, at)
            if not other:
                continue
            at, corrects = other.end(), True
        elif over := _OVER.match(text, at):
            _is_over(sentence, phrase.words, phrase.determiner, over)
            continue
        key = key_of(phrase.words, sentence.owner(phrase.determiner))
        if key is None:
            continue
        if state := _STATE.match(text, at):
            if phrase.determiner or phrase.words[0][0].isupper():
                sentence.state(Key(*_whole(key, "status")), state["state"], corrects=True)
            continue
        plural = match["be"].strip().lower() == "are" or phrase.words[-1].endswith(
            ("\u2019s", "'s")
        )
        short = match["be"][0] != " "
        value = value_at(text, at) if plural or short else value_of(key, text, at)
        if value and short and not corrects and value.kind in ("name", "code"):
            continue
        _assign(sentence, key, value, corrects, given=bool(match["set"]))


_OVER: Final = regex(r"\sno longer\s", re.I)
_STATE: Final = regex(
    rf"\s(?:now\s|officially\s|currently\s)*(?P<state>{lexicon.STATES})\b(?=\s*(?:[,.;!]|$|now|and|but|until|by|as|for))",
    re.I,
)


def _whole(key: Key, attribute: str) -> tuple[str, str]:
    """Another attribute of the very thing that a key names."""
    own = "" if key.subject == HERE else key.subject
    return " ".join(filter(None, (own, key.attribute))), attribute


def _is_over(
    sentence: Sentence, words: tuple[str, ...], determiner: str, over: re.Match[str]
) -> None:
    value = value_at(sentence.text, over.end() - 1, free=True)
    key = key_of(words, sentence.owner(determiner))
    if value and key and not heads(key).isdisjoint(lexicon.PROPERTY):
        aspect = WHEN if value.kind == "when" and not heads(key).isdisjoint(lexicon.EVENTS) else ""
        attribute = f"{aspect} {key.attribute}".strip()
        sentence.state(Key(key.subject, attribute), ENDED + value.text, corrects=True)


def _assign(
    sentence: Sentence,
    key: Key,
    value: Value | None,
    corrects: bool,
    *,
    given: bool = False,
    exclusive: bool = True,
) -> None:
    """State a value of a thing, if it is of a kind that the thing can have. `given`: the words themselves assign it."""
    if value is None:
        return
    events = not heads(key).isdisjoint(lexicon.EVENTS)
    known = not heads(key).isdisjoint(lexicon.PROPERTY)
    if value.kind == "when":
        if not (events or given or (known and heads(key) & {"date", "time", "day", "deadlin"})):
            return
        key = Key(key.subject, f"{WHEN} {key.attribute}")
    elif (
        (value.kind == "name" and not known)
        or (value.kind == "free" and not known)
        or (value.kind in ("number", "code", "quoted") and not known and not (given or corrects))
    ):
        return
    sentence.state(key, value.text, exclusive=exclusive, corrects=corrects)


_MEASURED: Final = lexicon.stems(lexicon.MEASURE_WORDS + " deadline")
_OF: Final = regex(r"\b(?P<head>[a-z]+)(?P<of>\s(?:of|to)(?=\s))")
_HAVE_EVENT: Final = regex(
    r"(?:\bI|\b[Ww]e)(?:\s(?:have|also have|now have)|['\u2019]ve got|\s(?:have|just) got)\s(?:a|an|my|our|the|another)"
    r"\s(?P<what>[\w'\u2019&-]+(?:\s[\w'\u2019&-]+){0,8}?)"
    r"(?:\s(?:coming up|scheduled|planned|booked|set))?\s(?:on|for|at)(?=\s)"
)
_RAISED: Final = frozenset(
    "increased raised new updated adjusted reduced revised lowered extended changed current".split()
)


def given_so(sentence: Sentence) -> None:
    """Such as "My monthly budget of $50", "I have a call with the agency on Friday at 9"."""
    text = sentence.text
    for match in _OF.finditer(text):
        if stem(match["head"]) not in _MEASURED or match["of"].strip() != "of":
            continue
        phrase = phrase_before(text, match.start("of"))
        if phrase is None or sentence.doubted(phrase.start):
            continue
        value = value_at(text, match.end())
        key = key_of(
            [word for word in phrase.words if word not in _RAISED],
            sentence.owner(phrase.determiner),
        )
        if key and value and value.kind in ("number", "when"):
            _assign(sentence, key, value, not _RAISED.isdisjoint(phrase.words), given=True)
    for match in _HAVE_EVENT.finditer(text):
        key = key_of(match["what"].split(), sentence.owner("the"))
        value = value_at(text, match.end())
        if key and value and value.kind == "when" and not sentence.doubted(match.start()):
            _assign(sentence, key, value, False, exclusive=False)


_GONE: Final = regex(
    rf"(?:\s(?:has|have|had|was|were|is|are|got|been|be|gets|being|will be)\b|['\u2019]s|['\u2019]ve)*{ADV}\s(?P<verb>{lexicon.CHANGES})"
    rf"(?:\s(?:again|back|forward|up|down|out|over|ahead|slightly|recently|now))*(?:\sfrom\s(?P<old>[^,.;]{{1,40}}?))?\s(?:to|until"
    rf"|till|for|on)(?=\s)"
    rf"|{ADV}(?:\s(?:has|have))?{ADV}\s(?P<level>{lexicon.GROWTH})(?=\s)",
    re.I,
)


def changed(sentence: Sentence) -> None:
    """Such as "The budget was raised to $600", "the call has been moved to Friday", "the wait dropped to 40 s"."""
    text = sentence.text
    for match in _GONE.finditer(text):
        phrase = phrase_before(text, match.start())
        if phrase is None or phrase.words[0].casefold() in NOBODY or sentence.doubted(phrase.start):
            continue
        if (
            match["verb"]
            and match["verb"].lower() in ("set", "cut")
            and match[0].split()[0].lower() not in _BE
        ):
            continue
        key = key_of(phrase.words, sentence.owner(phrase.determiner))
        if key is not None:
            value = value_of(key, text, match.end())
            moved = (match["verb"] or "").lower() in lexicon.MOVES.split()
            if value and value.kind != "when" and moved and heads(key).isdisjoint(lexicon.FREE):
                continue
            _assign(sentence, key, value, True, given=True)


_BE: Final = frozenset(("has", "have", "had", "was", "were", "is", "are", "got", "been", "be", "'s", "\u2019s", "will"))  # fmt: skip
_MADE: Final = regex(
    rf"(?:\b(?:I|[Ww]e|[Tt]hey|[Ss]he|[Hh]e|{FIRST_NAME})(?:['\u2019](?:ve|s|d))?(?:\s(?:have|has|had|just|now|also|already"
    rf"|recently|finally|officially|actually|then))*\s(?P<verb>{lexicon.CHANGES})"
    rf"|(?:^|(?<=[,;:]\s)|\b[Pp]lease\s|\b[Ll]et['\u2019]s\s)(?P<order>(?i:{lexicon.IMPERATIVES})))"
    rf"\s(?P<what>(?:(?:the|my|our|its)\s)?[\w'\u2019&/+.-]+(?:\s[\w'\u2019&/+.-]+){{0,8}}?)(?:\s(?:back|forward|up|down|over))?"
    rf"(?:\sfrom\s(?P<old>[^,.;]{{1,40}}?))?\s(?:to|until|till)(?=\s)"
)


def made(sentence: Sentence) -> None:
    """Such as "I raised the fuel budget to $320", "we moved the review from Monday to Friday", "set the timeout to 30 s"."""
    text = sentence.text
    for match in _MADE.finditer(text):
        if sentence.doubted(match.start()):
            continue
        phrase = phrase_of(match["what"])
        if phrase is None or phrase.words[0].casefold() in NOBODY:
            continue
        key = key_of(phrase.words, sentence.owner(phrase.determiner))
        if key is None:
            continue
        free = not heads(key).isdisjoint(lexicon.FREE)
        value = value_of(key, text, match.end())
        if value is None and match["order"]:
            value = value_at(text, match.end(), free=True)
        verb = (match["verb"] or match["order"]).lower()
        if (
            verb in lexicon.MOVES.split() or verb in ("move", "push", "postpone", "reschedule")
        ) and (value is None or (value.kind != "when" and not free)):
            continue
        _assign(sentence, key, value, True, given=True)


_TALLY: Final = regex(
    rf"{I_OR_WE}(?:['\u2019]ve|\shave)(?P<now>{ADV})(?:\s(?P<verb>[a-z]+ed|read|written|run|done|made|built|seen|sold|won|taken|met"
    rf"|got|grown))?{ADV}"
    r"\s(?:a total of\s)?(?P<n>\d[\d,]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\s(?P<noun>[a-z][a-z-]+"
    r"(?:\s(?!(?:in|to|into|on|of|for|at|with|from|and|by|so|now)\b)[a-z][a-z-]+){0,2})"
    r"(?:\s(?:in|to|into|on)\s(?P<where>(?:my|our|the)\s[\w'\u2019-]+(?:\s[\w'\u2019-]+){0,3}))?"
)
_HAS: Final = regex(
    r"\s(?:has|have)(?P<now>(?:\s(?:now|currently|already))*)\s(?P<n>\d[\d,]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
    r"\s(?P<noun>[a-z][a-z-]+(?:\s[a-z][a-z-]+)?)"
)
_UNITS: Final = lexicon.stems(
    "second minute hour day week month year time more other thing reason option question idea percent mile kilometer kilometre km people "
    "in on for left until to and with that from at or by as a the dollar euro pound points degree"
) | frozenset(
    "of in on for to and with that from at or by as more other left until about so".split()
)


def _counted(noun: str) -> list[str]:
    """Stems of what is counted, up to the first word that is no part of it; empty for units of time and the like."""
    kept: list[str] = []
    for word in noun.split():
        here = stem(word)
        if not here or word in _UNITS or here in _UNITS or word.endswith("ing"):
            break
        kept.append(here)
    return sorted(set(kept))


def counts(sentence: Sentence) -> None:
    """Such as "I have 3 cats now", "I've painted 6 fences", "the shelf has 31 jars"."""
    for match in _TALLY.finditer(sentence.text):
        kept = _counted(match["noun"])
        if not kept or sentence.doubted(match.start()):
            continue
        verb = (
            stem(match["verb"])
            if match["verb"] and match["verb"] not in ("got", "grown", "added")
            else ""
        )
        where = content_stems(match["where"]) if match["where"] and match["verb"] else []
        subject = (
            " ".join([sentence.me, *where]) if not where or sentence.me != SELF else " ".join(where)
        )
        attribute = " ".join([COUNT, *kept, *([verb] if verb else [])])
        value = " ".join([match["n"], *match["noun"].split()[: len(kept)]])
        now = NOW.search(match["now"]) is not None or sentence.text.rstrip(".! ").endswith(" now")
        sentence.state(Key(subject, attribute), value, corrects=now)
    for match in _HAS.finditer(sentence.text):
        kept = _counted(match["noun"])
        phrase = phrase_before(sentence.text, match.start())
        if phrase is None or not kept or phrase.words[0].casefold() in NOBODY:
            continue
        if sentence.doubted(phrase.start):
            continue
        rest = content_stems(" ".join(phrase.words))
        if rest:
            owner = sentence.owner(phrase.determiner)
            subject = " ".join([*([owner] if owner and owner != SELF else []), *rest])
            value = f"{match['n']} {' '.join(match['noun'].split()[: len(kept)])}"
            sentence.state(Key(subject, " ".join([COUNT, *kept])), value, corrects=bool(match["now"].strip()))  # fmt: skip


ANY_LINE: Final = regex(r"\w[\w)*' ]{0,60}(?::\**\s|\s?=\s?)\S")
LINE: Final = regex(
    r"(?:[-*\u2022]\s*)?\**(?P<key>[A-Za-z][\w'\u2019&/().#-]*(?:\s[\w'\u2019&/().#-]+){0,6})\**\s*(?::\**(?=\s)|=(?!=))"
    r"\s*(?P<value>[^\s=].{0,100})\Z"
)


def line(sentence: Sentence, match: re.Match[str]) -> None:
    """Such as "wifi password: otter-42", "pool_size = 20"."""
    named = re.sub(r"[_./()#-]+", " ", match["key"])
    raw = match["value"].rstrip(" .")
    words = tuple(
        word
        for word in named.split()
        if word.lower() not in ("the", "my", "our", "for", "of", "in", "at")
    )
    key = key_of(words, sentence.owner("the"))
    if key is None or named.lower().split()[0] in _LABELS:
        return
    listed = match["key"][0] != match[0][0]
    alone = key.subject in (sentence.me, HERE)
    if alone and len(heads(key)) < 2 and (listed or heads(key) <= _COLUMNS):
        return
    known = not heads(key).isdisjoint(lexicon.PROPERTY)
    value = value_at(raw, 0, free=True)
    if value is None or (value.end < len(raw) and not (known and value.kind in ("when", "number"))):
        return
    if not known and (value.kind in ("free", "name") or (value.kind == "when" and ":" in match[0])):
        return
    if value.kind == "when" and not heads(key).isdisjoint(lexicon.EVENTS):
        key = Key(key.subject, f"{WHEN} {key.attribute}")
    sentence.state(key, value.text)


_COLUMNS: Final = lexicon.stems(
    "time date day name title type location topic role number size price activity"
)
"""What every list of meetings or people has: it says nothing without the line above it."""
_LABELS: Final = frozenset(
    "update note example ps p http https correction re fyi user assistant step day chapter page".split()
)
