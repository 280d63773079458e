"""Printed figures beside what trials of the published size would have seen of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from immunode.evidence.printed import Figure
from immunode.measures import Window, measure, statistic
from immunode.measures.statistics import quantile
from immunode.simulation.measuring import over_members, over_sides
from immunode.virtual_trials.measured import Measured
from immunode.virtual_trials.significance import TEST_NAMES, TESTS
from immunode.virtual_trials.statistics import REPLICATES, Group, groups


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


def compared(
    figures: Sequence[Figure], arms: Mapping[str, Measured], seed: int, replicates: int = REPLICATES
) -> list[ComparedFigure]:
    """Return every printed figure beside its prediction, in their order."""
    predicted = [figure for figure in figures if figure.kind not in ("given", "not_modelled")]
    by_name = groups(
        (name for figure in predicted for name in (*figure.groups, *figure.versus)), arms, seed, replicates
    )
    return [
        replace(_compared(i, figure, arms, by_name), kind=figure.kind, short=figure.short)
        for i, figure in enumerate(figures)
    ]


def replicated(number: int, figure: Figure, by_name: Mapping[str, Group]) -> np.ndarray:
    """Return figure `number` of the trial in each replicate of its groups; of a kind that is a number over patients."""
    named = [by_name[name] for name in figure.groups]
    if figure.kind == "endpoint":
        return _pooled(number, figure, named, [by_name[name] for name in figure.versus])[1]
    return _over(READINGS[figure.kind](figure, named[0]), named[0].picks)


def _compared(
    number: int, figure: Figure, arms: Mapping[str, Measured], by_name: Mapping[str, Group]
) -> ComparedFigure:
    if figure.kind == "not_modelled":
        return ComparedFigure(figure.label, figure.published, None, note=figure.note or "not in the model")
    if figure.kind == "given":
        entered = [arms[name].entered[str(figure.what)] for name in figure.groups or arms]
        value = sum(entered) if figure.what == "n" else entered[0]
        return ComparedFigure(figure.label, figure.published, value, note=figure.note or "enters the simulation")
    named = [by_name[name] for name in figure.groups]
    if figure.kind == "test":
        return _tested(figure, named)
    if figure.kind == "endpoint":
        return _predicted(figure, *_pooled(number, figure, named, [by_name[name] for name in figure.versus]))
    reading = READINGS[figure.kind](figure, named[0])
    everyone = np.flatnonzero(named[0].arm.ok)[None, :]
    return _predicted(figure, float(_over(reading, everyone)[0]), _over(reading, named[0].picks))


def _pooled(number: int, figure: Figure, named: Sequence[Group], versus: Sequence[Group]) -> tuple[float, np.ndarray]:
    """Return an endpoint of groups pooled, less or over that of others: of all patients (of a count, a range or a
    standard error, the mean over replicates), and in each replicate."""

    def compared_over(all_of: Callable[[Group], np.ndarray]) -> np.ndarray:
        first, *other = [_members(number, side, all_of) for side in (named, versus) if side]
        one = named[0].arm.endpoints[number][0]
        return over_sides(one, figure.compare, first, other[0]) if other else over_members(one, *first)

    # pooled arms count by their sizes in the trial, each patient so often
    sizes = {group.arm.name: group.arm.size for group in (*named, *versus)}
    common = gcd(*sizes.values())
    replicates = compared_over(lambda group: group.picks)
    if statistic(named[0].arm.endpoints[number][0].endpoint.statistic).of_size:  # all patients are more than a trial's
        known = replicates[np.isfinite(replicates)]
        return float(known.mean()) if known.size else np.nan, replicates
    everyone = compared_over(lambda g: np.repeat(np.flatnonzero(g.arm.ok), sizes[g.arm.name] // common)[None])
    return float(everyone[0]), replicates


def _members(number: int, side: Sequence[Group], all_of: Callable[[Group], np.ndarray]) -> list[np.ndarray]:
    """Return what an endpoint measures, and on both days, in groups pooled, a row of patients that `all_of` says."""
    parts = []
    for group in side:
        _, each = group.arm.endpoints[number]
        rows = all_of(group)
        chosen = [values[0][rows] for values in (each.values, each.start, each.end)]
        parts.append([np.where(group.member[rows], values, np.nan) for values in chosen])
    return [np.concatenate(part, axis=1) for part in zip(*parts, strict=True)]


def _predicted(figure: Figure, point: float, spread: np.ndarray) -> ComparedFigure:
    """Return a number: of all patients, and the middle 95 % of what trials of the published size would have seen."""
    low, high = (float(quantile(spread, share)) for share in (0.025, 0.975))
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
    """Hold what a figure reads: a number (patients,) of each member, and the statistic of those of a replicate."""

    values: np.ndarray
    member: np.ndarray
    statistic: str
    limit: float = 0.0
    times: float = 1.0


def _over(reading: Reading, picks: np.ndarray) -> np.ndarray:
    """Return the figure in each replicate (row of `picks`), nan where none of the members is in it."""
    chosen = np.where(reading.member[picks], reading.values[picks], np.nan)
    return statistic(reading.statistic).reduce(chosen, reading.limit) * reading.times


def _on_day(figure: Figure, group: Group) -> np.ndarray:
    return group.arm.values[figure.observable][:, group.arm.column[figure.day]]


def _median(figure: Figure, group: Group) -> Reading:
    return Reading(_on_day(figure, group), group.member, "median")


def _below(figure: Figure, group: Group) -> Reading:
    return Reading(_on_day(figure, group), group.member, "percent_below", figure.limit)


def _rebound(figure: Figure, group: Group) -> Reading:
    counts, days = group.arm.values[figure.observable], group.arm.days
    window = Window(days[0], days[-1], visits=days, seen=counts, level=np.full(len(counts), figure.limit))
    return Reading(measure("rebound").reduce(window), group.member, "percent")


def _events(figure: Figure, group: Group) -> Reading:
    had = (group.arm.event_day <= figure.day) & group.member
    return Reading(had.astype(float), np.ones_like(group.member), "mean", times=group.arm.size)


def _responders(figure: Figure, group: Group) -> Reading:
    return Reading(group.member.astype(float), np.ones_like(group.member), "percent")


def _gain(figure: Figure, group: Group) -> Reading:
    arm, name = group.arm, figure.observable
    added = (arm.values[name] - arm.without[name])[:, arm.column[figure.day]]
    return Reading(added, arm.treated, "median")


READINGS: Mapping[str, Callable[[Figure, Group], Reading]] = {
    "median": _median,
    "below": _below,
    "rebound": _rebound,
    "events": _events,
    "responders": _responders,
    "gain": _gain,
}
