"""Bring together what the engine needs of an ensemble and its output times: tables of events, one segment a patient.

Patients whose events are the same share a segment. Where events depend on all that a patient is (steady states, resets,
covariates, outputs of its own, sensitivities), each has its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from immunode.engine import NEVER, OUTPUT, RESET, Directions, Events, Grid, one_grid
from immunode.model.evaluate import declared
from immunode.model.trace import Trace, infusing, lazy_trace
from immunode.simulation.administration import Administration, absorbed, administration
from immunode.simulation.covariates import ramped
from immunode.simulation.dose_table import BOLUS, MODELLED_DURATION, MODELLED_RATE, DoseTable, dose_table
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.meeting_doses import slips
from immunode.simulation.resets_and_steady import resets, steady
from immunode.simulation.sensitivities import with_start
from immunode.simulation.ties import FIRST, POST, PRE, after_events, in_order, moments, rounding, soon_after, together
from immunode.simulation.timeline import EventRows, joined, of_doses, standing, table
from immunode.simulation.times import OutputTimes, at_events
from immunode.steady_state.start import initial_states


@dataclass(frozen=True)
class EngineInput:
    """Hold what the engine is given; `failures` are patients without the steady state that they need, and why.

    A run that resumes has no `y0`, and directions without a start.
    """

    trace: Trace
    parameters: np.ndarray
    events: Events
    times: Grid
    gain: np.ndarray | None = None
    y0: np.ndarray | None = None
    along: Directions | None = None
    failures: Mapping[int, str] = field(default_factory=dict)


def engine_input(
    ensemble: Ensemble, outputs: OutputTimes, options: SolveOptions, *, resumed: bool = False
) -> EngineInput:
    """Return what the engine is given; raise BadValue for what cannot be given, or a dose before the start.

    A run that is `resumed` has had what came before. What happens at the `end` is left to the run that resumes there:
    outputs there come first.
    """
    doses = dose_table(ensemble.model, ensemble.regimens)
    if options.end is not None:
        end = options.end[outputs.patient] if isinstance(options.end, np.ndarray) else options.end
        outputs = replace(outputs, order=np.where(outputs.time >= end, FIRST - 1.0, outputs.order))
    dependent = ensemble.covariates is not None or ensemble.names or doses.steady.any() or (doses.action == RESET).any()
    made = None
    if not dependent and outputs.first is None and np.all(outputs.order <= PRE):
        made = _shared(ensemble, doses, outputs.time, options, resumed)
    return made or _separate(ensemble, doses, outputs, options, resumed)


def _start(ensemble: Ensemble, resumed: bool) -> tuple[np.ndarray | None, Directions | None]:
    """Return the initial states of all patients, (n, S), and the directions with the changes of these."""
    if resumed:
        return None, ensemble.along
    values, along = ensemble.parameters, ensemble.along
    if ensemble.covariates is not None:
        values = ensemble.at(np.arange(len(values)), ensemble.start)
    y0 = initial_states(ensemble.model, values)
    if along is not None:
        along = with_start(ensemble.model, along, ensemble.names, values, y0)
    return y0, along


def _quantities(doses: DoseTable) -> list[str]:
    """Return the names of what the model declares of these doses."""
    modelled = (("duration", MODELLED_DURATION), ("rate", MODELLED_RATE))
    return ["lag", "bioavailability"] + [name for name, mode in modelled if mode in doses.mode]


def _trace(ensemble: Ensemble, doses: DoseTable) -> Trace:
    """Return what is solved: the model, with infusions where there are some."""
    return infusing(lazy_trace(ensemble.model), tuple(np.unique(doses.state[doses.mode != BOLUS]).tolist()))


def _shared(
    ensemble: Ensemble, doses: DoseTable, times: np.ndarray, options: SolveOptions, resumed: bool
) -> EngineInput | None:
    """Return the input of patients who share segments.

    None where an output follows an event so soon that it is meant to be at its time: then each needs its own.
    """
    trace, model, which = _trace(ensemble, doses), ensemble.model, ensemble.which
    quantities = _quantities(doses)
    y0, _ = _start(ensemble, resumed)
    values = declared(model, quantities, ensemble.parameters, (), None)
    modelled = {"duration": doses.mode == MODELLED_DURATION, "rate": doses.mode == MODELLED_RATE}
    asking = modelled | {"lag": ..., "bioavailability": doses.rated}
    keys = [which[:, None].astype(float)]
    for name, (value, _) in values.items():
        keys.append(value[:, np.unique(doses.state[asking[name]])])
    first = segment = np.zeros(1, np.int64)
    if len(which) != 1:  # else there is nothing to sort, which takes as long as many patients
        _, first, segment = np.unique(np.hstack(keys), axis=0, return_index=True, return_inverse=True)
    doses, segment_of = doses.picked(which[first])
    patient, start = first[segment_of], ensemble.start[first]
    administered = administration(model, doses, patient, values, patient)
    rows = standing(doses, segment_of, of_doses(doses, segment_of, administered))
    rows = replace(rows, time=together(rows.segment, rows.time))
    if len(options.stops):
        rows = joined([rows, EventRows.stops(len(first), options.stops, 0)])
    if soon_after(rows.time[(not resumed) | (rows.time >= start[rows.segment])], times):
        return None
    at = in_order(rows.segment, rows.time, rows.order)
    events = table(rows, at, segment.ravel(), start, resumed, model.time)
    grid = one_grid(times, len(which))
    return EngineInput(trace, ensemble.parameters, events, grid, values["bioavailability"][0], y0)


def _administered(ensemble: Ensemble, doses: DoseTable) -> tuple[DoseTable, np.ndarray, Administration]:
    """Return the doses of all patients, the patient of each, and how they are administered."""
    values, scale = ensemble.parameters, None if ensemble.along is None else ensemble.along.scale
    quantities, (doses, patient) = _quantities(doses), doses.picked(ensemble.which)
    row = patient
    if ensemble.covariates is not None:  # then lags and the like are those of each dose, not each patient's
        values, row = ensemble.at_doses(patient, doses.time), np.arange(len(patient))
        scale = None if scale is None else scale[patient]
    evaluated = declared(ensemble.model, quantities, values, ensemble.names, scale)
    return doses, patient, administration(ensemble.model, doses, patient, evaluated, row)


def _refusals(
    ensemble: Ensemble, trace: Trace, doses: DoseTable, y0: np.ndarray | None, along: Directions
) -> EventRows:
    """Return one, at its start, for each patient in whom something jumps at the very parameters that it has."""
    from immunode.model.edges import on_edge, starts_on_edge

    patient, time = np.arange(len(ensemble.which)), ensemble.start
    if ensemble.covariates is not None:
        patient, time = ensemble.covariates.moments(time)
    values = ensemble.at(patient, time)
    if ensemble.covariates is not None and ensemble.covariates.rule == "linear":
        values[:, ensemble.covariates.columns] = np.nan  # a condition on them is one on time
    into, by, scale = np.unique(doses.state).tolist(), along.parameter.tolist(), along.scale
    edgy = on_edge(trace, into, values, by, scale[patient])
    if y0 is not None:  # else what is resumed has begun
        first = np.unique(patient, return_index=True)[1]
        edgy[first] |= starts_on_edge(trace, ensemble.start, y0, values[first], by, scale, along.start)
    lost = np.unique(patient[edgy])
    return EventRows.refusals(lost, ensemble.start[lost], len(ensemble.names))


def _happening(
    ensemble: Ensemble,
    trace: Trace,
    doses: DoseTable,
    options: SolveOptions,
    begin: tuple[np.ndarray | None, Directions | None],
) -> tuple[DoseTable, np.ndarray, EventRows, dict[int, str]]:
    """Return the doses of all patients, the patient of each, the rows of what they do, and who has no steady state;
    `begin` are initial states and directions."""
    doses, patient, administered = _administered(ensemble, doses)
    reaching = absorbed(doses, administered)
    parts, failures = [of_doses(doses, patient, administered, reaching)], dict[int, str]()
    if (doses.action == RESET).any():
        parts.append(resets(ensemble, doses, patient))
    if doses.steady.any():
        settled, failures = steady(ensemble, trace, doses, patient, administered, reaching, options)
        parts.append(settled)
    if begin[1] is not None:
        parts.append(_refusals(ensemble, trace, doses, begin[0], begin[1]))
    return doses, patient, standing(doses, patient, joined(parts)), failures


def _separate(
    ensemble: Ensemble, doses: DoseTable, outputs: OutputTimes, options: SolveOptions, resumed: bool
) -> EngineInput:
    """Return the input of patients each of whom has a segment."""
    trace, model, n, k = _trace(ensemble, doses), ensemble.model, len(ensemble.which), len(ensemble.names)
    y0, along = _start(ensemble, resumed)
    doses, patient, rows, failures = _happening(ensemble, trace, doses, options, (y0, along))
    parameters = ensemble.parameters
    if ensemble.covariates is not None:
        if ensemble.covariates.rule == "linear":
            trace = ramped(trace, ensemble.covariates.names)
        rows = joined([rows, ensemble.covariates.changes(model, ensemble.start, k)])
        parameters = ensemble.covariates.begin(parameters, ensemble.start)
    rows = replace(rows, time=together(rows.segment, rows.time))
    at = np.flatnonzero(doses.steady)
    records = (patient[at], doses.time[at], at - doses.first[patient[at]])
    outputs = outputs.ragged(n)
    observed = outputs.patient
    outputs = at_events(outputs, rows.segment, rows.time, records)
    if len(options.stops):
        rows = joined([rows, EventRows.stops(n, options.stops, k)])
    rows = joined([rows, EventRows.outputs(observed, outputs.time, outputs.order, k)])
    at = in_order(rows.segment, rows.time, rows.order)
    shown = rows.kind[at] == OUTPUT
    held, last = after_events(shown, moments(rows.segment, rows.time)[at]), rows.order[at] == POST
    if model.triggers:
        held = held & ~last  # else before the triggers that doses fire
    if rows.slip.any():
        rows = replace(rows, slip=slips(trace, rows, at, parameters))
    events = table(rows, at[held | ~shown], np.arange(n), ensemble.start, resumed, model.time)
    assert outputs.first is not None
    when = rows.time[at]
    due = np.where(held, NEVER, np.where(last, when + rounding(when), when))
    grid = Grid(np.arange(n), outputs.first, when[shown], due[shown])
    return EngineInput(trace, parameters, events, grid, None, y0, along, failures)
