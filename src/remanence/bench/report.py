"""Results for people: a table in the terminal, a table in Markdown, and plots (extra `eval`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from remanence.bench.result import Figure, Measured, Result
from remanence.bench.run import BUDGETS
from remanence.errors import MissingExtra

QUALITY = (
    "recall@1",
    "recall@5",
    "recall@10",
    "recall@20",
    "all@10",
    "session@10",
    "ndcg@10",
    "coverage@500",
    "coverage@1000",
    "coverage@2000",
    "coverage@4000",
)
HEADLINE = {"multihop": "recall@5", "cranfield": "ndcg@10"}
"""The metric that a set is usually compared by, where it is not recall@10."""
COST = {
    "ingest_acknowledged_per_s": "stored/s",
    "ingest_ready_per_s": "ready/s",
    "query_p50_ms": "query p50 ms",
    "query_p95_ms": "p95 ms",
    "encode_p50_ms": "encode ms",
    "bytes_per_record_without_text": "bytes/record",
    "peak_memory_bytes": "peak MB",
}
"""Columns of speed and size, by their names in a result."""


def quality_rows(result: Result) -> list[list[str]]:
    """System, then each figure of `QUALITY` over all questions."""
    return [
        [system.name, *(shorten(system.overall.get(metric)) for metric in QUALITY)]
        for system in result.systems
        if not system.error
    ]


def category_rows(result: Result, metric: str) -> list[list[str]]:
    """Category, number of questions, then each system's figure with its interval."""
    measured = [system for system in result.systems if not system.error]
    rows = []
    for category in dict.fromkeys(name for system in measured for name in system.categories):
        figures = [system.categories[category][metric] for system in measured]
        rows.append([category, str(figures[0].n), *(with_interval(figure) for figure in figures)])
    figures = [system.overall[metric] for system in measured if metric in system.overall]
    if figures:
        rows.append(["overall", str(figures[0].n), *(with_interval(figure) for figure in figures)])
        spreads = [system.spread[metric] for system in measured if metric in system.spread]
        if spreads[0]["examples"] > 1:
            rows.append(
                ["over examples", f"{spreads[0]['examples']:.0f}", *map(show_spread, spreads)]
            )
    return rows


def cost_rows(result: Result) -> list[list[str]]:
    """System, then each figure of `COST`."""
    return [
        [system.name, *(cost(system, name) for name in COST)]
        for system in result.systems
        if not system.error
    ]


def cost(system: Measured, name: str) -> str:
    """One figure of speed or size, with as many digits as it deserves."""
    value = {**system.speed, **system.size}.get(name)
    if value is None:
        return ""
    if name == "peak_memory_bytes":
        value /= 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def difference_rows(result: Result) -> list[list[str]]:
    """First system, other system, metric, and how much better the first is, with both intervals."""
    return [
        [d.better, d.than, d.metric, f"{d.figure.mean:+.3f}", *both_intervals(d.figure)]
        for d in result.differences
    ]


def shorten(figure: Figure | None) -> str:
    """`.812`; "" where there is none."""
    return "" if figure is None else f"{figure.mean:.3f}".removeprefix("0")


def with_interval(figure: Figure) -> str:
    """`.812 [.786, .839]`"""
    return f"{shorten(figure)} [{figure.low:.3f}, {figure.high:.3f}]".replace(" 0.", " .").replace(
        "[0.", "[."
    )


def both_intervals(figure: Figure) -> tuple[str, str]:
    """By questions, by examples."""
    return (
        f"[{figure.low:+.3f}, {figure.high:+.3f}]",
        f"[{figure.clustered_low:+.3f}, {figure.clustered_high:+.3f}]",
    )


def show_spread(spread: Any) -> str:
    """`.781 to .866, sd .032`"""
    return f"{spread['min']:.3f} to {spread['max']:.3f}, sd {spread['std']:.3f}".replace("0.", ".")


def tables(result: Result) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table there is something to say in."""
    measured = [system.name for system in result.systems if not system.error]
    headline = HEADLINE.get(result.task, "recall@10")
    found = [
        (
            f"{result.task} {result.task_version}: {result.questions} questions",
            ["system", *QUALITY],
            quality_rows(result),
        ),
        (
            f"{headline} [95 %]",
            ["category", "n", *measured],
            category_rows(result, headline) if measured else [],
        ),
        ("speed and size", ["system", *COST.values()], cost_rows(result)),
        (
            "differences, paired [95 % by questions] [by examples]",
            ["system", "against", "metric", "difference", "questions", "examples"],
            difference_rows(result),
        ),
        ("failed", ["system", "why"], [[s.name, s.error] for s in result.systems if s.error]),
        (
            "not resolved in the data",
            ["what", "times"],
            [[k, str(n)] for k, n in result.notes.items()],
        ),
    ]
    return [table for table in found if table[2]]


def show(result: Result, console: Console) -> None:
    """Print every table."""
    for title, header, rows in tables(result):
        table = Table(title=Text(title), title_justify="left", header_style="bold")
        for number, name in enumerate(header):
            table.add_column(Text(name), justify="left" if number == 0 else "right")
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)
    console.print(footer(result), highlight=False, markup=False)


def markdown(result: Result) -> str:
    """Every table in Markdown, and what it takes to make them again."""
    parts = []
    for title, header, rows in tables(result):
        lines = [
            f"**{title}**",
            "",
            line(header),
            line(["---", *["---:"] * (len(header) - 1)]),
            *map(line, rows),
        ]
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, footer(result)]) + "\n"


def line(cells: Sequence[str]) -> str:
    """One row."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def footer(result: Result) -> str:
    """Command, versions, machine."""
    made = f"`{result.command}`, " if result.command else ""
    on = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    return f"{made}remanence {result.version} {result.commit[:12]}, seed {result.seed}, {result.started}; {on}"


def plot(result: Result, path: Path) -> None:
    """Three panels in one picture: the headline metric by system, coverage by budget, query time against size.

    Raises: MissingExtra without matplotlib.
    """
    try:
        import matplotlib  # optional: only who wants pictures needs it
    except ImportError as error:
        raise MissingExtra("plots need matplotlib", hint="pip install 'remanence[eval]'") from error
    matplotlib.use("agg")
    from matplotlib.figure import Figure as Picture

    measured = [system for system in result.systems if system.overall]
    headline = HEADLINE.get(result.task, "recall@10")
    picture = Picture(figsize=(15, 4.5), layout="constrained")
    bars, curve, cloud = picture.subplots(1, 3)
    for number, system in enumerate(measured):
        colour = f"C{number % 10}"
        recall = system.overall[headline]
        reach = [[recall.mean - recall.low], [recall.high - recall.mean]]
        bars.barh(number, recall.mean, xerr=reach, color=colour, ecolor="0.3", capsize=3)
        curve.plot(
            BUDGETS,
            [system.overall[f"coverage@{budget}"].mean for budget in BUDGETS],
            marker="o",
            color=colour,
            label=system.name,
        )
        x, y = (
            system.size.get("bytes_per_record_without_text", 0.0),
            system.speed.get("query_p50_ms", 0.0),
        )
        if x > 0 and y > 0:  # what keeps nothing on disk has no place on these axes
            cloud.scatter(x, y, color=colour)
            cloud.annotate(system.name, (x, y), textcoords="offset points", xytext=(6, 4))
    bars.set(title=headline, xlim=(0, 1), yticks=range(len(measured)))
    bars.set_yticklabels([system.name for system in measured])
    bars.invert_yaxis()
    curve.set(
        title="evidence inside a token budget",
        xlabel="tokens",
        ylim=(0, 1),
        xscale="log",
        xticks=BUDGETS,
    )
    curve.set_xticklabels([str(budget) for budget in BUDGETS])
    curve.legend()
    cloud.set(
        title="query time and size",
        xlabel="bytes a record, without its text",
        ylabel="p50 ms",
        xscale="log",
        yscale="log",
    )
    title = f"{result.task} {result.task_version}: {result.records} records, {result.questions} questions"
    picture.suptitle(f"{title}; remanence {result.version} {result.commit[:8]}")
    picture.savefig(path, dpi=120)
