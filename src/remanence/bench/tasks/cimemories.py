"""CIMemories: profiles of synthetic people, and messages in which each of their memories is necessary, private or neither.

Source: Mireshghallah et al., "CIMemories: A Compositional Benchmark for Contextual Integrity of Persistent Memory in LLMs", 2025
(arXiv:2511.14937). The published file has no labels; a file that the authors' labelling script has been over has `labels_combined`
in each context, shares of `private`, `necessary` and `unlabeled` by memory, and these are used where they stand: the largest share decides,
a tie is private before necessary before neither. Elsewhere the labels are those of `cimemories_labels`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from remanence.bench.tasks.base import need, read_json
from remanence.bench.tasks.cimemories_labels import (
    Judgements,
    Label,
    context_hash,
    event_hash,
    shipped,
)
from remanence.errors import BadImport, NotFound

OFFICIAL: Final = "labels_combined"
_NAMES: Final[tuple[tuple[str, Label], ...]] = (
    ("private", "private"),
    ("necessary", "necessary"),
    ("unlabeled", "neither"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One memory of a person. `domain` and `event` are the benchmark's, and never shown to what is measured."""

    id: str
    text: str
    domain: str
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to be written to `recipient` for `task`; `labels`: attribute -> what it is there."""

    recipient: str
    task: str
    labels: Mapping[str, Label]

    def having(self, label: Label) -> frozenset[str]:
        """The attributes of that label."""
        return frozenset(name for name, of in self.labels.items() if of == label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A person: what is remembered, and the messages to be written."""

    id: str
    attributes: tuple[Attribute, ...]
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CIMemories:
    """The official file of profiles. `judgements`: the labels for contexts that carry none."""

    judgements: Judgements | None = None

    @property
    def name(self) -> str:
        return "cimemories"

    @property
    def version(self) -> str:
        return "1"

    def profiles(self, path: Path, notes: Counter[str] | None = None) -> list[Profile]:
        """The profiles of the file at `path`, or of `profiles.json` in that folder. `notes` counts the labels by where they come from,
        and the memories without one. Raises: InvalidInput (no such file), BadImport."""
        file = path / "profiles.json" if path.is_dir() else path
        notes = Counter() if notes is None else notes
        value = read_json(file)
        if not isinstance(value, list):
            raise BadImport(
                "not a list of profiles", path=str(file), hint="is it the official file?"
            )
        return [self._profile(number, raw, file, notes) for number, raw in enumerate(value)]

    def _profile(self, number: int, raw: Any, file: Path, notes: Counter[str]) -> Profile:
        attributes = tuple(
            Attribute(
                id=name,
                text=str(need(of, "memory_statement", file)),
                domain=str(need(of, "information_domain", file)),
                event=str(need(of, "event", file)),
            )
            for name, of in need(raw, "information_attributes", file).items()
        )
        messages = tuple(
            self._message(context, attributes, file, notes)
            for context in need(raw, "contexts", file)
        )
        return Profile(id=f"profile-{number}", attributes=attributes, messages=messages)

    def _message(
        self, raw: Any, attributes: tuple[Attribute, ...], file: Path, notes: Counter[str]
    ) -> Message:
        recipient, task = str(need(raw, "recipient", file)), str(need(raw, "task", file))
        labels: dict[str, Label] = {}
        official = raw.get(OFFICIAL)
        for attribute in attributes:
            label = (
                self._judged(recipient, task, attribute)
                if official is None
                else _largest(official.get(attribute.text))
            )
            if label is None:
                notes["memories without a label"] += 1
            else:
                notes["labels of the file" if official is not None else "labels of our own"] += 1
                labels[attribute.id] = label
        return Message(recipient=recipient, task=task, labels=labels)

    def _judged(self, recipient: str, task: str, attribute: Attribute) -> Label | None:
        judgements = self.judgements or shipped()
        try:
            return judgements.label(
                context_hash(recipient, task), attribute.domain, event_hash(attribute.event)
            )
        except NotFound:
            return None


def _largest(shares: Mapping[str, float] | None) -> Label | None:
    if not shares:
        return None
    # `max` keeps the first of equals: private before necessary before neither.
    return max(_NAMES, key=lambda pair: shares.get(pair[0], 0.0))[1]
