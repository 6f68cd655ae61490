"""One weighted sum of all signals; the weights are numbers in a readable file, set by hand or fitted by `train`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.errors import InvalidInput
from remanence.seams import Question, Ranked, View
from remanence.text.read.calibrate import best_first, zscore
from remanence.text.read.profile import Profile, profile

Floats = NDArray[np.float32]

FORMAT = 1
BASE = "base"
SHIPPED = Path(__file__).with_name("weights.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Weights for questions whose candidates have the signals `needs`.

    `weights[signal]["base"]` counts everywhere; `weights[signal][trait]` is added in proportion to that trait of the space's
    `Profile`, so that one file reads chats and long messages differently without being told which it reads."""

    needs: tuple[str, ...]
    weights: Mapping[str, Mapping[str, float]]

    def at(self, space: Profile) -> dict[str, float]:
        """The weight of each signal in a space of this profile."""
        return {
            signal: sum(
                weight * (1.0 if trait == BASE else float(getattr(space, trait)))
                for trait, weight in by_trait.items()
            )
            for signal, by_trait in self.weights.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a weights file holds: models, the one that needs most first, and where they come from."""

    models: tuple[Model, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Weights:
        """Read a weights file. Raises: InvalidInput, saying what is wrong with it."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"{path} can't be read as weights: {error}", hint="`rmem train ranker` writes one"
            ) from error
        return cls.parse(data, str(path))

    @classmethod
    def parse(cls, data: object, where: str = "weights") -> Weights:
        """The value of a weights file, checked."""
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise InvalidInput(
                f"{where} is not of format {FORMAT}", hint="`rmem train ranker` writes one"
            )
        traits = {BASE, *Profile.__dataclass_fields__}
        models = []
        for model in data.get("models", ()):
            for signal, by_trait in model["weights"].items():
                wrong = set(by_trait) - traits
                if wrong or not all(np.isfinite(value) for value in by_trait.values()):
                    raise InvalidInput(
                        f"{where}: weights of {signal!r} are {by_trait!r}",
                        hint=f"finite numbers by any of {', '.join(sorted(traits))}",
                    )
            models.append(Model(needs=tuple(model["needs"]), weights=model["weights"]))
        if not models or models[-1].needs:
            raise InvalidInput(
                f"{where} has no model for questions without vectors",
                hint="the last of `models` has to need nothing",
            )
        return cls(models=tuple(models), about=data.get("about", {}))

    def save(self, path: str | Path) -> None:
        """Write the file that `load` reads."""
        models = [{"needs": list(m.needs), "weights": m.weights} for m in self.models]
        data = {"format": FORMAT, "about": self.about, "models": models}
        Path(path).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def model(self, signals: Sequence[str] | Mapping[str, Floats]) -> Model:
        """The first model whose needs are met."""
        return next(model for model in self.models if all(name in signals for name in model.needs))


@cache
def shipped() -> Weights:
    """The weights that come with the package."""
    return Weights.load(SHIPPED)


@mechanism(
    seam="Ranker",
    source="doi:10.1007/s10791-006-9019-z",
    title="Linear feature-based models for information retrieval",
    year=2007,
    where="the linear scoring function; fitted listwise, by `train`",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True)
class Linear:
    """Scores each candidate by the weighted sum of its signals' z-scores, replacing what earlier rankers added up.

    Departs from the paper: weights depend linearly on what the space measures about itself (`Profile`), and signals are
    normalised per question, which carries over between kinds of text where raw ones do not."""

    weights: Weights = field(default_factory=shipped)

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        scores = np.zeros(len(ranked.ords), np.float32)
        for signal, weight in self.weights.model(ranked.signals).at(profile(view)).items():
            if weight and signal in ranked.signals:
                scores += np.float32(weight) * zscore(ranked.signals[signal])
        return best_first(ranked, scores, {})
