"""Instructions as slots: what a standing instruction is about, and how it is to be done.

"From now on, end test names with '_t'", "use Otter for notes", "never squash commits". What it is about (the action and the
things it is done to) is the attribute, the how is its value: a later instruction about the same replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from remanence.text.analyze import stem, words
from remanence.text.lazy import regex
from remanence.text.slots.words import QUOTED, stems

LONGEST = 40
"""Characters of a quoted value; what is longer is somebody's words."""


class Rule(NamedTuple):
    """`about`: the attribute of an instruction; `how`: its value; `corrects`: it says that something holds from now on;
    `exclusive`: a later one replaces it. What is to be added, imported or included comes on top of what was."""

    about: str
    how: str
    corrects: bool
    exclusive: bool = True


_ACTIONS: Final = {
    word: action
    for action, forms in (
        ("start", "start starts starting started begin begins beginning prefix prefixed prefixing"),
        ("end", "end ends ending finish suffix suffixed suffixing append appending conclude"),
        ("include", "include includes including contain contains incorporate incorporating"),
        ("add", "add adds adding apply put"),
        ("import", "import imports importing"),
        ("use", "use uses using switch"),
        ("", "write format name call"),
    )
    for word in forms.split()
}
_NAMING: Final = frozenset(("start", "end"))
_GROWING: Final = frozenset(("add", "import", "include"))
_WITH_OTHERS: Final = stems("decorator plugin extension hook")
"""Things of which one more does not replace the others."""
_WIDE: Final = tuple([stem(word)] for word in ("project", "team", "task", "company", "everything"))
"""What many things are used for at once."""
_ACTION: Final = regex(rf"\b(?:{'|'.join(sorted(_ACTIONS, key=len, reverse=True))})\b", re.I)
_DIRECT: Final = regex(
    r"\b(?:always|never|please|ensure|remember to|from now on|going forward|moving forward|in future|henceforth|"
    r"i(?:['\u2019]d| would) like (?:you|us|all|every)|i (?:now |also )?want (?:you|us|all|every)|i need (?:you|all|every)|want us to|"
    r"we should|you should|you must|let['\u2019]s|be sure to|don['\u2019]t forget|i['\u2019]ll|"
    r"(?<!\bto )make sure (?:to|you|that|all|your)|convention is|we (?:now )?want to|we(?:['\u2019]re| are) now going to|"
    r"(?:names?|identifiers?) (?:should|must))\b",
    re.I,
)
_OWN: Final = regex(
    r"\A(?:\w+,? )?I(?:['\u2019](?:m|ve)|\s(?:am|was|have|just|want to|need to|prefer|started|think|don['\u2019]t))\b",
    re.I,
)
"""How a sentence begins that tells of oneself rather than telling others what to do."""
_OTHERS: Final = regex(
    r"\b(?:you|us) to\b|\bwe(?:['\u2019]ll| should| must| will| now| always)\b|\bnames? (?:should|must)\b",
    re.I,
)
_FROM_NOW: Final = regex(
    r"\b(?:from now on|going forward|moving forward|henceforth|instead|new|update|change|now|switch)\b",
    re.I,
)
_IMPERATIVE: Final = regex(
    r"\A(?:[A-Z][\w'-]*: )?(?:(?:and|also|then|next|now|first|firstly|second|secondly|third|thirdly|finally|lastly|additionally|"
    r"furthermore|moreover|another thing|again|please|always|specifically|likewise|similarly|in addition|one more thing),?\s"
    r"|(?:for|when|whenever|if|in|with|as for|regarding)\s[^,]{2,80}?,\s)*"
    r"(?:please\s|always\s|just\s|simply\s)*(?P<verb>[a-z]+)\b(?<!ing)",
    re.I,
)
_PIECES: Final = regex(
    r";\s+|,?\s+(?:and|but|while|then)\s+(?=(?:also |always |then )?"
    r"(?:start|begin|end|finish|include|add|prefix|suffix|import|use|ending|starting|append)\b)",
    re.I,
)
_FOR: Final = regex(
    r"\b(?:for|when|whenever|as for|regarding|in terms of|with respect to)\b[^,']{2,80}?,", re.I
)
_VALUE: Final = regex(QUOTED)
_THEM: Final = regex(
    r"\b(?:them|it|their names?|its name|theirs|the names?|each(?: one)?|the identifiers?)\b(?!\s(?:is|are)\b)",
    re.I,
)
_GENERIC: Final = stems(
    """always never please start started begin end finish prefix suffix include contain incorporate add append use import write name naming
    named identifier code string word single make sure ensure remember forth from now on going forward moving future like want need must
    should convention all every each any new create creating created define defining defined declare declaring whenever when your our their
    own somewhere within part one module defined follow following letter character first second third additionally furthermore also firstly
    secondly additional further ensuring consistency instead going keep keeping get thing specifically especially particular descriptive
    i'd i'll you'd team practice way update switch change slight small important come comes regards regarding file dealing working terms
    adopt style standard work another previous instruction lower case upper capital reminder likewise similarly
    january february march april may june july august september october november december"""
)
_TOOL: Final = regex(
    r"(?<!stop )(?<!avoid )(?<!from )(?<!discussed )(?<!been )\b(?:use|using|switch(?:ed|ing)? to|moved? to|adopt)\s"
    r"(?P<value>(?:the |a |an )?[\w'\u2019.+#@-]+(?:\s[\w'\u2019.+#@-]+){0,5}?)\s(?P<how>for|as|when|whenever)\s"
    r"(?:the |our |your |my |all |a |an )*(?P<what>[a-z][\w-]*(?:\s(?!instead\b|from\b|and\b|so\b|but\b)[a-z][\w-]*){0,6})",
    re.I,
)
_VAGUE: Final = regex(
    r"\A(?:it|this|that|them|these|those|one|both)\b|\b(?:convention|approach|style|way|method|standard|pattern|practice)s?\Z",
    re.I,
)
_ORDERS: Final = """
    use take write call ask check run test commit push keep add include start end go do reply respond answer send book order set save leave
    put avoid lock close open turn wear buy pay sign format name import work share skip document review merge deploy log encrypt round cite
    quote address speak talk translate greet show mention suggest recommend contact email message notify confirm verify track store delete
    remove report communicate read list explain assume wait schedule update prefer return validate handle install enable disable eat drink
    feed charge switch bring submit attach assign squash rebase print paste copy double-check
""".split()
_POLAR: Final = regex(
    r"(?:\A(?:(?:also|and|please|remember|from now on|going forward|important|note|now|finally|first|second),?:?\s)*|"
    r"\b(?:please|make sure to|remember to|(?:you|we) (?:should|must|need to|have to)|you to|us to|be sure to|ensure you"
    r"|ensure that you)\s)"
    rf"(?P<how>always|never|avoid|do not|don['\u2019]t)\s(?P<what>(?:{'|'.join(_ORDERS)}|(?<=avoid )[a-z]+ing)\b[^,.;!?]{{3,160}})",
    re.I,
)
_NUMBERS: Final = regex(r"\d+(?:[.,:]\d+)*")


def rules(text: str) -> list[Rule]:
    """The standing instructions of a sentence.

    >>> rules("From now on, end all test names with '_t'.")
    [Rule(about='rule end test', how='_t', corrects=True, exclusive=True)]
    """
    directed = _DIRECT.search(_VALUE.sub(" ", text)) is not None
    imperative = _IMPERATIVE.match(text)
    ordered = imperative is not None and imperative["verb"].lower() in _ACTIONS
    if not (directed or ordered) or (_OWN.match(text) and not _OTHERS.search(text)):
        return []
    corrects = _FROM_NOW.search(text) is not None
    found = list(_quoted(text, corrects)) if _VALUE.search(text) else []
    if not found and (match := _TOOL.search(text)):
        about, value = _about(match["what"]), match["value"].split(" from now on")[0]
        if about and not _VALUE.search(value) and not _VAGUE.search(value):
            only = match["how"].lower() == "as" or not (value.islower() or about in _WIDE)
            found.append(Rule(" ".join(["rule use", *about]), value, corrects, only))
    if not found and (match := _POLAR.search(text)):
        what = re.split(r"\s(?:because|so|even|unless)\s", match["what"])[0]
        about = _about(_NUMBERS.sub(" ", what), _KEPT)
        if 0 < len(about) <= 12:
            how = "always" if match["how"].lower() == "always" else "never"
            numbers = " ".join(_NUMBERS.findall(what))
            found.append(Rule(" ".join(["rule", *about]), f"{how} {numbers}".strip(), corrects))
    return found


def _quoted(text: str, corrects: bool) -> Iterator[Rule]:
    """Rules whose value stands in quotation marks, clause by clause; "them" is what was spoken of before."""
    topic: list[tuple[str, ...]] = []
    led = [match[0] for match in _FOR.finditer(text)]
    for number, piece in enumerate(_PIECES.split(text)):
        action = _action(piece)
        if action is None:
            continue
        for value, spoken in _spoken(piece, each=action in _NAMING):
            targets = _targets(spoken, led if number == 0 or not topic else [])
            if not targets or (number and topic and _THEM.search(spoken)):
                targets = topic or targets
            topic = targets or topic
            for target in targets or ([()] if action == "import" else []):
                about = " ".join(part for part in ("rule", action, *target) if part)
                grows = action in _GROWING or not _WITH_OTHERS.isdisjoint(target)
                yield Rule(about, value, corrects, not grows)


def _spoken(piece: str, *, each: bool) -> Iterator[tuple[str, str]]:
    """The quoted values of a clause, each with the words that it belongs to: with `each`, those since the last value; otherwise
    the first value only, with all of them."""
    matches = [match for match in _VALUE.finditer(piece) if len(match[0]) - 2 <= LONGEST]
    if not each:
        matches = matches[:1]
    since = 0
    for number, match in enumerate(matches):
        until = match.start() if number + 1 < len(matches) else len(piece)
        yield match[0][1:-1].strip(), _VALUE.sub(" ", piece[since:until])
        since = match.end()


def _action(piece: str) -> str | None:
    """The action of a clause: "start", "end", "include", …; the one nearest to its value."""
    value = _VALUE.search(piece)
    if value is None:
        return None
    before = [match[0].lower() for match in _ACTION.finditer(piece, 0, value.start())]
    after = [match[0].lower() for match in _ACTION.finditer(piece, value.end())]
    naming = [word for word in (*reversed(before), *after) if _ACTIONS[word] in _NAMING]
    order = [*naming, *reversed(before), *after]
    return _ACTIONS[order[0]] if order else None


_AND: Final = regex(r"\s(?:and|or|as well as)\s|,\s(?:and\s)?|\s&\s")
_ASIDE: Final = regex(
    r"\b(?:even if|even though|so that|to help|to indicate|because|this|followed by|at the|as in|as an indication|instead of|somewhere)\b"
)


def _targets(spoken: str, led: list[str]) -> list[tuple[str, ...]]:
    """The things a clause is about: one for each of "icon names and layer names"; or those of the words that lead it."""
    cut = _ASIDE.split(spoken.rsplit(":", 1)[-1])[0]
    for parts in ([cut], led):
        abouts = [tuple(_about(half)) for part in parts for half in _AND.split(part)]
        found = list(dict.fromkeys(about for about in abouts if 0 < len(about) <= 3))
        if found:
            return found
    return []


def _about(text: str, dropped: frozenset[str] = _GENERIC) -> list[str]:
    """Sorted stems of what a phrase speaks of."""
    return sorted(
        {
            found
            for word in words(text)
            if (found := stem(word.text)) and found not in dropped and not found[0].isdigit()
        }
    )


_KEPT: Final = stems("always never please")
