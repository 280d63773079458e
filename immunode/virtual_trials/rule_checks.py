"""Checks of recurring rules when a trial is made: one that cannot decide, act or be reached is refused by name."""

from collections.abc import Sequence
from itertools import pairwise

from immunode.conditions import Condition
from immunode.conditions.logic import contradiction, implies, is_never
from immunode.conditions.measured import GIVEN, is_positive, points
from immunode.conditions.syntax import CHANGES, Comparison, comparisons
from immunode.errors import BadValue
from immunode.virtual_trials.arm import Arm, Plan, PlannedRecurring, one_time
from immunode.virtual_trials.prescribed import amount_in, amount_of
from immunode.virtual_trials.rule_clock import baseline_day, first_day
from immunode.virtual_trials.seen_so_far import ALL, since_day

_SAME = 1e-9


def check_recurring(arm: Arm, plan: Plan, clinic: Sequence[float], start: float, window: float) -> None:
    """Raise BadValue for a recurring rule of an arm that can never act, names a day that is no visit, or gives cycles
    that overlap; `clinic` are the days on which the arm's patients are seen."""
    rules = plan.recurring
    if not rules:
        return
    names = [planned.rule.name for planned in rules] + [rule.name for rule in one_time(arm)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadValue(f"arm '{arm.name}': two rules are called '{twice[0]}'; give each a name of its own")
    for index, planned in enumerate(rules):
        where = f"arm '{arm.name}', rule '{planned.rule.name}'"
        _check_clock(planned, where, clinic, start)
        _check_condition(planned, planned.condition, plan, where, clinic, start)
        if planned.release is not None:
            _check_condition(planned, planned.release, plan, f"{where}, hold_until", clinic, start)
            if implies(planned.condition, planned.release):
                raise BadValue(f"{where}: its hold ends where it begins: '{planned.release}' holds wherever "
                               f"'{planned.condition}' does")  # fmt: skip
            if _again(planned) and implies(planned.release, planned.condition):
                raise BadValue(f"{where}: its hold begins again where it ends: '{planned.condition}' holds wherever "
                               f"'{planned.release}' does; write an end at which it does not hold, such as until "
                               f"{planned.condition.turned()}")  # fmt: skip
        _check_doses(planned, plan, where, start)
        _check_caps(planned, plan, where)
        _check_gaps(planned, where, window)
        for earlier in rules[:index]:
            _check_reached(planned, earlier, where)


def _again(planned: PlannedRecurring) -> bool:
    """Return whether a rule may act more than once."""
    return len(planned.days) > 1 and planned.rule.at_most != 1


def check_seen(arm: Arm, clinic: Sequence[float], exact: float, window: float) -> None:
    """Raise BadValue for visits so close that their windows would overlap."""
    days = [day for day in clinic if day >= exact]
    for before, day in pairwise(days):
        room = day - before if before == exact else (day - before) / 2
        if window and window >= room:
            raise BadValue(
                f"visit_window = {window:g}: visits of arm '{arm.name}' on days {before:g} and {day:g} could change "
                f"places; expected less than {room:g}"
            )


def _check_clock(planned: PlannedRecurring, where: str, clinic: Sequence[float], start: float) -> None:
    rule, last = planned.rule, clinic[-1]
    if rule.days is not None and (early := [day for day in rule.days if day <= start]):
        raise BadValue(f"{where}: day {early[0]:g} is not after the start, day {start:g}")
    if rule.first is not None and rule.first <= start:
        raise BadValue(f"{where}: first = {rule.first:g} is not after the start, day {start:g}")
    if rule.days is not None and (late := [day for day in rule.days if day > last]):
        raise BadValue(f"{where}: day {late[0]:g} comes after the last visit, day {last:g}")
    if not planned.days:
        begin = first_day(rule, start)
        raise BadValue(
            f"{where}: it never decides: no visit of the trial comes after its first day, {begin:g}; the last visit is "
            f"on day {last:g}" + ("" if rule.until is None else f", and it decides until day {rule.until:g}")
        )


def _check_condition(
    planned: PlannedRecurring, condition: Condition, plan: Plan, where: str, clinic: Sequence[float], start: float
) -> None:
    clash = contradiction(condition)
    if clash is not None:
        raise BadValue(f"{where}: '{condition}' can never hold: '{clash[0]}' and '{clash[1]}' contradict each other")
    if is_never(condition):
        raise BadValue(f"{where}: '{condition}' can never hold")
    last = clinic[-1] if planned.rule.confirm or planned.release is condition else planned.days[-1]
    for one in comparisons(condition):
        _check_days(one, where, clinic, last, start)
        below = {"<": one.bound.offset <= 0, "<=": one.bound.offset < 0}
        if is_positive(one.quantity.kind) and below.get(one.sign, False):
            raise BadValue(f"{where}: '{one}' can never hold: it is never less than 0")
        if one.quantity.kind in GIVEN:
            _check_given(one, plan, where)


def _check_days(one: Comparison, where: str, clinic: Sequence[float], last: float, start: float) -> None:
    """Raise BadValue for a comparison that looks at no visit, or at more than there are up to the day `last`."""
    quantity, baseline = one.quantity, baseline_day(start)
    bounds = [one.bound, *([quantity.level] if quantity.level else [])]
    of_visits = quantity.since if quantity.signal else ""  # doses are counted from any day on
    references = [of_visits, *(bound.reference for bound in bounds)]
    for day in (float(name.removeprefix("day ")) for name in references if name.startswith("day ")):
        if day not in clinic:
            shown = ", ".join(f"{each:g}" for each in clinic)
            raise BadValue(f"{where}: '{one}': day {day:g} is no visit; visits are on days {shown}")
        if day > last:
            raise BadValue(f"{where}: '{one}': day {day:g} comes after its last decision, day {last:g}")
    if "baseline" in references and baseline > last:
        raise BadValue(f"{where}: '{one}': the baseline, day {baseline:g}, comes after day {last:g}")
    needs = max(one.visits, quantity.visits, points(quantity.kind) if quantity.kind not in CHANGES else 1)
    needs = max(needs, 2) if any(bound.reference in ("nadir", "best") for bound in bounds) else needs
    begins = since_day(quantity.since, baseline)
    visits = [day for day in clinic if begins <= day <= last]
    if needs > len(visits):
        span = f"up to day {last:g}" if begins == ALL else f"from day {begins:g} to {last:g}"
        raise BadValue(f"{where}: '{one}' needs {needs} visits, and there are {len(visits)} {span}")


def _check_given(one: Comparison, plan: Plan, where: str) -> None:
    """Raise BadValue for an arm without doses, and a unit that none of them has."""
    doses = [dose for regimen in plan.regimens for dose in regimen.doses if dose.action == "add"]
    if not doses:
        raise BadValue(f"{where}: '{one}': the arm has no doses, and no rule adds any")
    unit = one.bound.unit
    if unit and not any(amount_of(dose, unit) for dose in doses):
        known = " and ".join(sorted({dose.unit for dose in doses}))
        raise BadValue(f"{where}: '{one}': no dose of the arm can be said in {unit}; doses are in {known}")


def _check_doses(planned: PlannedRecurring, plan: Plan, where: str, start: float) -> None:
    """Raise BadValue for a rule that changes doses where there are none to change."""
    then = planned.rule.then
    acts = [name for name in ("scale", "hold_until", "stop") if getattr(then, name)]
    once = [extra for rule in plan.rules for extra in (rule.then, rule.otherwise) if extra is not None]
    if not acts or once or any(other.extra is not None for other in plan.recurring):
        return
    doses = [dose.time for dose in plan.regimen.doses if dose.action == "add"]
    if not any(time >= planned.days[0] for time in doses):
        last = f"the last planned dose is given on day {max(doses):g}" if doses else "the arm has no doses"
        raise BadValue(
            f"{where}: nothing to {acts[0].removesuffix('_until')} from its first day on, {planned.days[0]:g}: {last}, "
            "and no rule adds any"
        )


def _check_caps(planned: PlannedRecurring, plan: Plan, where: str) -> None:
    rule, cycles = planned.rule, len(planned.starts)
    if rule.at_most is not None and cycles > rule.at_most:
        raise BadValue(f"{where}: it adds {cycles} cycles at once, more than at_most = {rule.at_most}; it never acts")
    if rule.total is None:
        return
    if planned.extra is None:
        raise BadValue(f"{where}: total = '{rule.total}' is a limit on doses, and the rule adds none; leave it out")
    assert planned.total is not None
    most, unit = planned.total
    before, more = amount_in(plan.regimen, unit), amount_in(planned.extra, unit)
    if before + more > most * (1 + _SAME):
        raise BadValue(
            f"{where}: total = '{rule.total}' is too low for it to act: {before:g} {unit} are planned, and it adds "
            f"{more:g} {unit}"
        )


def _check_gaps(planned: PlannedRecurring, where: str, window: float) -> None:
    rule = planned.rule
    if planned.extra is None:
        if rule.min_gap is not None:
            raise BadValue(f"{where}: min_gap is a time between cycles, and the rule adds none; leave it out")
        return
    length, last_dose = (day - planned.starts[0] for day in (planned.extra.end, planned.extra.doses[-1].time))
    last_begin = planned.starts[-1] - planned.starts[0]
    if rule.min_gap is not None and _overlaps(rule.min_gap + last_begin, length, last_dose):
        raise BadValue(
            f"{where}: min_gap = {rule.min_gap:g} days is too short for the cycle that it adds, "
            f"{length - last_begin:g} days from its first dose to its last"
        )
    apart = min((after - before for before, after in pairwise(planned.days)), default=float("inf"))
    if rule.min_gap is None and _overlaps(apart - 2 * window, length, last_dose):
        early = f" (a window of {window:g} days less at each end)" if window else ""
        raise BadValue(
            f"{where}: it may decide again after {apart:g} days{early}, and what it adds takes {length:g} days: cycles "
            "would overlap; decide less often, or give min_gap"
        )


def _overlaps(apart: float, length: float, last_dose: float) -> bool:
    """Return whether what takes `length` days still goes on, or its last dose is given, when it is given again."""
    return apart < length or (apart <= last_dose and last_dose > 0)


def _check_reached(planned: PlannedRecurring, earlier: PlannedRecurring, where: str) -> None:
    """Raise BadValue for a rule that no patient reaches, as an earlier one without limits matches wherever it does."""
    rule = earlier.rule
    limited = any((rule.at_most, rule.total, rule.min_gap, rule.confirm))
    if limited or not set(planned.days) <= set(earlier.days) or planned.rule.confirm:
        return
    if implies(planned.condition, earlier.condition):
        raise BadValue(
            f"{where}: it is never reached: rule '{rule.name}' before it matches whenever '{planned.condition}' holds, "
            "and the first that matches acts; change their order or conditions"
        )
