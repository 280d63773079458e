"""Summarise arms.

Medians, quartiles, responders, survival, and what a trial of the published size would have seen of each printed figure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.evidence.printed import Figure

REPLICATES = 2000
STATISTICS = ("median", "q1", "q3", "mean")


@dataclass(frozen=True, eq=False)
class Measured:
    """Hold what was measured in one arm.

    `values` by observable (patients, days), `event_day` (inf = none), the trial's own size.

    `label` (patients,) is what the rules called each patient, out of `labels`; `without` are the values had no rule
    added a regimen. Who is not `ok` (failed) is in no statistic.
    """

    name: str
    size: int
    days: np.ndarray
    values: Mapping[str, np.ndarray]
    event_day: np.ndarray
    label: np.ndarray
    labels: frozenset[str]
    without: Mapping[str, np.ndarray]
    treated: np.ndarray
    ok: np.ndarray
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
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


def quartiles(values: np.ndarray) -> np.ndarray:
    """Return median, q1, q3 and mean over patients (first axis) of those with a number; nan where nobody has one."""
    if np.isnan(values).all():
        return np.full((len(STATISTICS), *values.shape[1:]), np.nan)
    q1, median, q3 = np.nanpercentile(values, [25, 50, 75], axis=0)
    return np.stack([median, q1, q3, np.nanmean(values, axis=0)])


def event_free(event_day: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return the share without an event up to each day, shape (days,), of patients who did not fail (nan).

    Nobody is lost to follow-up, so this is Kaplan-Meier's curve.
    """
    known = np.sort(event_day[~np.isnan(event_day)])
    return 1.0 - np.searchsorted(known, days, side="right") / max(len(known), 1)


def resampled(arm: Measured, seed: int) -> np.ndarray:
    """Return indices (REPLICATES, size) of patients who did not fail, for replicates at the trial's own size."""
    from zlib import crc32

    patients = np.flatnonzero(arm.ok)
    if not patients.size:
        raise BadValue(f"no patient of arm '{arm.name}' could be simulated; see their status")
    generator = np.random.default_rng([seed, crc32(arm.name.encode())])
    return patients[generator.integers(len(patients), size=(REPLICATES, arm.size))]


def rows(figures: tuple[Figure, ...], arms: Mapping[str, Measured], seed: int) -> list[Row]:
    """Return one row for every printed figure, in their order."""
    picks = {name: resampled(arm, seed) for name, arm in arms.items()} if figures else {}
    return [replace(_row(figure, arms, picks), kind=figure.kind, short=figure.short) for figure in figures]


def _row(figure: Figure, arms: Mapping[str, Measured], picks: Mapping[str, np.ndarray]) -> Row:
    if figure.kind == "not_modelled":
        return Row(figure.label, figure.published, None, note=figure.note or "not in the model")
    if figure.kind == "given":
        found = [arms[name].given[str(figure.what)] for name in figure.groups or arms]
        value = sum(found) if figure.what == "n" else found[0]
        return Row(figure.label, figure.published, value, note=figure.note or "enters the simulation")
    if figure.kind == "test":
        return _test_row(figure, arms, picks)
    arm = arms[_owner(figure.groups[0], arms)]
    member = _members(figure.groups[0], arm)
    statistic = STATISTIC[figure.kind]
    point = statistic(figure, arm, member, np.flatnonzero(arm.ok)[None, :])[0]
    spread = statistic(figure, arm, member, picks[arm.name])
    low, high = (
        (float(q) for q in np.nanpercentile(spread, [2.5, 97.5])) if np.isfinite(spread).any() else (np.nan, np.nan)
    )
    inside = bool(low <= figure.published <= high) if not isinstance(figure.published, str) else None
    return Row(figure.label, figure.published, float(point), low, high, inside, note=figure.note)


def _column(
    figure: Figure, arm: Measured, day: float | None = None, values: Mapping[str, np.ndarray] | None = None
) -> np.ndarray:
    wanted = figure.day if day is None else day
    table = arm.values if values is None else values
    if figure.observable not in table:
        raise unknown("observable", figure.observable, table, f"figure '{figure.label}'")
    found = np.flatnonzero(arm.days == wanted)
    if not found.size:
        raise BadValue(
            f"figure '{figure.label}' needs a visit on day {wanted:g}; visits are on days {arm.days.tolist()}"
        )
    return table[figure.observable][:, found[0]]


def _masked(values: np.ndarray, member: np.ndarray, picks: np.ndarray, reduce: Callable[..., Any]) -> np.ndarray:
    chosen = np.where(member[picks], values[picks], np.nan)
    out = np.full(len(picks), np.nan)
    some = ~np.isnan(chosen).all(axis=1)
    out[some] = reduce(chosen[some], axis=1)
    return out


def _median(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    return _masked(_column(figure, arm), member, picks, np.nanmedian)


def _below(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    return _masked(100.0 * (_column(figure, arm) < figure.limit), member, picks, np.nanmean)


def _rebound(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    return _masked(100.0 * rebounded(arm.values[figure.observable], figure.limit), member, picks, np.nanmean)


def rebounded(values: np.ndarray, limit: float) -> np.ndarray:
    """Return who has a visit (column) above `limit` after the first one below it, shape (n,)."""
    suppressed_before = np.cumsum(values < limit, axis=1) > 0
    return np.asarray((suppressed_before & (values > limit)).any(axis=1))


def _events(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    had = (arm.event_day <= figure.day) & member
    return had[picks].mean(axis=1) * arm.size


def _responders(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    return 100.0 * member[picks].mean(axis=1)


def _gain(figure: Figure, arm: Measured, member: np.ndarray, picks: np.ndarray) -> np.ndarray:
    gain = _column(figure, arm) - _column(figure, arm, values=arm.without)
    return _masked(gain, arm.treated, picks, np.nanmedian)


STATISTIC: dict[str, Callable[..., np.ndarray]] = {
    "median": _median,
    "below": _below,
    "rebound": _rebound,
    "events": _events,
    "responders": _responders,
    "gain": _gain,
}


def _owner(group: str, arms: Mapping[str, Measured]) -> str:
    for name, arm in arms.items():
        if group == name or group in arm.labels:
            return name
    raise unknown(
        "arm or label", group, [*arms, *(label for arm in arms.values() for label in arm.labels)], "the trial"
    )


def _members(group: str, arm: Measured) -> np.ndarray:
    return np.ones(len(arm.label), dtype=bool) if group == arm.name else arm.label == group


def _test_row(figure: Figure, arms: Mapping[str, Measured], picks: Mapping[str, np.ndarray]) -> Row:
    """Return the row of a p-value.

    Over replicates at the trial's own size, how often the named test is significant, and the direction.
    """
    p, towards = TESTS[str(figure.test)](figure, arms, picks)
    valid = np.isfinite(p)
    dropped = "" if valid.all() else f"a group was too small to test in {100 * (~valid).mean():.0f} % of replicates"
    return Row(
        figure.label,
        figure.published,
        None,
        test=TEST_NAMES[str(figure.test)],
        p_below_05=float((p < 0.05).mean()),
        p_at_most_published=None if isinstance(figure.published, str) else float((p <= figure.published).mean()),
        p_direction=float(towards[valid].mean()) if valid.any() else None,
        note="; ".join(filter(None, (figure.note, dropped))),
    )


def _samples(
    figure: Figure, group: str, arms: Mapping[str, Measured], picks: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    name = _owner(group, arms)
    values, member = _column(figure, arms[name]), _members(group, arms[name])
    return [values[row[member[row] & np.isfinite(values[row])]] for row in picks[name]]


def _mann_whitney(
    figure: Figure, arms: Mapping[str, Measured], picks: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return p and whether the first group is the higher, per replicate; those of one size are tested in one call."""
    from scipy.stats import mannwhitneyu

    left, right = (_samples(figure, group, arms, picks) for group in figure.groups[:2])
    sizes = np.array([(len(x), len(y)) for x, y in zip(left, right, strict=True)])
    p, higher = np.full(len(left), np.nan), np.zeros(len(left))
    for size in np.unique(sizes, axis=0):
        if size.min() < 2:
            continue
        same = np.flatnonzero((sizes == size).all(axis=1))
        x, y = np.array([left[i] for i in same]), np.array([right[i] for i in same])
        found = mannwhitneyu(x, y, axis=1, method="asymptotic")
        p[same], higher[same] = found.pvalue, found.statistic > 0.5 * size[0] * size[1]
    return p, higher


def _wilcoxon(
    figure: Figure, arms: Mapping[str, Measured], picks: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return p and whether `day` is above `from_day` in the group, per replicate (paired)."""
    from scipy.stats import wilcoxon

    name = _owner(figure.groups[0], arms)
    member = _members(figure.groups[0], arms[name])
    change = _column(figure, arms[name]) - _column(figure, arms[name], figure.from_day)
    p, higher = np.full(REPLICATES, np.nan), np.zeros(REPLICATES)
    samples = [change[row[member[row] & np.isfinite(change[row])]] for row in picks[name]]
    for size in {len(s) for s in samples if len(s) >= 2}:
        same = [i for i, s in enumerate(samples) if len(s) == size]
        block = np.array([samples[i] for i in same])
        p[same] = wilcoxon(block, axis=1, method="asymptotic").pvalue
        higher[same] = np.median(block, axis=1) > 0
    return p, higher


def _fisher(
    figure: Figure, arms: Mapping[str, Measured], picks: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return p and whether the first group has the smaller share of events, per replicate."""
    counts = []
    for group in figure.groups[:2]:
        arm = arms[_owner(group, arms)]
        member = _members(group, arm)[picks[arm.name]]
        had = (arm.event_day <= figure.day)[picks[arm.name]] & member
        counts += [had.sum(axis=1), member.sum(axis=1)]
    a, n, b, m = counts
    p = [fisher(*map(int, row)) if row[1] and row[3] else np.nan for row in zip(a, n, b, m, strict=True)]
    return np.array(p), a * m < b * n


@lru_cache(maxsize=4096)
def fisher(a: int, n: int, b: int, m: int) -> float:
    """Return Fisher's exact two-sided p for a of n against b of m."""
    from scipy.stats import fisher_exact

    return float(fisher_exact([[a, n - a], [b, m - b]]).pvalue)


TESTS = {"mann_whitney": _mann_whitney, "wilcoxon": _wilcoxon, "fisher": _fisher}
TEST_NAMES = {"mann_whitney": "Mann-Whitney U", "wilcoxon": "Wilcoxon signed-rank", "fisher": "Fisher's exact"}
