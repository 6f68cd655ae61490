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
    "told": "i i'm i've i'd i'll me my mine we we're us our was were had did he she his him they went said told got",
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
    "head", "driven", "bare", "passive", "address", "topic", "label", "equals", "yours", "mine", "purpose", "asked", "twice",
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
