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
    "ingest_encoder_share": "of it encoding",
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


def categories(result: Result) -> list[str]:
    """Categories of the task, as the data has them."""
    return list(dict.fromkeys(name for system in result.systems for name in system.categories))


def category_header(result: Result) -> list[str]:
    """Each category with its number of questions, all of them that count, and how the examples differ."""
    measured = next(system for system in result.systems if system.overall)
    metric = next(iter(measured.overall))
    counts = {name: measured.categories[name][metric].n for name in categories(result)}
    total = measured.overall[metric].n
    return [
        "system",
        *(f"{name} ({n})" for name, n in counts.items()),
        f"overall ({total}) [95 %]",
        "over examples",
    ]


def category_rows(result: Result, metric: str) -> list[list[str]]:
    """System, its figure in each category, overall with an interval, and the spread over examples."""
    return [
        [
            system.name,
            *(shorten(system.categories[name].get(metric)) for name in categories(result)),
            with_interval(system.overall[metric]),
            show_spread(system.spread[metric]) if system.spread[metric]["examples"] > 1 else "",
        ]
        for system in result.systems
        if system.overall
    ]


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
    """Other system, then how much better the first one is by each metric, with the interval over examples (of a single one: questions)."""
    found: dict[str, list[str]] = {}
    for gap in result.differences:
        figure = gap.figure
        low, high = (
            (figure.low, figure.high)
            if result.examples == 1
            else (figure.clustered_low, figure.clustered_high)
        )
        interval = f"[{low:+.3f}, {high:+.3f}]"
        found.setdefault(gap.than, [gap.than]).append(
            f"{figure.mean:+.3f} {interval}".replace("0.", ".")
        )
    return list(found.values())


def shorten(figure: Figure | None) -> str:
    """`.812`; "" where there is none."""
    return "" if figure is None else f"{figure.mean:.3f}".removeprefix("0")


def with_interval(figure: Figure) -> str:
    """`.812 [.786, .839]`"""
    return f"{shorten(figure)} [{figure.low:.3f}, {figure.high:.3f}]".replace(" 0.", " .").replace(
        "[0.", "[."
    )


def show_spread(spread: Any) -> str:
    """`.781 to .866, sd .032`"""
    return f"{spread['min']:.3f} to {spread['max']:.3f}, sd {spread['std']:.3f}".replace("0.", ".")


def tables(result: Result) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table there is something to say in."""
    headline = HEADLINE.get(result.task, "recall@10")
    over = "questions" if result.examples == 1 else "examples"
    compared = list(dict.fromkeys(gap.metric for gap in result.differences))
    title = (
        f"{result.task} {result.task_version}: {result.examples} examples, {result.records} records"
    )
    found = [
        (title, ["system", *QUALITY], quality_rows(result)),
        (f"{headline} by category", category_header(result), category_rows(result, headline))
        if any(system.overall for system in result.systems)
        else ("", [], []),
        ("speed and size", ["system", *COST.values()], cost_rows(result)),
        (
            f"{result.systems[0].name} minus, question by question [95 % over {over}]",
            ["system", *compared],
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
        console.print(Text(title, style="bold"))
        table = Table(header_style="bold")
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
        colour = matplotlib.colormaps["tab20"](2 * number % 20 + number // 10 % 2)
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
    curve.minorticks_off()
    curve.legend(fontsize="small")
    cloud.set(
        title="query time and size",
        xlabel="bytes a record, without its text",
        ylabel="p50 ms",
        xscale="log",
        yscale="log",
    )
    cloud.margins(x=0.25, y=0.1)
    title = f"{result.task} {result.task_version}: {result.records} records, {result.questions} questions"
    picture.suptitle(f"{title}; remanence {result.version} {result.commit[:8]}")
    picture.savefig(path, dpi=120)
