"""`POST /v1/responses`: what is asked in it, and what was answered.

Source: the Responses interface, https://platform.openai.com/docs/api-reference/responses. Where upstream keeps the conversation
(`previous_response_id`, `conversation`), the request holds only what is new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from remanence.serve.proxy.said import Answer, Asked, Dialect, Turn, last_run, name_of, text_of
from remanence.serve.proxy.splice import Part, items, members

_ENDS: Final = ("response.completed", "response.incomplete")
_OWN: Final = ("message", "reasoning", "function_call", "custom_tool_call")
"""What a model gives out without having read anything that others wrote."""


def read(raw: bytes) -> Asked | None:
    """The conversation in a request; None where it is not one."""
    try:
        text = raw.decode("utf-8")
        body = members(text)
        given = body["input"]
        entries = items(text, given) if isinstance(given.value, list) else [given]
    except (ValueError, KeyError, RecursionError):
        return None
    alone = isinstance(given.value, str)
    if not entries or not (alone or all(isinstance(entry.value, dict) for entry in entries)):
        return None
    kinds = ["user"] if alone else [_role(entry.value) for entry in entries]
    run = last_run([kind == "user" for kind in kinds])
    place = entries[run.start].start if run else 0
    before, after = text[:place], f",{text[place:]}"
    if alone:
        said = text[given.start : given.end]
        before += "["
        after = f',{{"type":"message","role":"user","content":{said}}}]{text[given.end :]}'
    spoken = _turns(entries[run.start : run.stop])
    return Asked(
        turns=tuple(_turns(entries)),
        fresh=len(spoken) if run.stop == len(entries) else 0,
        question="\n".join(turn.text for turn in spoken),
        before=before if run else "",
        after=after if run else "",
        item=lambda note: json.dumps({"type": "message", "role": "developer", "content": note}),
        user=_string(body, "user"),
        session=_conversation(body),
        follows=_string(body, "previous_response_id"),
        tools=any(kind.endswith("_output") for kind in kinds),
    )


def _role(entry: Mapping[str, Any]) -> str:
    """Who says it, or what kind of thing it is."""
    kind = entry.get("type", "message")
    return str(entry.get("role", "") if kind == "message" else kind)


def _turns(entries: Sequence[Part]) -> list[Turn]:
    found = []
    for entry in (entry.value for entry in entries):
        if isinstance(entry, str):
            role, said, name = "user", entry.strip(), ""
        else:
            role, said, name = _role(entry), text_of(entry.get("content")), name_of(entry)
        if said and role in ("user", "assistant"):
            found.append(Turn(role, said, name))
    return found


def _string(body: Mapping[str, Part], name: str) -> str:
    part = body.get(name)
    return part.value if part is not None and isinstance(part.value, str) else ""


def _conversation(body: Mapping[str, Part]) -> str:
    part = body.get("conversation")
    value = part.value.get("id") if part and isinstance(part.value, dict) else part and part.value
    return value if isinstance(value, str) else ""


def answer(told: Sequence[Any], streamed: bool) -> Answer:
    """The text of all messages of a response that came to its end."""
    found = [one for one in told if isinstance(one, Mapping)]
    if streamed:
        found = [one["response"] for one in found if one.get("type") in _ENDS and "response" in one]
    response = found[-1] if found else {}
    output = response.get("output") if isinstance(response, Mapping) else None
    if not isinstance(output, list):
        return Answer()
    entries = [entry for entry in output if isinstance(entry, Mapping)]
    why = response.get("incomplete_details")
    cut = isinstance(why, Mapping) and why.get("reason") == "content_filter"
    said = [text_of(entry.get("content")) for entry in entries if entry.get("type") == "message"]
    whole = response.get("status") in ("completed", "incomplete") and not cut
    return Answer(
        text="\n".join(filter(None, said)) if whole else "",
        tools=any(entry.get("type") not in _OWN for entry in entries),
        id=str(response.get("id") or ""),
    )


RESPONSES: Final = Dialect(read, answer)
