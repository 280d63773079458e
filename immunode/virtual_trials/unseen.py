"""Rules that look at a drug on days on which nothing is left of it."""

from functools import partial

import numpy as np

from immunode.conditions.syntax import comparisons
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials.arm import Arm, Plan, PlannedRecurring
from immunode.virtual_trials.population import Population

_AFTER = (0.05, 0.1, 0.2, 0.5, 1.0)  # days after a dose on which the most of a drug is looked for
_NEXT_TO_NOTHING = 0.01  # of the most


def unseen_drugs(arm: Arm, plan: Plan, population: Population, start: float) -> list[str]:
    """Return a line for each rule of an arm that compares a signal which is zero untreated, and decides only where next
    to nothing of it is left: on no day within a day after a dose, and at less than 1 % of the most that the typical
    patient has."""
    regimens = [plan.regimen]
    regimens += [rule.extra.shift(day) for rule in plan.recurring if rule.extra is not None for day in rule.days]
    doses = [(dose.time, dose.duration) for one in regimens for dose in one.doses if dose.action == "add"]
    far = [rule for rule in plan.recurring if not _near(rule, doses)]
    names = list(dict.fromkeys(signal for rule in far for signal in _looked_at(rule)))
    if not doses or not names:
        return []
    times = np.unique([*(time + after for time, _ in doses for after in _AFTER), *(day for r in far for day in r.days)])
    model = population.of
    solved = partial(
        run, model, np.array([list(model.values({**population.typical, **arm.values}).values())]),
        which=np.zeros(1, dtype=np.int64), observe=names, start=start,
    )  # fmt: skip
    untreated = solved(regimens=[Regimen()], times=np.array([start])).values[0, 0]
    everything = Regimen(tuple(dose for one in regimens for dose in one.doses))
    course = solved(regimens=[everything], times=times).values[0]
    lines = []
    for rule in far:
        for name in dict.fromkeys(_looked_at(rule)):
            values = course[:, names.index(name)]
            left = values[np.searchsorted(times, rule.days)].max()
            if untreated[names.index(name)] == 0 and left < _NEXT_TO_NOTHING * values.max():
                lines.append(
                    f"arm '{arm.name}', rule '{rule.rule.name}': it looks at {name}, of which nothing is there without "
                    f"doses, on no day within a day after one: it sees next to nothing. Rules see visits alone; list "
                    f"one such as day {doses[0][0] + 1:g}"
                )
    return lines


def _looked_at(rule: PlannedRecurring) -> list[str]:
    """Return the signals that the condition of a rule compares."""
    return [one.quantity.signal for one in comparisons(rule.condition) if one.quantity.signal]


def _near(rule: PlannedRecurring, doses: list[tuple[float, float]]) -> bool:
    """Return whether a rule decides on a day within a day after a dose, or its end."""
    return any(0 < day - time <= 1 + duration for day in rule.days for time, duration in doses)
