"""What commands print: memories worth reading for people, a line of JSON for each thing for programs.

On a terminal, text is wrapped to its width. Elsewhere (a pipe, a file) nothing is wrapped or coloured, so that `grep` sees
whole memories. Control characters in memories are shown, not sent: a text must not steer the terminal that displays it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from remanence.serve.ops.line import dumps
from remanence.types import Hit, Record

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNWRAPPED = 1_000_000


class Ticker(Protocol):
    """Tells a progress bar how far the work is: `done` of `total` (None: unknown), and `about` what it is now."""

    def __call__(self, done: int, total: int | None = None, about: str = "") -> None: ...


class _Terminal(Console):
    """Rich's console, but a reader that goes away is told to the caller instead of ending the program with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, errors: bool = False) -> Console:
    """The terminal: standard output, or standard error for what is not the result."""
    file = sys.stderr if errors else sys.stdout
    width = None if file.isatty() else _UNWRAPPED
    return _Terminal(file=file, width=width, highlight=False, markup=False, emoji=False)


def emit(value: object, *, now: bool = False) -> None:
    """JSON on a line of its own; nouns are put into JSON's kinds by `ops.wire.plain` before. `now`: whoever started us waits for it."""
    sys.stdout.write(dumps(value).decode() + "\n")
    if now:
        sys.stdout.flush()


def visible(text: str) -> str:
    r"""The text with control characters, direction overrides and lone surrogates made visible.

    >>> visible("a\x1b[31mb\n")
    'a\u241b[31mb\n'
    """
    return _UNSEEN.sub(lambda match: _shown(ord(match[0])), text)


def day(moment: datetime | None) -> str:
    """A moment for people: `11 Jan 2025 09:30`, in UTC; a midnight is a day."""
    if moment is None:
        return "always"
    clock = f" {moment:%H:%M}" if (moment.hour, moment.minute) != (0, 0) else ""
    return f"{moment.day} {moment:%b} {moment.year}{clock}"


def who(record: Record) -> str:
    """Who said it: the speaker, else the role, else what kind of memory it is."""
    return record.speaker or record.role or record.kind


def print_memory(
    number: int, record: Record, *, score: float | None = None, notes: Sequence[str] = ()
) -> None:
    """A memory as two blocks: `[n]`, who, when, where, its id and its marks; then its text, and what to know of it."""
    out = console()
    head = Text.assemble(
        (f"[{number}] ", "bold cyan"),
        (visible(who(record)), "bold"),
        ("  ", ""),
        (day(record.valid_from), "green"),
    )
    title = record.fields.get("title", "")
    for part, style in ((title, "italic"), (record.session, "dim"), (record.id, "dim")):
        if part:
            head.append("  ").append(visible(part), style)
    if record.valid_to is not None:
        head.append("  ").append(f"until {day(record.valid_to)}", "yellow")
    if record.marks:
        head.append("  ").append(visible(", ".join(record.marks)), "magenta")
    if score is not None:
        head.append("  ").append(f"{score:.3f}", "dim")
    body = Text(visible(record.text.strip()))
    if caption := record.fields.get("caption", ""):
        body.append("\n" if record.text else "").append(f"[image: {visible(caption)}]", "italic")
    out.print(head)
    out.print(_indented(out, body))
    for note in notes:
        out.print(_indented(out, Text(f"note: {visible(note)}", "yellow")))


def print_hits(hits: Sequence[Hit], *, explain: bool) -> None:
    """Memories, best first, each numbered as it can be cited."""
    out = console()
    for number, hit in enumerate(hits, 1):
        print_memory(number, hit.record, score=hit.score if explain else None, notes=hit.notes)
        if explain:
            out.print(_indented(out, _signals(hit, out)))
        if number < len(hits):
            out.print()


def print_withheld(reasons: Sequence[str], *, json_: bool) -> None:
    """Why records that matched were left out: on standard error, so that what is read by programs stays one kind of thing."""
    if not reasons:
        return
    out = console(errors=True)
    if json_:
        out.print(dumps({"withheld": list(reasons)}).decode())
        return
    for reason in reasons:
        out.print(f"withheld: {visible(reason.replace(' withheld: ', ': ', 1))}", style="yellow")


def brief(text: str, *, indent: int = 0) -> str:
    """A text on one line: cut to the terminal's width less `indent` columns; whole where there is no terminal."""
    out = console()
    line = visible(" ".join(text.split()))
    room = max(out.width - indent, 20) if out.is_terminal else len(line)
    return line if len(line) <= room else f"{line[: room - 1]}…"


def _indented(out: Console, body: Text | Table) -> RenderableType:
    """Four columns to the right. Padding would fill a line that is not wrapped up to its unbounded width."""
    if isinstance(body, Text) and not out.is_terminal:
        return Text("\n").join(Text("    ") + line for line in body.split("\n"))
    return Padding(body, (0, 0, 0, 4))


def print_text(text: str, *, indented: bool = False) -> None:
    """Text as it is, wrapped to the terminal, its control characters shown."""
    out, body = console(), Text(visible(text))
    out.print(_indented(out, body) if indented else body)


def _signals(hit: Hit, out: Console) -> Text | Table:
    """Names and values, as many beside one another as fit, those that are zero left out; one line where nothing is wrapped."""
    shown = [(visible(name), f"{value:.3g}") for name, value in hit.signals.items() if value]
    if not out.is_terminal:
        return Text("  ".join(f"{name}={value}" for name, value in shown), "dim")
    widest = max((len(f"{name} {value}") for name, value in shown), default=0)
    across = max(1, (out.width - 4) // (widest + 4))
    grid = Table.grid(padding=(0, 1))
    for _ in range(across):
        grid.add_column(style="dim")
        grid.add_column(style="cyan", justify="right")
    for start in range(0, len(shown), across):
        pairs = shown[start : start + across]
        grid.add_row(*(cell for name, value in pairs for cell in (Text(name), Text(f"{value}  "))))
    return grid


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table."""
    out = console()
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(visible(str(cell))) for cell in row))
    _print_grid(out, grid)


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, aligned; empty values are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")  # a path that is cut short helps nobody
    for name, value in pairs:
        if value not in (None, "", (), {}):
            grid.add_row(Text(visible(name), "dim"), Text(visible(str(value))))
    _print_grid(console(), grid)


def _print_grid(out: Console, grid: Table) -> None:
    """Elsewhere than on a terminal, without the blanks that fill its last column."""
    if out.is_terminal:
        out.print(grid)
        return
    with out.capture() as kept:
        out.print(grid)
    for line in kept.get().splitlines():
        out.print(Text(line.rstrip()), soft_wrap=True)


@contextmanager
def progress(description: str, *, shown: bool = True) -> Iterator[Ticker]:
    """A bar on standard error while something long runs; nothing where that is no terminal or `shown` is False."""
    out = console(errors=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=not (shown and out.is_terminal),
    ) as bar:
        task = bar.add_task(description, total=None)

        def tick(done: int, total: int | None = None, about: str = "") -> None:
            bar.update(task, completed=done, total=total, description=about or description)

        yield tick


@contextmanager
def working(description: str, *, shown: bool = True) -> Iterator[None]:
    """A spinner on standard error while something of unknown length runs; nothing where that is no terminal."""
    out = console(errors=True)
    if shown and out.is_terminal:
        with out.status(description):
            yield
    else:
        yield


def _shown(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\\u{code:04x}"
