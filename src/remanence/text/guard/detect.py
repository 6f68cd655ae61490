"""Where a text holds secrets or personal data: kind and characters, found by well-kept libraries behind one quick look.

Keys and tokens: the patterns of `detect-secrets`; card, account and identity numbers: the check digits of `python-stdnum`; telephone
numbers: `phonenumbers` (Google's libphonenumber). E-mail and IP addresses, passwords that the words announce, and postal addresses are
rules of our own: the libraries for these need a language model (presidio brings spaCy and its models for the same entities).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from remanence.errors import MissingExtra

KINDS: Final = (
    "key",
    "password",
    "card",
    "account",
    "identity",
    "phone",
    "email",
    "ip",
    "address",
)
"""Keys and tokens; passwords and PINs; payment cards; bank accounts (IBAN); national identity, tax and passport numbers; …"""


class Found(NamedTuple):
    """Characters `start:end` are of this kind."""

    kind: str
    start: int
    end: int


def find(text: str, kinds: Collection[str] = KINDS, *, region: str = "US") -> list[Found]:
    """What of these kinds stands in a text, in its order, without overlaps: the kind listed first in `KINDS` wins.

    `region`: two letters, for telephone numbers without a country code. Raises: MissingExtra without the extra `privacy`."""
    if not _QUICK.search(text):
        return []
    taken: list[Found] = []
    for kind in KINDS:
        if kind in kinds:
            for start, end in _FINDERS[kind](text, region):
                if all(end <= other.start or start >= other.end for other in taken):
                    taken.append(Found(kind, start, end))
    return sorted(taken, key=lambda found: found.start)


Spans = Iterator[tuple[int, int]]

_STREETS: Final = (
    "street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|sq|terrace|way|close|crescent|"
    "highway|hwy|parkway|pkwy|trail|alley|grove|underpass|mews"
)
_QUICK: Final = re.compile(
    r"@|://|-----BEGIN|\d[\d\s().-]{5,}\d|[A-Za-z0-9_+/=-]{16,}|\d\.\d{1,3}\.|:[0-9a-fA-F]{0,4}:"
    r"|\b(?:pass(?:word|code|phrase|wd)|pwd|pin|secret|token|api[ _-]?key|passport|ssn|social security|licen[cs]e)\b"
    rf"|\d[A-Za-z]?\s+(?:[A-Z][\w'.-]*\s+){{1,4}}(?:{_STREETS})\b|(?:stra(?:ß|ss)e|str\.|weg|gasse|platz)\s+\d",
    re.IGNORECASE,
)


def _library(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"looking for secrets and personal data needs {module.partition('.')[0]}",
            hint='pip install "remanence[privacy]"',
        ) from error


# --- keys and tokens ---

_PLUGINS: Final = (
    "artifactory.ArtifactoryDetector",
    "aws.AWSKeyDetector",
    "azure_storage_key.AzureStorageKeyDetector",
    "basic_auth.BasicAuthDetector",
    "cloudant.CloudantDetector",
    "discord.DiscordBotTokenDetector",
    "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector",
    "ibm_cloud_iam.IbmCloudIamDetector",
    "ibm_cos_hmac.IbmCosHmacDetector",
    "jwt.JwtTokenDetector",
    "mailchimp.MailchimpDetector",
    "npm.NpmDetector",
    "openai.OpenAIDetector",
    "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector",
    "slack.SlackDetector",
    "softlayer.SoftlayerDetector",
    "square_oauth.SquareOAuthDetector",
    "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector",
    "twilio.TwilioKeyDetector",
)
_PEM: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:.*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|.*)",
    re.DOTALL,
)
_NEWER: Final = re.compile(
    r"\b(?:sk-(?:proj-|ant-|live-|test-)?[A-Za-z0-9_-]{20,}|github_pat_\w{22,}|hf_[A-Za-z0-9]{30,}|AIza[\w-]{35}|ya29\.[\w-]{20,}"
    r"|dop_v1_[0-9a-f]{64}|shp(?:at|ca|pa)_[0-9a-fA-F]{32}|[rs]k_(?:live|test)_[0-9A-Za-z]{16,})"
)
"""Forms of keys that came into use after the library's last release."""
_TOKEN: Final = re.compile(r"(?<![\w/+.=-])[A-Za-z0-9_+/-]{24,}={0,2}(?![\w/+=-])")
_REST: Final = re.compile(r"(?:[\w+/=-]|\.(?=\w))*")
_HASH: Final = re.compile(
    r"(?:[0-9a-f]+|[0-9A-F]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
)
ENTROPY: Final = 4.25
"""Bits a character from which a long token of mixed letters and digits counts as a key. English words joined lie below 4."""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    found: list[re.Pattern[str]] = []
    for name in _PLUGINS:
        module, _, plugin = name.partition(".")
        found += getattr(_library(f"detect_secrets.plugins.{module}"), plugin)().denylist
    return (_PEM, _NEWER, *found)


def _keys(text: str, region: str) -> Spans:
    for pattern in _patterns():
        for match in pattern.finditer(text):
            # Patterns with context name the secret itself by a group.
            groups = [place for place in range(1, (match.re.groups or 0) + 1) if match[place]]
            whole = not groups or pattern in (_PEM, _NEWER)
            start, end = match.span() if whole else _widest(match, groups)
            # Some patterns stop as soon as they are sure; the rest of the word is part of the key.
            rest = _REST.match(text, end) if pattern is not _PEM else None
            yield start, rest.end() if rest else end
    for match in _TOKEN.finditer(text):
        if _random(match[0]):
            yield match.span()


def _widest(match: re.Match[str], groups: list[int]) -> tuple[int, int]:
    best = max(groups, key=lambda place: len(match[place]))
    # A group of a few letters is a prefix ("ghp"), not the secret.
    return match.span(best) if len(match[best]) >= 6 else match.span()


def _random(token: str) -> bool:
    kinds = (any(c.islower() for c in token), any(c.isupper() for c in token))
    if not all(kinds) or not any(c.isdigit() for c in token) or _HASH.fullmatch(token):
        return False
    if any(part.isalpha() and len(part) > 12 for part in re.split(r"[_/+-]", token)):
        return False  # words joined: a path or a name in a program
    counts = Counter(token)
    bits = -sum(n / len(token) * math.log2(n / len(token)) for n in counts.values())
    return bits >= ENTROPY


_PASSWORD: Final = re.compile(
    r"\b(?:pass(?:word|code|phrase|wd)|pwd|pin(?:\s+(?:code|number))?|secret(?:\s+key)?|(?:access|auth|api)[ _-]?(?:token|key))\b"
    r"(?:\s+(?:for|of|to)\s+[\w .'-]{1,30}?)?\s*(?:is\s+now|is|was|=|:|are)\s*[\"'`“]?(?P<it>[^\s\"'`”,;]{4,})",
    re.IGNORECASE,
)
_COMMON: Final = frozenset(
    "required needed correct wrong incorrect expired stored saved kept known lost forgotten secure strong weak very really also "
    "still about changed being hidden protected encrypted hashed safe going something somewhere written under".split()
)
"""What follows "the password is" without being one."""
_PLACEHOLDER: Final = re.compile(
    r"[<{$%].*|(?:process\.env|os\.environ)\b.*|[a-z]+(?:ly|ed|ing)|(?:[a-z]+_)*(?:my|your|the|api|user|some)?_?(?:api_?)?(?:key|token|password|secret)(?:_here|_\w+)?|[x*.•]+",
    re.IGNORECASE,
)


def _passwords(text: str, region: str) -> Spans:
    for match in _PASSWORD.finditer(text):
        it = match["it"].rstrip(".)")  # one may end in "!": rather mask one character too many
        if len(it) >= 4 and it.lower() not in _COMMON and not _PLACEHOLDER.fullmatch(it):
            yield match.start("it"), match.start("it") + len(it)


# --- numbers with check digits ---

_CARD: Final = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-])")
_ISSUED: Final = re.compile(r"3[0-9]|4|5[0-9]|6|2[2-7]")
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b")


def _cards(text: str, region: str) -> Spans:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if _ISSUED.match(digits) and len(set(digits)) > 1 and _valid("luhn", digits):
            yield match.span()


def _accounts(text: str, region: str) -> Spans:
    for match in _IBAN.finditer(text):
        it = match[0]
        while it:  # the pattern may have taken a word after it
            if _valid("iban", it):
                yield match.start(), match.start() + len(it)
                break
            it = it.rpartition(" ")[0]


class _Number(NamedTuple):
    """A kind of number: how it is written, the module that checks it, and words one of which must stand near (none: it needs none)."""

    written: re.Pattern[str]
    module: str
    near: re.Pattern[str] | None


def _number(written: str, module: str, near: str = "") -> _Number:
    words = re.compile(rf"\b(?:{near})\b", re.IGNORECASE) if near else None
    return _Number(re.compile(rf"(?<![\w-]){written}(?![\w-])"), module, words)


_NUMBERS: Final = (
    _number(r"\d{3}-\d{2}-\d{4}", "us.ssn"),
    _number(r"\d{9}", "us.ssn", "ssn|social security"),
    _number(r"\d{2}-\d{7}", "us.ein", "ein|employer identification|tax id"),
    _number(r"\d{3}[ -]\d{3}[ -]\d{3}|\d{9}", "ca.sin", "sin|social insurance"),
    _number(r"\d{3}[ -]?\d{3}[ -]?\d{4}", "gb.nhs", "nhs"),
    _number(r"\d{3}\.\d{3}\.\d{3}-\d{2}", "br.cpf"),
    _number(r"\d{8}-?[A-Z]", "es.dni"),
    _number(r"[XYZ]-?\d{7}-?[A-Z]", "es.nie"),
    _number(r"[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", "fr.nir"),
    _number(r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", "it.codicefiscale"),
    _number(r"\d{2} ?\d{3} ?\d{3} ?\d{3}", "de.idnr", "steuer\\w*|tax|idnr"),
    _number(r"\d{9}", "nl.bsn", "bsn|burgerservicenummer|citizen service"),
    _number(r"\d{4} \d{4} \d{4}", "in_.aadhaar", "aadha+r"),
    _number(r"[A-Z]{5}\d{4}[A-Z]", "in_.pan"),
)
_NAMED: Final = re.compile(
    r"\b(?:passport|national insurance|driver'?s? licen[cs]e|licen[cs]e|identity card|id card)(?:\s+(?:number|no\.?|nr\.?))?"
    r"\s*(?:is|:|=|#)\s*(?P<it>[A-Z]{0,3}[ -]?\d[\dA-Z -]{4,13}[\dA-Z])\b",
    re.IGNORECASE,
)
NEAR: Final = 40
"""Characters before a bare number in which the word that names it must stand."""


def _identities(text: str, region: str) -> Spans:
    for number in _NUMBERS:
        for match in number.written.finditer(text):
            near = text[max(match.start() - NEAR, 0) : match.start()]
            if number.near is not None and not number.near.search(near):
                continue
            if _valid(number.module, match[0]):
                yield match.span()
    for match in _NAMED.finditer(text):
        yield match.span("it")


@cache
def _checker(module: str) -> Callable[[str], bool]:
    check: Callable[[str], bool] = _library(f"stdnum.{module}").is_valid
    return check


def _valid(module: str, number: str) -> bool:
    return bool(_checker(module)(number))


# --- ways to reach somebody ---

_DIGITS: Final = re.compile(r"\+?\d[\d\s().-]{5,}\d")
_EMAIL: Final = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,62})\.)+[a-z]{2,24}\b", re.IGNORECASE
)
_IPV4: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)")
_IPV6: Final = re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}(?![\w:])")
_VERSION: Final = re.compile(r"\b(?:version|release|v)\.?\s*$", re.IGNORECASE)
_CALL: Final = re.compile(
    r"\b(?:phone|call|cell|mobile|tel(?:ephone)?|number|text|whatsapp|reach|fax)\b", re.IGNORECASE
)
_POSTAL: Final = re.compile(
    rf"(?<![\w.,])\d{{1,6}}[A-Za-z]?\s+(?:[NSEW]\.?\s+)?(?:[A-Z][\w'.-]*\s+){{1,4}}(?i:{_STREETS})\b\.?"
    r"(?:,?\s+(?:Apt|Apartment|Suite|Unit|Flat|#)\.?\s*\w+)?(?:,?\s+(?:[A-Z][\w'.-]*\s?){1,3})?(?:,\s*[A-Z]{2})?(?:\s+\d{5}(?:-\d{4})?)?"
    r"|\b[A-ZÄÖÜ][\w-]*(?:stra(?:ß|ss)e|str\.|weg|gasse|platz|allee)\s+\d{1,4}[a-z]?(?:,?\s+(?:[A-Z]-)?\d{4,5}\s+[A-ZÄÖÜ][\w-]+)?"
)


def _phones(text: str, region: str) -> Spans:
    if not _DIGITS.search(text):
        return
    library = _library("phonenumbers")
    for match in library.PhoneNumberMatcher(text, region):
        plain = match.raw_string
        written = plain.startswith("+") or any(c in plain for c in "()-. ")
        near = text[max(match.start - NEAR, 0) : match.start]
        # Bare digits are an order, an amount or a date as often as a telephone.
        if (written or _CALL.search(near)) and not _IPV4.fullmatch(plain):
            yield match.start, match.end


def _emails(text: str, region: str) -> Spans:
    yield from (match.span() for match in _EMAIL.finditer(text))


def _ips(text: str, region: str) -> Spans:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                public = ip_address(match[0]).is_global
            except ValueError:
                continue
            # "1.2.3.4" after "version" or "v" is no address.
            if public and not _VERSION.search(text[max(match.start() - 12, 0) : match.start()]):
                yield match.span()


def _addresses(text: str, region: str) -> Spans:
    yield from (match.span() for match in _POSTAL.finditer(text))


_FINDERS: Final[dict[str, Callable[[str, str], Spans]]] = {
    "key": _keys,
    "password": _passwords,
    "card": _cards,
    "account": _accounts,
    "identity": _identities,
    "phone": _phones,
    "email": _emails,
    "ip": _ips,
    "address": _addresses,
}
