"""Printed figures beside what trials of the published size would have seen of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from immunode.evidence.printed import Figure
from immunode.virtual_trials.measured import Measured
from immunode.virtual_trials.significance import TEST_NAMES, TESTS
from immunode.virtual_trials.statistics import Group, groups, rebounded


@dataclass(frozen=True)
class ComparedFigure:
    """Hold one printed figure beside its prediction.

    P-values carry a named test and probabilities in place of `inside`.
    """

    label: str
    published: float | str
    simulated: float | str | None
    low: float | None = None
    high: float | None = None
    inside: bool | None = None
    test: str | None = None
    p_below_05: float | None = None
    p_at_most_published: float | None = None
    p_direction: float | None = None
    kind: str = ""
    short: str = ""
    note: str = ""


def compared(figures: Sequence[Figure], arms: Mapping[str, Measured], seed: int) -> list[ComparedFigure]:
    """Return every printed figure beside its prediction, in their order."""
    predicted = [figure for figure in figures if figure.kind not in ("given", "not_modelled")]
    by_name = groups((name for figure in predicted for name in figure.groups), arms, seed)
    return [replace(_compared(figure, arms, by_name), kind=figure.kind, short=figure.short) for figure in figures]


def _compared(figure: Figure, arms: Mapping[str, Measured], by_name: Mapping[str, Group]) -> ComparedFigure:
    if figure.kind == "not_modelled":
        return ComparedFigure(figure.label, figure.published, None, note=figure.note or "not in the model")
    if figure.kind == "given":
        entered = [arms[name].entered[str(figure.what)] for name in figure.groups or arms]
        value = sum(entered) if figure.what == "n" else entered[0]
        return ComparedFigure(figure.label, figure.published, value, note=figure.note or "enters the simulation")
    named = [by_name[name] for name in figure.groups]
    return _tested(figure, named) if figure.kind == "test" else _predicted(figure, named[0])


def _predicted(figure: Figure, group: Group) -> ComparedFigure:
    """Return a number: of all patients, and the middle 95 % of what trials of the published size would have seen."""
    reading = READINGS[figure.kind](figure, group)
    point = float(_over(reading, np.flatnonzero(group.arm.ok)[None, :])[0])
    spread = _over(reading, group.picks)
    low, high = (
        (float(q) for q in np.nanpercentile(spread, [2.5, 97.5])) if np.isfinite(spread).any() else (np.nan, np.nan)
    )
    known = np.isfinite(low) and not isinstance(figure.published, str)
    inside = bool(low <= float(figure.published) <= high) if known else None
    return ComparedFigure(figure.label, figure.published, point, low, high, inside, note=figure.note)


def _tested(figure: Figure, named: Sequence[Group]) -> ComparedFigure:
    """Return a p-value: over replicates at the trial's own size, how often the named test is significant, and the
    direction."""
    p, towards = TESTS[str(figure.test)](figure, named)
    valid, stated = np.isfinite(p), not isinstance(figure.published, str)
    dropped = "" if valid.all() else f"a group was too small to test in {100 * (~valid).mean():.0f} % of replicates"
    return ComparedFigure(
        figure.label,
        figure.published,
        None,
        test=TEST_NAMES[str(figure.test)],
        p_below_05=float((p < 0.05).mean()) if valid.any() else None,
        p_at_most_published=float((p <= float(figure.published)).mean()) if valid.any() and stated else None,
        p_direction=float(towards[valid].mean()) if valid.any() else None,
        note="; ".join(filter(None, (figure.note, dropped))),
    )


@dataclass(frozen=True, eq=False)
class Reading:
    """Hold what a figure reads: a number (patients,) of each member, and what is made of those of a replicate."""

    values: np.ndarray
    member: np.ndarray
    reduce: Callable[..., Any]
    times: float = 1.0


def _over(reading: Reading, picks: np.ndarray) -> np.ndarray:
    """Return the figure in each replicate (row of `picks`), nan where none of the members is in it."""
    chosen = np.where(reading.member[picks], reading.values[picks], np.nan)
    out = np.full(len(picks), np.nan)
    some = ~np.isnan(chosen).all(axis=1)
    out[some] = reading.reduce(chosen[some], axis=1)
    return out * reading.times


def _median(figure: Figure, group: Group) -> Reading:
    counts = group.arm.values[figure.observable][:, group.arm.column[figure.day]]
    return Reading(counts, group.member, np.nanmedian)


def _below(figure: Figure, group: Group) -> Reading:
    counts = group.arm.values[figure.observable][:, group.arm.column[figure.day]]
    return Reading(100.0 * np.where(np.isnan(counts), np.nan, counts < figure.limit), group.member, np.nanmean)


def _rebound(figure: Figure, group: Group) -> Reading:
    counts = group.arm.values[figure.observable]
    return Reading(100.0 * rebounded(counts, figure.limit), group.member, np.nanmean)


def _events(figure: Figure, group: Group) -> Reading:
    had = (group.arm.event_day <= figure.day) & group.member
    return Reading(had.astype(float), np.ones_like(group.member), np.mean, times=group.arm.size)


def _responders(figure: Figure, group: Group) -> Reading:
    return Reading(group.member.astype(float), np.ones_like(group.member), np.mean, times=100.0)


def _gain(figure: Figure, group: Group) -> Reading:
    arm, name = group.arm, figure.observable
    added = (arm.values[name] - arm.without[name])[:, arm.column[figure.day]]
    return Reading(added, arm.treated, np.nanmedian)


READINGS: Mapping[str, Callable[[Figure, Group], Reading]] = {
    "median": _median,
    "below": _below,
    "rebound": _rebound,
    "events": _events,
    "responders": _responders,
    "gain": _gain,
}
