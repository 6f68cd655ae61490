"""A run under load as people see it: tables in the terminal, tables in Markdown, a plot (extra `eval`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from remanence.bench.load.result import LoadResult, Times
from remanence.bench.report import line
from remanence.errors import MissingExtra

HEADER = (
    "system",
    "clients",
    "requests/s",
    "ratio",
    "search p50 ms",
    "p95",
    "p99",
    "add p50 ms",
    "p95",
    "p99",
    "errors",
    "server cores",
    "client cores",
    "trivial/s",
)
ACCOUNTS = (
    "system",
    "killed",
    "acknowledged",
    "lost",
    "changed",
    "unanswered",
    "of them there",
    "problems",
    "back after s",
)


def rows(result: LoadResult) -> list[list[str]]:
    """The table under `HEADER`."""
    return [
        [
            point.system,
            str(point.clients),
            f"{point.per_s:,.0f}",
            f"{point.ratio:.2f}",
            *_three(point.search),
            *_three(point.add),
            ", ".join(f"{n} {why}" for why, n in point.errors.items()) or "0",
            f"{point.cores:.2f}",
            f"{point.client_cores:.2f}",
            f"{point.trivial_per_s:,.0f}",
        ]
        for point in result.points
        if not point.error
    ]


def account_rows(result: LoadResult) -> list[list[str]]:
    """The table under `ACCOUNTS`."""
    return [
        [
            one.system,
            "yes" if one.killed else "no",
            f"{one.acknowledged:,}",
            str(len(one.lost)),
            str(len(one.changed)),
            str(one.unanswered),
            str(one.unanswered_there),
            "not told" if one.problems is None else str(len(one.problems)),
            f"{one.back:.1f}" if one.killed else "",
        ]
        for one in result.accounts
    ]


def footer(result: LoadResult) -> str:
    """What it takes to make the figures again."""
    on = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    return (
        f"`{result.command}`, remanence {result.version} {result.commit[:12]}, seed {result.seed}, {result.started}; {on}; "
        f"load average before {result.load_average:.2f}"
    )


def show(result: LoadResult, console: Console) -> None:
    """Print both tables, and who failed."""
    title = f"{result.mix} search/add over {result.records:,} records of {result.users} users, {result.seconds:g} s each"
    for name, header, found in (
        (title, HEADER, rows(result)),
        ("what was acknowledged", ACCOUNTS, account_rows(result)),
    ):
        table = Table(title=name, title_justify="left", header_style="bold")
        for number, column in enumerate(header):
            table.add_column(column, justify="right" if number else "left")
        for row in found:
            table.add_row(*row)
        console.print(table)
    for told in _failed(result):
        console.print(told, highlight=False, markup=False)
    console.print(footer(result), highlight=False, markup=False)


def markdown(result: LoadResult) -> str:
    """Both tables in Markdown, and what it takes to make them again."""
    parts = []
    for header, found in ((HEADER, rows(result)), (ACCOUNTS, account_rows(result))):
        ruler = ["---", *["---:"] * (len(header) - 1)]
        parts.append("\n".join([line(header), line(ruler), *map(line, found)]))
    return "\n\n".join([*parts, *_failed(result), footer(result)]) + "\n"


def plot(result: LoadResult, path: Path) -> None:
    """Three panels over the number of clients: rate, and the 95th percentile of search and of add. Raises: MissingExtra."""
    try:
        import matplotlib  # optional: only who wants pictures needs it
    except ImportError as error:
        raise MissingExtra("plots need matplotlib", hint="pip install 'remanence[eval]'") from error
    matplotlib.use("agg")
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(15, 4.5), layout="constrained")
    panels = picture.subplots(1, 3)
    for name in dict.fromkeys(point.system for point in result.points if not point.error):
        mine = [point for point in result.points if point.system == name and not point.error]
        clients = [point.clients for point in mine]
        drawn = (
            [point.per_s for point in mine],
            [point.search.p95 for point in mine],
            [point.add.p95 for point in mine],
        )
        for panel, values in zip(panels, drawn, strict=True):
            panel.plot(clients, values, marker="o", label=name)
    ticks = sorted({point.clients for point in result.points})
    for panel, title in zip(panels, ("requests/s", "search p95 ms", "add p95 ms"), strict=True):
        panel.set(title=title, xlabel="clients", xscale="log", yscale="log", xticks=ticks)
        panel.set_xticklabels([str(tick) for tick in ticks])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    picture.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    picture.suptitle(
        f"{result.mix} search/add, {result.records:,} records; remanence {result.version} {result.commit[:8]}"
    )
    picture.savefig(path, dpi=120)


def _three(times: Times) -> list[str]:
    return [f"{value:,.1f}" if times.n else "" for value in (times.p50, times.p95, times.p99)]


def _failed(result: LoadResult) -> Iterator[str]:
    for point in result.points:
        if point.error:
            yield f"{point.system}, {point.clients} clients: {point.error}"
