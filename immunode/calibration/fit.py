"""Fit parameters of the typical patient to printed numbers with lmfit: evidence + model + free parameters -> Fit."""

import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.cohorts import check_cohorts, data_hash, fitted, sources_of
from immunode.calibration.identifiability import LOG, weakest
from immunode.calibration.predict import predict
from immunode.calibration.problem import FitProblem, fit_problem
from immunode.errors import BadValue, SolveError, unknown
from immunode.evidence.printed import Evidence
from immunode.model.declaration import Model
from immunode.models import model as find_model

STEP = 1e-3  # of a parameter, for central differences: its error ~ STEP^2 stays above the solver's noise, rtol / STEP
PERTURB = 0.5  # log-SD of the extra starts

Options = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Fit:
    """Hold a finished fit in lmfit's words; `table` has a row per printed number: label, observed, predicted ...

    `residual` is (predicted - observed) / sigma. `weak` names in words what the evidence cannot tell apart; `starts`
    are the chi-squares that each start reached; `result` is lmfit's own, for `conf_interval` and `emcee`.
    """

    params: lmfit.Parameters
    table: pd.DataFrame
    result: lmfit.minimizer.MinimizerResult
    weak: tuple[str, ...]
    starts: tuple[float, ...]
    seed: int
    versions: Mapping[str, str]
    data_hash: str

    @property
    def chisqr(self) -> float:
        """Return the sum of squared residuals."""
        return float(self.result.chisqr)

    @property
    def nfree(self) -> int:
        """Return the degrees of freedom."""
        return int(self.result.nfree)

    @property
    def redchi(self) -> float:
        """Return chi-square per degree of freedom."""
        return float(self.result.redchi)

    @property
    def aic(self) -> float:
        """Return lmfit's Akaike information criterion."""
        return float(self.result.aic)

    @property
    def status(self) -> str:
        """Return how the minimiser ended."""
        return str(self.result.message)

    @property
    def stderr(self) -> dict[str, float]:
        """Return the standard error of every parameter (chi-square scale: the sigmas are taken as they are)."""
        return {name: float("nan") if p.stderr is None else float(p.stderr) for name, p in self.params.items()}

    @property
    def correlations(self) -> pd.DataFrame:
        """Return the correlation matrix of the varied parameters."""
        names = self.result.var_names
        covar = np.asarray(getattr(self.result, "covar", np.full((len(names), len(names)), np.nan)))
        sd = np.sqrt(np.diag(covar))
        return pd.DataFrame(covar / np.outer(sd, sd), index=names, columns=names)

    def _repr_html_(self) -> str:
        return (
            f"{self.params._repr_html_()}<p>chi-square {self.chisqr:.4g}, {self.nfree} free</p>{self.table.to_html()}"
        )


def calibrate(
    evidence: Sequence[str | Evidence] | str | Evidence,
    model: str | Model,
    vary: Sequence[str] | Mapping[str, Options],
    *,
    derived: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    spread: Mapping[str, float] | None = None,
    seed: int = 0,
    starts: int = 1,
    rtol: float = 1e-8,
    threads: int = 1,
    scale_covar: bool = False,
    progress: Callable[[int, int], Any] | None = None,
) -> Fit:
    """Fit `vary` (names, or {name: {value, min, max, log}}) to the rows of `evidence` marked "fit" by least squares.

    `evidence` is Evidence or names of library trials. `derived` holds lmfit expressions, such as {"Vmax": "slope *
    Km"}; `values` holds fixed parameters; `spread` the log-SD of parameters over which means are averaged. Starts after
    the first are drawn around it with `seed`. Raise UnknownName, BadValue, UnitError for bad input, SolveError when no
    start can be solved.
    """
    model = find_model(model)
    sources = sources_of(evidence)
    check_cohorts(sources)
    this = fit_problem(fitted(sources), model, spread=spread, rtol=rtol, threads=threads)
    held = {name: model.values(values)[name] for name in values or {}}
    first = parameters(model, vary, derived or {}, held)
    free = sum(p.vary for p in first.values())
    if len(this.data) < free:
        raise BadValue(f"{len(this.data)} printed numbers cannot fix {free} parameters; fit fewer, or add evidence")
    random = np.random.default_rng(seed)
    results: list[Any] = []
    failure: SolveError | None = None
    for i in range(starts):
        try:
            results.append(_minimise(this, first if i == 0 else _perturbed(first, random), held, scale_covar))
        except SolveError as error:
            failure = error
        if progress is not None:
            progress(i + 1, starts)
    if not results:
        raise failure or BadValue("starts must be 1 or more")
    best = min(results, key=lambda r: r.chisqr)
    reached = tuple(float(r.chisqr) for r in results)
    weak = tuple(weakest(jacobian(this, best.params, held), varied(best.params)))
    frame = table(
        fit_problem(sources, model, spread=spread, rtol=rtol, threads=threads), model_values(model, best.params, held)
    )
    return Fit(best.params, frame, best, weak, reached, seed, versions(), data_hash(sources))


def parameters(
    model: Model,
    vary: Sequence[str] | Mapping[str, Options],
    derived: Mapping[str, str] | None = None,
    held: Mapping[str, float] | None = None,
) -> lmfit.Parameters:
    """Return lmfit parameters: `log` ones are varied as log_<name>, bounds default to the model's.

    A `derived` expression may name any parameter of the model; one that is not varied has its `held` or typical value.

    Raise UnknownName for a name that is neither a parameter of the model nor used by a derived one.
    """
    options = vary if isinstance(vary, Mapping) else {name: {} for name in vary}
    derived = derived or {}
    words = {word for text in derived.values() for word in re.findall(r"\w+", text)}
    out = lmfit.Parameters()
    for name, given in options.items():
        if name not in model.typical and name not in words:
            raise unknown("parameter", name, model.typical, model.name)
        _add_free(out, model, name, given)
    for name, value in (model.typical | dict(held or {})).items():
        if name in words and name not in options and name not in derived:
            out.add(name, value=value, vary=False)
    for name, expression in derived.items():
        if name not in model.typical:
            raise unknown("parameter", name, model.typical, model.name)
        try:
            out.add(name, expr=expression)
        except (NameError, SyntaxError) as error:
            raise BadValue(f"derived parameter '{name}': cannot read '{expression}': {error}") from error
    return out


def _add_free(out: lmfit.Parameters, model: Model, name: str, given: Options) -> None:
    extra = set(given) - {"value", "min", "max", "log"}
    if extra:
        raise unknown("option", min(extra), ["value", "min", "max", "log"], f"free parameter '{name}'")
    low, high = {p.name: (p.low, p.high) for p in model.parameters}.get(name, (-np.inf, np.inf))
    low, high = given.get("min", low), given.get("max", high)
    value = given.get("value", model.typical.get(name))
    if value is None or not low <= value <= high:
        raise BadValue(f"free parameter '{name}' starts at {value}, which must lie within {low:g} to {high:g}")
    if not given.get("log", False):
        out.add(name, value=value, min=low, max=high)
        return
    if not low > 0:
        raise BadValue(f"free parameter '{name}' is fitted on the log scale: its min must be above 0, not {low:g}")
    out.add(f"{LOG}{name}", value=np.log(value), min=np.log(low), max=np.log(high))
    out.add(name, expr=f"exp({LOG}{name})")


def varied(params: lmfit.Parameters) -> dict[str, float]:
    """Return the values of the parameters that vary."""
    return {name: float(p.value) for name, p in params.items() if p.vary}


def model_values(model: Model, params: lmfit.Parameters, held: Mapping[str, float]) -> dict[str, float]:
    """Return the model's parameters that a fit sets."""
    return dict(held) | {name: float(p.value) for name, p in params.items() if name in model.typical}


def residuals(this: FitProblem, predicted: np.ndarray) -> np.ndarray:
    """Return (predicted - observed) / sigma; on the log scale of the logarithms, sigma being relative."""
    out = []
    for datum, value in zip(this.data, predicted, strict=True):
        seen, sigma = datum.row.observed, datum.row.sigma
        if datum.row.scale == "log":
            out.append(np.log(max(value, np.finfo(float).tiny) / seen) / (sigma / seen))
        else:
            out.append((value - seen) / sigma)
    return np.array(out)


def table(this: FitProblem, values: Mapping[str, float]) -> pd.DataFrame:
    """Return observed, predicted and residual of every row at the given parameters."""
    predicted = predict(this, [values])[0]
    columns = {
        "label": [d.label for d in this.data],
        "use": [d.row.use for d in this.data],
        "observed": this.observed,
        "predicted": predicted,
        "sigma": [d.row.sigma for d in this.data],
        "residual": residuals(this, predicted),
        "note": [d.row.note for d in this.data],
    }
    return pd.DataFrame(columns)


def _minimise(this: FitProblem, start: lmfit.Parameters, held: Mapping[str, float], scale_covar: bool) -> Any:
    def objective(params: lmfit.Parameters) -> np.ndarray:
        return residuals(this, predict(this, [model_values(this.model, params, held)])[0])

    minimiser = lmfit.Minimizer(objective, start, scale_covar=scale_covar, nan_policy="raise")
    return minimiser.minimize("least_squares", jac=lambda params: jacobian(this, params, held), x_scale="jac")


def jacobian(this: FitProblem, params: lmfit.Parameters, held: Mapping[str, float]) -> np.ndarray:
    """Return d residual / d varied parameter, shape (rows, varied), by central differences (one-sided at a bound)."""
    work = params.copy()
    names = [name for name, p in work.items() if p.vary]
    sets, widths = [], []
    for name in names:
        centre = float(work[name].value)
        step = STEP * (1.0 if name.startswith(LOG) or centre == 0 else abs(centre))
        ends = [max(centre - step, work[name].min), min(centre + step, work[name].max)]
        for end in ends:
            work[name].value = end
            work.update_constraints()
            sets.append(model_values(this.model, work, held))
        work[name].value = centre
        widths.append(ends[1] - ends[0])
    work.update_constraints()
    each = np.array([residuals(this, row) for row in predict(this, sets)])
    return ((each[1::2] - each[0::2]) / np.array(widths)[:, None]).T


def _perturbed(params: lmfit.Parameters, random: np.random.Generator) -> lmfit.Parameters:
    """Return another start: each varied parameter moved by a log-normal factor, within its bounds."""
    out = params.copy()
    for name, p in out.items():
        if p.vary:
            move = PERTURB * random.standard_normal()
            p.value = float(np.clip(p.value + move if name.startswith(LOG) else p.value * np.exp(move), p.min, p.max))
    out.update_constraints()
    return out


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("lmfit", "numba", "numpy", "scipy")
    }
