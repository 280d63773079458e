"""Simulate a model under regimens: parameters and doses in, an xarray.Dataset out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode import models
from immunode.engine import METHODS, Grid, Solution
from immunode.errors import BadValue, Interrupted
from immunode.internal.arguments import by_name, choice, finite, flag, several, thread_count
from immunode.internal.coarse_times import DOSES, DOSES_NAMES, DOSES_OF, MOST_NAMED, SETS, SETS_WORDS
from immunode.internal.defaults import THREADS
from immunode.internal.progress import bar
from immunode.model.clock import moment
from immunode.model.declaration import Model
from immunode.nonmem import EventTable
from immunode.regimen import Regimen
from immunode.regimen.words import set_words
from immunode.simulation.between_times import look, missed
from immunode.simulation.covariates import RULES, read_covariates
from immunode.simulation.dataset import Labels, dataset, without_copies
from immunode.simulation.ensemble import Ensemble, SolveOptions, with_sensitivities
from immunode.simulation.ensemble_run import raise_failures, solve_ensemble
from immunode.simulation.parameters import VirtualPatients, is_patients, matrix, of_patients, parameters_by_name
from immunode.simulation.request import Request, from_lists, from_table
from immunode.simulation.ties import POST, PRE
from immunode.simulation.times import OutputTimes

if TYPE_CHECKING:
    import xarray

_SIDES = {"pre": (PRE,), "post": (POST,), "both": (PRE, POST)}


def simulate(
    model: str | Model | VirtualPatients,
    regimen: "Regimen | str | Sequence[Regimen | str] | Mapping[str, Regimen | str] | EventTable | None" = None,
    *,
    times: Any = None,
    at_dose: str = "pre",
    parameters: Any = None,
    covariates: Mapping[str, Any] | None = None,
    covariate_rule: str = "nocb",
    outputs: str | Sequence[str] | None = None,
    start: Any = None,
    rtol: float = 1e-6,
    method: str = "auto",
    max_step: Any = None,
    sensitivities: str | Sequence[str] = (),
    threads: int | None = THREADS,
    throw: bool = True,
) -> "xarray.Dataset":
    """Simulate a model under a regimen, for one patient or many, and return what comes over time.

    Main arguments
        model: an im.Model, the name of one of the library, or a file such as "my_model.py"; or the virtual patients
            that Population.sample returns, who have a model and parameters of their own
        regimen: a sentence, an im.Regimen, or a list of these, one a patient, or {name: regimen}; or what
            im.read_events returns, which brings its own times; default none: no treatment
        times: numbers [day], texts such as "36 h", or im.days; a model that counts another time refuses a number alone.
            A list of lists is one a patient; default from day 0 to 28 days after the last dose: every day (every week
            or more where that is long), and half an hour to a day after each dose
        parameters: changes by name: "10 L/h", a number in the declared unit, or an array or list, one value a patient;
            or virtual patients, as in place of the model; default none
        outputs: names of what is returned, default every state and output

    Other arguments
        at_dose: an output at the time of a dose, trigger or switch is the value before it, "pre", after it, "post", or
            either, "both" (coordinate `side`), default "pre"
        covariates: parameters that change in time, {name: (times, values)} with times as in `times` and values in the
            declared unit, or a list of such pairs, one a patient, default none
        covariate_rule: between two records the value is that of the next one, "nocb", of the last one, "locf", or on
            the line, "linear", default "nocb"
        start: the time at which patients have their initial values, a number [day] or "-1 d"; default day 0, or earlier
            when a dose or time is; in an event table the first record
        rtol: relative tolerance of a step; the absolute one is rtol / 1000 of each state's `scale`
            (docs/tolerances.md), default 1e-6 [1]
        method: "auto", "tsit5" (not stiff) or "rodas5p" (stiff), default "auto"
        max_step: the longest step, "2 h" or a number [day], which an input in time narrower than 1/1000 of its time
            needs (docs/tolerances.md), default none
        sensitivities: names of parameters, and of states for their initial values, by which outputs are differentiated,
            default none
        threads: number of threads, default all cores
        throw: whether a patient that fails raises SolveError, default True

    Returns
        an xarray.Dataset over `time` [time unit of the model], of several patients over `patient` and `time`, with the
            unit of each variable in its attribute `units`, what it is in `long_name`, and in `between_times` what it
            reaches at least (at `between_times_at`) between the times where these do not show it; of a list of regimens
            the coordinate `regimen` says each patient's name or words, and the attributes `doses` and `sets` of `time`
            when doses are given and states are set
        where patients have times of their own, and for an event table, it is over `record` (coordinates `patient`,
            `time`)
        with `sensitivities` each output x has `x_sensitivity`, its exact derivatives, with the dimension `by`
        with many patients, or without `throw`, `status` (errors.Status) says how each ended, `status_time` and
            `status_state` when and in which state one failed

    Raises
        UnknownName: for a model, parameter, route, state or output that does not exist.
        UnitError: for a dose or parameter in a unit that does not fit.
        ModelError: for a model with an input that nothing fills.
        BadValue: for all other bad input.
        SolveError: for failed patients unless `throw` is False, or where there is no steady state.
        Interrupted: after Ctrl-C, with what is finished.

    Example
        >>> import immunode as im
        >>> changed = {"CL": "7 L/h"}
        >>> course = im.simulate("il2_sc", "3 MIU SC QD days 1-5", times=["2 h", "4 h", "8 h"], parameters=changed)
        >>> print(course.il2.values.round(1), course.il2.attrs["units"])
        [14.4 17.1 9.6] IU/mL
    """
    chosen, parameters = of_patients(model, regimen, parameters)
    model, throw = models.model(chosen), flag(throw, "throw")
    options = SolveOptions(
        finite(rtol, "rtol"), choice(method, "method", METHODS), longest(model, max_step), thread_count(threads)
    )
    choice(at_dose, "at_dose", _SIDES)
    choice(covariate_rule, "covariate_rule", RULES)
    drawn, parameters = is_patients(parameters), parameters_by_name(parameters, model)
    covariates = by_name(covariates, "covariates", "{'CL': ([0, 10], [10.0, 12.0])}")
    request = _request(model, regimen, times, at_dose, parameters, covariates, start)
    names, along = _names(outputs, "outputs"), _names(sensitivities, "sensitivities")
    names = names or [state.name for state in model.states] + [output.name for output in model.outputs]
    ensemble = _ensemble(model, request, covariate_rule, along, bounded=not drawn)
    labels = replace(_labels(model, request, options, at_dose), names=names, sensitivities=along, throw=throw)
    copied = request.outputs if at_dose == "both" else None
    looks = look(ensemble, request.outputs, copied=copied is not None)
    try:
        with bar("patients") as step:
            solution, made = solve_ensemble(ensemble, looks.outputs, names, replace(options, progress=step))
    except Interrupted as stop:
        raise Interrupted(_labelled(labels, copied, looks.without(stop.found), None), stop.done, stop.total) from None
    if throw:
        raise_failures(model, solution, method, made.failures)
    labels = replace(labels, of_names=missed(ensemble, looks, names, options, solution))
    return _labelled(labels, copied, looks.without(solution), made.times)


def _labels(model: Model, request: Request, options: SolveOptions, at_dose: str) -> Labels:
    """Return what the result says of the model and of what was asked, but for the names of what it holds."""
    attributes: dict[str, Any] = {"model": model.name, "regimen": _in_words(request)}
    attributes |= {"at_dose": at_dose if request.subjects is None else "record"}
    attributes |= {"rtol": options.rtol, "method": options.method}
    names = {} if request.names is None else {"regimen": request.names}
    records, coordinates = request.records, request.coordinates
    return Labels(
        model, (), request.outputs.time, attributes, (), records, coordinates, request.single, of_patients=names,
        of_time=_doses(model, request),
    )  # fmt: skip


def _doses(model: Model, request: Request) -> dict[str, Any]:
    """Return when doses are given and states set [time unit of the model], as attributes of the time, for pictures.

    Of a list of few regimens also to which of them each belongs, and their names, a line each.
    """
    names = [] if request.names is None else [str(name) for name in request.names]
    distinct = list(dict.fromkeys(names))
    if request.subjects is not None or len(distinct) > MOST_NAMED:
        return {}
    chosen = [request.regimens[names.index(name)] for name in distinct] or request.regimens[:1]
    times = [[dose.time for dose in regimen.doses if dose.action == "add"] for regimen in chosen]
    doses = np.array([time for of_one in times for time in of_one]) * model.per_day
    sets = dict.fromkeys((dose.time, set_words(dose)) for each in chosen for dose in each if dose.action != "add")
    said: dict[str, Any] = {}
    if sets:
        when, texts = zip(*sorted(sets), strict=True)
        said = {SETS: np.array(when) * model.per_day, SETS_WORDS: "\n".join(texts)}
    if not doses.size:
        return said
    of = np.repeat(np.arange(len(times)), [len(of_one) for of_one in times])
    return {DOSES: doses} | said | ({DOSES_OF: of, DOSES_NAMES: "\n".join(distinct)} if distinct else {})


def _labelled(labels: Labels, copied: OutputTimes | None, solution: Solution, grid: Grid | None) -> "xarray.Dataset":
    """Return a solution as a Dataset; of outputs that were `copied` for both sides without what is twice the same."""
    if copied is not None:
        labels, solution = without_copies(labels, copied, solution, grid)
    return dataset(labels, solution)


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


def _ensemble(model: Model, request: Request, rule: str, along: Sequence[str], *, bounded: bool) -> Ensemble:
    """Return the patients of a request."""
    twice = sorted(set(request.parameters) & set(request.covariates))
    if twice:
        raise BadValue(f"'{twice[0]}' is given as a parameter and as a covariate that changes in time; leave out one")
    values = matrix(model, request.parameters, None if request.single else request.n, bounded=bounded)
    changing = None
    if request.covariates:
        changing = read_covariates(model, request.covariates, rule, request.n, request.tied)
    ensemble = Ensemble(model, values, request.regimens, request.which, request.start, changing)
    return with_sensitivities(ensemble, along) if along else ensemble


def longest(model: Model, max_step: Any) -> float:
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
