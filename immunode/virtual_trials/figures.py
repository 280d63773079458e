"""Printed figures beside what trials of the published size would have seen of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from immunode.evidence.printed import Figure
from immunode.virtual_trials.measured import Measured
from immunode.virtual_trials.significance import TEST_NAMES, TESTS, Arms, Picks
from immunode.virtual_trials.statistics import at_visit, members, owner, rebounded, resampled


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


def compared(figures: tuple[Figure, ...], arms: Arms, seed: int) -> list[ComparedFigure]:
    """Return every printed figure beside its prediction, in their order."""
    picks = {name: resampled(arm, seed) for name, arm in arms.items()} if figures else {}
    return [replace(_compared(figure, arms, picks), kind=figure.kind, short=figure.short) for figure in figures]


def _compared(figure: Figure, arms: Arms, picks: Picks) -> ComparedFigure:
    if figure.kind == "not_modelled":
        return ComparedFigure(figure.label, figure.published, None, note=figure.note or "not in the model")
    if figure.kind == "given":
        entered = [arms[name].entered[str(figure.what)] for name in figure.groups or arms]
        value = sum(entered) if figure.what == "n" else entered[0]
        return ComparedFigure(figure.label, figure.published, value, note=figure.note or "enters the simulation")
    if figure.kind == "test":
        return _tested(figure, arms, picks)
    arm = owner(figure.groups[0], arms)
    member = members(figure.groups[0], arm)
    statistic = STATISTIC[figure.kind]
    point = statistic(figure, arm, member, np.flatnonzero(arm.ok)[None, :])[0]
    spread = statistic(figure, arm, member, picks[arm.name])
    low, high = (
        (float(q) for q in np.nanpercentile(spread, [2.5, 97.5])) if np.isfinite(spread).any() else (np.nan, np.nan)
    )
    inside = bool(low <= figure.published <= high) if not isinstance(figure.published, str) else None
    return ComparedFigure(figure.label, figure.published, float(point), low, high, inside, note=figure.note)


def _tested(figure: Figure, arms: Arms, picks: Picks) -> ComparedFigure:
    """Return the row of a p-value.

    Over replicates at the trial's own size, how often the named test is significant, and the direction.
    """
    p, towards = TESTS[str(figure.test)](figure, arms, picks)
    valid = np.isfinite(p)
    dropped = "" if valid.all() else f"a group was too small to test in {100 * (~valid).mean():.0f} % of replicates"
    return ComparedFigure(
        figure.label,
        figure.published,
        None,
        test=TEST_NAMES[str(figure.test)],
        p_below_05=float((p < 0.05).mean()),
        p_at_most_published=None if isinstance(figure.published, str) else float((p <= figure.published).mean()),
        p_direction=float(towards[valid].mean()) if valid.any() else None,
        note="; ".join(filter(None, (figure.note, dropped))),
    )


def _over(values: np.ndarray, member: np.ndarray, picks: np.ndarray, reduce: Callable[..., Any]) -> np.ndarray:
    """Return what `reduce` makes of the members of each replicate, nan where there is none."""
    chosen = np.where(member[picks], values[picks], np.nan)
    out = np.full(len(picks), np.nan)
    some = ~np.isnan(chosen).all(axis=1)
    out[some] = reduce(chosen[some], axis=1)
    return out


def _median(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    return _over(at_visit(arm, arm.values, figure.observable, figure.day), member, picks, np.nanmedian)


def _below(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    counts = at_visit(arm, arm.values, figure.observable, figure.day)
    return _over(100.0 * (counts < figure.limit), member, picks, np.nanmean)


def _rebound(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    return _over(100.0 * rebounded(arm.values[figure.observable], figure.limit), member, picks, np.nanmean)


def _events(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    had = (arm.event_day <= figure.day) & member
    return had[picks].mean(axis=1) * arm.size


def _responders(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    return 100.0 * member[picks].mean(axis=1)


def _gain(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    on, off = (at_visit(arm, values, figure.observable, figure.day) for values in (arm.values, arm.without))
    return _over(on - off, arm.treated, picks, np.nanmedian)


STATISTIC: Mapping[str, Callable[..., np.ndarray]] = {
    "median": _median,
    "below": _below,
    "rebound": _rebound,
    "events": _events,
    "responders": _responders,
    "gain": _gain,
}
