"""The numbers of a trial that are predicted: its printed figures, its rows of evidence, or its medians at visits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from immunode.calibration.population.printed_row import Row, reached
from immunode.calibration.population.trial_of_evidence import ReadyTrial
from immunode.evidence.printed import Figure
from immunode.evidence.printed_number import PrintedNumber
from immunode.simulation.measuring import over_members, over_sides
from immunode.virtual_trials.figures import replicated
from immunode.virtual_trials.statistics import Group
from immunode.virtual_trials.trial import Trial

NOT_PREDICTED = ("given", "not_modelled", "test")

Groups = Mapping[str, Group]


@dataclass(frozen=True, eq=False)
class Number:
    """Hold a number to predict: its label, what is printed of it (a number, words, or None), the `groups` that it is
    of, and what it is `over` the replicates of these, shape (replicates,)."""

    label: str
    published: float | str | None
    groups: tuple[str, ...]
    over: Callable[[Groups], np.ndarray]


def numbers_of_figures(trial: Trial) -> list[Number]:
    """Return the figures of a trial that are numbers over patients: p-values and what was given are none."""
    return [
        Number(
            one.label, one.published if one.published != "" else None, (*one.groups, *one.versus),
            partial(replicated, i, one),
        )
        for i, one in enumerate(trial.figures)
        if one.kind not in NOT_PREDICTED
    ]  # fmt: skip


def medians_at_visits(trial: Trial) -> list[Number]:
    """Return the median of what is measured, in each arm at each visit; of a trial that prints nothing."""
    out = []
    for name in trial.noise or trial.population.of.shown:
        for arm in trial.arms:
            for day in trial.visits:
                label = f"{arm.name}: median {name}, day {day:g}"
                figure = Figure(label=label, kind="median", groups=(arm.name,), observable=name, day=day)
                out.append(Number(label, None, (arm.name,), partial(replicated, -1, figure)))
    return out


def numbers_of_rows(ready: ReadyTrial, printed: Sequence[PrintedNumber]) -> list[Number]:
    """Return the rows of evidence, made ready, as numbers to predict; counts in the unit in which they are printed."""
    names = [arm.name for arm in ready.trial.arms]
    out = []
    for row, as_printed in zip(ready.rows, printed, strict=True):
        groups = tuple(names[a] for a in (*row.arms, *row.versus))
        times = row.to_unit
        if as_printed.statistic.startswith("count"):
            times = row.size / 100
        over = partial(_row, row=row, names=names, times=times)
        out.append(Number(row.label, as_printed.said if as_printed.censored else as_printed.observed, groups, over))
    return out


def _row(groups: Groups, *, row: Row, names: Sequence[str], times: float) -> np.ndarray:
    """Return a row of evidence in each replicate."""
    first, *other = [_side(groups, [names[a] for a in side], row) for side in (row.arms, row.versus) if side]
    return times * (over_sides(row.asked, row.compare, first, other[0]) if other else over_members(row.asked, *first))


def _side(groups: Groups, arms: Sequence[str], row: Row) -> list[np.ndarray]:
    """Return what is measured in the patients of arms pooled, and on both days, shape (replicates, patients) each."""
    parts = []
    for name, n in zip(arms, row.each or (None,) * len(arms)):
        group = groups[name]
        _, each = group.arm.endpoints[row.variable]
        picks = group.picks[:, :n]
        known = [values[0] for values in (each.values, each.start, each.end)]
        parts.append([(reached(row, values) if row.is_ordered else values)[picks] for values in known])
    return [np.concatenate(part, axis=1) for part in zip(*parts, strict=True)]
