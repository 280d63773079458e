"""Baselines: what each virtual patient's is, drawn, and the parameter that gives it, solved per patient."""

from collections.abc import Callable

import numpy as np

from immunode.engine.draws import draws, lognormal
from immunode.errors import BadValue, Status, unknown
from immunode.evidence.design import Baseline
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials.population import Patients

Miss = Callable[[np.ndarray, np.ndarray], np.ndarray]  # values and rows of patients -> by how much they miss


def check_baseline(baseline: Baseline, model: Model, start: float) -> None:
    """Check a baseline against a model and the first day.

    Raise UnknownName for an observable or parameter that the model does not have, BadValue for a parameter without a
    lower bound, a day before the start, a median that the cut forbids.
    """
    if baseline.observable not in model.observables:
        raise unknown("output or state", baseline.observable, model.observables, f"baseline: {model.name}")
    declared = {p.name: p for p in model.parameters}
    if baseline.solve not in declared:
        raise unknown("parameter", baseline.solve, declared, f"baseline: {model.name}")
    if not np.isfinite(declared[baseline.solve].low):
        raise BadValue(f"baseline: parameter '{baseline.solve}' of {model.name} needs a lower bound to be solved for")
    if baseline.day < start:
        raise BadValue(
            f"baseline: day {baseline.day:g} lies before the first simulated day, {start:g}; give a later day"
        )
    _centre_and_share(baseline)


def baseline_draws(baseline: Baseline, n: int, seed: int, *, first: int = 0, arm: str = "") -> np.ndarray:
    """Return n baseline values, log-normal with the printed median after the cut at `below`, shape (n,)."""
    from scipy.special import ndtri

    u = draws(seed, f"{arm}/baseline", n, first=first, kind="uniform")
    centre, share = _centre_and_share(baseline)
    return lognormal(centre, baseline.log_sd, ndtri(np.maximum(u, 1e-12) * share))


def _centre_and_share(baseline: Baseline) -> tuple[float, float]:
    """Return the median of the distribution that is cut, and the share of it that is left."""
    if baseline.below is None:
        return baseline.median, 1.0
    from scipy.optimize import brentq
    from scipy.special import log_ndtr, ndtr

    cut, half, sd = np.log(baseline.below / baseline.median), np.log(0.5), baseline.log_sd

    def miss(shift: float) -> float:
        """Return by how much the median of the cut distribution misses, as a log share."""
        return float(log_ndtr(shift / sd) - log_ndtr((cut + shift) / sd) - half)

    if cut <= 0 or miss(-20 * sd) * miss(20 * sd) > 0:
        raise BadValue(
            f"baseline: a median of {baseline.median:g} cannot be reached below {baseline.below:g} "
            f"with an SD of the log of {sd:g}"
        )
    shift = brentq(miss, -20 * sd, 20 * sd)
    return baseline.median * float(np.exp(-shift)), float(ndtr((cut + shift) / sd))


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
    """Return the patients with the parameter `baseline.solve` set so that the observable equals `wanted` (n,) on the
    baseline day.

    Each patient is solved on its own, by false position from the parameter's lower bound to its upper one or four times
    the value wanted; where no value does it the status says `no_baseline` and the patient stays. The baseline is one
    that `check_baseline` lets pass.
    """
    model = patients.model
    bounds = next(p for p in model.parameters if p.name == baseline.solve)
    column = list(model.typical).index(baseline.solve)
    parameters = patients.parameters.copy()
    times, observe = np.array([baseline.day]), [baseline.observable]

    def miss(value: np.ndarray, rows: np.ndarray) -> np.ndarray:
        parameters[rows, column] = value
        which = np.zeros(len(rows), dtype=np.int64)
        solution = run(
            model, parameters[rows], [regimen], which, times=times, observe=observe, start=start, rtol=rtol,
            threads=threads,
        )  # fmt: skip
        return solution.values[:, 0, 0] - wanted[rows]

    low = np.full(len(parameters), bounds.low)
    solved, missed = _bracketed_root(miss, low, np.minimum(bounds.high, 4 * wanted), 1e-7 * wanted)
    parameters[:, column] = solved
    status = np.where(missed, int(Status.no_baseline), patients.status)
    return Patients(model, parameters, patients.subgroup, status, patients.first)


def _bracketed_root(miss: Miss, low: np.ndarray, high: np.ndarray, enough: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per-patient roots of the rising function `miss(values, rows)` and who has none, by the Illinois method.

    A patient who has arrived is left alone, so that the rest of the batch cannot move its last bits.
    """
    low, high = low.copy(), high.copy()
    everyone = np.arange(len(low))
    at_low, at_high = miss(low, everyone), miss(high, everyone)
    none = ~((at_low <= 0) & (at_high >= 0))
    best = np.where(np.abs(at_low) < np.abs(at_high), low, high)
    side = np.zeros(len(low))
    rows = everyone[~none & (np.minimum(np.abs(at_low), np.abs(at_high)) > enough)]
    for _ in range(100):
        if not rows.size:
            return best, none
        a, b, fa, fb = low[rows], high[rows], at_low[rows], at_high[rows]
        guess = (a * fb - b * fa) / (fb - fa)
        guess = np.where((guess > a) & (guess < b), guess, 0.5 * (a + b))
        error = miss(guess, rows)
        best[rows] = guess
        above = error > 0
        at_low[rows] = np.where(above, np.where(side[rows] > 0, 0.5 * fa, fa), error)
        at_high[rows] = np.where(above, error, np.where(side[rows] < 0, 0.5 * fb, fb))
        low[rows], high[rows] = np.where(above, a, guess), np.where(above, guess, b)
        side[rows] = np.where(above, 1.0, -1.0)
        rows = rows[np.abs(error) > enough[rows]]
    none[rows] = True
    return best, none
