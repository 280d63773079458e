"""The days on which rules decide, and on which an arm's patients are therefore seen."""

from collections.abc import Iterable, Sequence

from immunode.evidence.rules import RecurringRule


def baseline_day(start: float) -> float:
    """Return the day of the baseline: day 0, or the first simulated day where that is later."""
    return max(0.0, start)


def rule_days(rule: RecurringRule, visits: Sequence[float], start: float) -> tuple[float, ...]:
    """Return the days on which a rule decides: its own, or else all visits after the baseline, up to the last.

    A rule that changes doses does not decide at the last visit, after which nobody is looked at.
    """
    begin, last = baseline_day(start), visits[-1]
    until = last if rule.until is None else min(rule.until, last)
    if rule.days is not None:
        days: Iterable[float] = rule.days
    elif rule.every is not None:
        first = begin + rule.every if rule.first is None else rule.first
        days = (first + k * rule.every for k in range(max(0, int((until - first) // rule.every) + 2)))
    else:
        days = (day for day in visits if (day > begin if rule.first is None else day >= rule.first))
    return tuple(day for day in days if start < day <= until and (day < last or not rule.then.changes_doses))


def first_day(rule: RecurringRule, start: float) -> float:
    """Return the first day on which a rule may decide, whatever the visits are."""
    if rule.days is not None:
        return rule.days[0]
    return rule.first if rule.first is not None else baseline_day(start) + (rule.every or 0.0)


def clinic_days(rules: Iterable[RecurringRule], visits: Sequence[float], start: float) -> tuple[float, ...]:
    """Return the days on which an arm's patients are seen: the trial's visits, the baseline, and its rules' days."""
    listed = list(rules)
    extra = [day for rule in listed for day in rule_days(rule, visits, start)]
    baseline = [baseline_day(start)] if listed and baseline_day(start) < visits[-1] else []
    return tuple(sorted({*visits, *extra, *baseline}))
