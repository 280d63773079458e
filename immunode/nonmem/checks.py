"""Every problem of an event table, found by one generator a topic."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

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
    text,
)
from immunode.nonmem.compartments import numbered_places
from immunode.nonmem.finding import Finding
from immunode.nonmem.records import Records, records_of
from immunode.regimen import MOST_DOSES

ONLY_DOSES = ("RATE", "DUR", "II", "ADDL", "SS")  # columns that say something of a dose only


def examine(source: Any, model: Model, covariates: Any) -> tuple[Records, list[Finding]]:
    """Return the records of an event table and all that is wrong with it."""
    records, findings = records_of(source, model, covariates)
    for find in CHECKS:
        findings += find(records, model)
    return records, sorted(findings, key=lambda finding: -1 if finding.row is None else finding.row)


def _who_and_when(r: Records, model: Model) -> Iterator[Finding]:
    cells, time = r.cells, r.value["TIME"]
    for name in ("ID", "TIME"):
        if name in cells.frame:
            empty = np.array([text(cell) == "" for cell in cells.frame[name].tolist()])
            yield from cells.findings(empty, name, "is missing", f"give every record its {name}")
    new = np.concatenate([[True], r.ids[1:] != r.ids[:-1]])
    seen: set[Any] = set()
    back = np.zeros(len(new), dtype=bool)
    for row in np.flatnonzero(new).tolist():
        back[row] = r.ids[row] in seen
        seen.add(r.ids[row])
    cure = "put all records of a patient below each other (a stable sort by ID), or give the second one another ID"
    yield from cells.findings(back, "ID", "comes back after another patient", cure)
    same = np.concatenate([[False], r.episode[1:] == r.episode[:-1]])
    earlier = same & np.concatenate([[False], time[1:] < time[:-1]])
    cure = "sort the patient's records by TIME; where a new course begins at time 0, write EVID 3 (reset) or 4 there"
    yield from cells.findings(earlier, "TIME", "lies before the record above it", cure)


def _kinds(r: Records, model: Model) -> Iterator[Finding]:
    cells = r.cells
    wrong = np.flatnonzero(r.evid == WRONG)
    for row, shown in zip(wrong.tolist(), cells.shown("EVID", wrong)):
        code = r.value["EVID"][row]
        message, cure = (
            "expected 0 to 4, 'replace' or 'multiply'",
            "0 observation, 1 dose, 2 other, 3 reset, 4 reset and dose",
        )
        if code >= 100:
            message = "codes of RxODE, which hold the compartment too, are not read"
            cure = "write EVID = 1 and the compartment in CMT (101 is EVID = 1, CMT = 1)"
        elif code in (5, 6, 7, 8):
            message = "means one thing in one program and another in the next"
            cure = "write the word: 'replace' sets the state to AMT, 'multiply' multiplies it by AMT"
        yield Finding(int(cells.line[row]), "EVID", shown, message, cure)
    mdv = r.value["MDV"]
    odd = ~np.isnan(mdv) & ~np.isin(mdv, (0, 1))
    yield from cells.findings(odd, "MDV", "expected 0 or 1", "write 1 where DV is not an observation", error=False)
    against = (mdv == 0) & ~np.isin(r.evid, (OBSERVATION, OTHER, WRONG))
    cure = "write MDV = 1 on a dose or a reset"
    yield from cells.findings(against, "MDV", "says observation where the record is none", cure, error=False)
    dv = r.value["DV"]
    cure = "put the observation on a record of its own, EVID = 0, before or after the dose"
    on_dose = r.doses & ~np.isnan(dv) & (dv != 0)
    yield from cells.findings(on_dose, "DV", "stands on a dose and is not used", cure, error=False)
    if np.isin(r.evid, (OBSERVATION, OTHER, RESET)).all():
        column = "EVID" if "EVID" in cells.frame else "AMT"
        yield Finding(None, column, "", "there is no dose at all", "a dose has AMT > 0 (and EVID = 1)", error=False)


def _amounts(r: Records, model: Model) -> Iterator[Finding]:
    cells, amount = r.cells, r.value["AMT"]
    acts, quiet = np.isin(r.evid, (REPLACE, MULTIPLY)), np.isin(r.evid, (OBSERVATION, OTHER, RESET))
    cure = "give a dose the amount in the unit of its state"
    yield from cells.findings((r.doses & ~r.endless | acts) & np.isnan(amount), "AMT", "is missing", cure)
    yield from cells.findings(amount < 0, "AMT", "is negative", "give 0 or more")
    cure = "write EVID = 1 if it is a dose, AMT = 0 if it is not"
    yield from cells.findings(quiet & (amount > 0), "AMT", "an amount on a record that is no dose", cure)
    nothing = r.doses & (amount == 0) & ~r.endless
    at_rate, steady = r.number["RATE"] > 0, np.isin(r.number["SS"], (1, 2))
    cure = "give AMT > 0, or for a steady state of an infusion without an end SS = 1 and II = 0"
    yield from cells.findings(nothing & at_rate, "AMT", "at a rate gives nothing", cure)
    cure = "give AMT > 0, or SS = 0"
    yield from cells.findings(nothing & ~at_rate & steady, "AMT", "has no steady state", cure)
    cure = "give AMT > 0, or EVID = 2 where only an output is wanted"
    yield from cells.findings(nothing & ~at_rate & ~steady, "AMT", "the dose gives nothing", cure, error=False)


def _compartments(r: Records, model: Model) -> Iterator[Finding]:
    cells = r.cells
    negative = r.value["CMT"] < 0
    cure = "give the state that is dosed; to empty one use EVID = replace with AMT = 0"
    yield from cells.findings(negative, "CMT", "compartments cannot be turned off", cure)
    acts = r.doses | np.isin(r.evid, (REPLACE, MULTIPLY))
    listed = ", ".join(f"{i} = {state.name}" for i, state in enumerate(model.states, 1))
    into = numbered_places(model)
    rows = np.flatnonzero(acts & ~negative)
    for row, shown in zip(rows.tolist(), cells.shown("CMT", rows)):
        if r.state[row] < 0:
            word = np.isnan(r.value["CMT"][row])
            near = model.places if word else f"the states are {listed}"
            what = "route or state of this name" if word else "state of this number"
            yield Finding(int(cells.line[row]), "CMT", shown, f"{model.name} has no {what}", near)
        elif not into[r.state[row]]:
            cure = f"rename the route '{model.states[r.state[row]].name}', which leads elsewhere"
            yield Finding(int(cells.line[row]), "CMT", shown, "no dose reaches this state", cure)


def _infusions(r: Records, model: Model) -> Iterator[Finding]:
    cells, rate, duration = r.cells, r.number["RATE"], r.number["DUR"]
    odd = r.doses & (rate < 0) & ~np.isin(rate, (-1, -2))
    cure = "a rate is more than 0, 0 is at once, -1 and -2 are the model's own rate and duration"
    yield from cells.findings(odd, "RATE", "expected more than 0, 0, -1 or -2", cure)
    for code, spec in ((-1, "rate"), (-2, "duration")):
        without = np.array([getattr(state, spec) is None for state in model.states])
        bad = r.doses & (rate == code) & np.where(r.state < 0, without.all(), without[r.state])
        message = f"means the model's {spec}, but this state of {model.name} has none"
        cure = f"declare State(..., {spec}=...), or give RATE > 0" + (" or DUR" if spec == "duration" else "")
        yield from cells.findings(bad, "RATE", message, cure)
    yield from cells.findings(r.doses & (duration < 0), "DUR", "is negative", "give the duration of the infusion, or 0")
    both = r.doses & (duration > 0) & (rate != 0)
    yield from cells.findings(both, "DUR", "stands beside a RATE", "give one of them and 0 for the other")


def _repeats(r: Records, model: Model) -> Iterator[Finding]:
    cells, interval, more, steady = r.cells, r.number["II"], r.number["ADDL"], r.number["SS"]
    wrong = ~np.isin(steady, (0, 1, 2))
    cure = "write 0, or if 99 means 'not at steady state' recode it: data['SS'] = data['SS'].replace(99, 0)"
    yield from cells.findings(wrong & (steady != 3), "SS", "expected 0, 1 or 2", cure)
    cure = "write 1: the steady state is solved, not searched for from an estimate"
    yield from cells.findings(steady == 3, "SS", "differs from 1 only in how NONMEM searches for it", cure)
    yield from cells.findings(interval < 0, "II", "is negative", "give the time between doses, or 0")
    whole = (more >= 0) & (more == np.floor(more))
    yield from cells.findings(~whole, "ADDL", "expected a whole number, 0 or more", "count the doses after this one")
    needs = r.doses & (interval == 0)
    yield from cells.findings(needs & (more > 0), "ADDL", "without an interval", "give II > 0, or ADDL = 0")
    lonely = needs & np.isin(steady, (1, 2)) & ~r.endless & (np.nan_to_num(r.value["AMT"]) > 0)
    cure = "give II > 0; only AMT = 0 with RATE > 0, an infusion without an end, has none"
    yield from cells.findings(lonely, "SS", "a steady state without an interval", cure)
    idle = r.doses & (interval > 0) & (more == 0) & (steady == 0)
    cure = "give ADDL (or SS), or II = 0"
    yield from cells.findings(idle, "II", "without ADDL or SS repeats nothing", cure, error=False)
    with np.errstate(over="ignore"):
        endless = np.isinf(r.number["TIME"] + interval * more)
    cure = "check II and ADDL"
    yield from cells.findings(r.doses & endless, "ADDL", "the last dose is beyond all time", cure)
    total = np.bincount(r.episode, np.where(r.doses & whole, more + 1, 0))[r.episode]
    many = r.doses & (more > 0) & (total > MOST_DOSES)
    yield from cells.findings(many, "ADDL", f"more than the {MOST_DOSES} doses that a regimen may hold", "give fewer")


def _ignored(r: Records, model: Model) -> Iterator[Finding]:
    quiet, acts = np.isin(r.evid, (OBSERVATION, OTHER, RESET)), np.isin(r.evid, (REPLACE, MULTIPLY))
    for name in ONLY_DOSES:
        used = r.number[name] != 0 if name != "SS" else np.isin(r.number[name], (1, 2))
        cure = f"write {name} = 0"
        yield from r.cells.findings(quiet & used, name, "is of no use on a record that is no dose", cure, error=False)
        yield from r.cells.findings(acts & used, name, "'replace' and 'multiply' happen at once", cure)


def _covariates(r: Records, model: Model) -> Iterator[Finding]:
    cells = r.cells
    bounds = {p.name: (p.low, p.high) for p in model.parameters}
    for parameter, column in r.covariates.items():
        values = r.value[column]
        low, high = bounds.get(parameter, (-np.inf, np.inf))
        cure = f"'{parameter}' of {model.name} is in {model.parameter_units[parameter]}; check the unit"
        outside = (values < low) | (values > high)
        yield from cells.findings(outside, column, f"is outside {low:g} to {high:g}", cure)
        empty = np.isnan(values)
        none = np.bincount(r.episode, ~empty)[r.episode] == 0
        first = np.concatenate([[True], r.episode[1:] != r.episode[:-1]])
        cure = f"give it, or leave {column} out of the table"
        yield from cells.findings(none & first, column, f"patient without a value of '{parameter}'", cure)
        cure = "give it: in its place the values of the records beside it count"
        yield from cells.findings(empty & ~none, column, "is missing", cure, error=False)


def _twice(r: Records, model: Model) -> Iterator[Finding]:
    frame = r.cells.frame.assign(EPISODE=r.episode)
    what_is_given = [name for name in frame if name in (*STANDARD[:10], "EPISODE")]
    doses = ~np.isin(r.evid, (OBSERVATION, OTHER, RESET)) & frame.duplicated(what_is_given).to_numpy()
    measured = ~np.isnan(r.value["DV"])  # without a value two outputs of one time may well be asked for
    same = doses | (measured & frame.duplicated().to_numpy())
    yield from r.cells.findings(same, "", "the record is there twice", "remove one if it happened once", error=False)


CHECKS: tuple[Callable[[Records, Model], Iterable[Finding]], ...] = (
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
