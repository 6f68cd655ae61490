"""Phrases that a text is about, by rules: capitalised spans, quoted titles and years.

These are the nodes of the phrase graph. Content words are left out on purpose: as nodes they cost
recall. A span is a run of capitalised words, joined over "of", "de", "van" and the like, as in "Duke of
York" or "Ludwig van Beethoven"; leading function words ("The", "In") and a trailing 's go.
"""

from __future__ import annotations

import re

from remanence.text.analyze import STOP_WORDS
from remanence.text.write.days import MONTHS, WEEKDAYS

MOST_WORDS = 7
"""Longer runs are headings or shouting, not names."""

_UPPER = "A-Z" + "".join(
    chr(code) for code in (*range(0xC0, 0x590), *range(0x1E00, 0x2000)) if chr(code).isupper()
)
_WORD = rf"(?:[{_UPPER}]\.|(?:St|Dr|Mr|Mrs|Ms|Jr|Sr|Mt|No)\.|[{_UPPER}][\w'\u2019&-]*)"
_LINK = (
    r"(?:of|of the|de|de la|de las|de los|del|della|di|da|do|dos|du|des|la|le|van|van de|van der"
    r"|van den|von|von der|zu|al|el|bin|ibn|ben|&)"
)
_SPAN = re.compile(rf"(?<![\w@#/]){_WORD}(?: (?:{_LINK} )?{_WORD})*(?: [0-9]{{1,3}}(?![\w.,]))?")
_YEAR = re.compile(r"(?<![\w.,$€£])(?:1[0-9]{3}|20[0-9]{2})(?![\w%]|[.,][0-9])")
_QUOTED = re.compile(r"\"([^\"\n]{2,60})\"|\u201c([^\u201d\n]{2,60})\u201d|«([^»\n]{2,60})»")

_OPENER_WORDS = """
    absolutely actually agreed based ah alright also although amazing and another anyway are aww awesome
    because been besides bye can congrats congratulations cool could cute definitely did do does
    every everyone exactly excited finally first fun glad good gosh got great guess haha happy have
    hey hmm hope hopefully i'd i'll i'm i've in indeed inspiring interesting it'd it's lately
    let's lol look looking looks lots love lovely many maybe nice one our perfect please pretty
    recently see seems several she'd since so someone something sometimes soon sorry sounds sure
    take talk thank thanks that's they're totally true two unfortunately we'll we're we've well
    what's while wish wonderful would wow yay yeah yep yes you'll you're you've yup
"""
OPENERS = STOP_WORDS | frozenset(_OPENER_WORDS.split())
"""Words that are capitalised only because a sentence begins with them."""
_CALENDAR = frozenset((*MONTHS, *WEEKDAYS))


def phrases(text: str) -> list[str]:
    """Case-folded capitalised spans, quoted titles and years of a text, each once, in order of place.

    >>> phrases('In 1984 the Duke of York read "war and peace" to Ana\u2019s friends in São Paulo.')
    ['1984', 'duke of york', 'war and peace', 'ana', 'são paulo']
    """
    found = [(match.start(), match[0]) for match in _YEAR.finditer(text)]
    found += [
        (match.start(), match[match.lastindex or 0].strip(" ,.!?;:"))
        for match in _QUOTED.finditer(text)
    ]
    found += [(start, " ".join(words)) for start, words in _spans(text)]
    found.sort(key=lambda place: place[0])
    folded = (phrase.casefold().replace("\u2019", "'") for _, phrase in found)
    return list(dict.fromkeys(phrase for phrase in folded if len(phrase) > 1))


def names(text: str) -> list[str]:
    """What may be the names of people, as written, each once, in order: capitalised spans of one to
    three words without acronyms, digits, months and weekdays. Places and brands look the same to rules.

    >>> names("Did Dr. Ana Lima tell Bob on Friday that the NASA visit is off?")
    ['Dr. Ana Lima', 'Bob']
    """
    found: dict[str, None] = {}
    for _, words in _spans(text):
        bare = [word.rstrip(".") for word in words]
        if (
            len(words) <= 3
            and not any(word.casefold() in _CALENDAR for word in bare)
            and all(
                word.isalpha() or "'" in word or "-" in word or "\u2019" in word for word in bare
            )
            and not any(len(word) > 1 and word.isupper() for word in bare)
            and any(len(word) > 1 for word in bare)
        ):
            found[" ".join(words)] = None
    return list(found)


def _spans(text: str) -> list[tuple[int, list[str]]]:
    """(place, words) of each capitalised span, trimmed."""
    found = []
    for match in _SPAN.finditer(text):
        words, start = match[0].split(" "), match.start()
        first = next((n for n, word in enumerate(words) if not _is_opener(word)), len(words))
        start += sum(len(word) + 1 for word in words[:first])
        words = words[first:]
        if not words or len(words) > MOST_WORDS:
            continue
        words[-1] = _without_possessive(words[-1])
        if len(words) == 1 and (len(words[0]) < 2 or words[0].isdigit()):
            continue
        found.append((start, words))
    return found


def _is_opener(word: str) -> bool:
    low = word.casefold().replace("\u2019", "'")
    return low in OPENERS or low.partition("'")[0] in STOP_WORDS


def _without_possessive(word: str) -> str:
    if word.endswith(("'s", "\u2019s")):
        return word[:-2]
    return word.rstrip("'\u2019-&")
