"""`rmem ask`: cited memories, and a written answer where a chat model is configured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from remanence.errors import ModelError
from remanence.llm.endpoint import from_environment
from remanence.serve.answer import answer
from remanence.serve.commands.read import Question, wait_for_vectors
from remanence.serve.opening import Asking
from remanence.serve.ops.table import OPS
from remanence.serve.ops.wire import plain
from remanence.serve.options import Explain, Json, Session
from remanence.serve.output import (
    console,
    emit,
    print_hits,
    print_memory,
    print_text,
    print_withheld,
    working,
)
from remanence.serve.shell import NOTHING_FOUND
from remanence.serve.spread import spread
from remanence.types import Context, Hits


@spread
def ask(
    question: Question,
    k: Annotated[
        int,
        typer.Option(
            "-k", "--limit", metavar="N", help="At most this many memories, without a model."
        ),
    ] = 5,
    budget: Annotated[
        int,
        typer.Option("--budget", metavar="TOKENS", help="Tokens of memory that the model reads."),
    ] = 2000,
    url: Annotated[
        str,
        typer.Option(
            "--llm-url",
            metavar="URL",
            envvar="REMANENCE_LLM_URL",
            help="An OpenAI-compatible endpoint, such as http://localhost:11434/v1. Its key: $REMANENCE_LLM_KEY.",
            show_default=False,
        ),
    ] = "",
    model: Annotated[
        str,
        typer.Option(
            "--llm-model",
            metavar="NAME",
            envvar="REMANENCE_LLM_MODEL",
            help="The chat model's name.",
            show_default=False,
        ),
    ] = "",
    only_memories: Annotated[
        bool, typer.Option("--only-memories", help="Ask no model, though one is configured.")
    ] = False,
    session: Session = "",
    explain: Explain = False,
    json_: Json = False,
    *,
    here: Asking,
) -> int:
    """The memories that answer a question, cited; and an answer in words where a chat model is configured.

    Without a model nothing leaves this machine. With one, the question and the memories that fit the budget are sent to it.

    rmem ask "What did we decide about the boat?"

    rmem ask "What did we decide about the boat?" --llm-url http://localhost:11434/v1 --llm-model llama3.2
    """
    chat = None if only_memories else from_environment(url=url, model=model)
    asked = {**here.how, "query": question, "session_id": session}
    with here.open() as memory:
        wait_for_vectors(memory)
        if chat is None:
            hits: Hits = OPS["search"].call(memory, {**asked, "k": k})
            return _memories(question, hits, json_, explain)
        context: Context = OPS["context"].call(memory, {**asked, "budget": budget})
    if not context.hits:
        return _memories(question, Hits([], context.withheld), json_, explain)
    try:
        with working(f"asking {chat.id}", shown=not json_):
            found = answer(chat, question, context, datetime.now(UTC))
    except ModelError:
        if not json_:  # the memories are there all the same; the error follows them
            best = sorted(context.hits, key=lambda hit: -hit.score)[:k]
            print_hits(best, explain=explain)
        raise
    sources = [(number, context.hits[number - 1]) for number in found.cited]
    if json_:
        emit(
            {
                "question": question,
                "answer": found.text,
                "model": chat.id,
                "cited": list(found.cited),
                "hits": [{"n": number, **plain(hit)} for number, hit in sources],
                "withheld": list(context.withheld),
            }
        )
        return 0
    print_text(found.text)
    out = console()
    for number, hit in sources:
        out.print()
        print_memory(number, hit.record, notes=hit.notes)
    print_withheld(context.withheld, json_=False)
    notes = console(errors=True)
    if found.unknown:
        notes.print(
            f"note: no memory has the number {', '.join(map(str, found.unknown))}", style="yellow"
        )
    if not found.cited:
        notes.print("note: the answer cites no memory: nothing here supports it", style="yellow")
    return 0


def _memories(question: str, hits: Hits, json_: bool, explain: bool) -> int:
    if json_:
        numbered = [{"n": number, **plain(hit)} for number, hit in enumerate(hits, 1)]
        emit(
            {
                "question": question,
                "answer": None,
                "model": None,
                "cited": [],
                "hits": numbered,
                "withheld": list(hits.withheld),
            }
        )
    elif hits:
        print_hits(hits, explain=explain)
    else:
        console(errors=True).print("nothing found")
    if not json_:
        print_withheld(hits.withheld, json_=False)
    return 0 if hits else NOTHING_FOUND
