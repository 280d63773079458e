"""Warn of an SD that looks like a standard error, and the other way round, by what else is printed; of intervals of a
mean that are not around it; and of percentages that so many patients do not have.

SDs from quartiles and ranges are those of Wan et al. 2014 (doi:10.1186/1471-2288-14-135), for normal patients. A
printed spread is taken for the other kind where it is nearer to it than to its own, on the log scale: off by more than
n ** (1/4).
"""

import warnings
from collections.abc import Iterator, Sequence
from statistics import NormalDist, median

from immunode.evidence.design import ArmFile
from immunode.evidence.printed_number import PrintedNumber, half_unit, whole_patients
from immunode.evidence.printed_rows import size
from immunode.evidence.printed_together import alike, of_what

FEWEST = 8  # patients; quartiles and SDs of fewer are too uncertain to tell the two from each other
LEAST_N = 4  # patients; of fewer nothing is told
LEAST = 1.6  # times that two SDs of the same patients differ by their estimates and by skewness alone
NEAR = 1.5  # times that SDs of two arms may be off the root of n when one of them is a standard error
_OTHER = {"sd": ("a standard error", "se"), "se": ("an SD", "sd")}


def warn_of_spreads(name: str, rows: Sequence[PrintedNumber], arms: tuple[ArmFile, ...]) -> None:
    """Warn of each SD of the trial `name` that looks like a standard error, and of each error that looks like an SD."""
    groups = [group for group in alike(rows).values() if not group[0].versus]
    for group in groups:
        printed = {row.statistic: row for row in group}
        for kind in ("sd", "se"):
            row = printed.get(kind)
            n = (row.n or size(row.arm, arms)) if row is not None else None
            if row is None or n is None or n < LEAST_N:
                continue
            sd = row.number if kind == "sd" else row.number * n**0.5
            others = [*_of_same(printed, n), *(_of_others(group, groups, arms) if n >= FEWEST else ())]
            if said := next((said for said, implied, near in others if _confused(kind, implied / sd, n, near)), ""):
                what, cure = _OTHER[kind]
                warnings.warn(
                    f"{name}, row {row.place}: {kind} = {row.said} of '{row.arm}' (n = {n}) looks like {what}: "
                    f"{said}; where it is one say statistic = '{cure}'",
                    stacklevel=2,
                )


def warn_of_percentages(name: str, rows: Sequence[PrintedNumber], arms: tuple[ArmFile, ...]) -> None:
    """Warn of each percentage of patients of the trial `name` that is no whole number of them, to its digits."""
    for row in rows:
        n = row.n or size(row.arm, arms)
        if not row.statistic.startswith("percent") or row.versus or row.censored or n is None:
            continue
        if (around := whole_patients(row, n)) is not None:
            below, above = around
            warnings.warn(
                f"{name}, row {row.place}: {row.statistic} = {row.said} of '{row.arm}' (n = {n}) is "
                f"{row.number * n / 100:.4g} patients: {below} are {100 * below / n:.3g} %, "
                f"{above} are {100 * above / n:.3g} %; say the n that it is of",
                stacklevel=2,
            )


def warn_of_intervals(name: str, rows: Sequence[PrintedNumber]) -> None:
    """Warn of each confidence interval of a mean of the trial `name` whose middle is not that mean, to its digits: a t
    interval is around it, one of logarithms or of a bootstrap is not."""
    for group in alike(rows).values():
        printed = {row.statistic: row for row in group if not row.censored and row.versus_value is None}
        if not {"mean", "ci_low", "ci_high"} <= printed.keys():
            continue
        mean, low, high = (printed[one] for one in ("mean", "ci_low", "ci_high"))
        middle = 0.5 * (low.number + high.number)
        rounded = half_unit(mean) + 0.5 * (half_unit(low) + half_unit(high))
        if abs(middle - mean.number) > rounded * (1 + 1e-9):
            warnings.warn(
                f"{name}, row {low.place}: the interval {low.said} to {high.said} of '{low.arm}' is not around its "
                f"mean {mean.said} but around {middle:.4g}, and is read as a t interval; where it is of logarithms say "
                "'geometric_ci_low' and 'geometric_ci_high', of a median 'median_ci_low' and 'median_ci_high', else "
                "leave it out",
                stacklevel=2,
            )


def _confused(kind: str, ratio: float, n: int, near: bool) -> bool:
    """Return whether another SD over the printed one says that it is of the other kind; `near`: by the root of n."""
    ratio = ratio if kind == "sd" else 1 / ratio
    return ratio > max(n**0.25, LEAST) and (not near or n**0.5 / NEAR < ratio < n**0.5 * NEAR)


def _of_same(printed: dict[str, PrintedNumber], n: int) -> Iterator[tuple[str, float, bool]]:
    """Yield the SDs that other statistics of the same patients say, in words and numbers."""
    known = {name: row.number for name, row in printed.items() if not row.censored}
    normal, same = NormalDist(), "of the same patients"
    width = known.get("iqr", known["q3"] - known["q1"] if {"q1", "q3"} <= known.keys() else 0.0)
    if width > 0 and n >= FEWEST:
        implied = width / (2 * normal.inv_cdf((0.75 * n - 0.125) / (n + 0.25)))
        yield f"the quartiles {same} say an SD of about {implied:.3g}", implied, False
    if {"min", "max"} <= known.keys():
        implied = (known["max"] - known["min"]) / (2 * normal.inv_cdf((n - 0.375) / (n + 0.25)))
        yield f"the range {same} says an SD of about {implied:.3g}", implied, False
    if {"ci_low", "ci_high"} <= known.keys():
        from scipy.special import stdtrit  # slow to import

        implied = (known["ci_high"] - known["ci_low"]) / 2 / float(stdtrit(n - 1, 0.975)) * n**0.5
        yield f"the confidence interval {same} says an SD of about {implied:.3g}", implied, False


def _of_others(
    group: Sequence[PrintedNumber], groups: Sequence[Sequence[PrintedNumber]], arms: tuple[ArmFile, ...]
) -> Iterator[tuple[str, float, bool]]:
    """Yield the SDs that other arms have of the same measure, and that the same arm (else another) has of it on other
    days; where centres are printed they are those of their CVs."""
    row, centre = group[0], _centre(group)
    then = [one for one in groups if of_what(one[0]) == of_what(row) and not {*one[0].groups} & {*row.groups}]
    again = [one for one in groups if one is not group and _but_days(one[0]) == _but_days(row)]
    later = [one for one in again if one[0].groups == row.groups]
    among = [(then, "other arms have an SD of"), (later, "on the same arm's other days the SD is")]
    for some, who in among if then or later else [(again, "on other days other arms have an SD of")]:
        known = [(sd, _centre(other)) for other in some if (sd := _sd(other, arms)) is not None]
        if not known:
            continue
        middle = median(sd for sd, _ in known)
        cvs = [sd / other * centre for sd, other in known if centre is not None and other is not None]
        yield f"{who} {middle:.3g}", min([middle, *([median(cvs)] if cvs else [])]), True


def _but_days(row: PrintedNumber) -> tuple[object, ...]:
    return row.observable, row.measure, row.level, row.unit


def _sd(group: Sequence[PrintedNumber], arms: tuple[ArmFile, ...]) -> float | None:
    """Return the SD that a group prints, or that its standard error says; None for none."""
    known = {row.statistic: row for row in group if not row.censored}
    if "sd" in known:
        return known["sd"].number
    n = size(known["se"].arm, arms) if "se" in known else None
    n = known["se"].n or n if n is not None else None
    return known["se"].number * n**0.5 if n is not None else None


def _centre(group: Sequence[PrintedNumber]) -> float | None:
    """Return the mean, else the median, of a group's numbers; None where none is above 0."""
    known = {row.statistic: row.number for row in group if not row.censored}
    centre = known.get("mean", known.get("median"))
    return centre if centre is not None and centre > 0 else None
