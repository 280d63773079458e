"""What printed numbers can fix of a population before anything is fitted, and which further ones would help most.

The information of the evidence is the expected one of its likelihood, at the start. A further measurement is median and
quartiles of an observable in an arm on a day; the statistics of its patients are correlated with all that is printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from immunode.calibration.identifiability import sizes
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.moments import Moments, by_logarithm, endless, independent
from immunode.calibration.population.problem import Anchor, Crowd, anchor, uniforms
from immunode.calibration.population.search import drawn_from
from immunode.calibration.population.surface import information
from immunode.evidence.printed import Evidence
from immunode.evidence.printed_number import PrintedNumber
from immunode.model.clock import SaidDays
from immunode.virtual_trials.population import Population

QUARTILES = ("median", "q1", "q3")


@dataclass(frozen=True, eq=False)
class Informed:
    """Hold an anchor at the start, whose trials have the rows of `further` measurements behind their own, and how many
    their own are; `plain` and `scaled` statistics (replicates, rows) of each trial, and what was predicted before."""

    here: Anchor
    printed: Sequence[int]
    further: Sequence[Sequence[Sequence[PrintedNumber]]]
    plain: Sequence[np.ndarray]
    scaled: Sequence[np.ndarray]
    kept: dict[bytes, list[Moments]]

    def moments(self, y: np.ndarray) -> list[Moments]:
        """Return what is predicted of every row of every trial at parameters and shifts y."""
        p = len(self.here.x)
        if y.tobytes() not in self.kept:
            self.kept[y.tobytes()] = self.here.moments(y[:p], y[p:])
        return self.kept[y.tobytes()]

    @cached_property
    def places(self) -> list[list[int]]:
        """Return of each trial the place, among all its fitted rows, of each that has a mean and a covariance."""
        out = []
        for ready, one in zip(self.here.problem.trials, self.here.terms, strict=True):
            place = {id(row): i for i, row in enumerate(ready.fitted)}
            out.append([place[id(row)] for row in one.normal])
        return out

    @property
    def start(self) -> np.ndarray:
        """Return parameters and shifts at the start."""
        return np.concatenate([self.here.x, np.zeros(len(self.here.problem.effects.scales))])

    def telling(self, trial: int, more: Sequence[int] = ()) -> np.ndarray:
        """Return which rows of the normal block of a trial tell something, where those at the places `more` are printed
        too."""
        rows = [i for i, place in enumerate(self.places[trial]) if place < self.printed[trial] or place in more]
        normal = self.here.terms[trial].normal
        keep, _ = independent(self.plain[trial][:, rows], self.scaled[trial][:, rows], [normal[i] for i in rows])
        return np.array(rows, dtype=int)[keep]

    def of(self, trial: int = -1, more: Sequence[int] = ()) -> np.ndarray:
        """Return the information (p, p) over the logarithms of parameters, where a trial prints `more` rows too."""
        trials = range(len(self.printed))
        chosen = [self.telling(t, more if t == trial else ()) for t in trials]
        scales = self.here.problem.effects.scales
        total = information(
            [lambda y: [_part(m, rows) for m, rows in zip(self.moments(y), chosen, strict=True)]],
            self.start, [one.size for one in self.here.seen], scales,
        )  # fmt: skip
        problem, x = self.here.problem, self.here.x
        logs = sizes(problem.named(x)) / problem.stretch(x)
        return np.asarray((total + problem.priors.information(len(x))) * np.outer(logs, logs))


def _part(one: Moments, rows: np.ndarray) -> Moments:
    return Moments(one.mean[rows], one.covariance[np.ix_(rows, rows)], one.share)


def informed(
    sources: Sequence[Evidence], population: Population, vary: Any,
    further: Sequence[Sequence[Sequence[PrintedNumber]]], **options: Any,
) -> Informed:  # fmt: skip
    """Return the information of evidence, each source with its further measurements; options are the problem's."""
    every = [(one, more, sum(row.use == "fit" for row in one.rows)) for one, more in zip(sources, further, strict=True)]
    telling = [part for part in every if part[1] or part[2]]  # the others are checks alone
    wide = [one.model_copy(update={"rows": (*one.rows, *(row for rows in more for row in rows))})
            for one, more, _ in telling]  # fmt: skip
    problem = population_problem(wide, population, vary, **options)
    x = problem.start
    crowd = Crowd(problem, drawn_from(problem.values(x)))
    here = anchor(problem, crowd, x, uniforms(problem))
    whole = [  # what follows from the other rows is told anew for each measurement
        replace(one, keep=np.arange(len(one.normal)), logs=by_logarithm(one.normal, one.values)) for one in here.terms
    ]
    weights = [[arm.weights(population, problem.values(x)) for arm in one.arms] for one in crowd.at(problem.values(x))]
    plain = [one.anchored.statistics(w)[:, : len(one.normal)] for one, w in zip(whole, weights, strict=True)]
    for one, each in zip(whole, plain, strict=True):
        each[:, endless(one.normal, one.values, one.anchored.picks)] = np.nan
    return Informed(
        replace(here, terms=whole), [count for *_, count in telling], [more for _, more, _ in telling], plain,
        [one.scaled(each) for one, each in zip(whole, plain, strict=True)], {},
    )  # fmt: skip


def further(source: Evidence, observables: Sequence[str], days: Sequence[float]) -> list[list[PrintedNumber]]:
    """Return median and quartiles of observables in every arm on days, as far as they are not printed: rows that have
    no value of their own yet."""
    names = tuple(arm.name for arm in source.arms)
    last = source.visits[-1] if source.visits else np.inf
    printed = {(row.arm, row.observable, row.day, row.statistic) for row in source.rows if row.measure == "value"}
    out = []
    for arm, name, day in product(names, observables, [day for day in days if day <= last]):
        rows = [
            PrintedNumber(arm=arm, observable=name, day=SaidDays(day), statistic=statistic, value=1.0).within(0, names)
            for statistic in QUARTILES if (arm, name, day, statistic) not in printed
        ]  # fmt: skip
        out += [rows] if rows else []
    return out


def measured(one: Informed) -> list[dict[str, Any]]:
    """Return a row a further measurement: where it is, which statistics tell something that the printed ones do not,
    what is predicted of the first of them, and the information with it."""
    out: list[dict[str, Any]] = []
    for t, measurements in enumerate(one.further):
        trial, begin = one.here.problem.trials[t], one.printed[t]
        for rows in measurements:
            places = range(begin, begin + len(rows))
            begin += len(rows)
            telling = [i for i in one.telling(t, places) if one.places[t][i] in places]
            if not telling:
                continue
            row, asked = rows[0], trial.fitted[places[0]]
            out.append({
                "evidence": trial.trial.name, "arm": row.arm, "observable": row.observable, "day": float(row.day),
                "statistics": ", ".join(rows[one.places[t][i] - places[0]].statistic for i in telling),
                "predicted": _predicted(one, t, telling[0]), "unit": asked.asked.unit, "n": asked.size,
                "information": one.of(t, places),
            })  # fmt: skip
    return out


def _predicted(one: Informed, t: int, i: int) -> float:
    mean = float(one.moments(one.start)[t].mean[i])
    return float(np.exp(mean)) if one.here.terms[t].logs[i] else mean
