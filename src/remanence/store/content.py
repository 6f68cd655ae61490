"""What a change brings, as bytes: canonical JSON with defaults left out.

One encoder serves the ledger, its digests and the export, so the same content is the same bytes everywhere. The bytes are UTF-8 with
surrogates passed through: text that is not valid Unicode comes back as it was given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from remanence.errors import Corrupt, InvalidInput
from remanence.store.rows import ROLES
from remanence.store.scopes import LONGEST_NAME, check_name, tail_of
from remanence.types import BEGINNING, FOREVER, Add, Record, Slot, Source, to_datetime

LONGEST_TEXT: Final = 16 * 2**20
"""Characters of a record's text and of all its fields together: a book fits, a disk image does not."""
LARGEST_BODY: Final = 64 * 2**20
"""Bytes of everything a change brings, `meta` included."""

Body = dict[str, Any]
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
)

_DECODER: Final = json.JSONDecoder()


def encode(body: Mapping[str, Any]) -> bytes:
    """Canonical bytes: keys sorted, no spaces.

    Raises: InvalidInput for what JSON can't say."""
    try:
        raw = _ENCODER.encode(body).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"content is not JSON: {error}", hint="use strings, numbers, lists and dicts"
        ) from error
    if len(raw) > LARGEST_BODY:
        raise InvalidInput(
            f"content of {len(raw)} bytes", hint=f"at most {LARGEST_BODY} fit in one record"
        )
    return raw


def decode(raw: bytes) -> Body:
    """The inverse of `encode`.

    Raises: Corrupt for what it never made."""
    try:
        body: Body = _DECODER.decode(raw.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise Corrupt(
            f"the content of an event is damaged: {error}",
            hint="run verify; restore a backup or an export",
        ) from error
    return body


def body_of(add: Add) -> Body:
    """The body of an `Add`: what differs from the defaults, checked. The id is not part of it.

    Raises: InvalidInput."""
    body: Body = {"text": check_text(add.text)}
    if add.kind != "episode":
        body["kind"] = _string(add.kind, "kind")
    if add.session:
        body["session"] = _string(add.session, "session")
    if add.speaker:
        body["speaker"] = _string(add.speaker, "speaker")
    if add.role:
        if add.role not in ROLES:
            raise InvalidInput(f"role {add.role!r}", hint=f"one of {', '.join(ROLES[1:])}")
        body["role"] = add.role
    if add.fields:
        body["fields"] = check_fields(add.fields)
    if add.meta:
        body["meta"] = check_meta(add.meta)
    if add.sources:
        body["sources"] = [
            [check_name(s.id, "a source's id"), int(s.start), int(s.end)] for s in add.sources
        ]
    if add.origin:
        body["origin"] = _string(add.origin, "origin")
    if add.trust != 1.0:
        body["trust"] = check_trust(add.trust)
    if add.audience:
        body["audience"] = [_string(a, "audience") for a in add.audience]
    if add.purpose:
        body["purpose"] = [_string(p, "purpose") for p in add.purpose]
    if add.sensitivity:
        body["sensitivity"] = _string(add.sensitivity, "sensitivity")
    if add.slot is not None:
        body["slot"] = _slot(add.slot)
    if len(add.scope) > 2:
        body["scope"] = tail_of(add.scope)
    if add.valid_from is not None:
        body["valid_from"] = check_micros(add.valid_from, "valid_from")
    if add.valid_to != FOREVER:
        body["valid_to"] = check_micros(add.valid_to, "valid_to")
        if add.valid_from is not None and add.valid_to <= add.valid_from:
            raise InvalidInput("valid_to is not after valid_from", hint="swap them")
    return body


def record_of(
    body: Body,
    raw: bytes,
    *,
    id: str,
    space: tuple[str, str],
    version: int,
    valid: tuple[int, int],
    known: tuple[int, int],
    marks: tuple[str, ...] = (),
) -> Record:
    """A record from the body of its content event, the intervals of this version and its marks. `raw` is `encode(body)`."""
    tail = body.get("scope", "")
    if "closes" in body:  # sequence numbers are no content
        raw = encode({name: value for name, value in body.items() if name != "closes"})
    return Record(
        id=id,
        scope=(*space, *tail.split("\x1f")) if tail else space,
        text=body["text"],
        kind=body.get("kind", "episode"),
        session=body.get("session", ""),
        speaker=body.get("speaker", ""),
        role=body.get("role", ""),
        fields=body.get("fields", {}),
        meta=body.get("meta", {}),
        sources=tuple(Source(*s) for s in body.get("sources", ())),
        origin=body.get("origin", ""),
        trust=body.get("trust", 1.0),
        audience=tuple(body.get("audience", ())),
        purpose=tuple(body.get("purpose", ())),
        sensitivity=body.get("sensitivity", ""),
        slot=slot_of(body),
        marks=marks,
        valid_from=to_datetime(valid[0]),
        valid_to=to_datetime(valid[1]),
        known_from=to_datetime(known[0]),
        known_to=to_datetime(known[1]),
        version=version,
        digest=content_digest(raw, *valid),
    )


def content_digest(raw: bytes, valid_from: int, valid_to: int) -> str:
    """32 hex digits over content and valid time: equal for equal versions, on any machine."""
    interval = valid_from.to_bytes(8, "little", signed=True) + valid_to.to_bytes(
        8, "little", signed=True
    )
    return blake2b(interval + raw, digest_size=16).hexdigest()


def same_hash(body: Body) -> int:
    """63-bit hash of what makes two records without an id the same: who said what, where and when."""
    seen = [
        body.get(name)
        for name in ("scope", "kind", "session", "speaker", "role", "valid_from", "text", "fields")
    ]
    if "slot" in body:  # one sentence may state several things
        seen += [body["slot"], body.get("sources")]
    raw = _ENCODER.encode(seen).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(raw, digest_size=8).digest()) >> 1


def plain_content(body: Body) -> Body:
    """A body without the times and bookkeeping of its version."""
    return {
        name: value
        for name, value in body.items()
        if name not in ("valid_from", "valid_to", "closes")
    }


def slot_of(body: Body) -> Slot | None:
    """What a fact's body says it states."""
    slot = body.get("slot")
    return None if slot is None else Slot(*slot)


def slot_hash(body: Body) -> int:
    """63-bit hash of (scope tail, subject, attribute), by which the holders of a slot are found; 0 for what is no fact."""
    slot = body.get("slot")
    if slot is None:
        return 0
    raw = _ENCODER.encode([body.get("scope", ""), *slot[:2]]).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(raw, digest_size=8).digest()) >> 1 or 1


def check_text(text: object) -> str:
    """Raises: InvalidInput where it is no string or too long."""
    if not isinstance(text, str):
        raise InvalidInput(f"text is a {type(text).__name__}", hint="decode it to a string first")
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(
            f"text of {len(text)} characters", hint=f"split it: at most {LONGEST_TEXT} a record"
        )
    return text


def check_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Raises: InvalidInput where they are not strings by name, or too long."""
    checked = {_string(name, "a field's name"): value for name, value in fields.items()}
    for name, value in checked.items():
        if not isinstance(value, str):
            raise InvalidInput(f"field {name!r} is a {type(value).__name__}", hint="give a string")
    if sum(map(len, checked.values())) > LONGEST_TEXT:
        raise InvalidInput(
            "fields are too long", hint=f"at most {LONGEST_TEXT} characters together"
        )
    return checked


def check_meta(meta: Mapping[str, object]) -> dict[str, object]:
    """Raises: InvalidInput where a key is no string. Whether the values are JSON shows when they are encoded."""
    for key in meta:
        if not isinstance(key, str):
            raise InvalidInput(
                f"meta key {key!r} is a {type(key).__name__}", hint="use string keys"
            )
    return dict(meta)


def check_trust(trust: object) -> float:
    """Raises: InvalidInput outside [0, 1]."""
    if not isinstance(trust, (int, float)) or not math.isfinite(trust) or not 0 <= trust <= 1:
        raise InvalidInput(f"trust {trust!r}", hint="give a number from 0 to 1")
    return float(trust)


def check_micros(moment: object, what: str) -> int:
    """Raises: InvalidInput for what is no number of microseconds since 1970."""
    if not isinstance(moment, int) or isinstance(moment, bool):
        raise InvalidInput(
            f"{what} is a {type(moment).__name__}", hint="give microseconds since 1970 UTC"
        )
    if not BEGINNING <= moment <= FOREVER:
        raise InvalidInput(
            f"{what} {moment} is outside the calendar", hint="give microseconds since 1970 UTC"
        )
    return moment


def _slot(slot: object) -> list[object]:
    if not isinstance(slot, tuple) or len(slot) != 5:
        raise InvalidInput(f"slot is a {type(slot).__name__}", hint="give a Slot")
    subject, attribute, value, exclusive, corrects = slot
    named = {"subject": subject, "attribute": attribute, "value": value}
    checked: list[object] = [_string(given, f"a slot's {name}") for name, given in named.items()]
    if not subject or not attribute:
        raise InvalidInput("a slot without subject or attribute", hint="name what it is about")
    if not isinstance(exclusive, bool) or not isinstance(corrects, bool):
        raise InvalidInput("exclusive and corrects of a slot are flags", hint="give True or False")
    return [*checked, exclusive, corrects]


def _string(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} is a {type(value).__name__}", hint="give a string")
    if len(value) > LONGEST_NAME:
        raise InvalidInput(
            f"{what} has {len(value)} characters", hint=f"at most {LONGEST_NAME} are allowed"
        )
    return value
