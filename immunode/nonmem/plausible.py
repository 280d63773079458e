"""Compare the times of an event table with how fast its doses go: hours that are read as days show there."""

import math

import numpy as np

from immunode.errors import UnitError
from immunode.model.clock import counted
from immunode.model.declaration import Model
from immunode.model.evaluate import values_of
from immunode.model.reads import slopes_at
from immunode.nonmem.cells import OBSERVATION, texts
from immunode.nonmem.finding import Finding
from immunode.nonmem.records import Records
from immunode.units import factor

GONE = 20.0  # half-lives after which nobody samples: a millionth is left
APART = 50.0  # half-lives between two doses
SHORT = 1 / 30  # of a half-life: a table so short shows nothing go


def half_life(model: Model, states: set[int], amount: float) -> tuple[float, set[int]]:
    """Return the longest half-life of a dose into `states`, and the states that it reaches; nan where there is none.

    These are the rates of the equations at the typical patient's start, in the model's unit of time, of a dose of this
    amount: a loss that is saturated is slow. Nothing can be told of what the body makes itself.
    """
    units = [state.unit for state in model.states]
    alike = [i for i, unit in enumerate(units) if any(_alike(unit, units[dosed]) for dosed in states)]
    try:
        initial = values_of(model, "initial", np.array([list(model.typical.values())]))[0]
        start = np.nan_to_num(initial, nan=1.0)
        without = _slopes(model, np.where(np.isin(np.arange(len(start)), alike), 0.0, start))
        rest = _slopes(model, start)
        flow = np.array(
            [(_slopes(model, start + amount * (np.arange(len(start)) == j)) - rest) / amount for j in alike]
        )
    except Exception:  # what cannot be told of a user's equations at one point is no fault of the table
        return math.nan, set(alike)
    if (without[alike] > 0).any() or not np.isfinite(flow).all():
        return math.nan, set(alike)
    reached, before = set(states), set[int]()
    while reached != before:
        before = set(reached)
        reached |= {i for n, j in enumerate(alike) if j in before for i in alike if i != j and flow[n, i] > 0}
    kept = sorted(reached)
    rates = -np.linalg.eigvals(flow[[alike.index(j) for j in kept]][:, kept]).real
    slow = rates[rates > 1e-9 * np.abs(rates).max(initial=0.0)]
    return (math.log(2) / float(slow.min()) if slow.size else math.nan), reached


def implausible_times(r: Records, model: Model) -> list[Finding]:
    """Return what is odd of the times of a table beside the model's half-lives, if anything is."""
    dosed, time = r.doses & (r.state >= 0), r.value["TIME"]
    amounts = r.number["AMT"][dosed & (r.number["AMT"] > 0)]
    if not amounts.size or not np.isfinite(time).all():
        return []
    usual = 2 * float(np.median(amounts / 2))  # the sum of two largest numbers is none
    half, kind = half_life(model, set(r.state[dosed].tolist()), usual)
    if not half > 0:
        return []
    only = len(kind) == len(model.states)  # else samples may be of slower things
    since, spacing, span = (float(np.median(times)) if times.size else 0.0 for times in _times_of(r, dosed, kind, only))
    if since > GONE * half:
        odd = f"samples lie {since:.3g} {counted(model)} after the last dose"
    elif only and not since and spacing > APART * half:
        odd = f"doses lie {spacing:.3g} {counted(model)} apart"
    elif only and 0 < span < SHORT * half:
        odd = f"a patient's records span {span:.2g} {counted(model)}"
    else:
        return []
    gone = f"half of a dose into {model.name} is gone in {half:.2g} {counted(model)}"
    cure = "if TIME is in another unit, such as h, say so: --time-unit h, read_events(..., time_unit='h')"
    return [Finding(None, "TIME", "", f"{odd}, but {gone}", cure, error=False)]


def _times_of(r: Records, dosed: np.ndarray, kind: set[int], only: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times from the last dose to samples, between doses, and from first to last record of each patient."""
    time = r.value["TIME"]
    rows = np.arange(len(time))
    last = np.maximum.accumulate(np.where(dosed, rows, -1))
    behind = (last >= 0) & (r.episode[np.maximum(last, 0)] == r.episode)
    told = texts(r.cells.frame["CMT"]) != "" if "CMT" in r.cells.frame else np.zeros(len(time), bool)
    of_drug = only | np.isin(r.state, list(kind)) & told
    rate, duration = r.number["RATE"], r.number["DUR"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # an infusion may last beyond all numbers
        lasts = np.where(duration > 0, duration, np.where(rate > 0, r.number["AMT"] / rate, 0.0))
        until = np.where(rate < 0, np.inf, time + lasts)  # how long the model's own rate takes is not known here
    samples = behind & (r.evid == OBSERVATION) & of_drug & (r.number["ADDL"][np.maximum(last, 0)] == 0)
    since = time[samples] - until[last[samples]]
    places = np.flatnonzero(dosed)
    same = r.episode[places[1:]] == r.episode[places[:-1]]
    spacing = np.concatenate([np.diff(time[places])[same], r.number["II"][dosed & (r.number["ADDL"] > 0)]])
    first = np.flatnonzero(np.diff(r.episode, prepend=-1))
    end = np.append(first[1:], len(time)) - 1
    return since[since > 0], spacing[spacing > 0], time[end] - time[first]


def _slopes(model: Model, states: np.ndarray) -> np.ndarray:
    names = (state.name for state in model.states)
    slopes = slopes_at(model, dict(zip(names, states.tolist(), strict=True)), model.typical)
    return np.array(list(slopes.values()))


def _alike(unit: str, other: str) -> bool:
    try:
        return factor(unit, other) > 0
    except UnitError:
        return False
