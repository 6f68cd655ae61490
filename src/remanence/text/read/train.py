"""Fitting the ranker's weights to questions whose evidence is known.

The loss is the mean, over a question's pieces of evidence, of minus the log of the softmax that each gets among itself and all
candidates that are none, plus an L2 penalty. It is convex; Newton's method finds its one minimum, so that the same data give the same
file. A trait of the space gets weights of its own only where the lessons' spaces differ in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.errors import InvalidInput
from remanence.seams import Question, Retriever, View
from remanence.text.read.calibrate import zscore
from remanence.text.read.profile import Profile, profile
from remanence.text.read.ranker import BASE, Model, Weights

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]

TRAITS = ("long", "assisted")
"""Traits of a space that may change a weight."""
NEEDS = (("late", "dense"), ("dense",), ())
"""Models to fit, by what a question may find: token states and vectors, vectors, words alone."""
LATE = ("late", "late_own", "late_even", "late_even_own", "late_lift")
MOST = 1_500
"""Candidates of a question that are fitted to: all evidence, and the first others."""
L2 = 5.0
DIFFERENT = 0.2
"""Spaces differ in a trait when it ranges this far among them."""


class Lesson(NamedTuple):
    """One question: its candidates' signals by name, (c,) each; which candidates are evidence, (c,); the profile of its space;
    and the group (a conversation) that is held out as a whole."""

    group: str
    signals: Mapping[str, Floats]
    evidence: NDArray[np.bool_]
    space: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Weights fitted to all lessons; `recall` at k of the same fit on groups it had not seen, over all questions and by group."""

    weights: Weights
    k: int
    questions: int
    recall: float
    by_group: Mapping[str, float]


def lesson(
    retriever: Retriever, question: Question, view: View, evidence: Sequence[int], group: str
) -> Lesson | None:
    """What a question teaches: the signals of all candidates of `retriever`; None where no evidence is among them, or nothing else."""
    ranked = retriever.retrieve(question, view, MOST)
    is_evidence = np.isin(ranked.ords, np.asarray(evidence, np.int32))
    if not is_evidence.any() or is_evidence.all():
        return None
    return Lesson(group, dict(ranked.signals), is_evidence, profile(view))


def train_ranker(
    lessons: Iterable[Lesson],
    path: str | Path | None = None,
    *,
    l2: float = L2,
    k: int = 10,
    folds: int = 5,
    leave_out: Sequence[str] = ("graph", "bridge"),
    about: Mapping[str, object] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Fitted:
    """Fit weights, cross-validated by group, and write them to `path` where one is given.

    `leave_out`: signals that get no weight, for the phrase graph works on what the weights made. Raises: InvalidInput where
    there are fewer than two groups, or no lesson at all."""
    given = list(lessons)
    groups = sorted({each.group for each in given})
    if len(groups) < 2:
        raise InvalidInput(
            f"{len(given)} questions in {len(groups)} conversations",
            hint="cross-validation needs questions about at least two conversations",
        )
    names = sorted({name for each in given for name in each.signals} - set(leave_out))
    traits = [
        trait for trait in TRAITS if np.ptp([getattr(e.space, trait) for e in given]) >= DIFFERENT
    ]
    models = []
    for needs in NEEDS:
        if all(name in names for name in needs):
            used = _usable(names, needs)
            weights = fit(given, used, traits, l2=l2)
            models.append(Model(needs=needs, weights=_readable(used, traits, weights)))
            if progress:
                progress(
                    f"fitted {len(weights)} weights for {' and '.join(needs) or 'words alone'}"
                )
    used = _usable(names, models[0].needs)
    found = _held_out(given, groups, used, traits, l2=l2, k=k, folds=folds)
    by_group = {group: float(np.mean([r for g, r in found if g == group])) for group in groups}
    recall = float(np.mean([value for _, value in found]))
    note = {
        **(about or {}),
        "questions": len(given),
        "conversations": len(groups),
        "l2": l2,
        f"recall@{k} on conversations held out": round(recall, 4),
    }
    fitted = Weights(models=tuple(models), about=note)
    if path is not None:
        fitted.save(path)
    return Fitted(weights=fitted, k=k, questions=len(given), recall=recall, by_group=by_group)


def _usable(names: Sequence[str], needs: Sequence[str]) -> list[str]:
    vectors = {"dense", *LATE} - (set(LATE) if "late" in needs else set()) - set(needs)
    return [name for name in names if name not in vectors]


def features(
    each: Lesson, names: Sequence[str], traits: Sequence[str] = ()
) -> tuple[Floats, NDArray[np.bool_]]:
    """(c', len(names) * (1 + len(traits))) z-scores, then the same times each trait; (c',) evidence. c' is at most `MOST`."""
    keep = np.arange(len(each.evidence))
    if len(keep) > MOST:
        keep = np.unique(np.concatenate((np.flatnonzero(each.evidence), keep[:MOST])))
    none = np.zeros(len(each.evidence), np.float32)
    base = np.stack([zscore(each.signals.get(name, none))[keep] for name in names], axis=1)
    scaled = [base * np.float32(getattr(each.space, trait)) for trait in traits]
    return np.concatenate([base, *scaled], axis=1), each.evidence[keep]


def fit(
    lessons: Sequence[Lesson],
    names: Sequence[str],
    traits: Sequence[str] = (),
    *,
    l2: float = L2,
    steps: int = 12,
) -> Matrix:
    """(len(names) * (1 + len(traits)),) weights that minimise the loss, by Newton's method with halved steps."""
    data = [features(each, names, traits) for each in lessons]
    weights = np.zeros(data[0][0].shape[1])
    loss, gradient, curvature = _loss(data, weights, l2)
    for _ in range(steps):
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-3:
            tried = weights - size * step
            new = _loss(data, tried, l2)
            if new[0] <= loss:
                break
            size /= 2
        else:
            break
        gained = loss - new[0]
        weights, (loss, gradient, curvature) = tried, new
        if gained < 1e-6 * max(1.0, abs(loss)):
            break
    return weights


def _loss(
    data: Sequence[tuple[Floats, NDArray[np.bool_]]], weights: Matrix, l2: float
) -> tuple[float, Matrix, Matrix]:
    loss = l2 / 2 * float(weights @ weights)
    gradient = l2 * weights
    curvature = l2 * np.eye(len(weights))
    flat = weights.astype(np.float32)
    for table, evidence in data:
        scores = (table @ flat).astype(np.float64)
        own, rest = scores[evidence], scores[~evidence]
        count = len(own)
        # log of the mass that each piece of evidence competes for: itself and all that is no evidence.
        mass = np.logaddexp(own, rest.max() + np.log(np.exp(rest - rest.max()).sum()))
        loss -= float((own - mass).sum()) / count
        share = np.zeros((count, len(scores)), np.float32)
        share[:, ~evidence] = np.exp(rest - mass[:, None])
        share[np.arange(count), np.flatnonzero(evidence)] = np.exp(own - mass)
        means = share @ table
        joint = share.sum(axis=0) / count
        gradient = gradient + (joint @ table - table[evidence].mean(axis=0))
        weighted = table * np.sqrt(joint)[:, None]
        curvature = curvature + weighted.T @ weighted - means.T @ means / count
    return loss, gradient, curvature


def _readable(
    names: Sequence[str], traits: Sequence[str], weights: Matrix
) -> dict[str, dict[str, float]]:
    rows = weights.reshape(1 + len(traits), len(names))
    return {
        name: {trait: round(float(rows[t, n]), 3) for t, trait in enumerate((BASE, *traits))}
        for n, name in enumerate(names)
    }


def _held_out(
    lessons: Sequence[Lesson],
    groups: Sequence[str],
    names: Sequence[str],
    traits: Sequence[str],
    *,
    l2: float,
    k: int,
    folds: int,
) -> list[tuple[str, float]]:
    """(group, recall at k) of every question, ranked by weights fitted without its group."""
    found = []
    for fold in range(min(folds, len(groups))):
        held = set(groups[fold::folds])
        weights = fit([each for each in lessons if each.group not in held], names, traits, l2=l2)
        for each in lessons:
            if each.group in held:
                table, evidence = features(each, names, traits)
                best = np.argsort(-(table @ weights), kind="stable")[:k]
                found.append((each.group, float(evidence[best].sum() / evidence.sum())))
    return found
