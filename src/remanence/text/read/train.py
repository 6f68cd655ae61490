"""Fitting the ranker's weights to questions whose evidence is known.

The loss is ListNet's with the evidence as the target distribution: minus the mean log of the softmax that the evidence gets among all
candidates, plus an L2 penalty. It is convex; Newton's method finds its one minimum, so that the same data give the same file.
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
L2 = 30.0


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
    """What a question teaches: the signals of all candidates of `retriever`; None where no evidence is among them."""
    ranked = retriever.retrieve(question, view, MOST)
    is_evidence = np.isin(ranked.ords, np.asarray(evidence, np.int32))
    if not is_evidence.any():
        return None
    return Lesson(group, dict(ranked.signals), is_evidence, profile(view))


def train_ranker(
    lessons: Iterable[Lesson],
    path: str | Path | None = None,
    *,
    l2: float = L2,
    k: int = 10,
    folds: int = 5,
    leave_out: Sequence[str] = ("late_in_history", "graph", "bridge"),
    about: Mapping[str, object] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Fitted:
    """Fit weights, cross-validated by group, and write them to `path` where one is given.

    `leave_out`: signals that get no weight: where in a history the evidence stands is a habit of a test set, and the phrase graph works on
    what the weights made. Raises: InvalidInput where
    there are fewer than two groups, or no lesson at all."""
    given = list(lessons)
    groups = sorted({each.group for each in given})
    if len(groups) < 2:
        raise InvalidInput(
            f"{len(given)} questions in {len(groups)} conversations",
            hint="cross-validation needs questions about at least two conversations",
        )
    names = sorted({name for each in given for name in each.signals} - set(leave_out))
    models = []
    for needs in NEEDS:
        if all(name in names for name in needs):
            used = _usable(names, needs)
            weights = fit(given, used, l2=l2)
            models.append(Model(needs=needs, weights=_readable(used, weights)))
            if progress:
                progress(
                    f"fitted {len(weights)} weights for {' and '.join(needs) or 'words alone'}"
                )
    found = _held_out(given, groups, _usable(names, models[0].needs), l2=l2, k=k, folds=folds)
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


def features(each: Lesson, names: Sequence[str]) -> tuple[Floats, NDArray[np.bool_]]:
    """(c', len(names) * (1 + traits)) z-scores, then the same times each trait; (c',) evidence. c' is at most `MOST`."""
    keep = np.arange(len(each.evidence))
    if len(keep) > MOST:
        keep = np.unique(np.concatenate((np.flatnonzero(each.evidence), keep[:MOST])))
    none = np.zeros(len(each.evidence), np.float32)
    base = np.stack([zscore(each.signals.get(name, none))[keep] for name in names], axis=1)
    scaled = [base * np.float32(getattr(each.space, trait)) for trait in TRAITS]
    return np.concatenate([base, *scaled], axis=1), each.evidence[keep]


def fit(
    lessons: Sequence[Lesson], names: Sequence[str], *, l2: float = L2, steps: int = 12
) -> Matrix:
    """(len(names) * (1 + traits),) weights that minimise the loss, by Newton's method with halved steps."""
    data = [features(each, names) for each in lessons]
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
        scores = table @ flat
        scores -= scores.max()
        share = np.exp(scores)
        share /= share.sum()
        target = evidence / evidence.sum()
        loss -= float(target @ np.log(share + 1e-30))
        gradient = gradient + table.T @ (share - target.astype(np.float32))
        mean = share @ table
        weighted = table * np.sqrt(share)[:, None]
        curvature = curvature + weighted.T @ weighted - np.outer(mean, mean)
    return loss, gradient, curvature


def _readable(names: Sequence[str], weights: Matrix) -> dict[str, dict[str, float]]:
    rows = weights.reshape(1 + len(TRAITS), len(names))
    return {
        name: {trait: round(float(rows[t, n]), 3) for t, trait in enumerate((BASE, *TRAITS))}
        for n, name in enumerate(names)
    }


def _held_out(
    lessons: Sequence[Lesson],
    groups: Sequence[str],
    names: Sequence[str],
    *,
    l2: float,
    k: int,
    folds: int,
) -> list[tuple[str, float]]:
    """(group, recall at k) of every question, ranked by weights fitted without its group."""
    found = []
    for fold in range(min(folds, len(groups))):
        held = set(groups[fold::folds])
        weights = fit([each for each in lessons if each.group not in held], names, l2=l2)
        for each in lessons:
            if each.group in held:
                table, evidence = features(each, names)
                best = np.argsort(-(table @ weights), kind="stable")[:k]
                found.append((each.group, float(evidence[best].sum() / evidence.sum())))
    return found
