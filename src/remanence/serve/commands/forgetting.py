"""`rmem forget` and `rmem receipt`: erasing for good, and what proves it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypedDict

import typer
from rich.text import Text

from remanence.errors import Corrupt, InvalidInput, NotFound
from remanence.memory import Memory
from remanence.serve.commands.keep import size_of
from remanence.serve.opening import Doing, Place
from remanence.serve.ops.table import OPS
from remanence.serve.ops.wire import plain
from remanence.serve.options import DryRun, Filter, Json, Kind, Session, Yes, pairs, zoned
from remanence.serve.output import (
    brief,
    console,
    day,
    emit,
    print_pairs,
    table,
    visible,
    working,
)
from remanence.serve.spread import spread
from remanence.serve.sure import make_sure, refuse_unasked
from remanence.store.forgetting import receipts
from remanence.store.forgetting.receipts import Signer
from remanence.types import ForgetPlan, Receipt

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="What rmem forget --receipt wrote: show it, verify it, or print the key that signs.",
)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The receipt.")]
_SHOWN = 5


class Choice(TypedDict):
    """What to forget, as `plan_forget` and `forget` take it."""

    ids: Sequence[str]
    user_id: str | None
    agent_id: str | None
    session_id: str
    kinds: Sequence[str]
    filters: dict[str, object]
    mentions: str
    before: str | None
    everything: bool


@spread
def forget(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of the memories to erase.")] = None,
    session: Session = "",
    kind: Kind = None,
    filter: Filter = None,
    mentions: Annotated[
        str,
        typer.Option(
            "--mentions",
            "--query",
            metavar="WORDS",
            help="All that say these words, in any version, case aside.",
            show_default=False,
        ),
    ] = "",
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="DATE",
            callback=zoned,
            help="Only what was said before.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All of a user's memory; --user says whose.")
    ] = False,
    receipt: Annotated[
        Path | None,
        typer.Option(
            "--receipt",
            metavar="FILE",
            help="Write the signed receipt to this new file.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json_: Json = False,
    *,
    here: Doing,
) -> int:
    """Erase memories in all their versions, with everything derived from them, and read every byte again. This can't be undone.

    rmem forget m17 m18 --dry-run

    rmem forget --mentions "the old address" --receipt address.json

    rmem forget --everything --user ana --yes
    """
    wanted: Choice = {
        "ids": ids or (),
        **here.whose,
        "session_id": session,
        "kinds": kind or (),
        "filters": pairs(filter, "--filter"),
        "mentions": mentions,
        "before": before,
        "everything": everything,
    }
    _refuse_unclear(wanted)
    with here.open() as memory:
        if not (yes or dry_run):
            refuse_unasked("forgetting")
        plan = _planned(memory, wanted)
        if dry_run or not yes:
            if dry_run and json_:
                emit(plain(plan))
                return 0
            _print_plan(memory, plan, here, errors=not dry_run)
            if dry_run:
                return 0
            whose = f" of {here.user}" if everything else ""
            make_sure(f"Erase {_count(len(plan.asked) + len(plan.kin), 'memory')}{whose} for good?")
        with (
            _reserved(receipt) as file,
            working("erasing, and reading every byte again", shown=not json_),
        ):
            erased: Receipt = OPS["forget"].call(memory, wanted)
            if file is not None:
                file.write_text(receipts.to_json(erased) + "\n", encoding="ascii")
    if json_:
        emit(plain(erased))
    else:
        derived = f" and {len(plan.kin):,} derived from them" if plan.kin else ""
        told = f"forgot {_count(len(plan.asked), 'memory')}{derived}"
        console().print(f"{told}, in {_count(erased.versions, 'version')}")
        _print_checks(erased, brief_=True)
        if file is not None:
            console().print(visible(f"receipt in {file}; rmem receipt verify {file} checks it"))
    if erased.checks and not erased.clean:
        raise _unclean(erased)
    return 0


@app.command()
def show(file: File, json_: Json = False) -> int:
    """What a receipt says: what was erased, when and by whom, and what was read again afterwards.

    rmem receipt show address.json
    """
    found = _read(file)
    if json_:
        emit(plain(found))
        return 0
    print_pairs(
        [
            (
                "erased",
                f"{_count(len(found.ids), 'memory')} in {_count(found.versions, 'version')}",
            ),
            ("ids", ", ".join(found.ids)),
            ("of", "/".join(found.scope)),
            ("when (UTC)", f"{found.at:%Y-%m-%d %H:%M:%S}"),
            ("by", found.actor),
            (
                "with it",
                ", ".join(f"{count:,} {name}" for name, count in found.derived.items() if count),
            ),
            ("event", f"{found.seq}, hash {found.head}"),
            ("signed by", found.signer or "nobody"),
        ]
    )
    console().print()
    _print_checks(found, brief_=False)
    return 0


@app.command()
@spread
def verify(
    file: File,
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="HEX",
            help="The public key that must have signed it (rmem receipt key); default: yours here.",
            show_default=False,
        ),
    ] = "",
    json_: Json = False,
    *,
    here: Place,
) -> int:
    """Check a receipt: its signature, that its checks found nothing, and, where --store names one, the ledger it came from.

    rmem receipt verify address.json --store memory.rmem

    rmem receipt verify address.json --key 86d9195e…
    """
    found = _read(file)
    if not key and not (receipts.config_folder() / receipts.NAME).exists():
        raise InvalidInput(
            "there is no key of yours here to compare its signature with",
            hint="--key says who must have signed it: rmem receipt key prints that, where it was signed",
        )
    signer = key.strip().lower() or Signer.open().public
    if here.store:
        with here.open() as memory:
            problems = memory.attest(found, key=signer)
    else:
        problems = receipts.verify(found, key=signer)
    if json_:
        emit(
            {
                "file": str(file),
                "good": not problems,
                "ledger": bool(here.store),
                "problems": problems,
            }
        )
    else:
        for problem in problems:
            console(errors=True).print(visible(problem))
    if problems:
        raise Corrupt(
            f"the receipt does not check out: {_count(len(problems), 'problem')}",
            hint="ask who wrote it for the original",
        )
    if not json_:
        ledger = (
            f"agrees with the ledger of {here.store}"
            if here.store
            else "not compared with a ledger: --store names it"
        )
        told = f"good: {_count(len(found.ids), 'memory')} erased {day(found.at)}, signed by {found.signer[:16]}…, {ledger}"
        console().print(visible(told))
    return 0


@app.command()
def key(json_: Json = False) -> int:
    """Print the public key that your receipts are signed with; it is made on first use. Give it to whoever will verify them.

    rmem receipt key
    """
    public = Signer.open().public
    if json_:
        emit({"key": public})
    else:
        console().print(public)
    return 0


def _refuse_unclear(wanted: Choice) -> None:
    """Raises: InvalidInput where nothing is chosen, or in two ways."""
    matching = {
        "--session": wanted["session_id"],
        "--kind": wanted["kinds"],
        "--filter": wanted["filters"],
        "--mentions": wanted["mentions"],
        "--before": wanted["before"],
    }
    given = [option for option, value in matching.items() if value]
    if wanted["everything"] and (wanted["ids"] or given):
        raise InvalidInput(
            f"--everything with {given[0] if given else 'ids'}", hint="give one or the other"
        )
    if wanted["everything"] and wanted["user_id"] is None:
        raise InvalidInput(
            "--everything of whom?", hint="--user says whose; without a name it is --user default"
        )
    if wanted["ids"] and given:
        raise InvalidInput(f"ids with {given[0]}", hint="give one or the other")
    if not (wanted["ids"] or given or wanted["everything"]):
        hint = (
            f"give ids, or {', '.join(matching)}; --everything --user NAME forgets all of a user's"
        )
        raise InvalidInput("nothing to forget is named", hint=hint)


def _planned(memory: Memory, wanted: Choice) -> ForgetPlan:
    try:
        plan: ForgetPlan = OPS["plan_forget"].call(memory, wanted)
    except NotFound as error:
        raise NotFound(error.message, hint="nothing was erased") from error
    if not plan.asked:
        raise NotFound(f"{wanted['user_id']!r} has no memories here", hint="nothing was erased")
    return plan


def _print_plan(memory: Memory, plan: ForgetPlan, here: Doing, *, errors: bool) -> None:
    """What would go, with the first few texts."""
    out = console(errors=errors)
    for id in plan.asked[:_SHOWN]:
        try:
            text = OPS["get"].call(memory, {**here.whose, "id": id}).text
        except NotFound:  # retracted, or an earlier user's: the plan counts it
            text = ""
        out.print(visible(brief(f"{id}: {text}" if text else id)))
    if more := len(plan.asked[_SHOWN:]):
        out.print(f"… and {more:,} more")
    derived = f", and {len(plan.kin):,} derived from them" if plan.kin else ""
    out.print(f"{_count(len(plan.asked), 'memory')}{derived}: {size_of(plan.bytes)} of content")
    rows = ", ".join(f"{count:,} {name}" for name, count in plan.forms.items() if count)
    out.print(f"rows: {rows}", style="dim")


def _print_checks(receipt: Receipt, *, brief_: bool) -> None:
    """What was read again: a line where nothing was found, a table where somebody wants to see it or something was."""
    out = console()
    if not receipt.checks:
        out.print("nothing was read again afterwards", style="yellow")
        return
    if not (brief_ and receipt.clean):
        table(
            ("read again", "looked at", "found", ""),
            (
                (check.surface, f"{check.looked:,}", check.found, check.note)
                for check in receipt.checks
            ),
        )
    if receipt.clean:
        read = next((check.looked for check in receipt.checks if check.surface == "files"), 0)
        where = f"{len(receipt.checks)} ways of looking, {size_of(read)} of files read"
        out.print(Text.assemble(("nothing of it is left", "green"), f": {where}"))


def _unclean(receipt: Receipt) -> Corrupt:
    left = ", ".join(f"{check.surface} ({check.found})" for check in receipt.checks if check.found)
    return Corrupt(
        f"something of it can still be found: {left}",
        hint="close other programs that have the store open, then forget again",
    )


def _read(path: Path) -> Receipt:
    try:
        return receipts.from_json(path.read_bytes())
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error.message}", hint=error.hint) from error


@contextmanager
def _reserved(path: Path | None) -> Iterator[Path | None]:
    """A new file to write into, made before anything is erased: gone again where the erasure fails."""
    if path is None:
        yield None
        return
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise InvalidInput(f"{path} exists", hint="name a new file for the receipt") from error
    except OSError as error:
        raise InvalidInput(
            f"{path} can't be written: {error.strerror}", hint="name another file for the receipt"
        ) from error
    try:
        yield path
    except BaseException:
        if not path.stat().st_size:
            path.unlink()
        raise


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
