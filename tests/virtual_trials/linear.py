"""A linear model whose course is known in closed form, and trials of it."""

import math

import immunode as im

HALF = 14.0  # days
K = math.log(2) / HALF
DECAY = im.Model(
    "decay", [im.State("x", "mg", initial=lambda p: p.x0, scale=1.0)], lambda t, x, p: {"x": -p.k * x.x},
    [im.Parameter("k", K, "1/day"), im.Parameter("x0", 100.0, "mg")], routes={"iv": "x"},
    outputs=[im.Output("y", "mg", lambda t, x, p: x.x)],
)  # fmt: skip
WEEKLY = [7.0 * week for week in range(13)]  # up to day 84


def rule(when="y < 30", add="70 mg IV bolus day 1", name="top up", **fields):
    """Return a rule that gives a bolus when y is low."""
    return im.RecurringRule(name=name, when=when, then=fields.pop("then", {"add": add}), **fields)


def trial(*rules, regimen=None, arms=(), visits=WEEKLY, omega=None, **fields):
    """Return a trial of one arm with rules, or of the arms."""
    listed = arms or [im.Arm("a", 5, regimen, rules=list(rules))]
    return im.Trial("linear", im.Population(DECAY, omega=omega or {}), visits, listed, **fields)


def log(result):
    """Return the log of a result as a table."""
    import pandas

    names = [str(name) for name in result.data_vars if str(name).startswith("decision_")]
    return pandas.DataFrame({name.removeprefix("decision_"): result[name].values for name in names})


def course(visits, dose_when, dose=70.0, start=100.0):
    """Return y at each visit, and the visits that treat, of a patient who gets a dose where `dose_when(y, day)`."""
    y, values, treated, before = start, [], [], visits[0]
    for day in visits:
        y *= math.exp(-K * (day - before))
        values.append(y)
        if dose_when(y, day):
            treated.append(day)
            y += dose
        before = day
    return values, treated
