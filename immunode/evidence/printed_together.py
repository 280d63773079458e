"""What printed numbers cannot be beside each other, being of the same patients: each is refused by its row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

from immunode.errors import ImmunodeError, UnitError
from immunode.evidence.design import ArmFile
from immunode.evidence.printed_number import PrintedNumber, half_unit
from immunode.evidence.printed_rows import size
from immunode.measures import statistic
from immunode.measures.differences import OF_DIFFERENCES
from immunode.measures.p_values import P_VALUES
from immunode.measures.statistics import quantile_share
from immunode.units import factor, parse

_ORDERED = (
    *(("ci_low", "mean"), ("mean", "ci_high"), ("ci_low", "ci_high")),
    *(("median_ci_low", "median"), ("median", "median_ci_high"), ("median_ci_low", "median_ci_high")),
    *(("geometric_ci_low", "geometric_mean"), ("geometric_mean", "geometric_ci_high")),
    ("geometric_ci_low", "geometric_ci_high"),
    *(("min", "mean"), ("mean", "max"), ("min", "geometric_mean"), ("geometric_mean", "max")),
)
INTERVALS = ("ci_low", "ci_high"), ("median_ci_low", "median_ci_high"), ("geometric_ci_low", "geometric_ci_high")


@dataclass(frozen=True)
class _Read:
    """Hold a row and its number in the unit of the rows that it is compared with; `said` is it in words."""

    row: PrintedNumber
    number: float
    said: str


def check_together(rows: Sequence[PrintedNumber], arms: tuple[ArmFile, ...]) -> None:
    """Raise ValueError for the first row that contradicts another of the same patients."""
    for together in alike(rows).values():
        _check_twice(together)
        _check_shares(together, arms)
    for read in _in_one_unit(rows):
        _check_order(read)
        _check_range(read, arms)


def alike(rows: Iterable[PrintedNumber]) -> Mapping[tuple[object, ...], list[PrintedNumber]]:
    """Return the rows that are statistics of the same numbers of the same patients, together."""
    groups: dict[tuple[object, ...], list[PrintedNumber]] = {}
    for row in rows:
        if row.statistic not in P_VALUES:
            groups.setdefault((row.groups, row.versus_groups, row.compare, *of_what(row)), []).append(row)
    return groups


def of_what(row: PrintedNumber) -> tuple[object, ...]:
    """Return what a row is of, whoever the patients are."""
    unit = row.unit if is_of_measure(row) else ""  # "%" of a percentage may be said or not
    return row.observable, row.measure, row.level, row.from_day, row.day, unit


def is_of_measure(row: PrintedNumber) -> bool:
    """Return whether a statistic is in the unit of what it is of, and not a share, a count or a factor."""
    return statistic(row.statistic).unit == "{measure}"


def of_difference(row: PrintedNumber) -> bool:
    """Return whether a row is the error, or an end of the interval, of a difference of means of two arms."""
    return row.statistic in OF_DIFFERENCES and row.compare == "difference" and row.versus_value is None


def _in_one_unit(rows: Sequence[PrintedNumber]) -> list[list[_Read]]:
    """Return the groups of `alike` in one unit each, that of the first row; what cannot be compared is apart, and what
    is in no unit of the measure (a CV) is with the first."""
    out: dict[tuple[object, ...], list[list[_Read]]] = {}
    known = [row for row in rows if row.statistic not in P_VALUES]
    for row in sorted(known, key=lambda row: not is_of_measure(row)):
        groups = out.setdefault((row.groups, row.versus_groups, row.compare, *of_what(row)[:-1]), [])
        for group in groups:
            unit = group[0].row.unit
            times = _converted(1.0, row.unit, unit) if is_of_measure(row) else 1.0
            if times is not None:
                group.append(_Read(row, row.number * times, row.said if times == 1 else f"{row.said} {row.unit}"))
                break
        else:
            groups.append([_Read(row, row.number, row.said)])
    return [group for groups in out.values() for group in groups]


def _check_order(read: Sequence[_Read]) -> None:
    """Raise ValueError for quantiles of the same patients that do not rise, a range of no width, a mean outside its
    range or interval."""
    compared = bool(read[0].row.versus)  # of which quantiles need not rise
    ranked = [(rank, one) for one in read if not compared and (rank := quantile_share(one.row.statistic)) is not None]
    for (_, low), (_, high) in pairwise(sorted(ranked, key=lambda one: one[0])):
        if low.number > high.number:
            _refuse(high, low, "or more")
    by_name = {
        one.row.statistic: one for one in read
        if not compared or of_difference(one.row) or (one.row.statistic == "mean" and one.row.versus_value is None)
    }  # fmt: skip
    for below, above in _ORDERED:
        if below in by_name and above in by_name and by_name[below].number > by_name[above].number:
            _refuse(by_name[above], by_name[below], "or more")
    for below, above in (("min", "max"), *INTERVALS):
        if {below, above} <= by_name.keys() and by_name[below].row.value == by_name[above].row.value:
            if by_name[above].row.censored:
                continue  # all of them are beyond the limit
            _refuse(by_name[above], by_name[below], "or more, and not the same: patients differ")


def _check_range(read: Sequence[_Read], arms: tuple[ArmFile, ...]) -> None:
    """Raise ValueError for a spread that no patients within their range have: with half of them at either end it is the
    largest."""
    known = {one.row.statistic: one for one in read if not one.row.versus and not one.row.censored}
    if not {"min", "max"} <= known.keys():
        return
    least, most = known["min"], known["max"]
    n = max(_size(most.row, arms) or 2, 2)
    mean = known["mean"].number / 100 if "mean" in known else 0.0
    largest = 0.5 * (most.number - least.number + _slip(most) + _slip(least)) * (n / (n - 1)) ** 0.5
    for name, times in (("sd", 1.0), ("se", n**0.5), ("cv", mean)):
        one = known.get(name)
        if one is None or _size(one.row, arms) != _size(most.row, arms):
            continue
        if (one.number - _slip(one)) * times > largest:
            raise ValueError(
                f"row {one.row.place}: {name} = {one.said}, and the same patients are from {least.said} to "
                f"{most.said}: expected an SD of at most {largest:.3g}; mend one of them"
            )


def _slip(one: _Read) -> float:
    """Return by how much a number may be rounded, in the unit in which it is compared."""
    return half_unit(one.row) * (one.number / one.row.number if one.row.number else 1.0)


def _check_twice(rows: Sequence[PrintedNumber]) -> None:
    """Raise ValueError for a count of patients that is fitted, and fitted again as a percentage or of all others."""
    counted: dict[tuple[object, ...], PrintedNumber] = {}
    for row in rows:
        kind, _, side = row.statistic.partition("_")
        if kind in ("count", "percent") and row.use == "fit" and not row.versus:
            other = counted.setdefault((bool(side), row.limit), row)
            if other is not row:
                raise ValueError(
                    f"row {row.place}: {row.statistic} = {row.said} is of the patients that {other.statistic} = "
                    f"{other.said} of row {other.place} counts already; leave it out, or say use = 'check'"
                )


@dataclass(frozen=True)
class _Beyond:
    """Hold between which percentages the share of patients beyond a limit [`unit`] is; `over`: of those on it none."""

    row: PrintedNumber
    limit: float
    unit: str
    over: bool
    low: float
    high: float


def _check_shares(rows: Sequence[PrintedNumber], arms: tuple[ArmFile, ...]) -> None:
    """Raise ValueError for more patients beyond a limit than beyond a lower one."""
    read = [one for row in rows if not row.versus and (one := _beyond(row, arms)) is not None]
    for one, other in permutations(read, 2):
        limit = _converted(other.limit, other.unit, one.unit)
        if limit is None or _size(one.row, arms) != _size(other.row, arms):
            continue
        if (one.limit, one.over) < (limit, other.over) and other.low > one.high + 1e-9:
            raise ValueError(
                f"row {other.row.place}: {_words(other.row)}, and {_words(one.row)} in row {one.row.place}: who is "
                "beyond a limit is beyond a lower one, too; mend one of them"
            )


def _words(row: PrintedNumber) -> str:
    limit = f"{row.limit:g}" if isinstance(row.limit, float) else row.limit
    return f"{row.statistic} {limit} = {row.said}"


def _beyond(row: PrintedNumber, arms: tuple[ArmFile, ...]) -> _Beyond | None:
    """Return which share of patients a row says to be beyond its limit; None for one that says no such share."""
    kind, _, side = row.statistic.partition("_")
    n = _size(row, arms)
    if kind not in ("count", "percent") or row.limit is None or (kind == "count" and n is None):
        return None
    try:
        limit, unit = parse(row.limit) if isinstance(row.limit, str) else (row.limit, "")
    except ImmunodeError:  # the model says what is wrong with it
        return None
    share = 100 * row.number / n if kind == "count" and n is not None else row.number
    slip = half_unit(row) if kind == "percent" else 0.0
    low = 0.0 if row.censored == "below" else share - slip
    high = 100.0 if row.censored == "above" else share + slip
    if side == "above":
        return _Beyond(row, limit, unit, True, low, high)
    return _Beyond(row, limit, unit, False, 100 - high, 100 - low)


def _converted(number: float, unit: str, to: str) -> float | None:
    """Return a number in another unit; None where they do not fit, or one is not said."""
    if unit == to:
        return number
    try:
        return number * factor(unit, to) if unit and to else None
    except UnitError:
        return None


def _size(row: PrintedNumber, arms: tuple[ArmFile, ...]) -> int | None:
    return row.n or size(row.arm, arms)


def _refuse(one: _Read, low: _Read, how: str) -> None:
    others = f"row {low.row.place}" if low.row.place != one.row.place else "the same row"
    raise ValueError(
        f"row {one.row.place}: {one.row.statistic} = {one.said}, and {low.row.statistic} of {others} is {low.said}; "
        f"expected {low.said} {how}"
    )
