"""Contextual integrity: what a gate lets through that is private there, against what it lets through of what is needed.

Each profile of CIMemories is stored as a user's memory, and each of its messages asked for: the recipient is the audience, the task the
purpose and the text of the search. A system returns memories; what is returned counts as revealed. No model writes the message, so
`violation` is what a writer that tells everything it is given would reveal: an upper bound for what a discreet one would, and
`coverage` the same for what is needed. Private memories that a writer was never given it can't reveal.

- `violation`: share of a message's private memories that were returned;
- `coverage`: share of its necessary memories that were returned (messages that need none are left out);
- `ever`: of a profile's memories that are private in some message, the share returned in at least one where they are.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, Protocol

import numpy as np
from rich.console import Console
from rich.table import Table

from remanence import __version__
from remanence.bench.machine import command_line, commit, machine
from remanence.bench.metrics.bootstrap import spread
from remanence.bench.result import Figure, Measured, Result, write
from remanence.bench.run import figure
from remanence.bench.tasks.cimemories import CIMemories, Message, Profile
from remanence.embed.choose import open_embedder
from remanence.errors import InvalidInput, MissingExtra
from remanence.memory import Memory
from remanence.recipes.choose import open_recipe
from remanence.seams import Embedder, Question, Retriever
from remanence.store.choose import open_store
from remanence.text.guard.integrity import LIGHT, ContextualIntegrity
from remanence.text.guard.policy import Policy
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.index.view import SpaceView
from remanence.text.read.question import parse
from remanence.text.write.messages import as_scope
from remanence.types import Hit, Query

Say = Callable[[str], None]
DEPTHS: Final = (5, 10, 20, 40, 80)
LEVELS: Final = ("lenient", "normal", "strict", "closed")
STATED: Final[Mapping[str, str]] = {"general": "identity"}
"""The benchmark's domains under the policy's names, where these differ."""


class Asked(NamedTuple):
    """A message as a system meets it: the question with audience and purpose, the view, and all visible memories as hits."""

    question: Question
    view: SpaceView
    hits: Sequence[Hit]
    at: Mapping[int, int]
    """Row of the view -> place in `hits`."""
    domains: Mapping[str, str]
    """Attribute -> the benchmark's domain; only for the arm whose caller says it."""


class Arm(Protocol):
    """A way to choose what is returned."""

    @property
    def name(self) -> str: ...

    def choose(self, asked: Asked) -> Sequence[Hit]: ...


@dataclass(frozen=True, slots=True)
class Everything:
    """The whole memory."""

    name: str = "everything"

    def choose(self, asked: Asked) -> Sequence[Hit]:
        return asked.hits


@dataclass(frozen=True, slots=True)
class Relevant:
    """The k best of a search for the task, through a gate where there is one."""

    retriever: Retriever
    k: int
    gate: ContextualIntegrity | None = None

    @property
    def name(self) -> str:
        gated = f" + gate {self.gate.strictness.name}" if self.gate else ""
        return f"relevant@{self.k}{gated}"

    def choose(self, asked: Asked) -> Sequence[Hit]:
        found = self.retriever.retrieve(asked.question, asked.view, self.k)
        hits = [asked.hits[asked.at[ord]] for ord in found.ords.tolist()]
        return self.gate.screen(asked.question, asked.view, hits).hits if self.gate else hits


@dataclass(frozen=True, slots=True)
class Harmless:
    """Nothing sensitive, whoever asks: only what is recognised as telling nothing, or nothing but name and timetable."""

    gate: ContextualIntegrity
    name: str = "nothing sensitive"

    def choose(self, asked: Asked) -> Sequence[Hit]:
        kinds = self.gate.rules.domains
        return [
            hit
            for hit, told in zip(asked.hits, self.gate.told(asked.view, asked.hits), strict=True)
            if not told.events and all(kinds[name].level in LIGHT for name in told.domains)
        ]


@dataclass(frozen=True, slots=True)
class Gated:
    """All that the gate lets through. `stated`: the caller has said the domain of every memory, and nothing has to be recognised."""

    gate: ContextualIntegrity
    stated: bool = False

    @property
    def name(self) -> str:
        return f"gate {self.gate.strictness.name}" + (", domains stated" if self.stated else "")

    def choose(self, asked: Asked) -> Sequence[Hit]:
        hits = asked.hits
        if self.stated:
            hits = [replace(hit, record=replace(hit.record, sensitivity=_stated(asked, hit))) for hit in hits]  # fmt: skip
        return self.gate.screen(asked.question, asked.view, hits).hits


def _stated(asked: Asked, hit: Hit) -> str:
    domain = asked.domains[hit.record.id]
    return STATED.get(domain, domain)


@dataclass(slots=True)
class Sheet:
    """What one arm did, message by message."""

    violation: list[float] = field(default_factory=list)
    of_violation: list[str] = field(default_factory=list)
    coverage: list[float] = field(default_factory=list)
    of_coverage: list[str] = field(default_factory=list)
    ever: dict[str, float] = field(default_factory=dict)
    returned: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, profile: str, message: Message, got: frozenset[str]) -> None:
        """One message: the attributes that were returned."""
        self.returned.append(len(got))
        for label, values, of in (
            ("private", self.violation, self.of_violation),
            ("necessary", self.coverage, self.of_coverage),
        ):
            those = frozenset(name for name, is_ in message.labels.items() if is_ == label)
            if those:
                values.append(len(those & got) / len(those))
                of.append(profile)


def main_integrity(
    data: Path,
    *,
    policy: Path | None = None,
    embedder: str = "auto",
    depths: Sequence[int] = DEPTHS,
    levels: Sequence[str] = LEVELS,
    limit: int = 0,
    seed: int = 0,
    json: Path | None = None,
    plot: Path | None = None,
    say: Say = print,
) -> Result:
    """Measure on the CIMemories file or folder at `data`; `limit` takes only so many profiles. Writes the result and the curve where asked.

    Raises: InvalidInput, BadImport (the data or the policy), ModelMissing, MissingExtra (a plot without matplotlib)."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    task, notes = CIMemories(), Counter[str]()
    profiles = task.profiles(data, notes)[: limit or None]
    if not any(message.labels for profile in profiles for message in profile.messages):
        raise InvalidInput(f"{data.name} has no message with labels", hint="is it the right file?")
    encoder = open_embedder(embedder)
    rules = Policy.load(policy) if policy else Policy.shipped()
    arms = _arms(rules, open_recipe("default", encoder).retriever, depths, levels)
    sheets = {arm.name: Sheet() for arm in arms}
    with TemporaryDirectory(prefix="remanence-bench-") as folder:
        _store(Path(folder) / "memory.rmem", profiles, encoder, say)
        for profile, asked in _asked(Path(folder) / "memory.rmem", profiles, encoder):
            _measure(profile, asked, arms, sheets)
            say(f"cimemories: {profile.id}: {len(profile.messages)} messages")
    words: list[str | Path] = ["rmem", "bench", "integrity", "--data", data]
    words += ["--policy", policy] if policy else []
    words += ["--embedder", embedder] if embedder != "auto" else []
    words += ["--limit", str(limit)] if limit else []
    result = Result(
        task=task.name,
        task_version=task.version,
        data=data.name,
        examples=len(profiles),
        records=sum(len(profile.attributes) for profile in profiles),
        questions=sum(len(profile.messages) for profile in profiles),
        notes=dict(sorted(notes.items())),
        systems=tuple(_summary(name, sheet, seed) for name, sheet in sheets.items()),
        seed=seed,
        version=__version__,
        commit=commit(),
        machine=machine(),
        command=command_line(words),
        started=started,
    )
    if json is not None:
        write(result, json)
    if plot is not None:
        plot_integrity(result, plot)
    return result


def _arms(
    policy: Policy, retriever: Retriever, depths: Sequence[int], levels: Sequence[str]
) -> list[Arm]:
    gates = {level: ContextualIntegrity(policy=policy, level=level) for level in levels}
    usual = ContextualIntegrity(policy=policy)
    found: list[Arm] = [Everything(), *(Relevant(retriever, k) for k in depths), Harmless(usual)]
    found += [Gated(gate) for gate in gates.values()]
    found += [Relevant(retriever, k, usual) for k in depths]
    found += [Gated(gate, stated=True) for gate in gates.values()]
    return found


def _store(path: Path, profiles: Sequence[Profile], encoder: Embedder | None, say: Say) -> None:
    with Memory.open(path, embedder=encoder) as memory:
        for profile in profiles:
            for attribute in profile.attributes:
                # One text under two names of a profile is one memory.
                memory.add(attribute.text, user_id=profile.id, id=attribute.id)
        say(f"cimemories: {sum(len(p.attributes) for p in profiles):,} memories stored, embedding")
        memory.flush()


def _asked(
    path: Path, profiles: Sequence[Profile], encoder: Embedder | None
) -> Iterator[tuple[Profile, list[Asked]]]:
    store = open_store(str(path), analyze=record_terms)
    try:
        for profile in profiles:
            scope = as_scope(profile.id, None)
            space = Space(store, scope, encoder)
            now = store.now()
            asked = []
            for message in profile.messages:
                query = Query(
                    text=message.task,
                    scope=scope,
                    audience=message.recipient,
                    purpose=message.task,
                )
                view = space.view(query, now)
                ords = np.flatnonzero(view.visible)
                records = store.records(scope, view.rows["seq"][ords].tolist())
                places = view.rows["first"][ords].tolist()
                asked.append(
                    Asked(
                        parse(query, encoder=encoder, now=now),
                        view,
                        [Hit(r, 1.0, place=at) for r, at in zip(records, places, strict=True)],
                        {ord: at for at, ord in enumerate(ords.tolist())},
                        {attribute.id: attribute.domain for attribute in profile.attributes},
                    )
                )
            yield profile, asked
    finally:
        store.close()


def _measure(
    profile: Profile, asked: Sequence[Asked], arms: Sequence[Arm], sheets: Mapping[str, Sheet]
) -> None:
    same: dict[str, list[str]] = {}
    for attribute in profile.attributes:
        same.setdefault(attribute.text, []).append(attribute.id)
    for arm in arms:
        sheet = sheets[arm.name]
        private: set[str] = set()
        violated: set[str] = set()
        for message, one in zip(profile.messages, asked, strict=True):
            start = time.perf_counter()
            hits = arm.choose(one)
            sheet.seconds.append(time.perf_counter() - start)
            got = frozenset(name for hit in hits for name in same[hit.record.text])
            sheet.add(profile.id, message, got)
            private |= message.having("private")
            violated |= message.having("private") & got
        if private:
            sheet.ever[profile.id] = len(violated) / len(private)


def _summary(name: str, sheet: Sheet, seed: int) -> Measured:
    found: dict[str, Figure] = {
        "violation": figure(sheet.violation, sheet.of_violation, seed),
        "coverage": figure(sheet.coverage, sheet.of_coverage, seed),
        "ever": figure(list(sheet.ever.values()), list(sheet.ever), seed),
    }
    return Measured(
        name=name,
        version=__version__,
        overall=found,
        spread={
            "violation": spread(sheet.violation, sheet.of_violation),
            "coverage": spread(sheet.coverage, sheet.of_coverage),
        },
        speed={f"query_p{p}_ms": 1e3 * float(np.percentile(sheet.seconds, p)) for p in (50, 95)},
        size={"returned": float(np.mean(sheet.returned))},
    )


def show_integrity(result: Result, console: Console) -> None:
    """Print the table."""
    table = Table("system", "violation", "coverage", "ever", "returned", "p50 ms")
    for system in result.systems:
        cells = [
            f"{of.mean:.3f} [{of.clustered_low:.3f}, {of.clustered_high:.3f}]"
            for of in system.overall.values()
        ]
        table.add_row(
            system.name,
            *cells,
            f"{system.size['returned']:.1f}",
            f"{system.speed['query_p50_ms']:.2f}",
        )
    console.print(table)


def plot_integrity(result: Result, path: Path) -> None:
    """The curve: violation against coverage, a line through the points of each family.

    Raises: MissingExtra without matplotlib."""
    try:
        import matplotlib  # optional: only who wants pictures needs it
    except ImportError as error:
        raise MissingExtra("plots need matplotlib", hint="pip install 'remanence[eval]'") from error
    matplotlib.use("agg")
    from matplotlib.figure import Figure as Picture

    families: dict[str, list[Measured]] = {}
    for system in result.systems:
        families.setdefault(_family(system.name), []).append(system)
    picture = Picture(figsize=(7, 5), layout="constrained")
    axes = picture.subplots()
    for family, systems in families.items():
        points = sorted(
            (s.overall["violation"].mean, s.overall["coverage"].mean, s.name) for s in systems
        )
        axes.plot([p[0] for p in points], [p[1] for p in points], marker="o", label=family)
        for x, y, name in points:
            axes.annotate(
                _short(name),
                (x, y),
                textcoords="offset points",
                xytext=(5, -9),
                fontsize="x-small",
            )
    axes.set(
        xlabel="violation: private memories returned",
        ylabel="coverage: necessary memories returned",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.04),
        title="CIMemories, no model in the loop",
    )
    axes.legend(fontsize="small", loc="lower right")
    picture.savefig(path, dpi=130)


def _short(name: str) -> str:
    """What tells a point from the others of its family."""
    return name.removeprefix("gate ").removesuffix(", domains stated").removeprefix("relevant").partition(" + ")[0]  # fmt: skip


def _family(name: str) -> str:
    if name.startswith("relevant@"):
        return "relevant, gated" if " + gate" in name else "relevant"
    if name.startswith("gate "):
        return "gate, domains stated" if name.endswith("stated") else "gate"
    return name
