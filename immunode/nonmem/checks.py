"""Every problem of an event table, found by one generator a topic."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from immunode.model.declaration import Model
from immunode.nonmem.cells import (
    MULTIPLY,
    OBSERVATION,
    OTHER,
    REPLACE,
    RESET,
    STANDARD,
    WRONG,
    Cells,
)
from immunode.nonmem.finding import Finding
from immunode.nonmem.records import Records, records_of
from immunode.regimen import MOST_DOSES

ONLY_DOSES = ("RATE", "DUR", "II", "ADDL", "SS")  # columns that say something of a dose only


class Suspicion(NamedTuple):
    """Say what is wrong with `column` in every record where `where` holds, None for the whole table; mostly nowhere."""

    where: np.ndarray | None
    column: str
    message: str
    cure: str
    error: bool = True


def examine(source: Any, model: Model, covariates: Any, time_unit: str | None = None) -> tuple[Records, list[Finding]]:
    """Return the records of an event table and all that is wrong with it."""
    records, findings = records_of(source, model, covariates, time_unit)
    for check in CHECKS:
        for suspicion in check(records, model):
            findings += _confirmed(records.cells, suspicion)
    return records, sorted(findings, key=lambda finding: -1 if finding.row is None else finding.row)


def _confirmed(cells: Cells, suspicion: Suspicion) -> list[Finding]:
    where, column, message, cure, error = suspicion
    if where is None:
        return [Finding(None, column, "", message, cure, error)]
    rows = np.flatnonzero(where)
    if not rows.size:
        return []
    shown = cells.shown(column, rows)
    return [Finding(line, column, cell, message, cure, error) for line, cell in zip(cells.line[rows].tolist(), shown)]


def _who_and_when(r: Records, model: Model) -> Iterator[Suspicion]:
    time = r.value["TIME"]
    for name, missing in r.missing.items():
        yield Suspicion(missing, name, "is missing", f"give every record its {name}")
    new = np.concatenate([[True], r.ids[1:] != r.ids[:-1]])
    seen: set[Any] = set()
    back = np.zeros(len(new), dtype=bool)
    for row in np.flatnonzero(new).tolist():
        back[row] = r.ids[row] in seen
        seen.add(r.ids[row])
    cure = "put all records of a patient below each other (a stable sort by ID), or give the second one another ID"
    yield Suspicion(back, "ID", "comes back after another patient", cure)
    same = np.concatenate([[False], r.episode[1:] == r.episode[:-1]])
    earlier = same & np.concatenate([[False], time[1:] < time[:-1]])
    cure = "sort the patient's records by TIME; where a new course begins at time 0, write EVID 3 (reset) or 4 there"
    yield Suspicion(earlier, "TIME", "lies before the record above it", cure)


def _kinds(r: Records, model: Model) -> Iterator[Suspicion]:
    code, wrong = r.value["EVID"], r.evid == WRONG
    rxode, ambiguous = wrong & (code >= 100), wrong & np.isin(code, (5, 6, 7, 8))
    cure = "write EVID = 1 and the compartment in CMT (101 is EVID = 1, CMT = 1)"
    yield Suspicion(rxode, "EVID", "codes of RxODE, which hold the compartment too, are not read", cure)
    cure = "write the word: 'replace' sets the state to AMT, 'multiply' multiplies it by AMT"
    yield Suspicion(ambiguous, "EVID", "means one thing in one program and another in the next", cure)
    cure = "0 observation, 1 dose, 2 other, 3 reset, 4 reset and dose"
    yield Suspicion(wrong & ~rxode & ~ambiguous, "EVID", "expected 0 to 4, 'replace' or 'multiply'", cure)
    mdv = r.value["MDV"]
    odd = ~np.isnan(mdv) & ~np.isin(mdv, (0, 1))
    yield Suspicion(odd, "MDV", "expected 0 or 1", "write 1 where DV is not an observation", error=False)
    against = (mdv == 0) & ~np.isin(r.evid, (OBSERVATION, OTHER, WRONG))
    cure = "write MDV = 1 on a dose or a reset"
    yield Suspicion(against, "MDV", "says observation where the record is none", cure, error=False)
    dv = r.value["DV"]
    cure = "put the observation on a record of its own, EVID = 0, before or after the dose"
    on_dose = r.doses & ~np.isnan(dv) & (dv != 0)
    yield Suspicion(on_dose, "DV", "stands on a dose and is not used", cure, error=False)
    if np.isin(r.evid, (OBSERVATION, OTHER, RESET)).all():
        column = "EVID" if "EVID" in r.cells.frame else "AMT"
        yield Suspicion(None, column, "there is no dose at all", "a dose has AMT > 0 (and EVID = 1)", error=False)


def _amounts(r: Records, model: Model) -> Iterator[Suspicion]:
    amount = r.value["AMT"]
    acts, quiet = np.isin(r.evid, (REPLACE, MULTIPLY)), np.isin(r.evid, (OBSERVATION, OTHER, RESET))
    cure = "give a dose the amount in the unit of its state"
    empty = (r.doses & ~r.endless | acts) & np.isnan(amount)
    unread = np.flatnonzero(empty)
    empty[unread] = [not shown for shown in r.cells.shown("AMT", unread)]
    yield Suspicion(empty, "AMT", "is missing", cure)
    yield Suspicion(amount < 0, "AMT", "is negative", "give 0 or more")
    limits = np.array([*(state.high for state in model.states), np.inf])  # the last for no state, -1
    beyond = (r.evid == REPLACE) & (amount > limits[r.state])
    limited = [state for state in model.states if state.high < np.inf]
    cure = "; ".join(f"{state.name} is at most {state.high:g}, in {state.unit}" for state in limited)
    yield Suspicion(beyond, "AMT", "is more than the state can be", cure)
    cure = "write EVID = 1 if it is a dose, AMT = 0 if it is not"
    yield Suspicion(quiet & (amount > 0), "AMT", "an amount on a record that is no dose", cure)
    nothing = r.doses & (amount == 0) & ~r.endless
    at_rate, steady = r.number["RATE"] > 0, np.isin(r.number["SS"], (1, 2))
    cure = "give AMT > 0, or for a steady state of an infusion without an end SS = 1 and II = 0"
    yield Suspicion(nothing & at_rate, "AMT", "at a rate gives nothing", cure)
    cure = "give AMT > 0, or SS = 0"
    yield Suspicion(nothing & ~at_rate & steady, "AMT", "has no steady state", cure)
    cure = "give AMT > 0, or EVID = 2 where only an output is wanted"
    yield Suspicion(nothing & ~at_rate & ~steady, "AMT", "the dose gives nothing", cure, error=False)


def _compartments(r: Records, model: Model) -> Iterator[Suspicion]:
    negative = r.value["CMT"] < 0
    cure = "give the state that is dosed; to empty one use EVID = replace with AMT = 0"
    yield Suspicion(negative, "CMT", "compartments cannot be turned off", cure)
    acts = (r.doses | np.isin(r.evid, (REPLACE, MULTIPLY))) & ~negative
    unknown, word = acts & (r.state < 0), np.isnan(r.value["CMT"])
    yield Suspicion(unknown & word, "CMT", f"{model.name} has no route or state of this name", model.places)
    cure = f"the states are {', '.join(f'{i} = {state.name}' for i, state in enumerate(model.states, 1))}"
    yield Suspicion(unknown & ~word, "CMT", f"{model.name} has no state of this number", cure)


def _infusions(r: Records, model: Model) -> Iterator[Suspicion]:
    rate, duration = r.number["RATE"], r.number["DUR"]
    odd = r.doses & (rate < 0) & ~np.isin(rate, (-1, -2))
    cure = "a rate is more than 0, 0 is at once, -1 and -2 are the model's own rate and duration"
    yield Suspicion(odd, "RATE", "expected more than 0, 0, -1 or -2", cure)
    for code, spec in ((-1, "rate"), (-2, "duration")):
        without = np.array([getattr(state, spec) is None for state in model.states])
        bad = r.doses & (rate == code) & np.where(r.state < 0, without.all(), without[r.state])
        message = f"means the model's {spec}, but this state of {model.name} has none"
        cure = f"declare State(..., {spec}=...), or give RATE > 0" + (" or DUR" if spec == "duration" else "")
        yield Suspicion(bad, "RATE", message, cure)
    yield Suspicion(r.doses & (duration < 0), "DUR", "is negative", "give the duration of the infusion, or 0")
    both = r.doses & (duration > 0) & (rate != 0)
    yield Suspicion(both, "DUR", "stands beside a RATE", "give one of them and 0 for the other")


def _repeats(r: Records, model: Model) -> Iterator[Suspicion]:
    interval, more, steady = r.number["II"], r.number["ADDL"], r.number["SS"]
    wrong = ~np.isin(steady, (0, 1, 2))
    cure = "write 0, or if 99 means 'not at steady state' recode it: data['SS'] = data['SS'].replace(99, 0)"
    yield Suspicion(wrong & (steady != 3), "SS", "expected 0, 1 or 2", cure)
    cure = "write 1: the steady state is solved, not searched for from an estimate"
    yield Suspicion(steady == 3, "SS", "differs from 1 only in how NONMEM searches for it", cure)
    yield Suspicion(interval < 0, "II", "is negative", "give the time between doses, or 0")
    whole = (more >= 0) & (more == np.floor(more))
    yield Suspicion(~whole, "ADDL", "expected a whole number, 0 or more", "count the doses after this one")
    needs = r.doses & (interval == 0)
    yield Suspicion(needs & (more > 0), "ADDL", "without an interval", "give II > 0, or ADDL = 0")
    lonely = needs & np.isin(steady, (1, 2)) & ~r.endless & (np.nan_to_num(r.value["AMT"]) > 0)
    cure = "give II > 0; only AMT = 0 with RATE > 0, an infusion without an end, has none"
    yield Suspicion(lonely, "SS", "a steady state without an interval", cure)
    idle = r.doses & (interval > 0) & (more == 0) & (steady == 0)
    cure = "give ADDL (or SS), or II = 0"
    yield Suspicion(idle, "II", "without ADDL or SS repeats nothing", cure, error=False)
    with np.errstate(over="ignore"):
        endless = np.isinf(r.number["TIME"] + interval * more)
    cure = "check II and ADDL"
    yield Suspicion(r.doses & endless, "ADDL", "the last dose is beyond all time", cure)
    total = np.bincount(r.episode, np.where(r.doses & whole, more + 1, 0))[r.episode]
    many = r.doses & (more > 0) & (total > MOST_DOSES)
    yield Suspicion(many, "ADDL", f"more than the {MOST_DOSES} doses that a regimen may hold", "give fewer")


def _ignored(r: Records, model: Model) -> Iterator[Suspicion]:
    quiet, acts = np.isin(r.evid, (OBSERVATION, OTHER, RESET)), np.isin(r.evid, (REPLACE, MULTIPLY))
    for name in ONLY_DOSES:
        used = r.number[name] != 0 if name != "SS" else np.isin(r.number[name], (1, 2))
        cure = f"write {name} = 0"
        yield Suspicion(quiet & used, name, "is of no use on a record that is no dose", cure, error=False)
        yield Suspicion(acts & used, name, "'replace' and 'multiply' happen at once", cure)


def _covariates(r: Records, model: Model) -> Iterator[Suspicion]:
    bounds = {p.name: (p.low, p.high) for p in model.parameters}
    for parameter, column in r.covariates.items():
        values = r.value[column]
        low, high = bounds.get(parameter, (-np.inf, np.inf))
        cure = f"'{parameter}' of {model.name} is in {model.parameter_units[parameter]}; check the unit"
        outside = (values < low) | (values > high)
        yield Suspicion(outside, column, f"is outside {low:g} to {high:g}", cure)
        empty = np.isnan(values)
        none = np.bincount(r.episode, ~empty)[r.episode] == 0
        first = np.concatenate([[True], r.episode[1:] != r.episode[:-1]])
        cure = f"give it, or leave {column} out of the table"
        yield Suspicion(none & first, column, f"patient without a value of '{parameter}'", cure)
        cure = "give it: in its place the values of the records beside it count"
        yield Suspicion(empty & ~none, column, "is missing", cure, error=False)


def _twice(r: Records, model: Model) -> Iterator[Suspicion]:
    frame = r.cells.frame.assign(EPISODE=r.episode)
    what_is_given = [name for name in frame if name in (*STANDARD[:10], *r.covariates.values(), "EPISODE")]
    doses = ~np.isin(r.evid, (OBSERVATION, OTHER, RESET)) & frame.duplicated(what_is_given).to_numpy()
    measured = ~np.isnan(r.value["DV"])  # without a value two outputs of one time may well be asked for
    same = doses | (measured & frame.duplicated().to_numpy())
    yield Suspicion(same, "", "the record is there twice", "remove one if it happened once", error=False)


CHECKS: tuple[Callable[[Records, Model], Iterator[Suspicion]], ...] = (
    _who_and_when,
    _kinds,
    _amounts,
    _compartments,
    _infusions,
    _repeats,
    _ignored,
    _covariates,
    _twice,
)
