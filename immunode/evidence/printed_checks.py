"""What a printed number cannot be, alone or in its trial: each is refused by its row, with the cure."""

import math
from collections.abc import Sequence

from immunode.errors import nearest
from immunode.evidence.design import ArmFile
from immunode.evidence.endpoint import YES_OR_NO, no_share
from immunode.evidence.printed_matrix import PrintedCovariance
from immunode.evidence.printed_number import PrintedNumber, last_count, whole_patients
from immunode.evidence.printed_rows import size
from immunode.evidence.printed_together import INTERVALS, check_together, of_difference
from immunode.measures import measure, statistic
from immunode.measures.p_values import P_VALUES
from immunode.measures.window import after

_SPREADS = {  # none of them is 0, or less, of patients who differ
    "sd": "an SD",
    "se": "a standard error",
    "cv": "a CV",
    "geometric_cv": "a geometric CV",
    "geometric_sd": "a geometric SD",
}
_OF_ONE_GROUP = {*_SPREADS, *(end for ends in INTERVALS for end in ends)}  # that a comparison has no own of


def check_rows(name: str, rows: Sequence[PrintedNumber], arms: tuple[ArmFile, ...], start: float) -> None:
    """Raise ValueError for the first row that contradicts itself, the arms of the trial `name`, or another row."""
    names = [arm.name for arm in arms]
    for row in rows:
        for arm in (*row.groups, *row.versus_groups):
            if arm not in names:
                raise ValueError(f"row {row.place}: {name} has no arm '{arm}'{nearest(arm, names)}")
        wrong = next(filter(None, (check(row) for check in (_contradiction, _of_no_use, _impossible))), "")
        wrong = wrong or _of_unit(row) or _of_size(row, size(row.arm, arms)) or _outside(row, start)
        if wrong:
            raise ValueError(f"row {row.place}: {wrong}")
    check_together(rows, arms)


def check_visits(
    rows: Sequence[PrintedNumber], covariances: Sequence[PrintedCovariance], visits: Sequence[float], start: float
) -> None:
    """Raise ValueError for a visit before the start of a trial, and for a number of a day after the last visit."""
    if not visits:
        return
    if (first := min(visits)) < start:
        raise ValueError(f"visits = {first:g}: it lies before the start of the trial, day {start:g}; leave it out")
    said = [(f"row {row.place}: day", row.day) for row in rows]
    said += [(f"covariance {number}: days", day) for number, one in enumerate(covariances, 1) for day in one.days]
    for where, day in said:
        if day > (last := max(visits)):
            raise ValueError(f"{where} = {day:g} comes after the last visit, day {last:g}; add it to 'visits'")


def check_covariances(
    name: str, covariances: Sequence[PrintedCovariance], arms: tuple[ArmFile, ...], start: float
) -> None:
    """Raise ValueError for the first covariances of an arm that the trial `name` has not, of more patients than it has,
    or of a day before the start."""
    sizes = {arm.name: arm.n for arm in arms}
    for number, one in enumerate(covariances, start=1):
        where = f"covariance {number}"
        if one.arm not in sizes:
            raise ValueError(f"{where}: {name} has no arm '{one.arm}'{nearest(one.arm, sizes)}")
        if (n := sizes[one.arm]) is not None and max(one.sizes) > n:
            raise ValueError(f"{where}: n = {max(one.sizes)} is more than the {n} patients of '{one.arm}'")
        if one.days[0] < start:
            raise ValueError(
                f"{where}: days = {one.days[0]:g} lies before the start of the trial, day {start:g}; give a later day"
            )


def _contradiction(row: PrintedNumber) -> str:
    """Return what a row says that cannot be, or has no effect, with the cure; nothing when all is well."""
    what = measure(row.measure)
    if what.level != (row.level is not None):
        return f"'{row.measure}' {'needs a level, such as 1' if what.level else 'has no use for a level'}"
    if what.needs == "events" and row.observable:
        return f"'{row.measure}' is of no course; leave out observable = '{row.observable}'"
    if row.measure == "value" and row.from_day:
        return (
            f"from_day = {row.from_day:g} has no effect on the 'value' of a day; leave it out, or name another measure"
        )
    if row.compare == "ratio" and not row.versus:
        return "a ratio needs the arm that it is to; name it as 'versus'"
    if row.n is not None and row.versus:
        return (
            f"n = {row.n} with versus = '{row.versus}' may be of either; leave it out, and say it as n of the arms, or "
            "give each arm a row of its own"
        )
    if row.versus == row.arm:
        return f"arm '{row.arm}' is compared with itself; name another as 'versus'"
    for pooled in (row.groups, row.versus_groups):
        if twice := [arm for arm in pooled if pooled.count(arm) > 1]:
            return f"arm '{twice[0]}' is pooled with itself; name it once"
    if both := sorted({*row.groups} & {*row.versus_groups}):
        return f"arm '{both[0]}' stands on both sides of the comparison; leave it out of one"
    if row.versus_value is not None and not row.versus:
        return f"versus_value = {row.versus_value:g} is of no arm; name it as 'versus'"
    if row.compare == "ratio" and row.versus_value == 0:
        return "a ratio to versus_value = 0 is no number; compare by difference"
    if row.versus_value is not None and row.censored:
        return f"value = '{row.said}' beyond a limit makes no {row.compare}; give each arm a row of its own"
    if not math.isfinite(row.observed):
        return f"value = {row.said} and versus_value = {row.versus_value:g} make {row.observed:g}, no finite number"
    if row.scale == "log" and row.observed <= 0:
        return f"a fit on the log scale needs a positive number, not {row.observed:g}"
    return ""


def _of_no_use(row: PrintedNumber) -> str:
    """Return what is wrong with a statistic: of this measure, without what it counts by, or of no comparison."""
    if row.statistic in P_VALUES:
        if not row.versus:
            return f"'{row.statistic}' is of a test between arms; name the other as 'versus'"
        if row.use != "check":
            return f"'{row.statistic}' is nothing that a fit reads; say use = 'check'"
        if row.versus_value is not None or row.compare == "ratio":
            return f"'{row.statistic}' is one number of both arms; leave out versus_value and compare"
        if (row.statistic == "p_fisher") != (row.measure in YES_OR_NO or row.limit is not None):
            return (
                f"'{row.statistic}' of '{row.measure}': expected 'p_fisher' of {' and '.join(YES_OR_NO)} and of who is "
                "beyond a limit, and another test of numbers"
            )
        return ""
    over = statistic(row.statistic)
    if over.limit and row.limit is None:
        return f"'{row.statistic}' counts by a limit; give limit = 1, or with a unit"
    if not over.limit and row.limit is not None:
        return f"'{row.statistic}' has no use for limit = {row.limit!r}; leave it out"
    if row.versus and row.statistic.startswith("count"):
        return (
            f"'{row.statistic}' with versus = '{row.versus}': counts differ as the sizes of arms do; give each arm a "
            f"row of its own, or compare by '{row.statistic.replace('count', 'percent')}'"
        )
    if row.versus and row.statistic in _OF_ONE_GROUP and not of_difference(row):
        return (
            f"'{row.statistic}' with versus = '{row.versus}': expected one of each arm, or of a difference of means "
            "'se', 'ci_low' and 'ci_high', without versus_value"
        )
    if over.of_values and measure(row.measure).needs != "ends":
        return f"statistic '{row.statistic}' is of a change between two days, not of '{row.measure}'"
    return no_share(row.statistic, row.measure)


def _impossible(row: PrintedNumber) -> str:
    """Return why a number is not one that its statistic can be; nothing where it can."""
    name, number, said = row.statistic, row.observed, f"value = {row.said}"
    if name in P_VALUES:
        return "" if 0 <= number <= 1 else f"{said}: expected a p-value, from 0 to 1"
    if row.versus and row.versus_value is None:
        if statistic(name).unit == "percent" and name.startswith("percent") and row.compare == "difference":
            return "" if -100 <= number <= 100 else f"{said}: expected a difference of percentages, from -100 to 100"
        return ""
    for each in (row.number, *([] if row.versus_value is None else [row.versus_value])):
        if name in _SPREADS and not each > (least := 1 if name == "geometric_sd" else 0):
            return f"{said}: expected {_SPREADS[name]} above {least}"
        if name == "iqr" and each < 0:
            return f"{said}: expected an interquartile range, 0 or more"
        if name.startswith("percent") and not 0 <= each <= 100:
            return f"{said}: expected a percentage, from 0 to 100"
        if name.startswith("count") and not (each >= 0 and each == int(each)):
            return f"{said}: expected a count of patients, a whole number from 0"
        if name == "geometric_mean" and not each > 0:
            return f"{said}: expected a geometric mean above 0"
    return ""


def _of_unit(row: PrintedNumber) -> str:
    """Return why a number cannot have its unit: shares and counts of patients have one of their own."""
    unit = "1" if row.statistic in P_VALUES else statistic(row.statistic).unit
    known = {"percent": ("", "%", "percent"), "patients": ("", "1", "patients"), "1": ("", "1")}
    if row.compare == "ratio" and row.versus_value is None:
        return (
            ""
            if row.unit in ("", "1")
            else f"unit = '{row.unit}': a ratio has none, and is 1.2, not 120 %; leave it out"
        )
    if row.compare == "ratio" or row.unit in known.get(unit, (row.unit,)):
        return ""
    return f"unit = '{row.unit}': '{row.statistic}' is in {unit}; leave the unit out"


def _of_size(row: PrintedNumber, n: int | None) -> str:
    """Return why a number is none of so many patients."""
    if row.n is not None and n is not None and row.n > n:
        return f"n = {row.n} is more than the {n} patients of '{row.arm}'"
    n = row.n or n
    if not row.statistic.startswith(("count", "percent")) or row.versus or n is None:
        return ""
    if row.censored and not 0 <= last_count(row, n) <= n:
        return f"value = {row.said}: no count of the {n} patients of '{row.arm}' is so"
    if row.statistic.startswith("count") and row.number > n:
        return f"value = {row.said}: expected at most the {n} patients of '{row.arm}'"
    if row.statistic.startswith("percent") and not row.censored and 0 < row.number <= 1 and whole_patients(row, n):
        return (
            f"value = {row.said} of the {n} patients of '{row.arm}' looks like a fraction: expected a percentage, "
            f"{100 * row.number:g} for {100 * row.number:g} %; where it is {row.said} %, say the n that it is of"
        )
    return ""


def _outside(row: PrintedNumber, start: float) -> str:
    """Return which day of a row lies before its trial, or that no time lies between its two."""
    spans = measure(row.measure).window or row.measure == "event"
    for name, day in (("day", row.day), ("from_day", row.from_day)):
        if day < start and (name == "day" or spans):
            return f"{name} = {day:g} lies before the start of the trial, day {start:g}; give a later day"
    if spans and after(row.from_day - start) >= row.day - start:
        return (
            f"no time lies between from_day = {row.from_day:g} and day = {row.day:g}; '{row.measure}' needs a span of "
            "days: give an earlier from_day (a number alone is days)"
        )
    return ""
