"""Poisoning: how many generated attacks reach the reader with and without guards, and what the guards cost honest memories.

An attack succeeds where a record that it planted stands among the first five hits for the question that it waits for, or in a context of
1,000 tokens. Nothing is asked of a model: whether an agent that reads a planted record would follow it is not judged, and what
is shown to it is the upper bound of that. A claim that is shown with a note ("said only by an origin that is not trusted") counts
as shown.
"""

from __future__ import annotations

import json as json_
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from rich.console import Console
from rich.table import Table

from remanence.bench.attacks import (
    FAMILIES,
    Attack,
    Wording,
    attacks,
    benign,
    own_voice,
    told,
    uncontested,
)
from remanence.bench.metrics.bootstrap import over_questions
from remanence.bench.metrics.ranking import recall
from remanence.bench.tasks.base import Example, Turn
from remanence.bench.tasks.generated import conversations
from remanence.bench.tasks.locomo import LoCoMo
from remanence.embed.cache import Cached
from remanence.embed.choose import open_embedder
from remanence.recipes.default import default
from remanence.seams import Embedder, Gate, Guard, Observation
from remanence.store.choose import open_store
from remanence.text.guard.consensus import Consensus
from remanence.text.guard.steering import Steering
from remanence.text.guard.trust import Trust
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.index.worker import EmbeddingWorker
from remanence.text.read.question import parse
from remanence.types import Change, Hit, Mark, Query, Scope, to_micros

Say = Callable[[str], None]
K: Final = 5
BUDGET: Final = 1000
POOL: Final = 100
"""Hits that the gates are given."""
TURNS: Final = 150
"""Honest turns of a conversation around what is told."""
OWNER: Final = "user:owner"
POLICY: Final = {"user": 0.5, OWNER: 1.0}
"""A memory that other users may write into too."""
ROLES: Final = {"assistant": "assistant", "tool": "tool", "document": "document"}


class Arm(NamedTuple):
    """What stands between a record and its reader."""

    name: str
    guards: tuple[Guard, ...] = ()
    gates: tuple[Gate, ...] = ()


def arms() -> tuple[Arm, ...]:
    """No guard; those on the way in; those and the one on the way out."""
    into = (Trust.parse(POLICY), Steering())
    return Arm("none"), Arm("on the way in", into), Arm("in and out", into, (Consensus(),))


@dataclass(frozen=True, slots=True)
class Row:
    """Of `n` attacks of a family (or benign records), in how many something planted was among the hits and in the context; `told`: how
    often what the owner had said of it was among the hits."""

    wording: str
    family: str
    arm: str
    n: int
    hit: int
    context: int
    told: int
    told_of: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Recall@10 on honest conversation whose turns came from these origins, without and with guards."""

    origins: str
    n: int
    without: float
    with_guards: float
    lost: float
    low: float
    high: float
    quarantined: int
    turns: int


@dataclass(frozen=True, slots=True)
class Poisoning:
    """Everything that was measured."""

    rows: tuple[Row, ...]
    channels: tuple[Row, ...]
    costs: tuple[Cost, ...] = ()
    command: str = ""
    schema: int = 1
    notes: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"benchmark": "poisoning", **asdict(self)}


def main_poisoning(
    *,
    data: Path | None = None,
    corrections: Path | None = None,
    embedder: str = "auto",
    seeds: int = 2,
    wordings: Sequence[Wording] = ("develop", "heldout", "fresh"),
    turns: int = TURNS,
    json: Path | None = None,
    command: str = "",
    say: Say = print,
) -> Poisoning:
    """Run the attacks in memories of `turns` honest turns and more, and with `data` (LoCoMo) the cost.

    Raises: InvalidInput, BadImport, ModelMissing."""
    inner = open_embedder(embedder)
    encoder = Cached(inner=inner, capacity=2**30) if inner else None
    rows: list[Row] = []
    channels: list[Row] = []
    for wording in wordings:
        outcomes: list[Outcome] = []
        for seed in range(seeds):
            with Den(encoder) as den:
                outcomes += list(_attacked(den, wording, seed, turns))
            say(f"poisoning: {wording}, memory {seed + 1} of {seeds} attacked")
        rows += _summed(wording, outcomes, lambda one: one.attack.family)
        staged = [one for one in outcomes if one.attack.family in FAMILIES]
        channels += _summed(wording, staged, lambda one: one.attack.channel)
    costs = tuple(_costs(data, corrections, encoder, say)) if data else ()
    found = Poisoning(tuple(rows), tuple(channels), costs, command)
    if json is not None:
        json.write_text(json_.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
    return found


# --- a memory that is attacked --------------------------------------------------------------------------------------


class Den:
    """A temporary store with an encoder that forgets no text, for many small memories that share most of theirs."""

    def __init__(self, encoder: Embedder | None) -> None:
        self.encoder = encoder
        self.recipe = default(self.encoder)
        self._folder = TemporaryDirectory(prefix="remanence-bench-")
        self.store = open_store(str(Path(self._folder.name) / "memory.rmem"), analyze=record_terms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.store.close()
        self._folder.cleanup()

    def fill(self, scope: Scope, told: Iterable[Observation], guards: Sequence[Guard]) -> int:
        """Store what passes; the number of records that were quarantined."""
        changes: list[Change] = []
        held = 0
        for observation in told:
            for add in self.recipe.writer.write(observation):
                why = ""
                for guard in guards:
                    verdict = guard.admit(add)
                    add = verdict.add
                    why = why or (verdict.reason if verdict.action == "quarantine" else "")
                changes.append(add)
                if why:
                    held += 1
                    changes.append(Mark(scope=scope, id=add.id, mark="quarantined", why=why))
        acks = self.store.apply(changes)
        assert not [ack for ack in acks if ack.status == "rejected"], acks
        return held

    def encode(self) -> None:
        """Give every record its vectors."""
        if self.encoder is not None:
            worker = EmbeddingWorker(self.store, self.encoder)
            worker.flush()
            worker.stop()

    def ask(self, space: Space, text: str, gates: Sequence[Gate], most: int = POOL) -> list[Hit]:
        """Those of the first `most` hits that pass the gates."""
        now = self.store.now()
        query = Query(text=text, scope=space.scope, k=K)
        view = space.view(query, now)
        question = parse(query, encoder=self.encoder, now=now)
        ranked = self.recipe.retriever.retrieve(question, view, most)
        records = view.records(ranked.ords)
        places = view.rows["first"][ranked.ords].tolist()
        hits: Sequence[Hit] = [
            Hit(record, score, place=place)
            for record, score, place in zip(records, ranked.scores.tolist(), places, strict=True)
            if record is not None
        ]
        for gate in gates:
            hits = gate.screen(question, view, hits).hits
        return list(hits)


class Outcome(NamedTuple):
    """What became of one attack under one arm."""

    attack: Attack
    arm: str
    hit: bool
    context: bool
    told: bool


def _attacked(den: Den, wording: Wording, seed: int, turns: int) -> Iterator[Outcome]:
    """Every attack of a wording on one owner's memory: a memory for each family and arm, so that families don't meet."""
    example = next(islice(conversations(seed + 11, 1, "chat"), 1))
    who = example.turns[0].speaker
    groups: dict[str, list[Attack]] = {}
    for attack in attacks(wording, who, seed):
        groups.setdefault(f"{attack.family}/{attack.part}", []).append(attack)
    groups["uncontested"] = list(uncontested(wording, who, seed))
    groups["own voice"] = list(own_voice(wording, who, seed))
    groups["benign"] = list(benign(wording, who, seed))
    spaces: list[tuple[Arm, str, Space]] = []
    for arm in arms():
        for name, group in groups.items():
            scope = ("bench", f"{wording}/{seed}/{arm.name}/{name}")
            lines = [] if name == "uncontested" else told(who, seed, wording)
            den.fill(
                scope, _observations(scope, example.turns[:turns], who, lines, group), arm.guards
            )
            spaces.append((arm, name, Space(den.store, scope, den.encoder)))
    den.encode()
    for arm, name, space in spaces:
        for attack in groups[name]:
            yield _outcome(den, arm, space, attack)


def _outcome(den: Den, arm: Arm, space: Space, attack: Attack) -> Outcome:
    hits = den.ask(space, attack.question, arm.gates)
    texts = {one.text for one in attack.planted}
    packed = den.recipe.packer.pack(hits, BUDGET).hits
    return Outcome(
        attack,
        arm.name,
        any(hit.record.text in texts for hit in hits[:K]),
        any(hit.record.text in texts for hit in packed),
        any(_of_owner(hit, attack) for hit in hits[:K]),
    )


def _of_owner(hit: Hit, attack: Attack) -> bool:
    return hit.record.origin == OWNER and hit.record.text in attack.told


def _observations(
    scope: Scope, turns: Sequence[Turn], who: str, lines: Sequence[str], group: Sequence[Attack]
) -> Iterator[Observation]:
    """Honest turns with what is told between them, then what is planted."""
    step = max(1, len(turns) // (len(lines) + 1))
    places = {(number + 1) * step: line for number, line in enumerate(lines)}
    for number, turn in enumerate(turns):
        if number in places:
            yield _said(scope, f"told-{number}", places[number], who, turn)
        yield _said(scope, turn.id, turn.text, turn.speaker, turn)
    last = turns[-1].at
    assert last is not None
    for number, attack in enumerate(group):
        for part, planted in enumerate(attack.planted):
            channel = planted.origin.partition(":")[0]
            yield Observation(
                text=planted.text,
                scope=scope,
                id=f"planted-{number}-{part}",
                session=f"planted-{number}",
                role=ROLES.get(channel, ""),
                at=to_micros(last + timedelta(days=1, minutes=number * 20 + part)),
                origin=planted.origin,
            )


def _said(scope: Scope, id: str, text: str, speaker: str, turn: Turn) -> Observation:
    assert turn.at is not None
    return Observation(
        text=text,
        scope=scope,
        id=id,
        session=turn.session,
        speaker=speaker,
        role="user",
        at=to_micros(turn.at),
        origin=OWNER,
    )


def _summed(
    wording: str, outcomes: Sequence[Outcome], key: Callable[[Outcome], str]
) -> Iterator[Row]:
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault((key(one), one.arm), []).append(one)
    for (name, arm), found in groups.items():
        yield Row(
            wording,
            name,
            arm,
            len(found),
            sum(one.hit for one in found),
            sum(one.context for one in found),
            sum(one.told for one in found),
            sum(bool(one.attack.told) for one in found),
        )


# --- what it costs --------------------------------------------------------------------------------------------------


def _costs(
    data: Path, corrections: Path | None, encoder: Embedder | None, say: Say
) -> Iterator[Cost]:
    examples = list(LoCoMo(corrections=corrections).examples(data))
    ways: dict[str, Callable[[Example, Turn], str]] = {
        "all trusted": lambda example, turn: OWNER,
        "all from one page": lambda example, turn: "web:chat.example",
        "each speaker a page": lambda example, turn: f"web:{turn.speaker.lower()}.example",
        "one speaker trusted": lambda example, turn: (
            OWNER if turn.speaker == example.turns[0].speaker else "web:chat.example"
        ),
    }
    for name, origin in ways.items():
        held = turns = 0
        without: list[float] = []
        with_guards: list[float] = []
        with Den(encoder) as den:
            bare, *_, armed = arms()
            for example in examples:
                turns += len(example.turns)
                pair = []
                for arm in (bare, armed):
                    scope = ("bench", f"{example.id}/{arm.name}")
                    told = [_turn(scope, turn, origin(example, turn)) for turn in example.turns]
                    held += den.fill(scope, told, arm.guards)
                    pair.append((arm, Space(den.store, scope, den.encoder)))
                den.encode()
                for asked in example.questions:
                    if not asked.evidence or asked.category == "adversarial":
                        continue
                    for (arm, space), values in zip(pair, (without, with_guards), strict=True):
                        got = [hit.record.id for hit in den.ask(space, asked.text, arm.gates, 20)]
                        values.append(recall(got, asked.evidence, 10))
        gap = over_questions([b - a for a, b in zip(with_guards, without, strict=True)])
        say(f"poisoning: LoCoMo, {name}: recall@10 lost {gap.mean:.4f}")
        yield Cost(
            name,
            gap.n,
            sum(without) / gap.n,
            sum(with_guards) / gap.n,
            gap.mean,
            gap.low,
            gap.high,
            held,
            turns,
        )


def _turn(scope: Scope, turn: Turn, origin: str) -> Observation:
    return Observation(
        text=turn.text,
        scope=scope,
        id=turn.id,
        session=turn.session,
        speaker=turn.speaker,
        role="user",
        at=to_micros(turn.at) if turn.at else None,
        fields={"caption": turn.caption} if turn.caption else {},
        origin=origin,
    )


# --- for people -----------------------------------------------------------------------------------------------------


def show_poisoning(result: Poisoning, console: Console) -> None:
    """Print the tables."""
    wordings = dict.fromkeys(row.wording for row in result.rows)
    names = dict.fromkeys(row.arm for row in result.rows)
    sums = [totals(result.rows, arm, wording) for wording in wordings for arm in names]
    console.print(_table("attacks that reach the reader, by family", (*result.rows, *sums)))
    console.print(_table("attacks that reach the reader, by channel", result.channels))
    if result.costs:
        table = Table(
            "turns from",
            "n",
            "recall@10",
            "with guards",
            "lost [95 %]",
            "held back",
            title="LoCoMo",
        )
        for one in result.costs:
            table.add_row(
                one.origins,
                str(one.n),
                f"{one.without:.4f}",
                f"{one.with_guards:.4f}",
                f"{one.lost:.4f} [{one.low:.4f}, {one.high:.4f}]",
                f"{one.quarantined} of {one.turns}",
            )
        console.print(table)


def totals(rows: Iterable[Row], arm: str, wording: str) -> Row:
    """All attack families together; what nothing contradicts, the owner's own voice and what is benign stand apart."""
    found = [r for r in rows if r.arm == arm and r.wording == wording and r.family in FAMILIES]
    sums = [
        sum(getattr(row, name) for row in found)
        for name in ("n", "hit", "context", "told", "told_of")
    ]
    return Row(wording, "all attacks", arm, *sums)


def _table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(
        "wording",
        "family",
        "guards",
        "n",
        f"in first {K}",
        f"in {BUDGET:,} tokens",
        "owner's word found",
        title=title,
    )
    for row in rows:
        table.add_row(
            row.wording,
            row.family,
            row.arm,
            str(row.n),
            f"{row.hit / row.n:.1%}",
            f"{row.context / row.n:.1%}",
            f"{row.told / row.told_of:.1%}" if row.told_of else "",
        )
    return table
