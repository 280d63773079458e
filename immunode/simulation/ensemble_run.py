"""Solve an ensemble: arrays for trials and fits, and the error that names who failed."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from immunode.engine import Scales, Solution, build, solve
from immunode.errors import BadValue, Interrupted, SolveError, Status, unknown
from immunode.internal.arguments import progress_told
from immunode.internal.memory import need
from immunode.model.declaration import Model
from immunode.model.scales import kinship, known_scales, sizes
from immunode.regimen import Regimen
from immunode.simulation.covariates import Covariates
from immunode.simulation.engine_input import EngineInput, engine_input
from immunode.simulation.ensemble import Ensemble, SolveOptions, with_sensitivities
from immunode.simulation.ties import PRE
from immunode.simulation.times import OutputTimes

_STEPS = 1_000_000  # of a patient: more say that something is wrong
_MOST_STEPS = 2e9  # some hours of a patient
_RTOL = (1e-14, 0.1)  # below, rounding is larger; above, a step says nothing


def run(
    model: Model,
    parameters: np.ndarray,
    regimens: Sequence[Regimen],
    which: np.ndarray,
    *,
    times: np.ndarray | OutputTimes,
    observe: Sequence[str],
    start: float | np.ndarray,
    end: float | np.ndarray | None = None,
    stops: Sequence[float] = (),
    rtol: float = 1e-6,
    method: str = "auto",
    max_step: float = math.inf,
    sensitivities: Sequence[str] = (),
    covariates: Covariates | None = None,
    threads: int = 1,
    watch: str | None = None,
    threshold: np.ndarray | None = None,
    resume: Solution | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Solution:
    """Solve for n patients at once and return the engine's Solution: `values` (n, times, observe), `status` (n,), ...

    `parameters` is (n, parameters) in the order of `model.typical`, in declared units; `which` (n,) picks each
    patient's regimen. Times and `start` are in the model's time unit, doses in days; `times` are for all patients, each
    output before the events of its time, or OutputTimes: then `values` is (all outputs, observe). `stops` are visits of
    every patient. `end` is one time or one a patient, then with OutputTimes of each; without it a patient is followed
    up to its last output. `watch` names a state whose first crossing
    of `threshold` (n,) is located. No step is longer than `max_step`. With `sensitivities`, names of parameters and of
    states (their initial value), the Solution's `along` (n, times, sensitivities, observe) holds the derivatives.
    """
    outputs = times
    if not isinstance(outputs, OutputTimes):
        outputs = OutputTimes(np.asarray(times, float), np.full(len(outputs), PRE))
    begin = np.broadcast_to(np.asarray(start, float), len(parameters))
    values = np.ascontiguousarray(parameters, float)
    ensemble = Ensemble(model, values, regimens, np.asarray(which), begin, covariates)
    if sensitivities:
        ensemble = with_sensitivities(ensemble, sensitivities)
    progress_told(progress)
    options = SolveOptions(rtol, method, max_step, threads, stops, end, watch, threshold, progress)
    return solve_ensemble(ensemble, outputs, observe, options, resume)[0]


def solve_ensemble(
    ensemble: Ensemble,
    outputs: OutputTimes,
    observe: Sequence[str],
    options: SolveOptions,
    resume: Solution | None = None,
) -> tuple[Solution, EngineInput]:
    """Return the Solution of `run`, and what the engine was given."""
    model, rtol = ensemble.model, options.rtol
    if not _RTOL[0] <= rtol <= _RTOL[1]:
        raise BadValue(f"rtol = {rtol!r}: expected a number between {_RTOL[0]:g} and {_RTOL[1]:g}, such as 1e-6")
    columns = _columns(model, observe)
    watch = -1 if options.watch is None else _columns(model, [options.watch])[0]
    _check_size(ensemble, outputs, len(columns))
    made = engine_input(ensemble, outputs, options, resumed=resume is not None)
    program = build(made.trace, options.method, sensitivities=made.along is not None)
    try:
        solution = solve(
            program, made.y0, made.parameters, made.events, made.times,
            columns=columns, start=ensemble.start, end=options.end,
            rtol=rtol, atol=tolerances(model, rtol), gain=made.gain,
            watch=watch, threshold=options.threshold, resume=resume,
            directions=made.along, scales=_scales(model, made),
            max_step=options.max_step, max_steps=_STEPS + _wanted_steps(options, ensemble.start, made.times.time),
            threads=options.threads, progress=options.progress,
        )  # fmt: skip
    except Interrupted as stop:
        raise Interrupted(_finished(ensemble, outputs, made, stop.found), stop.done, stop.total) from None
    _warn_of_unknown(model, solution, resume)
    if math.isinf(options.max_step) and any(method.layout.forced for method in program.made.values()):
        _warn_of_inputs(ensemble, made, solution)
    return _finished(ensemble, outputs, made, solution), made


def _scales(model: Model, made: EngineInput) -> Scales:
    """Return what is known of how large states are: what they receive, and at first what they begin with."""
    relation, received = kinship(model), np.zeros((len(made.parameters), len(model.states)))
    if made.y0 is not None and relation.undeclared.any():
        received = sizes(model, made.y0)
    return Scales(relation, received)


def _check_size(ensemble: Ensemble, outputs: OutputTimes, width: int) -> None:
    """Raise BadValue when the results would not fit into memory."""
    count, many = len(ensemble.which), len(outputs.time)
    rows = many if outputs.first is not None else count * many
    width *= 1 + len(ensemble.names)
    cure = "ask for fewer times or outputs=, or fewer patients at a time"
    need(8 * rows * width, f"{count} patients, {many} times and {width} outputs and sensitivities", cure)


def _wanted_steps(options: SolveOptions, start: np.ndarray, times: np.ndarray) -> int:
    """Return how many steps of a patient the longest step asks for, and as many again; 0 where there is no longest."""
    if math.isinf(options.max_step):
        return 0
    last = np.append(times, 0.0 if options.end is None else np.max(options.end)).max()
    steps = 2.0 * max(float(last - start.min(initial=0.0)), 0.0) / max(options.max_step, 1e-300)
    if steps > _MOST_STEPS:
        raise BadValue(
            f"max_step = {options.max_step:g} (in the model's time) makes {steps / 2:.3g} steps, more than "
            f"{_MOST_STEPS / 2:.3g}: take a longer one, or an earlier end"
        )
    return int(steps)


def _columns(model: Model, names: Sequence[str]) -> np.ndarray:
    """Return where in the states, then outputs, the names stand; raise UnknownName for one that is none of them."""
    known = [state.name for state in model.states] + [output.name for output in model.outputs]
    for name in names:
        if name not in known:
            raise unknown("output or state", name, known, model.name)
    return np.array([known.index(name) for name in names], dtype=np.int64)


def tolerances(model: Model, rtol: float) -> np.ndarray:
    """Return the absolute tolerance per state: rtol / 1000 of its scale, of 1 where it declares none."""
    return rtol * 1e-3 * model.scales


def _unknown(model: Model, solution: Solution) -> np.ndarray:
    """Return which states of which patients (n, S) moved though nothing tells their scale."""
    states = solution.state[:, : len(model.states)]
    return np.isnan(known_scales(model, solution.received)) & (states != 0) & (solution.status == 0)[:, None]


def _warn_of_unknown(model: Model, solution: Solution, resume: Solution | None) -> None:
    """Warn of states whose scale nothing tells, once a run and not again where it resumes."""
    if not solution.received.size:
        return
    some = _unknown(model, solution)
    if resume is not None:
        some = some & ~_unknown(model, resume)
    odd = [model.states[int(i)] for i in np.flatnonzero(some.any(axis=0))]
    if odd:
        names = ", ".join(f"{state.name} [{state.unit}]" for state in odd)
        warnings.warn(
            f"{model.name}: nothing tells how large {names} will be (no initial value, no dose, and nothing "
            "of the same unit that is given flows into it): it is solved as if its size were 1; declare "
            "State(..., scale=), the size that matters",
            stacklevel=4,
        )


def _warn_of_inputs(ensemble: Ensemble, made: EngineInput, solution: Solution) -> None:
    """Warn of what time brings that steps may not see."""
    from immunode.model.forcing import unseen

    terms = unseen(made.trace.whole, made.parameters, ensemble.start, solution.time)
    if terms:
        warnings.warn(
            f"{ensemble.model.name}: a step may pass over {'; '.join(terms)}: give simulate max_step=, a time "
            "in which it does not change much; a trial or a fit takes none: write the input as a dose or as a window, "
            "where(both(t > begin, t < end), ...), whose ends are stops",
            stacklevel=4,
        )


def _finished(ensemble: Ensemble, outputs: OutputTimes, made: EngineInput, solution: Solution) -> Solution:
    """Return the Solution in the shape of `outputs`, sensitivities in the units of their parameters.

    Patients that have no steady state have that status, and no values.
    """
    n, common = len(ensemble.which), outputs.first is None
    shape = (n, len(outputs.time)) if common else (len(outputs.time),)
    patients: np.ndarray = np.arange(n)[:, None] if common else outputs.patient
    values = solution.values.reshape(*shape, solution.values.shape[-1])
    along = solution.along.reshape(*shape, *solution.along.shape[-2:])
    if made.along is not None:
        along = along / made.along.scale[patients][..., None]
    if not made.failures:
        return replace(solution, values=values, along=along)
    lost = np.zeros(n, bool)
    lost[list(made.failures)] = True
    gone = lost[patients]
    return replace(
        solution,
        values=np.where(gone[..., None], np.nan, values),
        along=np.where(gone[..., None, None], np.nan, along),
        status=np.where(lost, int(Status.no_steady_state), solution.status),
        status_time=np.where(lost, ensemble.start, solution.status_time),
    )


_CURES = {
    Status.chattering: "a switch turns back as soon as it has turned: give it another level to turn back at",
    Status.no_derivative: "a threshold is touched or two events meet (docs/switches.md); leave sensitivities out",
    Status.endless_triggers: "triggers set each other off without end: let one wait, or hold only once",
    Status.too_many_pending: "a trigger fires more often than its delay lets it act",
    Status.negative_delay: "a trigger's delay is below zero there",
}


def raise_failures(
    model: Model, solution: Solution, method: str = "auto", unsteady: Mapping[int, str] | None = None
) -> None:
    """Raise SolveError that names the first failed patient, when and in which state; do nothing when all are solved.

    `unsteady` says why patients have no steady state.
    """
    if unsteady:
        i, why = next(iter(unsteady.items()))
        raise SolveError(
            f"{model.name} has no steady state of these doses in {len(unsteady)} of {len(solution.status)} patients; "
            f"patient {i}: {why}"
        )
    failed = np.flatnonzero(solution.status)
    if failed.size:
        i = failed[0]
        status, state = Status(int(solution.status[i])), int(solution.status_state[i])
        where = f" in state '{model.states[state].name}'" if state >= 0 else ""
        cure = _CURES.get(status, "")
        if status == Status.too_many_steps and method == "tsit5":
            cure = "a stiff model needs method='auto' or 'rodas5p'"
        raise SolveError(
            f"{failed.size} of {len(solution.status)} patients failed; patient {i}: "
            f"{status.name} at {solution.status_time[i]:g} {model.time}{where}" + (cure and f"; {cure}")
        )
