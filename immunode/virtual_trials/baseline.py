"""Baselines: what each virtual patient's is, drawn, and the parameter that gives it, solved per patient."""

from collections.abc import Sequence

import numpy as np

from immunode.engine.draws import draws
from immunode.errors import BadValue, ImmunodeError, Status, unknown
from immunode.evidence.baseline import Baseline
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials.distribution import distribution
from immunode.virtual_trials.nadir import never_above
from immunode.virtual_trials.population import Patients
from immunode.virtual_trials.roots import bracketed_root, by_secants

_ENOUGH = 0.1  # of the tolerance of courses


def parameter_of(baseline: Baseline, model: Model) -> str:
    """Return the parameter that a baseline decides: the one that it names, or that the model declares for it."""
    if baseline.solve is not None:
        return baseline.solve
    covariate = model.patients.covariate(baseline.observable)
    if covariate is not None:
        return covariate.parameter
    if baseline.observable in model.parameter_units:
        return baseline.observable
    if baseline.observable in model.observables:
        raise BadValue(
            f"baseline: {model.name} does not declare by which parameter '{baseline.observable}' is met; name it, such "
            f"as solve = '{next(iter(model.typical), 'k')}'"
        )
    known = [*model.observables, *model.parameter_units, *(c.name for c in model.patients.covariates)]
    raise unknown("output or state", baseline.observable, known, f"baseline: {model.name}")


def units_of(model: Model, name: str) -> str:
    """Return the unit of a covariate, an observable or a parameter."""
    covariate = model.patients.covariate(name)
    if covariate is not None and not covariate.observable:
        return model.parameter_units[covariate.parameter]
    shown = name if covariate is None else covariate.observable
    return {**model.parameter_units, **model.observables}[shown]


def is_solved(baseline: Baseline, model: Model) -> bool:
    """Return whether a parameter is found so that the model gives the number, which else enters by itself."""
    return baseline.solve is not None or baseline.observable in model.observables


def most_of(baseline: Baseline, model: Model) -> str:
    """Return the parameter that a baseline is never above, "" for none."""
    covariate = model.patients.covariate(baseline.observable)
    return "" if covariate is None or is_solved(baseline, model) else covariate.at_most


def least_of(baseline: Baseline, model: Model) -> str:
    """Return the parameter that a baseline is never below, "" for none."""
    covariate = model.patients.covariate(baseline.observable)
    return "" if covariate is None or is_solved(baseline, model) else covariate.at_least


def check_baselines(baselines: Sequence[Baseline], model: Model, start: float, where: str) -> None:
    """Check each baseline of an arm, and that no two decide one parameter.

    Raise UnknownName or BadValue, naming the arm where it matters.
    """
    try:
        for baseline in baselines:
            check_baseline(baseline, model, start)
            for count in baselines:
                if most_of(baseline, model) == parameter_of(count, model):
                    never_above(baseline, count)
    except ImmunodeError as error:
        raise type(error)(f"{where}, {error}") from error
    decided = [parameter_of(baseline, model) for baseline in baselines]
    if twice := [name for name in decided if decided.count(name) > 1]:
        names = " and ".join(f"'{b.observable}'" for b in baselines if parameter_of(b, model) == twice[0])
        raise BadValue(f"{where}: the baselines {names} both decide {twice[0]}; leave one out")


def check_baseline(baseline: Baseline, model: Model, start: float) -> None:
    """Check a baseline against a model and the first day.

    Raise UnknownName for an observable or parameter that the model does not have, BadValue for a parameter without a
    lower bound, a day before the start, what the cuts forbid.
    """
    if baseline.solve is not None and baseline.observable not in model.observables:
        raise unknown("output or state", baseline.observable, model.observables, f"baseline: {model.name}")
    parameter, declared = parameter_of(baseline, model), {p.name: p for p in model.parameters}
    if baseline.solve is not None and parameter not in declared:
        raise unknown("parameter", parameter, declared, f"baseline: {model.name}")
    if is_solved(baseline, model) and not (parameter in declared and np.isfinite(declared[parameter].low)):
        raise BadValue(f"baseline: parameter '{parameter}' of {model.name} needs a lower bound to be solved for")
    if baseline.day < start:
        raise BadValue(
            f"baseline: day {baseline.day:g} lies before the first simulated day, {start:g}; give a later day"
        )
    spread = distribution(baseline)
    if parameter in declared and not is_solved(baseline, model):
        bounds, ends = declared[parameter], spread.quantile(np.array([0.01, 0.99]))
        if ends[0] > bounds.high or ends[1] < bounds.low:
            raise BadValue(
                f"baseline: nobody can have {baseline.numbers}: '{parameter}' of {model.name} is {bounds.low:g} to "
                f"{bounds.high:g} {bounds.unit}"
            )


def baseline_draws(baseline: Baseline, n: int, seed: int, *, first: int = 0, arm: str = "") -> np.ndarray:
    """Return n baseline values, drawn from the distribution that is said of them, shape (n,)."""
    return distribution(baseline).quantile(draws(seed, f"{arm}/baseline", n, first=first, kind="uniform"))


def with_baseline(
    patients: Patients,
    wanted: np.ndarray,
    baseline: Baseline,
    regimen: Regimen,
    *,
    start: float,
    rtol: float = 1e-6,
    threads: int = 1,
) -> Patients:
    """Return the patients with the parameter that the baseline decides set so that the observable equals `wanted` (n,)
    on the baseline day.

    Each patient is solved on its own: by secants from the value wanted, or where the parameter is something else from
    the patient's own; else by false position from the parameter's lower bound to its upper one or four times the value
    wanted, and who has none there up to the upper one. Where no value does it the status says `no_baseline` and the
    patient stays. The baseline is one that `check_baseline` lets pass.
    """
    model = patients.model
    solve = parameter_of(baseline, model)
    bounds = next(p for p in model.parameters if p.name == solve)
    column = list(model.typical).index(solve)
    parameters = patients.parameters.copy()
    times, observe = np.array([baseline.day]) * model.per_day, [baseline.observable]

    def place(value: np.ndarray, rows: np.ndarray) -> None:
        parameters[rows, column] = value

    def miss(value: np.ndarray, rows: np.ndarray) -> np.ndarray:
        place(value, rows)
        which = np.zeros(len(rows), dtype=np.int64)
        solution = run(
            model, parameters[rows], [regimen], which, times=times, observe=observe, start=start * model.per_day,
            rtol=rtol, threads=threads,
        )  # fmt: skip
        return solution.values[:, 0, 0] - wanted[rows]

    low, high = (np.full(len(parameters), bound) for bound in (bounds.low, bounds.high))
    alike = bounds.unit == model.observables[baseline.observable]
    first = wanted if alike else patients.parameters[:, column]
    enough = _ENOUGH * rtol * wanted
    solved, missed = by_secants(miss, np.clip(first, low, high), wanted, low, high, enough)
    for end in (np.minimum(high, 4 * wanted), high):
        if (rest := np.flatnonzero(missed & np.isfinite(end))).size:
            solved[rest], missed[rest] = bracketed_root(miss, rest, low[rest], end[rest], enough[rest])
    place(solved, np.arange(len(parameters)))
    status = np.where(missed, int(Status.no_baseline), patients.status)
    return Patients(model, parameters, patients.subgroup, status, patients.first)
