"""Fit a population to printed numbers: evidence + population + what varies -> estimates with intervals that hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.cohorts import check_cohorts, check_rows, data_hash, sources_of
from immunode.calibration.free_parameters import LOG, options_of, perturbed
from immunode.calibration.identifiability import weakest
from immunode.calibration.population.effects import Effects
from immunode.calibration.population.interval_table import interval_table
from immunode.calibration.population.likelihood import Seen
from immunode.calibration.population.misfit import misfit
from immunode.calibration.population.moments import Moments, Terms
from immunode.calibration.population.parameters import population_parameters
from immunode.calibration.population.priors import Priors, priors_of, without_priors
from immunode.calibration.population.problem import Anchor, Crowd, PopulationProblem
from immunode.calibration.population.resimulation import Resimulated, resimulated
from immunode.calibration.population.search import Settled, search, wanted
from immunode.calibration.population.trial_of_evidence import ready_trial
from immunode.calibration.population.values import OMEGA, PopulationValues
from immunode.errors import BadValue, SolveError, unknown
from immunode.internal.arguments import by_name, finite, is_list, short
from immunode.internal.progress import Progress
from immunode.virtual_trials.population import Population

PATIENTS = 4000  # virtual patients an arm, at least
REFITS = 500  # simulated trials behind the intervals
UNSETTLED = 1.0  # standard errors that a last round may move without a word
ALIKE, WIDE = 0.15, 0.5  # an SD that is so small is looked for once more, from one so large
INTERVALS = "intervals"  # the last stage that progress is told of
TAU_PRIOR = 0.3  # scale of the half-normal prior of the SD of a trial's effect, on the scale of logarithms


@dataclass(frozen=True, eq=False)
class PopulationFit:
    """Hold a finished fit of a population.

    `params`, lmfit's; `intervals`, a DataFrame with a row a fitted parameter: estimate (less its bias), interval that
    holds at the trials' sizes, the raw ones beside; `table`, a row a printed number; `tau`, a row an effect of trials;
    `profiles`, a row a value of a parameter, with the rise of -2 log L;
    `draws` and `tau_draws`, a row a draw of what is known of parameters and of these; `drawn_from`, the populations of
    the patients that were simulated, who were picked where the parameters that lmfit varied are `anchored`; the table
    is of those `at` the end.
    """

    params: lmfit.Parameters
    intervals: pd.DataFrame
    table: pd.DataFrame
    tau: pd.DataFrame
    result: Any
    minimizer: lmfit.Minimizer
    draws: pd.DataFrame
    weak: tuple[str, ...]
    deviance: float
    resimulated: Resimulated
    misfit: float
    numbers: int
    effective: float
    notes: tuple[str, ...]
    settled: Settled
    results: Sequence[Any]
    starts: tuple[float, ...]
    stopped: bool
    seed: int
    data_hash: str
    population: Population
    tau_draws: pd.DataFrame
    drawn_from: Sequence[PopulationValues]
    at: Mapping[str, float]
    anchored: Mapping[str, float]
    profiles: pd.DataFrame


def fit_population(
    evidence: Any, population: Population, vary: Any, *, derived: Mapping[str, str] | None = None,
    trial_effects: Any = (), seed: int = 0, starts: int = 1, patients: int = PATIENTS, threads: int = 1,
    progress: Progress = lambda done, total, words: None, refits: int = REFITS, before: Any = None,
    ending: Mapping[str, Any] | None = None,
) -> PopulationFit:  # fmt: skip
    """Return the fit of a population, the best of several starts; see im.calibrate.

    `progress` hears how many parts are done, of how many (a start, and an interval, is one), and in words what it
    stands at. Where a start settled `before` (see population_starts) is taken from there, and put there. `ending` is
    the ftol, xtol and max_nfev of each round of the search, as far as they are said.
    """
    sources = sources_of(evidence)
    problem = population_problem(
        sources, population, vary, derived=derived, trial_effects=trial_effects, seed=seed, patients=patients,
        threads=threads,
    )  # fmt: skip
    parts = starts + len(problem.free)
    reached = searches(problem, starts, seed, lambda done, words: progress(done, parts, words), before, ending)
    settled = min(reached.ends, key=lambda one: one.deviance)
    here, near = settled.anchor, settled.near
    x = near.at.centre
    words = f"{INTERVALS}, -2 log L {settled.deviance:.2f}"
    judged = interval_table(near, refits, lambda done: progress(starts + done, parts, words))
    dropped = tuple(line for one in here.terms for line in one.dropped)
    weak = weakest(np.linalg.inv(near.at.axes) / problem.stretch(x), problem.named(x))
    off, numbers = misfit(here, x, judged.tau["median"].to_numpy() if len(judged.tau) else np.zeros(0))
    effective = here.effective(x)
    return PopulationFit(
        params=settled.result.params, intervals=judged.frame, table=printed_table(here, x), tau=judged.tau,
        result=settled.result, minimizer=settled.minimiser, draws=judged.draws, weak=tuple(weak),
        deviance=settled.deviance, resimulated=resimulated(settled), misfit=off, settled=settled,
        numbers=numbers, effective=float(effective.min()),
        notes=(*reached.notes, *_unsettled(settled), *_few(effective, wanted(problem)), *dropped, *judged.notes),
        results=[one.result for one in reached.ends], starts=tuple(one.deviance for one in reached.ends), seed=seed,
        stopped=reached.stopped,
        data_hash=data_hash(sources), population=population, tau_draws=judged.tau_draws,
        drawn_from=here.crowd.drawn_from, at=problem.named(x), anchored=problem.named(here.x),
        profiles=judged.profiles,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Searched:
    """Hold where starts settled, how many `failed` of how many, and whether Ctrl-C stopped the others."""

    ends: Sequence[Settled]
    failed: int
    starts: int
    stopped: bool

    @property
    def notes(self) -> list[str]:
        """Return what is to be said of the others."""
        return [f"{self.failed} of {self.starts} starts could not be solved"] if self.failed else []


def _unsettled(settled: Settled) -> list[str]:
    """Return that a search went on to its last round, where it did."""
    if settled.moved < UNSETTLED:
        return []
    return [
        f"the search did not settle: its last round moved by {settled.moved:.2g} standard errors; what is printed "
        "hardly tells of some parameter: see `weak`, fit fewer, or add evidence"
    ]


def _few(effective: np.ndarray, wanted: np.ndarray) -> list[str]:
    """Return that the virtual patients of some arm weigh too little, where they do."""
    arm = int(np.argmin(effective / wanted))
    if effective[arm] >= wanted[arm]:
        return []
    return [
        f"the virtual patients of an arm are worth {effective[arm]:.0f} equal ones at the estimates, where "
        f"{wanted[arm]:.0f} are wanted; ask for more `patients`"
    ]


def searches(
    problem: PopulationProblem, starts: int, seed: int, told: Callable[[int, str], Any], before: Any = None,
    ending: Mapping[str, Any] | None = None,
) -> Searched:  # fmt: skip
    """Return where searches from several starts settle; raise SolveError when none does.

    Ctrl-C ends them, and those that are finished are kept where there are some.
    """
    random, out = np.random.default_rng(seed), []
    stopped = False
    begins = [problem.params, *(perturbed(problem.params, random) for _ in range(starts - 1))]
    failures: list[SolveError] = []
    try:
        for number, begin in enumerate(begins, start=1):
            try:
                out.append(_settled(replace(problem, params=begin), number, told, before, ending or {}))
            except SolveError as error:
                failures.append(error)
    except KeyboardInterrupt:
        if not out:
            raise
        stopped = True
    if not out:
        raise failures[0]
    return Searched(out, len(failures), starts, stopped)


def _settled(
    problem: PopulationProblem, number: int, told: Callable[[int, str], Any], before: Any, ending: Mapping[str, Any]
) -> Settled:
    """Return where one start settles, or settled before."""
    kept = None if before is None else before.get(number, problem)
    if kept is None:
        kept = settle(problem, lambda stage, value: told(number - 1, f"{stage}, -2 log L {value:.2f}"), ending)
        if before is not None:
            before.put(number, kept)
    return kept


def settle(
    problem: PopulationProblem, told: Callable[[str, float], Any], ending: Mapping[str, Any], crowd: Crowd | None = None
) -> Settled:
    """Return where a search settles. Where an SD ends small it is begun again there, with all SDs as large as at first
    or larger, and the lower end is kept: patients who are alike are often a minimum of their own."""
    first = search(problem, told, crowd, **ending)
    params = problem.with_free(first.near.at.centre)
    spreads = [name for name in problem.free if name.startswith(OMEGA)]
    if not any(params[name].value < ALIKE for name in spreads):
        return first
    for name in spreads:
        params[name].value = min(max(problem.params[name].value, WIDE), params[name].max)
    try:
        again = search(replace(problem, params=params), told, **ending)
    except SolveError:
        return first
    return min(first, again, key=lambda one: one.deviance)


def population_problem(
    evidence: Any, population: Population, vary: Any, *, derived: Mapping[str, str] | None = None,
    trial_effects: Any = (), seed: int = 0, patients: int = PATIENTS, threads: int = 1,
) -> PopulationProblem:  # fmt: skip
    """Return everything that does not change during a fit of a population."""
    sources = sources_of(evidence)
    check_rows(sources, "fit it by itself, im.calibrate(..., likelihood='normal'), or give it rows, such as means")
    check_cohorts(sources)
    options = options_of(vary)
    follow = by_name(derived, "derived", "{'Vmax': 'slope * Km'}")
    params = population_parameters(population, without_priors(options), follow)
    every = [replace(ready_trial(one, population, one.rows), place=place) for place, one in enumerate(sources)]
    trials, checked = ([one for one in every if bool(one.fitted) == fitted] for fitted in (True, False))
    numbers = sum(len(ready.fitted) for ready in trials)
    free = sum(p.vary for p in params.values())
    priors = priors_of(options, [name for name, p in params.items() if p.vary])
    _check_priors(params, priors)
    if numbers + len(priors.sd) < free:  # a prior is one datum more
        raise BadValue(f"{numbers} printed numbers cannot fix {free} parameters; fit fewer, or add evidence")
    effects = effects_of(population, trial_effects)
    return PopulationProblem(population, trials, params, patients, seed, threads, effects, priors, checked)


def _check_priors(params: lmfit.Parameters, priors: Priors) -> None:
    """Raise BadValue for a prior whose median is none of the values that its parameter may have."""
    free = [p for p in params.values() if p.vary]
    for place, centre in zip(priors.places, priors.centre, strict=True):
        p = free[place]
        if not p.min <= centre <= p.max:
            low, high = np.exp([p.min, p.max])
            raise BadValue(
                f"free parameter '{p.name.removeprefix(LOG)}': the median of its prior, {np.exp(centre):.6g}, is "
                f"outside its bounds, {low:.6g} to {high:.6g}; widen them, or take another median"
            )


def effects_of(population: Population, said: Any) -> Effects:
    """Return the effects of trials: names of parameters, or {name: scale of the prior of tau}."""
    if not isinstance(said, Mapping) and not is_list(said):
        cure = "expected a list of parameters, such as ['CL'], or the scales of their priors by name"
        raise BadValue(f"trial_effects = {short(said)}: {cure}")
    names = list(said)
    for name in names:
        if not isinstance(name, str):
            raise BadValue(f"trial_effects: {short(name)} is no name of a parameter")
    scales = dict(said) if isinstance(said, Mapping) else dict.fromkeys(names, TAU_PRIOR)
    for name, scale in scales.items():
        if name not in population.of.typical:
            raise unknown("parameter", name, population.of.typical, f"trial_effects: {population.of.name}")
        if not finite(scale, f"trial_effects: {name}") > 0:
            raise BadValue(f"trial_effects: '{name}' has the scale {scale:g}; expected one above 0, such as 0.3")
    size = np.array([float(scale) for scale in scales.values()])
    return Effects(tuple(scales), size, size)


def printed_table(here: Anchor, x: np.ndarray) -> pd.DataFrame:
    """Return a row a printed number, the checks last: seen, predicted at parameters x, its sampling SD, how many SDs it
    is off."""
    rows = []
    for one, seen, moments in zip(here.terms, here.seen, here.moments(x), strict=True):
        rows += _printed(one, seen, moments)
    for checks in here.checks(x):
        rows += _printed(*checks)
    return pd.DataFrame(rows, columns=["label", "use", "observed", "predicted", "sd", "residual"])


def _printed(one: Terms, seen: Seen, moments: Moments) -> list[tuple[Any, ...]]:
    """Return what the table says of the rows of one trial."""
    rows: list[tuple[Any, ...]] = []
    for i, row in enumerate(one.kept):
        sd = float(np.sqrt(moments.covariance[i, i]))
        residual = float(moments.mean[i] - seen.statistics[i]) / sd
        mean = float(np.exp(moments.mean[i]) if one.logs[i] else moments.mean[i])
        rows.append((row.label, row.use, row.observed, mean, sd * (mean if one.logs[i] else 1.0), residual))
    for i, row in enumerate(one.binary):
        expected = float(moments.share[i] * seen.size[i])
        sd = float(np.sqrt(expected * (1 - moments.share[i])))
        beyond = {"below": f", share below {row.observed:g}", "above": f", share above {row.observed:g}"}
        label = row.label + beyond.get(row.kind, "")
        rows.append((label, row.use, float(seen.counts[i]), expected, sd, (expected - seen.counts[i]) / sd))
    return rows
