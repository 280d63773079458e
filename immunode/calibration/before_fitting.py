"""What evidence can fix, before anything is fitted, and which further measurement would help most.

The information of the evidence is J'J of its residuals over the logarithms of the parameters, at the start. A further
measurement adds a row: the one is sought after which the least known combination of parameters is known best. (Ds- and
E-optimal design: Atkinson, Donev and Tobias 2007, ISBN 9780199296606.)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.cohorts import check_rows, sources_of
from immunode.calibration.free_parameters import LOG, Options, model_values, varied
from immunode.calibration.identifiability import sizes, times, weakest
from immunode.calibration.lmfit_parameters import from_lmfit
from immunode.calibration.objective import jacobian
from immunode.calibration.population.fit import PATIENTS
from immunode.calibration.population.identifiable import further, informed, measured
from immunode.calibration.predict import predict
from immunode.calibration.prepared import RTOL, Prepared, prepared, refuse_of_population
from immunode.calibration.problem import first_change, fit_problem
from immunode.calibration.slopes import number_slopes
from immunode.calibration.typical import typical
from immunode.errors import BadValue, unknown
from immunode.evidence.printed import Evidence
from immunode.evidence.printed_number import PrintedNumber
from immunode.internal.arguments import by_name, finite, seed_number, thread_count, whole
from immunode.internal.defaults import THREADS
from immunode.model.clock import SaidDays
from immunode.model.declaration import Model
from immunode.virtual_trials.population import Population

NOTHING = 10.0  # log-SD of a combination of which nothing is known: a factor of 20 000; keeps its variance a number
FAINT = 0.01  # of an observable's largest value: what is less is taken to be below what can be measured
SHOWN = 3  # measurements in words


@dataclass(frozen=True, eq=False)
class Identifiability:
    """Hold what evidence can fix at the start of a fit, all of it for logarithms of parameters.

    `weak` says in words which combinations it cannot tell apart, `helps` which three measurements would help most.
    `directions` has a row a combination of parameters, the least known first: its SD (exp(SD) is a factor) and its
    parts; `stderr` the SD of each parameter; `measurements` all that were tried, the best first.
    """

    weak: tuple[str, ...]
    helps: tuple[str, ...]
    directions: pd.DataFrame
    stderr: pd.Series
    measurements: pd.DataFrame

    def __repr__(self) -> str:
        """Return what is weak, and what would help."""
        weak, helps = [f"  {text}" for text in self.weak], [f"  {text}" for text in self.helps]
        lines = ["the evidence cannot tell apart:", *weak] if weak else [
            "every combination of parameters is known to better than a factor of 1.65"
        ]  # fmt: skip
        return "\n".join([*lines, *(["would help most:", *helps] if helps else [])])


def identifiability(
    evidence: Sequence[str | Evidence] | str | Evidence,
    model: str | Model | Population,
    vary: Sequence[str] | Mapping[str, Options] | lmfit.Parameters,
    *,
    derived: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    spread: Mapping[str, float] | None = None,
    measure: Mapping[str, float] | Sequence[str] | None = None,
    rtol: float = RTOL,
    threads: int | None = THREADS,
    trial_effects: Sequence[str] | Mapping[str, float] = (),
    patients: int = PATIENTS,
    seed: int = 0,
) -> Identifiability:
    """Say what evidence can fix of the parameters at their start, and which further measurement would help most.

    Main arguments
        evidence: im.Evidence, or names of library trials, one or a list
        model: an im.Model, the name of one of the library, or a file such as "my_model.py"; or an im.Population
        vary: names of the parameters to fit, or {name: {value, min, max, log}}, or lmfit.Parameters, as in
            im.calibrate

    Other arguments
        derived: parameters that follow from others, as in im.calibrate, default none
        values: fixed parameters by name, default none
        spread: log-SD by parameter, over which rows of the statistic "mean" are averaged, default none [1]
        measure: observables that could be measured, with their relative SD, such as {"il2": 0.2}; default those of the
            evidence, each with the median of its rows' sigma over value [1]; of a population their names, ["il2"]
        rtol: relative tolerance of a step, default 1e-8 [1]
        threads: number of threads, default all cores
        trial_effects: of a population, as in im.calibrate, default none
        patients: of a population: virtual patients an arm, at least, default 4000
        seed: of the virtual patients, default 0

    Returns
        `weak` and `helps`, in words; `directions`, a DataFrame with a row a combination of parameters, the least known
        first; `stderr`, of the logarithm of each parameter; `measurements`, a DataFrame with a row for each that was
        tried: the value of an observable in an arm of the evidence, on its days, halfway between them, at half its
        first and one and a half times its last. `largest` is the SD of the least known combination with it. A value
        below 1 % of its observable's largest is not tried. A parameter that is zero at its start moves by 1, not by a
        factor. Of a population a measurement is the median and the quartiles of all patients of an arm.

    Raises
        what im.calibrate raises, but not for fewer numbers than parameters

    Example
        >>> import immunode as im
        >>> decay = im.Model(
        ...     "decay", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y},
        ...     [im.Parameter("k", 1.0, "1/day"), im.Parameter("V", 1.0, "L")], routes={"iv": "y"},
        ...     outputs=[im.Output("level", "mg/L", lambda t, x, p: x.y / p.V)],
        ... )
        >>> rows = [{"arm": "a", "observable": "level", "day": 1, "value": 0.36, "sigma": 0.018}]
        >>> known = im.identifiability(im.Evidence(name="assay", arms={"a": "1 mg IV"}, rows=rows), decay, ["k", "V"])
        >>> print(known.helps[0])
        level in arm 'a' of assay on day 0.5, to 5 %: the least known combination from without limit to x 1.2
    """
    asked = from_lmfit(vary, derived, values, model)
    vary, derived, values = asked.vary, asked.derived, asked.values
    if isinstance(model, Population):
        refuse_of_population({"values": (values, None), "spread": (spread, None), "rtol": (rtol, RTOL)})
        return _of_population(
            sources_of(evidence), model, vary, measure, derived=derived, trial_effects=trial_effects,
            patients=whole(patients, "patients", 100), seed=seed_number(seed), threads=thread_count(threads),
        )  # fmt: skip
    ready = prepared(
        evidence, model, vary, derived=derived, values=values, spread=spread, rtol=rtol, threads=threads
    )  # fmt: skip
    free = varied(ready.first)
    scaled = jacobian(ready.problem, ready.first, ready.held) * sizes(free)
    information = scaled.T @ scaled
    tried = _tried(ready, information, _relative(ready, measure))
    return _told(information, free, tried)


def _of_population(
    sources: Sequence[Evidence], population: Population, vary: Any, measure: Any, **options: Any
) -> Identifiability:
    """Return what the likelihood of printed numbers says of a population."""
    known = population.of.observables
    check_rows(sources, "give it rows, such as means with their SD")
    names = [measure] if isinstance(measure, str) else list(measure or ())
    for name in names:
        if name not in known:
            raise unknown("output or state", str(name), known, f"measure: {population.of.name}")
    seen = [names or sorted({row.observable for row in one.rows if row.observable}) for one in sources]
    made = informed(
        sources, population, vary, [further(one, some, _days(one)) for one, some in zip(sources, seen, strict=True)],
        **options,
    )  # fmt: skip
    rows = measured(made)
    largest = {name: max(abs(row["predicted"]) for row in rows if row["observable"] == name) for name in
               {row["observable"] for row in rows}}  # fmt: skip
    rows = [
        _judged(row, row["information"]) for row in rows
        if abs(row["predicted"]) > FAINT * largest[row["observable"]]
    ]  # fmt: skip
    problem = made.here.problem
    return _told(made.of(), problem.named(made.here.x), _sorted(rows, "n", "statistics"))


def _with_nothing(information: np.ndarray) -> np.ndarray:
    return information + np.eye(len(information)) / NOTHING**2


def _judged(row: Mapping[str, Any], information: np.ndarray) -> dict[str, Any]:
    """Return a measurement with the SD of the least known combination, and the log volume of what is left."""
    levels = np.linalg.eigvalsh(_with_nothing(information))
    judged = {"largest": float(1 / np.sqrt(levels[0])), "volume": float(-0.5 * np.log(levels).sum())}
    return {name: value for name, value in row.items() if name != "information"} | judged


def _sorted(rows: Sequence[Mapping[str, Any]], *precision: str) -> pd.DataFrame:
    """Return measurements as a table, the best first."""
    columns = ["evidence", "arm", "observable", "day", "predicted", "unit", *precision, "largest", "volume"]
    return pd.DataFrame(rows, columns=columns).sort_values(["largest", "volume"], kind="stable", ignore_index=True)


def _told(information: np.ndarray, free: Mapping[str, float], tried: pd.DataFrame) -> Identifiability:
    """Return what information (p, p) over the logarithms of free parameters says."""
    names = [name.removeprefix(LOG) for name in free]
    every = _with_nothing(information)
    levels, vectors = np.linalg.eigh(every)
    directions = pd.DataFrame(vectors.T, columns=names)
    directions.insert(0, "sd", 1 / np.sqrt(levels))
    before = float(1 / np.sqrt(levels[0]))
    helps = tuple(_words(row, before) for row in tried.head(SHOWN).to_dict("records"))
    stderr = pd.Series(np.sqrt(np.diag(np.linalg.inv(every))), index=names)
    told, axes = np.linalg.eigh(information)
    slopes = (axes * np.sqrt(np.maximum(told, 0.0))).T / sizes(free)
    return Identifiability(tuple(weakest(slopes, free)), helps, directions, stderr, tried)


def _words(row: Mapping[str, Any], before: float) -> str:
    """Return what one measurement would do."""
    where = f"{row['observable']} in arm '{row['arm']}' of {row['evidence']} on day {row['day']:.4g}"
    moved = f"from {times(before)} to {times(row['largest'])}"
    if "statistics" in row:
        return f"{row['statistics']} of {where}, of {row['n']} patients: the least known combination {moved}"
    return f"{where}, to {100 * row['relative_sd']:.2g} %: the least known combination {moved}"


def _relative(ready: Prepared, measure: Any) -> dict[str, float]:
    """Return the relative SD of a measurement by observable."""
    stated = by_name(measure, "measure", "{'il2': 0.2}")
    known = ready.model.observables
    for name, sd in stated.items():
        if name not in known:
            raise unknown("output or state", name, known, ready.model.name)
        if not finite(sd, f"measure: {name}") > 0:
            raise BadValue(f"measure: {name} = {sd!r}: expected a relative SD above 0, such as 0.2")
    if stated:
        return {name: float(sd) for name, sd in stated.items()}
    seen: dict[str, list[float]] = {}
    for source in typical(ready.sources):
        for row in source.rows:
            if row.observed and row.sigma:
                seen.setdefault(row.observable, []).append(abs(row.sigma / row.observed))
    return {name: float(np.median(parts)) for name, parts in seen.items()}


def _days(source: Evidence) -> list[float]:
    """Return the days on which one more measurement is tried."""
    told = sorted({float(row.day) for row in source.rows} | {float(row.from_day) for row in source.rows})
    told = [day for day in told if day > source.start]
    if not told:
        return []
    between = [(a + b) / 2 for a, b in pairwise(told)]
    first, last = told[0] - source.start, told[-1] - source.start
    return sorted({*told, *between, source.start + first / 2, source.start + 1.5 * last})


def _tried(ready: Prepared, information: np.ndarray, relative: Mapping[str, float]) -> pd.DataFrame:
    """Return every measurement that was tried, the best first."""
    rows = []
    for source in typical(ready.sources):
        if not any(row.day > source.start for row in source.rows):
            continue
        more = [
            PrintedNumber(arm=arm.name, observable=name, day=SaidDays(day), value=1.0, sigma=1.0)
            for arm in source.arms
            for name in relative
            for day in _days(source)
            if day <= (first_change(arm, source.start) or math.inf)
        ]
        rows += _known(ready, source.model_copy(update={"rows": tuple(more)}), information, relative)
    return _sorted(rows, "relative_sd")


def _known(
    ready: Prepared, source: Evidence, information: np.ndarray, relative: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return what each row of a source would add: SD of the least known combination, and log volume of what is left."""
    made = ready.problem
    problem = fit_problem([source], ready.model, rtol=made.rtol, threads=made.threads)
    predicted = predict(problem, [model_values(ready.model, ready.first, ready.held)])[0]
    slopes = number_slopes(problem, ready.first, ready.held) * sizes(varied(ready.first))
    largest = {name: np.abs(predicted[_of(source, name)]).max() for name in relative}
    out = []
    for row, number, slope in zip(source.rows, predicted, slopes, strict=True):
        sigma = relative[row.observable] * abs(number)
        if not sigma > FAINT * relative[row.observable] * largest[row.observable]:
            continue
        out.append(_judged({
            "evidence": source.name, "arm": row.arm, "observable": row.observable, "day": float(row.day),
            "predicted": float(number), "unit": ready.model.observables[row.observable],
            "relative_sd": relative[row.observable],
        }, information + np.outer(slope, slope) / sigma**2))  # fmt: skip
    return out


def _of(source: Evidence, name: str) -> list[int]:
    return [i for i, row in enumerate(source.rows) if row.observable == name]
