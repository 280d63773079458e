"""Columns of numbers of an event table: who, when, what and into which state of the model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from immunode.errors import unknown
from immunode.model.declaration import Model
from immunode.nonmem.cells import (
    DATES,
    DOSE,
    OBSERVATION,
    OTHER,
    RESET,
    RESET_DOSE,
    STANDARD,
    WORDS,
    WRONG,
    Cells,
    numbers,
    text,
)
from immunode.nonmem.finding import Finding
from immunode.nonmem.source import load


@dataclass(frozen=True, eq=False)
class Records:
    """Hold records in columns: `value` by name (NaN = missing), who, what (EVID), the state's index (-1 = none).

    `episode` numbers them: a new one begins with a patient, and where TIME starts again at a reset. `covariates` gives
    the column of each parameter that the table sets.
    """

    cells: Cells
    value: Mapping[str, np.ndarray]
    ids: np.ndarray
    evid: np.ndarray
    state: np.ndarray
    episode: np.ndarray
    covariates: Mapping[str, str]

    @cached_property
    def number(self) -> dict[str, np.ndarray]:
        """Return the columns with 0 where a cell is missing, as NONMEM reads it."""
        return {name: np.where(np.isnan(values), 0.0, values) for name, values in self.value.items()}

    @cached_property
    def doses(self) -> np.ndarray:
        """Return where a record is a dose (EVID 1 or 4)."""
        return np.isin(self.evid, (DOSE, RESET_DOSE))

    @cached_property
    def resets(self) -> np.ndarray:
        """Return where a record ends all that was given before: EVID 3 or 4, or SS = 1."""
        return np.isin(self.evid, (RESET, RESET_DOSE)) | (self.doses & (self.number["SS"] == 1))

    @cached_property
    def endless(self) -> np.ndarray:
        """Return where a record is the steady state of an infusion without an end: no amount, no interval."""
        rate = self.number["RATE"]
        steady = np.isin(self.number["SS"], (1, 2)) & ((rate > 0) | (rate == -1)) & (self.number["II"] == 0)
        return self.doses & steady & (self.number["AMT"] == 0)


def records_of(source: Any, model: Model, covariates: Any = None) -> tuple[Records, list[Finding]]:
    """Return the records of a file or DataFrame and what was wrong with its cells; raise BadValue: no table.

    `covariates` names the columns that set a parameter, {column: parameter} or a list; None is all that have its name.
    """
    cells, findings = load(source)
    findings += _columns(cells, model)
    taken = _taken(cells, model, covariates)
    value = {}
    for name in dict.fromkeys([*STANDARD[1:], *taken.values()]):
        value[name], wrong = numbers(cells.frame[name]) if name in cells.frame else _absent(cells)
        if name not in ("EVID", "CMT"):  # these may hold words
            findings += _not_numbers(cells, name, wrong, model)
    if "TIME" not in cells.frame:
        value["TIME"] = np.zeros(len(cells.line))
    ids, evid = _ids(cells), _evid(cells, value)
    episode = _episodes(ids, value["TIME"], evid)
    return Records(cells, value, ids, evid, _states(cells, value["CMT"], model), episode, taken), findings


def _absent(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    n = len(cells.line)
    return np.full(n, np.nan), np.zeros(n, dtype=bool)


def _taken(cells: Cells, model: Model, asked: Any) -> dict[str, str]:
    """Return the column of each parameter that the table sets: those asked for, else all that have its name."""
    known = model.parameter_units
    columns = [name for name in cells.frame if name not in STANDARD]
    if asked is None:
        exact = {name.upper(): name for name in cells.names if name in known}
        folded = {name.upper(): name for name in known}  # two that differ only in case: the last, if none is exact
        return {(folded | exact)[column]: column for column in columns if column in folded}
    pairs = list(asked.items()) if isinstance(asked, Mapping) else [(name, name) for name in asked]
    for column, parameter in pairs:
        if column.upper() not in columns:
            raise unknown("covariate column", column, cells.names, cells.source)
        if parameter not in known:
            raise unknown("parameter", parameter, known, model.name)
    return {parameter: column.upper() for column, parameter in pairs}


def _ids(cells: Cells) -> np.ndarray:
    if "ID" not in cells.frame:
        return np.full(len(cells.line), 1, dtype=object)
    values, wrong = numbers(cells.frame["ID"])
    if wrong.any():
        ids = np.array([text(cell) for cell in cells.frame["ID"].tolist()], dtype=object)
    else:
        ids = np.array(["" if v != v else int(v) if v.is_integer() else v for v in values.tolist()], dtype=object)
    for row in np.flatnonzero(ids == ""):  # a missing one is told; it counts as of the patient before
        ids[row] = ids[row - 1] if row else ""
    return ids


def _evid(cells: Cells, value: Mapping[str, np.ndarray]) -> np.ndarray:
    if "EVID" not in cells.frame:
        rate, ss = (np.nan_to_num(value[name]) for name in ("RATE", "SS"))
        dose = (np.nan_to_num(value["AMT"]) != 0) | ((rate != 0) & (ss > 0))
        return np.select([dose, value["MDV"] == 1], [DOSE, OTHER], OBSERVATION)
    codes = np.nan_to_num(value["EVID"], nan=0.0)
    codes = np.where(np.isin(codes, range(RESET_DOSE + 1)), codes, WRONG).astype(int)
    words = np.flatnonzero(numbers(cells.frame["EVID"])[1])
    codes[words] = [WORDS.get(word.lower(), WRONG) for word in cells.shown("EVID", words)]
    return codes


def _states(cells: Cells, cmt: np.ndarray, model: Model) -> np.ndarray:
    count = len(model.states)
    number = np.nan_to_num(cmt, nan=0.0)
    good = (number >= 0) & (number <= count) & (number == np.floor(number))
    index = np.where(good, np.maximum(number, 1) - 1, -1).astype(int)
    order = [state.name for state in model.states]
    if "CMT" in cells.frame:
        words = np.flatnonzero(numbers(cells.frame["CMT"])[1])
        shown = cells.shown("CMT", words)
        places = {word: model.place(word) for word in set(shown)}
        targets = {word: model.routes.get(place, place) for word, place in places.items() if place is not None}
        index[words] = [order.index(targets[word]) if word in targets else -1 for word in shown]
    return index


def _episodes(ids: np.ndarray, time: np.ndarray, evid: np.ndarray) -> np.ndarray:
    new = np.concatenate([[False], ids[1:] != ids[:-1]])
    again = np.concatenate([[False], time[1:] < time[:-1]]) & np.isin(evid, (RESET, RESET_DOSE))
    return np.cumsum(new | again)


def _columns(cells: Cells, model: Model) -> Iterator[Finding]:
    for name, meaning in (("ID", "the patient"), ("TIME", f"the time in {model.time}s")):
        if name not in cells.frame:
            yield Finding(None, name, "", "the column is missing", f"add {name}, {meaning} of each record")
    for name in DATES:
        if name in cells.frame:
            cure = f"give TIME in {model.time}s since the patient's first record and remove {name}"
            yield Finding(None, name, "", "calendar dates are not read", cure)


def _not_numbers(cells: Cells, name: str, wrong: np.ndarray, model: Model) -> Iterator[Finding]:
    rows = np.flatnonzero(wrong)
    for line, shown in zip(cells.line[rows].tolist(), cells.shown(name, rows)):
        message, cure = "expected a finite number", "write a number with a decimal point, or . if it is missing"
        if name == "TIME" and any(mark in shown[1:] for mark in ":-/"):
            message = "clock times and dates are not read: a time zone or a change of clocks would move doses unseen"
            cure = f"give TIME in {model.time}s since the patient's first record"
        yield Finding(line, name, shown, message, cure, error=name not in ("DV", "MDV"))
