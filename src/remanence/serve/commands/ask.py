"""`rmem ask`: cited memories, and a written answer where a chat model is configured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from remanence.errors import ModelError
from remanence.llm.endpoint import from_environment
from remanence.serve.answer import answer
from remanence.serve.commands.read import Question, wait_for_vectors
from remanence.serve.opening import open_memory
from remanence.serve.options import (
    Agent,
    AsOf,
    Embedder,
    Explain,
    Json,
    KnownAt,
    Ranker,
    Session,
    Store,
    User,
)
from remanence.serve.output import (
    as_json,
    console,
    emit,
    print_hits,
    print_memory,
    print_text,
    working,
)
from remanence.serve.shell import NOTHING_FOUND
from remanence.types import Hit


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
    as_of: AsOf = None,
    known_at: KnownAt = None,
    explain: Explain = False,
    embedder: Embedder = "auto",
    ranker: Ranker = "",
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    session: Session = "",
    json_: Json = False,
) -> int:
    """The memories that answer a question, cited; and an answer in words where a chat model is configured.

    Without a model nothing leaves this machine. With one, the question and the memories that fit the budget are sent to it.

    rmem ask "What did we decide about the boat?"

    rmem ask "What did we decide about the boat?" --llm-url http://localhost:11434/v1 --llm-model llama3.2
    """
    chat = None if only_memories else from_environment(url=url, model=model)
    with open_memory(store, embedder=embedder, ranker=ranker) as memory:
        wait_for_vectors(memory)
        if chat is None:
            hits = memory.search(
                question,
                user_id=user,
                agent_id=agent,
                session_id=session,
                k=k,
                as_of=as_of,
                known_at=known_at,
            )
            return _memories(question, hits, json_, explain)
        context = memory.context(
            question,
            budget=budget,
            user_id=user,
            agent_id=agent,
            session_id=session,
            as_of=as_of,
            known_at=known_at,
        )
    if not context.hits:
        return _memories(question, [], json_, explain)
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
                "hits": [{"n": number, **as_json(hit)} for number, hit in sources],
            }
        )
        return 0
    print_text(found.text)
    out = console()
    for number, hit in sources:
        out.print()
        print_memory(number, hit.record)
    notes = console(errors=True)
    if found.unknown:
        notes.print(
            f"note: no memory has the number {', '.join(map(str, found.unknown))}", style="yellow"
        )
    if not found.cited:
        notes.print("note: the answer cites no memory: nothing here supports it", style="yellow")
    return 0


def _memories(question: str, hits: list[Hit], json_: bool, explain: bool) -> int:
    if json_:
        numbered = [{"n": number, **as_json(hit)} for number, hit in enumerate(hits, 1)]
        emit({"question": question, "answer": None, "model": None, "cited": [], "hits": numbered})
    elif hits:
        print_hits(hits, explain=explain)
    else:
        console(errors=True).print("nothing found")
    return 0 if hits else NOTHING_FOUND
