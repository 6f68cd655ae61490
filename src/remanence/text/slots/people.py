"""What people say of themselves and of each other: where they live and work, who is who to them, what they like, do and stopped doing."""

from __future__ import annotations

import re
from typing import Final

from remanence.text.analyze import stem
from remanence.text.lazy import regex
from remanence.text.slots import words as lexicon
from remanence.text.slots.rules import rules
from remanence.text.slots.sentences import ADV, I_OR_WE, NOBODY, NOW, Sentence
from remanence.text.slots.words import ENDED, FIRST_NAME, NAME, Key, key_of

_WHO: Final = (
    rf"(?P<who>\bI|\bWe|\bwe|\b[Mm]y (?P<kin>[a-z]+)(?: (?P<kinname>{FIRST_NAME}))?|{FIRST_NAME})"
)
_PLACE: Final = rf"(?P<place>(?:the )?{NAME}(?:, {NAME})?)"
_LIVES: Final = regex(
    rf"{_WHO}(?:['\u2019](?:ve|m|s|re))?{ADV}(?:\s(?:am|is|are|have|has|been))?{ADV}\s"
    rf"(?P<verb>live|lives|living|reside|resides|based|stay|staying|settled|moved|relocated|settled down)"
    rf"(?P<now>{ADV})(?:\s(?:with|from)\s[^,.;]{{2,40}}?)?\s(?:over\s|down\s|up\s|back\s|here\s|out\s)?(?:in|at|to|near|into)\s{_PLACE}"
)
_LEAVES: Final = regex(
    rf"{_WHO}(?:['\u2019]ve)?(?:\s(?:have|has))?{ADV}\s(?:(?P<no>no longer\s(?P<verb>\w+)|(?:do(?:es)?n['\u2019]t|do(?:es)? not)"
    rf"\s(?P<verb2>\w+))"
    rf"|(?P<quit>quit|stopped|gave up|given up|left|dropped|cancelled|canceled))\s(?P<what>[^,.;!]{{2,60}})"
)


def _who(sentence: Sentence, match: re.Match[str]) -> str:
    """The subject that `_WHO` matched; empty where it is nobody in particular."""
    who = match["who"]
    if who in ("I", "We", "we"):
        return sentence.me
    if match["kin"]:
        if match["kinname"]:
            return str(match["kinname"]).casefold()
        kin = stem(match["kin"])
        if kin not in lexicon.KIN and kin not in lexicon.RELATIONS and kin not in _PARENTS:
            return ""
        return f"{sentence.me}'s {match['kin'].casefold()}"
    low = who.casefold()
    return "" if low.split()[0] in NOBODY else low


_PARENTS: Final = lexicon.stems("mother father mom mum dad parents grandmother grandfather grandma grandpa family")  # fmt: skip


def residence(sentence: Sentence) -> None:
    """Where somebody lives: "I moved to Porto", "my sister Lena lives in Rome"."""
    for match in _LIVES.finditer(sentence.text):
        verb = match["verb"]
        who = _who(sentence, match)
        if not who or sentence.doubted(match.start()):
            continue
        moved = verb in ("moved", "relocated", "settled", "settled down")
        if verb in ("stay", "staying") or (
            verb == "moved" and match["place"].split()[0] in _NOT_PLACES
        ):
            continue
        now = bool(NOW.search(sentence.text, match.start(), match.start("place")))
        sentence.state(Key(who, "residence"), match["place"], corrects=moved or now)


_NOT_PLACES: Final = frozenset(
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
)
_WORKS: Final = regex(
    rf"{_WHO}(?:['\u2019](?:ve|m|s|re))?{ADV}(?:\s(?:am|is|are|have|has))?{ADV}\s(?P<verb>work|works|working|joined"
    rf"|started(?: working| work| a new job)?|hired)"
    rf"(?P<now>{ADV})\s?(?:at|for|by|with|(?<=joined ))\s?(?P<place>{NAME})"
)
_JOB: Final = regex(
    rf"{_WHO}(?:['\u2019](?:ve|m|s|re))?(?:\s(?:am|is|are|have|has|was|were|got|been))*{ADV}\s(?P<verb>works? as|working as"
    rf"|promoted to|got promoted to|started as|became|hired as)\s"
    rf"(?:(?:a|an|the)\s)?(?P<job>[\w-]+(?:\s[\w-]+){{0,4}}?){lexicon.END}"
)


def work(sentence: Sentence) -> None:
    """Whom somebody works for, and as what: "I joined Hale Labs", "I got promoted to lead nurse"."""
    for match in _WORKS.finditer(sentence.text):
        who = _who(sentence, match)
        if who and not sentence.doubted(match.start()):
            began = match["verb"] not in ("work", "works", "working")
            now = began or bool(NOW.search(sentence.text, match.start(), match.start("place")))
            sentence.state(Key(who, "employer"), match["place"], corrects=now)
    for match in _JOB.finditer(sentence.text):
        who = _who(sentence, match)
        if match["verb"] == "became" and stem(match["job"].split()[-1]) not in _OCCUPATIONS:
            continue
        if match["job"].split()[0].lower() in _MANNER or _AS.match(sentence.text, match.end()):
            continue
        if who and not sentence.doubted(match.start()):
            told = bool(NOW.search(sentence.text, match.start(), match.start("job")))
            now = "work" not in match["verb"] or told
            sentence.state(Key(who, "job"), match["job"], corrects=now)


_AS: Final = regex(r"\s+as\b", re.I)
"""After "work as hard": how somebody works, not as what."""
_MANNER: Final = frozenset("usual expected normal well always before intended planned such one if though part".split())  # fmt: skip
_OCCUPATIONS: Final = lexicon.stems(
    "manager director engineer teacher nurse doctor lead head president partner officer developer designer editor chef analyst "
    "consultant professor lawyer driver supervisor coordinator captain chair producer pilot carpenter therapist"
)
_RELATION: Final = regex(
    rf"\b(?P<det>[Mm]y|[Oo]ur|{FIRST_NAME}['\u2019]s)\s(?P<new>new\s|current\s)?(?P<rel>[a-z]+)(?:['\u2019]s name)?\s?(?:['\u2019]s"
    rf"|is|are)(?P<now>{ADV})\s(?:(?:called|named)\s)?(?P<name>{FIRST_NAME})"
)
_RELATION_BACK: Final = regex(
    rf"\b(?P<name>{FIRST_NAME})(?:\sis|['\u2019]s)(?P<now>{ADV})\s(?P<det>my|our)\s(?P<new>new\s|current\s)?(?P<rel>[a-z]+)\b"
)


def relations(sentence: Sentence) -> None:
    """Who is who to somebody: "my manager is Ines", "Ines is our new coach"."""
    for pattern in (_RELATION, _RELATION_BACK):
        for match in pattern.finditer(sentence.text):
            relation = stem(match["rel"])
            one = relation in lexicon.RELATIONS
            name = match["name"]
            if (not one and relation not in lexicon.KIN) or name.casefold().split()[0] in NOBODY:
                continue
            if sentence.doubted(match.start()):
                continue
            det = match["det"].casefold()
            of = sentence.owner(det) if det in ("my", "our") else det[:-2]
            key = key_of((match["rel"],), of or sentence.me)
            if key:
                now = one and bool(match["new"] or NOW.search(match["now"]))
                sentence.state(key, name, exclusive=one, corrects=now)


_FAVOURITE: Final = regex(
    rf"\b[Mm]y (?:new |all-time |current |absolute )?favou?rite (?P<what>[a-z]+(?:\s[a-z]+){{0,2}}?)(?:\sof all time|"
    rf"\sever)?(?P<be>\sis|\sare|['\u2019]s)(?P<now>{ADV})\s"
    r"(?P<value>[^,.;!?]{2,60})"
)
_LIKES: Final = regex(
    r"\bI(?:\s(?:really|absolutely|also|just|still|totally|truly))*\s(?P<verb>like|love|enjoy|adore|prefer|hate|dislike"
    r"|can['\u2019]t stand)\s(?P<value>[a-zA-Z][\w'\u2019-]*(?:\s[\w'\u2019-]+){0,3})"
)
_LATELY: Final = regex(r"\s(?:now|nowadays|these days|currently)\Z", re.I)
_NOT_LIKED: Final = frozenset(
    """to that this these those it them him her you your his their how when what where who the a an being having getting seeing hearing
    going     doing making all everything every any my our and so too as if both one watching talking spending trying""".split()
)


def preferences(sentence: Sentence) -> None:
    """What somebody likes, and likes best."""
    text = sentence.text
    for match in _FAVOURITE.finditer(text):
        value = match["value"].split(" because ")[0].split(" and ")[0].strip(" ,.;:!")
        value, told = _LATELY.subn("", value)
        opening = value.split(None, 1)[0].lower()
        if sentence.doubted(match.start()) or opening in _NOT_LIKED - {"the", "a", "an"}:
            continue
        if opening in ("not", "no", "never") or " or " in value:
            continue
        if key := key_of(("favorite", match["what"]), sentence.me):
            now = bool(told or NOW.search(sentence.text, match.start(), match.start("value")))
            sentence.state(key, value, corrects=now)
    for match in _LIKES.finditer(text):
        opening = match["value"].split(None, 1)[0].lower()
        value = _cut(match["value"])
        if opening in _NOT_LIKED or not value or sentence.doubted(match.start()):
            continue
        verb = (
            "like" if match["verb"] in ("like", "love", "enjoy", "adore", "prefer") else "dislike"
        )
        sentence.state(Key(sentence.me, verb), value, exclusive=False)


_PHRASE_ENDS: Final = frozenset(
    """and or but so because when while in on at with for to from by of as that which who is are was were now since over than after before
    too very also it this these those i we you he she they yesterday today tonight tomorrow last ago""".split()
)


def _cut(value: str) -> str:
    """The words of a phrase up to the first that begins another."""
    kept: list[str] = []
    for word in value.split():
        if word.lower() in _PHRASE_ENDS:
            break
        if not word[0].isalnum():
            break
        kept.append(word)
    return " ".join(kept)


_VERBS: Final = {
    **dict.fromkeys(("work", "works", "working"), "employer"),
    **dict.fromkeys(("live", "lives", "living", "reside"), "residence"),
    **dict.fromkeys(("like", "love", "enjoy", "eat", "drink", "play", "watch", "read"), "like"),
}
_ARTICLES: Final = regex(
    r"\A(?:at|in|for|with|to|my job at|my job with|the|my|going to|doing|playing|working at|working for|living in|eating|drinking"
    r"|taking)\s",
    re.I,
)
_ANYMORE: Final = regex(r"\bany ?more\b", re.I)
_BEGAN: Final = regex(
    rf"{I_OR_WE}(?:['\u2019]ve|\shave)?{ADV}\s(?:started|took up|taken up|begun)\s(?P<what>[a-z]+ing(?:\s[a-z]+){0, 3}|(?<=up )[a-z]+)\b"
)


def ends(sentence: Sentence) -> None:
    """Such as "I no longer work at Hale", "I don't eat meat any more", "I quit smoking", "I left Hale"."""
    for match in _LEAVES.finditer(sentence.text):
        who = _who(sentence, match)
        verb = (match["verb"] or match["verb2"] or "").lower()
        what = _ANYMORE.split(match["what"])[0].strip()
        if match["verb2"] and not _ANYMORE.search(match["what"]):
            continue
        if not who or sentence.doubted(match.start()):
            continue
        employer = (
            "job at" in what.lower()
            or "working " in what.lower()
            or (match["quit"] == "left" and what[:1].isupper())
        )
        while _ARTICLES.match(what):
            what = _ARTICLES.sub("", what)
        what = _cut(what)
        attribute = _VERBS.get(verb, "employer" if employer else "do")
        if not what or (attribute in ("employer", "residence") and not what[0].isupper()):
            continue
        if match["quit"] in ("left", "dropped") and attribute == "do":
            continue
        exclusive = attribute in ("employer", "residence")
        sentence.state(Key(who, attribute), ENDED + what, exclusive=exclusive, corrects=True)
    for match in _BEGAN.finditer(sentence.text):
        what = _cut(re.sub(r"\Agoing to (?:the |a )?", "", match["what"]))
        if what and what not in ("going", "some") and not sentence.doubted(match.start()):
            sentence.state(Key(sentence.me, "do"), what, exclusive=False)


def instructions(sentence: Sentence) -> None:
    """What is to be done from now on, and how; see `rules`."""
    if sentence.doubted(0):
        return
    for rule in rules(sentence.text):
        sentence.state(
            Key(lexicon.HERE, rule.about),
            rule.how,
            exclusive=rule.exclusive,
            corrects=rule.corrects,
        )
