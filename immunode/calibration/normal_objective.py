"""Printed means and covariances made ready to be fitted by the normal law: predictions, deviance, residuals, slopes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from immunode.calibration.arm_moments import ArmCourses, SimulatedArm, arm_courses
from immunode.calibration.normal_law import by_n, deviance, with_residual
from immunode.calibration.patient_nodes import PatientNodes
from immunode.errors import BadValue, unknown
from immunode.evidence.design import ArmFile
from immunode.evidence.printed import Evidence
from immunode.evidence.printed_matrix import PrintedCovariance
from immunode.model.clock import check_said
from immunode.model.declaration import Model
from immunode.units import factor
from immunode.virtual_trials.arm import one_time, planned, recurring
from immunode.virtual_trials.population import Population, with_shares
from immunode.virtual_trials.rule_clock import first_day

NOISE, ADDITIVE = "noise_", "additive_"  # what the name of a residual error begins with, before its observable


@dataclass(frozen=True, eq=False)
class Summary:
    """Hold one printed mean vector with its matrix or variances (by the divisor n), in the model's unit; which arm it
    is of and which columns of that arm's courses."""

    label: str
    printed: PrintedCovariance
    arm: int
    columns: np.ndarray
    sizes: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True, eq=False)
class NormalProblem:
    """Hold everything that does not change during a fit by the normal law."""

    population: Population
    arms: tuple[SimulatedArm, ...]
    summaries: tuple[Summary, ...]
    nodes: PatientNodes
    residual: str
    rtol: float
    threads: int

    @property
    def data(self) -> int:
        """Return how many numbers were printed: means, variances and covariances."""
        return sum(one.mean.size + _pairs(one)[0].size for one in self.summaries)

    @property
    def values(self) -> int:
        """Return how many measurements of patients stand behind them, n times visits."""
        return int(sum(one.sizes.sum() for one in self.summaries))


@dataclass(frozen=True, eq=False)
class Predicted:
    """Hold the predicted mean (k,) and covariance (k, k) of a summary, with the residual error, and their slopes over
    the named values, (named, k) and (named, k, k)."""

    mean: np.ndarray
    covariance: np.ndarray
    mean_slopes: np.ndarray
    covariance_slopes: np.ndarray


def normal_problem(
    evidence: Sequence[Evidence],
    population: Population,
    nodes: PatientNodes,
    *,
    residual: str,
    rtol: float,
    threads: int,
) -> NormalProblem:
    """Make the `covariances` of evidence ready to be predicted.

    Raise UnknownName for an observable that does not exist, UnitError for a unit that does not fit, BadValue for what
    a fit does not follow (rules, baselines that are drawn) and for no covariance at all.
    """
    model = population.of
    arms: list[SimulatedArm] = []
    summaries: list[Summary] = []
    for source in evidence:
        check_said(source.start, model, f"{source.name}, start")
        for arm in source.arms:
            printed = [one for one in source.covariances if one.arm == arm.name]
            if printed:
                simulated = _simulated(population, source, arm, printed)
                summaries += [_summary(model, source, one, len(arms), simulated) for one in printed]
                arms.append(simulated)
    if not summaries:
        raise BadValue("the evidence has no covariances: the normal law reads im.Evidence(covariances=[...])")
    return NormalProblem(population, tuple(arms), tuple(summaries), nodes, residual, rtol, threads)


def _simulated(
    population: Population, source: Evidence, arm: ArmFile, printed: Sequence[PrintedCovariance]
) -> SimulatedArm:
    model, where = population.of, f"{source.name}, arm '{arm.name}'"
    with_shares(population, arm.shares, where)
    days = np.unique([day - source.start for one in printed for day in one.days])
    for day in (day for one in printed for day in one.days):
        check_said(day, model, f"{where}, covariance: days")
    if days[0] < 0:
        raise BadValue(f"{where}, covariance: day {days[0] + source.start:g} lies before the start, {source.start:g}")
    adding = [rule.day for rule in one_time(arm) if rule.then.regimen or rule.otherwise.regimen]
    adding += [first_day(rule, source.start) for rule in recurring(arm) if rule.then.changes_doses]
    if adding and min(adding) < days[-1] + source.start:
        raise BadValue(f"{where}: its rules change doses from day {min(adding):g} on, and the normal law follows none")
    drawn = [name for name in ("patients", "adherence", "dropout") if getattr(arm, name) is not None]
    drawn += ["baseline"] if any(one.solve not in arm.values for one in arm.baselines) else []
    if drawn:
        raise BadValue(
            f"{where}: its '{drawn[0]}' is drawn in a trial, and the normal law does not read it; leave it out"
        )
    observe = tuple(dict.fromkeys(one.observable for one in printed))
    for name in observe:
        if name not in model.observables:
            raise unknown("output or state", name, model.observables, model.name)
    checked = model.values(arm.values)
    fixed = {name: checked[name] for name in arm.values}
    regimen = planned(model, arm).regimen.shift(-source.start)
    return SimulatedArm(where, regimen, days * model.per_day, observe, fixed, arm.shares)


def _summary(model: Model, source: Evidence, printed: PrintedCovariance, arm: int, simulated: SimulatedArm) -> Summary:
    label = f"{source.name}: {printed.arm}, {printed.observable}"
    times = (np.array(printed.days) - source.start) * model.per_day
    columns = np.searchsorted(simulated.times, times) * len(simulated.observe)
    columns = columns + simulated.observe.index(printed.observable)
    scale = factor(printed.unit, model.observables[printed.observable]) if printed.unit else 1.0
    sizes = np.array(printed.sizes, float)
    spread = np.array(printed.matrix if printed.matrix is not None else printed.variances)
    spread = by_n(spread, sizes, printed.divisor) * scale**2
    return Summary(label, printed, arm, columns, sizes, np.array(printed.mean) * scale, spread)


def courses(problem: NormalProblem, values: Mapping[str, float], named: Sequence[str]) -> list[ArmCourses]:
    """Return what the patients of every arm have at named values, with slopes over those that are `named`."""
    return [
        arm_courses(problem.population, arm, problem.nodes, values, named, rtol=problem.rtol, threads=problem.threads)
        for arm in problem.arms
    ]


def predict_normal(problem: NormalProblem, values: Mapping[str, float], named: Sequence[str]) -> list[Predicted]:
    """Return what is predicted of every summary at named values, with slopes over those that are `named`."""
    followed = courses(problem, values, named)
    moments = [(*one.moments(), *one.moment_slopes()) for one in followed]
    return [_measured(problem, one, moments[one.arm], values, named) for one in problem.summaries]


def _measured(
    problem: NormalProblem,
    summary: Summary,
    moments: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    values: Mapping[str, float],
    named: Sequence[str],
) -> Predicted:
    """Return the moments of what is measured: of true values, plus the residual error."""
    at, observable = summary.columns, summary.printed.observable
    mean, covariance = moments[0][at], moments[1][np.ix_(at, at)]
    by_mean, by_covariance = moments[2][:, at].copy(), moments[3][:, at[:, None], at].copy()
    cv, sd = values.get(f"{NOISE}{observable}", 0.0), values.get(f"{ADDITIVE}{observable}", 0.0)
    total, diagonal = problem.residual == "total", np.arange(at.size)
    squares = mean**2 + (covariance[diagonal, diagonal] if total else 0.0)
    slopes = 2 * mean * by_mean + (by_covariance[:, diagonal, diagonal] if total else 0.0)
    by_covariance[:, diagonal, diagonal] += cv**2 * slopes
    for name, slope in ((f"{NOISE}{observable}", 2 * cv * squares), (f"{ADDITIVE}{observable}", 2 * sd)):
        if name in named:
            by_covariance[list(named).index(name), diagonal, diagonal] += slope
    return Predicted(mean, with_residual(mean, covariance, cv, sd, problem.residual), by_mean, by_covariance)


def total_deviance(problem: NormalProblem, predicted: Sequence[Predicted]) -> float:
    """Return -2 log likelihood of all summaries."""
    pairs = zip(problem.summaries, predicted, strict=True)
    return float(sum(deviance(s.sizes if s.spread.ndim == 1 else s.sizes[0], s.mean, s.spread, p.mean, p.covariance)
                     for s, p in pairs))  # fmt: skip


def first_weights(problem: NormalProblem, predicted: Sequence[Predicted]) -> list[Predicted]:
    """Return what weights begin with: the printed moments, which need no good start, their spread midway to the
    predicted one, as that of few patients is singular."""
    out = []
    for summary, now in zip(problem.summaries, predicted, strict=True):
        spread = summary.spread if summary.spread.ndim == 2 else np.diag(summary.spread)
        out.append(replace(now, mean=summary.mean, covariance=(spread + now.covariance) / 2))
    return out


def _pairs(summary: Summary) -> tuple[np.ndarray, np.ndarray]:
    """Return which entries of the covariance matrix were printed: its lower triangle, or its diagonal."""
    visits = summary.mean.size
    return (np.arange(visits), np.arange(visits)) if summary.spread.ndim == 1 else np.tril_indices(visits)


def scoring(
    problem: NormalProblem, at: Sequence[Predicted], predicted: Sequence[Predicted]
) -> tuple[np.ndarray, np.ndarray]:
    """Return residuals (data,) of what is `predicted`, and their slopes (data, named), with weights frozen where the
    prediction is `at`.

    Half their sum of squares has the slopes of half the deviance there (Fisher scoring), so that least squares,
    repeated until the weights settle, ends where the deviance is least; then it is a chi-square of the fit.
    """
    parts = [_scored(*three) for three in zip(problem.summaries, at, predicted, strict=True)]
    return np.concatenate([one for one, _ in parts]), np.concatenate([slopes for _, slopes in parts])


def _scored(summary: Summary, at: Predicted, predicted: Predicted) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = _pairs(summary)
    joint = summary.spread.ndim == 2
    frozen = at.covariance if joint else np.diag(np.diag(at.covariance))
    whiten = np.linalg.inv(np.linalg.cholesky(frozen))
    away = summary.mean - at.mean
    seen = (summary.spread if joint else np.diag(summary.spread)) + np.outer(away, away)
    root = np.sqrt(summary.sizes)
    entry = np.sqrt(np.where(rows == columns, 0.5, 1.0)) * root[rows]
    of_mean = root * (whiten @ (predicted.mean - summary.mean))
    of_spread = entry * (whiten @ (predicted.covariance - seen) @ whiten.T)[rows, columns]
    by_mean = root[:, None] * (whiten @ predicted.mean_slopes.T)
    turned = whiten @ predicted.covariance_slopes @ whiten.T
    by_spread = entry[:, None] * turned[:, rows, columns].T
    return np.concatenate([of_mean, of_spread]), np.concatenate([by_mean, by_spread])
