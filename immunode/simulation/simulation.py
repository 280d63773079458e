"""Simulate a model under regimens: parameters and doses in, an xarray.Dataset out."""

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from immunode import models
from immunode.engine import METHODS, Grid, Solution
from immunode.errors import BadValue, Interrupted
from immunode.internal.arguments import by_name, choice, finite, flag, several, thread_count
from immunode.internal.progress import bar
from immunode.model.clock import moment
from immunode.model.declaration import Model
from immunode.nonmem import EventTable
from immunode.regimen import Regimen
from immunode.simulation.covariates import RULES, read_covariates
from immunode.simulation.dataset import Labels, dataset, without_copies
from immunode.simulation.ensemble import Ensemble, SolveOptions, with_sensitivities
from immunode.simulation.ensemble_run import raise_failures, solve_ensemble
from immunode.simulation.parameters import matrix
from immunode.simulation.request import Request, from_lists, from_table
from immunode.simulation.ties import POST, PRE

if TYPE_CHECKING:
    import xarray

_MANY = 1000  # patients of whom a bar shows how many are done
_SIDES = {"pre": (PRE,), "post": (POST,), "both": (PRE, POST)}


def simulate(
    model: str | Model,
    regimen: "Regimen | str | Sequence[Regimen | str] | EventTable | None" = None,
    *,
    times: Any = None,
    at_dose: str = "pre",
    parameters: Mapping[str, Any] | None = None,
    covariates: Mapping[str, Any] | None = None,
    covariate_rule: str = "nocb",
    outputs: str | Sequence[str] | None = None,
    start: Any = None,
    rtol: float = 1e-6,
    method: str = "auto",
    max_step: Any = None,
    sensitivities: str | Sequence[str] = (),
    threads: int = 1,
    throw: bool = True,
) -> "xarray.Dataset":
    """Simulate `model` (a name or a Model) under `regimen` (a sentence or a Regimen) and return a Dataset over `time`.

    `times` are days; `parameters` changes by name ("10 L/h", a number in the declared unit, or an array: then a
    `patient` dimension leads); `outputs` default to every state and output. An output at the time of a dose, trigger or
    switch is the value before it, with `at_dose` "post" after it, with "both" either (coordinate `side`). `regimen` may
    be a list, one a patient, and `times` a list of lists: then the Dataset is over `record`, as for an event table
    (`read_events`), which brings its own times. `covariates` are parameters that change in time, {name: (times,
    values)} in the model's time unit, or a list of such pairs: between two records the value is the next one's, with
    `covariate_rule` "locf" the last one's, with "linear" on the line. `start` defaults to day 0, or earlier
    when a dose or time is; in an event table to the first record. `rtol` is the relative tolerance of a step; the
    absolute one is rtol / 1000 of each state's `scale` (docs/tolerances.md). `method` is "auto", "tsit5" or "rodas5p".
    No step is longer than `max_step` ("2 h", or a number of days), which an input in time narrower than 1/1000 of its
    time needs (docs/tolerances.md).
    `sensitivities` names parameters, and states for their initial values: each output `x` then has `x_sensitivity`,
    its exact derivatives, with the
    dimension `by`. With many patients, or without `throw`, `status` (errors.Status) says how each ended, `status_time`
    and `status_state` when and in which state one failed. Raise UnknownName, UnitError, BadValue for bad input;
    SolveError for failed patients unless `throw` is False, or where there is no steady state; Interrupted after Ctrl-C.
    """
    model, throw = models.model(model), flag(throw, "throw")
    options = SolveOptions(
        finite(rtol, "rtol"), choice(method, "method", METHODS), _longest(model, max_step), thread_count(threads)
    )
    choice(at_dose, "at_dose", _SIDES)
    choice(covariate_rule, "covariate_rule", RULES)
    parameters = by_name(parameters, "parameters", "{'CL': 10.0}, {'CL': '10 L/h'} or {'CL': [10.0, 12.0]}")
    covariates = by_name(covariates, "covariates", "{'CL': ([0, 10], [10.0, 12.0])}")
    request = _request(model, regimen, times, at_dose, parameters, covariates, start)
    names, along = _names(outputs, "outputs"), _names(sensitivities, "sensitivities")
    names = names or [state.name for state in model.states] + [output.name for output in model.outputs]
    ensemble = _ensemble(model, request, covariate_rule, along)

    def labelled(solution: Solution, grid: Grid | None) -> "xarray.Dataset":
        side = at_dose if request.subjects is None else "record"
        attributes: dict[str, Any] = {"model": model.name, "regimen": _in_words(request), "at_dose": side}
        attributes |= {"rtol": options.rtol, "method": method}
        labels = Labels(
            model, names, request.outputs.time, attributes, along, request.records,
            request.coordinates, single=request.single, throw=throw,
        )  # fmt: skip
        if at_dose == "both":
            labels, solution = without_copies(labels, request.outputs, solution, grid)
        return dataset(labels, solution)

    try:
        with bar("patients") if len(ensemble.which) >= _MANY else nullcontext() as step:
            solution, made = solve_ensemble(ensemble, request.outputs, names, replace(options, progress=step))
    except Interrupted as stop:
        raise Interrupted(labelled(stop.found, None), stop.done, stop.total) from None
    if throw:
        raise_failures(model, solution, method, made.failures)
    return labelled(solution, made.times)


def _in_words(request: Request) -> str:
    """Return what a request gives, in words."""
    if request.subjects is not None:
        return f"event table of {request.subjects} subjects"
    several = len(request.regimens) != 1
    return f"{len(request.regimens)} regimens, one a patient" if several else str(request.regimens[0])


def _request(
    model: Model,
    regimen: Any,
    times: Any,
    at_dose: str,
    parameters: Mapping[str, Any] | None,
    covariates: Mapping[str, Any] | None,
    start: Any,
) -> Request:
    """Return what a call asks for; raise BadValue for what does not go together."""
    if hasattr(regimen, "columns"):
        raise BadValue("regimen is a DataFrame: read it with read_events(frame, model), and simulate what that returns")
    if not isinstance(regimen, EventTable):
        return from_lists(model, regimen, times, parameters, covariates, start, _SIDES[at_dose])
    if at_dose != "pre":
        raise BadValue(f"at_dose = {at_dose!r}: in an event table the order of its records counts; leave it out")
    if start is not None:
        raise BadValue(f"start = {start!r}: an event table begins with each patient's first record; leave it out")
    return from_table(model, regimen, times, parameters, covariates)


def _ensemble(model: Model, request: Request, rule: str, along: Sequence[str]) -> Ensemble:
    """Return the patients of a request."""
    twice = sorted(set(request.parameters) & set(request.covariates))
    if twice:
        raise BadValue(f"'{twice[0]}' is given as a parameter and as a covariate that changes in time; leave out one")
    values = matrix(model, request.parameters, None if request.single else request.n)
    changing = None
    if request.covariates:
        changing = read_covariates(model, request.covariates, rule, request.n, request.tied)
    ensemble = Ensemble(model, values, request.regimens, request.which, request.start, changing)
    return with_sensitivities(ensemble, along) if along else ensemble


def _longest(model: Model, max_step: Any) -> float:
    """Return the longest step in the unit of the model's time."""
    if max_step is None:
        return math.inf
    longest = moment(max_step, model, "max_step")
    if longest <= 0:
        raise BadValue(f"max_step = {max_step!r}: expected a positive time, such as '2 h' or a number of days")
    return longest


def _names(names: Any, what: str) -> list[str]:
    """Return names, of which there may be one alone, or none."""
    if names is None or isinstance(names, str):
        return [] if names is None else [names]
    return list(several(names, str, what, "['cd4', 'il2']"))
