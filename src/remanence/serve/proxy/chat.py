"""`POST /v1/chat/completions`: what is asked in it, and what was answered.

Source: the Chat Completions interface, https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from remanence.serve.proxy.said import Answer, Asked, Dialect, Turn, last_run, name_of, text_of
from remanence.serve.proxy.splice import Part, items, members

LEADING: Final = ("system", "developer")
"""Roles of who sets up the conversation; memory takes the one that the app uses."""


def read(raw: bytes) -> Asked | None:
    """The conversation in a request; None where it is not one."""
    try:
        text = raw.decode("utf-8")
        body = members(text)
        messages = items(text, body["messages"])
    except (ValueError, KeyError, RecursionError):
        return None
    if not messages or not all(isinstance(message.value, dict) for message in messages):
        return None
    roles = [message.value.get("role") for message in messages]
    run = last_run([role == "user" for role in roles])
    # An assistant's last message that calls nothing is the beginning of the answer, put there by the app.
    begun = roles[-1] == "assistant" and not messages[-1].value.get("tool_calls")
    ends = len(messages) - begun
    leading = next((role for role in roles if role in LEADING), "system")
    count, choices = body.get("n"), body.get("user")
    place = messages[run.start].start if run else 0
    return Asked(
        turns=tuple(_turns(messages)),
        fresh=len(list(_turns(messages[run.start : run.stop]))) if run and run.stop == ends else 0,
        question="\n".join(turn.text for turn in _turns(messages[run.start : run.stop])),
        before=text[:place] if run else "",
        after=f",{text[place:]}" if run else "",
        item=lambda note: json.dumps({"role": leading, "content": note}),
        user=choices.value if choices and isinstance(choices.value, str) else "",
        tools=any(role in ("tool", "function") for role in roles),
        single=count is None or count.value in (None, 1),
    )


def _turns(messages: Sequence[Part]) -> list[Turn]:
    found = []
    for message in (message.value for message in messages):
        said = text_of(message.get("content"))
        if said and message.get("role") in ("user", "assistant"):
            found.append(Turn(message["role"], said, name_of(message)))
    return found


def answer(told: Sequence[Any], streamed: bool) -> Answer:
    """The text of the first choice, where the model came to its end."""
    words: list[str] = []
    ended, tools, id = "", False, ""
    for one in told:
        if not isinstance(one, Mapping):
            continue
        id = id or str(one.get("id") or "")
        choices = one.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, Mapping) or choice.get("index", 0) != 0:
                continue
            message = choice.get("delta" if streamed else "message")
            if isinstance(message, Mapping):
                if isinstance(content := message.get("content"), str):
                    words.append(content)
                tools = tools or bool(message.get("annotations"))
            ended = str(choice.get("finish_reason") or ended)
    whole = bool(ended) and ended != "content_filter"
    return Answer(text="".join(words).strip() if whole else "", tools=tools, id=id)


CHAT: Final = Dialect(read, answer)
