"""A finished fit in lmfit's words, and what can be asked of it."""

import pickle
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.posterior import inference_data, sampled
from immunode.calibration.profile import SIGMAS, course, kept, limits
from immunode.calibration.saving import as_data, fields_of, write_fit
from immunode.virtual_trials.population import Population


@dataclass(frozen=True, eq=False)
class Fit:
    """Hold a finished fit in lmfit's words; `table` has a row per printed number: label, observed, predicted ...

    `residual` is (predicted - observed) / sigma. `weak` names in words what the evidence cannot tell apart, `warnings`
    what is to be known before an estimate is used; `starts` are the chi-squares that each start reached (of a
    population -2 log L), `optima` the distinct minima with their parameters, best first; `failed` counts tries that had
    no number and were refused.
    `result` and `minimizer` are lmfit's own. Intervals of a profile are those of `conf_interval`: the levels of
    lmfit.conf_interval are F's, as if the sigmas were unknown, and of a population it cannot tell any, since the
    squares of what its minimiser makes small add to -2 log L and a constant. `recipe` says, as plain data, what the
    minimiser was made of; None where it cannot be made again from a file.

    Of a population: `intervals`, a row a fitted parameter, with its `estimate` (less its bias), `low` and `high` (95 %,
    by refits of simulated trials), and the raw ones; `tau`, a row an effect of trials; `draws` and `tau_draws`, what is
    known of parameters and of the SDs of these effects, a row a draw: the estimates less the errors of refits of
    simulated trials; the `population` itself; `deviance`, -2 log L (also of a fit by the normal law).
    """

    params: lmfit.Parameters
    table: pd.DataFrame
    result: lmfit.minimizer.MinimizerResult
    weak: tuple[str, ...]
    starts: tuple[float, ...]
    seed: int
    versions: Mapping[str, str]
    data_hash: str
    minimizer: lmfit.Minimizer | None = None
    failed: int = 0
    warnings: tuple[str, ...] = ()
    optima: pd.DataFrame = field(default_factory=pd.DataFrame)
    recipe: Mapping[str, Any] | None = None
    intervals: pd.DataFrame = field(default_factory=pd.DataFrame)
    tau: pd.DataFrame = field(default_factory=pd.DataFrame)
    draws: pd.DataFrame = field(default_factory=pd.DataFrame)
    tau_draws: pd.DataFrame = field(default_factory=pd.DataFrame)
    population: Population | None = None
    deviance: float = float("nan")

    def __repr__(self) -> str:
        """Return the estimates with their standard errors, in a few lines, and what is warned of."""
        lines = [f"{name} = {p.value:.6g} +/- {self.stderr[name]:.2g}" for name, p in self.params.items()]
        if len(self.intervals):
            lines = [
                f"{r.Index} = {r.estimate:.4g} ({_end(r.low)} to {_end(r.high)})" for r in self.intervals.itertuples()
            ]
        more = [f"and {len(lines) - 6} more"] if len(lines) > 6 else []
        more += [f"warning: {text}" for text in self.warnings]
        return "\n".join([f"<Fit: {self._least}, {len(self.table)} rows", *lines[:6], *more]) + ">"

    @property
    def chisqr(self) -> float:
        """Return the sum of squared residuals; of a population whitened ones, and deviances of counts."""
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
        """Return Akaike's information criterion: lmfit's, or -2 log L and twice the number of parameters."""
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

    def fit_report(self, **options: Any) -> str:
        """Return lmfit's report of the fit, with its options (such as min_correl), -2 log L of a population, on which
        the criteria rest, and what is warned of."""
        lines = [lmfit.fit_report(self.result, **options)]
        if not np.isnan(self.deviance):
            lines.insert(0, f"[[Likelihood]]\n    -2 log L           = {self.deviance:.6f}")
        if self.failed:
            lines.append(f"[[Tries]]\n    {self.failed} had no number and were refused")
        if self.warnings:
            lines.append("\n".join(["[[Warnings]]", *(f"    {text}" for text in self.warnings)]))
        return "\n".join(lines)

    def conf_interval(self, sigmas: Sequence[float] = SIGMAS, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Return intervals of the varied parameters from the profile of chi-square, the others fitted again.

        Main arguments
            sigmas: levels in standard deviations, or probabilities below 1, default 1, 2 and 3 (68.27, 95.45, 99.73 %)
            names: of parameters, default all that are varied

        Returns
            a DataFrame with a row a parameter and a column a limit: "lower 95.45%", ..., "estimate", "upper 95.45%".
            Levels are those of chi-square, since sigmas are taken as they are; of F, as in lmfit.conf_interval, where
            the fit scales its errors (scale_covar). -inf or inf: not reached up to the bound of the parameter.

        Raises
            BadValue: for levels that are none, and for a fit that was loaded without its minimiser.
            UnknownName: for a parameter that is not varied.

        Example
            >>> import immunode as im
            >>> line = im.Model(
            ...     "line", [im.State("y", "mg")], lambda t, x, p: {"y": p.k}, [im.Parameter("k", 1.0, "mg/day")]
            ... )
            >>> rows = [{"arm": "a", "observable": "y", "day": 1, "value": 2.0, "sigma": 0.1}]
            >>> fit = im.calibrate(im.Evidence(name="assay", arms=[{"name": "a"}], rows=rows), line, ["k"])
            >>> [round(float(limit), 3) for limit in fit.conf_interval([1]).loc["k"]]
            [1.9, 2.0, 2.1]
        """
        return limits(self.minimizer, self.result, sigmas, names)

    def profile(self, name: str, points: int = 21) -> pd.DataFrame:
        """Return the profile of chi-square along one parameter, the others fitted again at each value.

        Main arguments
            name: of a varied parameter
            points: how many values, from the lower to the upper limit of 99.73 % or the bounds, default 21

        Returns
            a DataFrame: values of the parameter, `chisqr`, its `change` from the minimum (of a population that of
            -2 log L, by which its `chisqr` rises, too), and the other parameters.
            Its `attrs` have the `estimate`, and by level under `limits` the change there, and `low` and `high`.

        Raises
            as conf_interval
        """
        return course(self.minimizer, self.result, name, points)

    def emcee(
        self,
        steps: int = 1000,
        burn: int = 200,
        thin: int = 1,
        walkers: int = 50,
        seed: int = 0,
        *,
        progress: bool = False,
    ) -> Any:
        """Return lmfit's result of sampling the posterior with emcee (needs pip install 'immunode[bayes]').

        Main arguments
            steps: of each walker, default 1000
            burn: first steps to leave out, default 200
            thin: keep one of so many steps, default 1
            walkers: how many, at least twice as many as parameters, default 50
            seed: of the walk, default 0

        Other arguments
            progress: whether to show emcee's bar, default False

        Returns
            lmfit's MinimizerResult: `flatchain`, a DataFrame with a row a draw, `chain` (steps, walkers, parameters),
            `params` at the median. Priors are flat within the bounds (of log_<name> on the log scale); where the fit
            scales its errors, the logarithm of that scale is sampled, too (__lnsigma).

        Raises
            BadValue: for numbers that are none, without the package, and for a fit loaded without its minimiser.
        """
        return sampled(
            kept(self.minimizer), self.params,
            steps=steps, burn=burn, thin=thin, walkers=walkers, seed=seed, progress=progress,
        )  # fmt: skip

    def to_inference_data(self, chain: Any) -> Any:
        """Return ArviZ's InferenceData of a chain, what `emcee` returned: each walker is a chain of ArviZ.

        Its groups: `posterior`, all parameters, derived ones too; `observed_data`, the printed `numbers` by the label
        of the row; `log_likelihood`, of the same `numbers`, of a population of its `trials` by name, and none where
        these depend on each other by their effects, or by the normal law. Raise BadValue without the package, and for
        what is no chain.
        """
        return inference_data(kept(self.minimizer), self.table, chain)

    def save(self, path: str | Path) -> None:
        """Write the fit into a JSON file, which im.load_fit reads; raise BadValue where it cannot be written."""
        write_fit(self, path)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a fit is pickled: as its file holds it, with its minimiser where the model can be pickled."""
        try:
            minimizer = pickle.dumps(self.minimizer)
        except (pickle.PicklingError, AttributeError, TypeError):  # functions of a model written in a script
            minimizer = None
        return _unpickled, (as_data(self), minimizer)

    @property
    def _least(self) -> str:
        return f"chi-square {self.chisqr:.4g}" if np.isnan(self.deviance) else f"-2 log L {self.deviance:.4f}"

    def _repr_html_(self) -> str:
        warned = "".join(f"<p>warning: {text}</p>" for text in self.warnings)
        return f"{self.params._repr_html_()}<p>{self._least}, {self.nfree} free</p>{warned}{self.table.to_html()}"


def _end(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "open"


def _unpickled(data: Mapping[str, Any], minimizer: bytes | None) -> Fit:
    """Return a fit as it was pickled."""
    fields = fields_of(data)
    if minimizer is None:
        lost = "unpickled without its minimiser: the functions of its model cannot be pickled; save it as a file, "
        fields["warnings"] = (*fields["warnings"], lost + "and give im.load_fit(path, model=...)")
    made = None if minimizer is None else pickle.loads(minimizer)
    return Fit(**fields, minimizer=made, population=population_of(made))


def population_of(minimizer: lmfit.Minimizer | None) -> Population | None:
    """Return the population that a minimiser fits, None where it is the typical patient's, and without one."""
    return getattr(getattr(minimizer, "userfcn", None), "population", None)


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("lmfit", "numba", "numpy", "scipy")
    }
