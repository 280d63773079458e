"""Columns of numbers of an event table: who, when, what and into which state of the model."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from immunode.errors import BadValue, ImmunodeError, unknown
from immunode.internal.arguments import one, several, short
from immunode.model.clock import counted
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
    columns_of_numbers,
    text,
)
from immunode.nonmem.comments import commented
from immunode.nonmem.finding import Finding
from immunode.nonmem.source import load
from immunode.units import factor, is_time, parse

OTHERS = {  # what other tools call columns of ours
    **dict.fromkeys(("TINF", "INFDUR", "DURATION"), ("DUR", "RATE")),
    **dict.fromkeys(("ADM", "ADMID"), ("CMT",)),
    **dict.fromkeys(("TAU", "INTERVAL"), ("II",)),
    **dict.fromkeys(("DOSE", "AMOUNT"), ("AMT",)),
}
_EXACT = 2.0**53  # whole numbers beyond are not all different: such IDs are kept as text


@dataclass(frozen=True, eq=False)
class Records:
    """Hold records in columns: `value` by name (NaN = missing), who, what (EVID), the state's index (-1 = none).

    `number` are the values with 0 where a cell is missing, as NONMEM reads it; `missing` says where ID and TIME have no
    cell. `episode` numbers the episodes: a new one begins with a patient, and where TIME starts again at a reset.
    `doses` have EVID 1 or 4; `endless` are steady states of infusions without an end: no amount, no interval; `resets`
    end all that was given before: EVID 3 or 4, or SS = 1. `covariates` gives the column of each parameter that is set.
    `comments` are the rows that are left out as comments.
    """

    cells: Cells
    value: Mapping[str, np.ndarray]
    number: Mapping[str, np.ndarray]
    missing: Mapping[str, np.ndarray]
    ids: np.ndarray
    evid: np.ndarray
    state: np.ndarray
    episode: np.ndarray
    doses: np.ndarray
    endless: np.ndarray
    resets: np.ndarray
    covariates: Mapping[str, str]
    comments: np.ndarray


def records_of(
    source: Any, model: Model, covariates: Any = None, time_unit: str | None = None
) -> tuple[Records, list[Finding]]:
    """Return the records of a file or DataFrame and what was wrong with its cells; raise BadValue: no table.

    `covariates` names the columns that set a parameter, {column: parameter} or a list; None is all that have its name.
    `time_unit` is that of the times in the table, which come back in the model's.
    """
    per_unit = 1.0 if time_unit is None else units_in(time_unit, model)
    cells, findings = load(source)
    taken = _taken(cells, model, covariates)
    findings += _columns(cells, model, taken.values())
    comments, doubts = commented(cells, frozenset(taken.values()))
    findings += doubts
    left_out = cells.line[comments]
    if comments.any():
        cells = _without(cells, comments)
    value, wrong = columns_of_numbers(cells, dict.fromkeys([*STANDARD, *taken.values()]))
    for name, where in wrong.items():
        if name not in ("ID", "EVID", "CMT") and where.any():  # these may hold words
            findings += _not_numbers(cells, name, where, model)
    value |= _in_unit_of(model, value, taken, per_unit)
    missing = {name: np.isnan(value[name]) & ~wrong[name] for name in ("ID", "TIME") if name in cells.frame}
    if "TIME" not in cells.frame:
        value["TIME"] = np.zeros(len(cells.line))
    ids, evid = _ids(cells, value.pop("ID"), wrong["ID"]), _evid(cells, value, wrong["EVID"])
    number = {name: np.where(np.isnan(values), 0.0, values) for name, values in value.items()}
    doses, steady, rate = np.isin(evid, (DOSE, RESET_DOSE)), number["SS"], number["RATE"]
    without_end = np.isin(steady, (1, 2)) & ((rate > 0) | (rate == -1)) & (number["II"] == 0) & (number["AMT"] == 0)
    records = Records(
        cells=cells,
        value=value,
        number=number,
        missing=missing,
        ids=ids,
        evid=evid,
        state=_states(cells, value["CMT"], wrong["CMT"], model),
        episode=_episodes(ids, value["TIME"], evid),
        doses=doses,
        endless=doses & without_end,
        resets=np.isin(evid, (RESET, RESET_DOSE)) | (doses & (steady == 1)),
        covariates=taken,
        comments=left_out,
    )
    return records, findings


def units_in(time_unit: str, model: Model) -> float:
    """Return how many of `time_unit` one time unit of the model has; raise BadValue where it is no unit of time."""
    try:
        return factor(model.time, time_unit)
    except (ImmunodeError, TypeError, AttributeError) as error:
        if model.time == "1":
            raise BadValue(
                f"time_unit = {short(time_unit)}: {model.name} counts time without a unit (time='1'): leave it out"
            ) from error
        raise BadValue(
            f"time_unit = {short(time_unit)}: expected the unit of the table's times, such as 'h' or 'd', for "
            f"{model.name}, which counts {counted(model)}"
        ) from error


def _in_unit_of(
    model: Model, value: Mapping[str, np.ndarray], taken: Mapping[str, str], per_unit: float
) -> dict[str, np.ndarray]:
    """Return times, rates and parameters that are times (lags, durations) in the model's unit; amounts are as told."""
    if per_unit == 1.0:
        return {}
    lasting = [column for parameter, column in taken.items() if is_time(model.parameter_units[parameter])]
    out = {name: value[name] / per_unit for name in ("TIME", "II", "DUR", *lasting)}
    return out | {"RATE": np.where(value["RATE"] > 0, value["RATE"] * per_unit, value["RATE"])}


def _without(cells: Cells, comments: np.ndarray) -> Cells:
    if comments.all():
        raise BadValue(f"{cells.source}: every row is a comment; remove the marks where they are none")
    return replace(cells, frame=cells.frame[~comments].reset_index(drop=True), line=cells.line[~comments])


def _taken(cells: Cells, model: Model, asked: Any) -> dict[str, str]:
    """Return the column of each parameter that the table sets: those asked for, else all that have its name."""
    known = model.parameter_units
    columns = [name for name in cells.frame if name not in STANDARD]
    if asked is None:
        exact = {name.upper(): name for name in cells.names if name in known}
        folded = {name.upper(): name for name in known}  # two that differ only in case: the last, if none is exact
        return {(folded | exact)[column]: column for column in columns if column in folded}
    if isinstance(asked, Mapping):
        pairs = [
            (column, one(name, str, f"covariates of column {column!r}", "the name of a parameter"))
            for column, name in asked.items()
        ]
    else:
        pairs = [(name, name) for name in several(asked, str, "covariates", "['WT'], or {'WEIGHT': 'WT'}")]
    taken: dict[str, str] = {}
    for column, parameter in pairs:
        if one(column, str, "a column of covariates", "its name").upper() in STANDARD:
            raise BadValue(
                f"covariates: {column} has a meaning of its own in an event table; give its values as another"
            )
        if column.upper() not in columns:
            raise unknown(
                "covariate column", column, [name for name in cells.names if name.upper() in columns], cells.source
            )
        if parameter not in known:
            raise unknown("parameter", parameter, known, model.name)
        if parameter in taken:
            raise BadValue(f"covariates: {taken[parameter]} and {column} both set '{parameter}'; leave one out")
        taken[parameter] = column.upper()
    return taken


def _ids(cells: Cells, values: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    if "ID" not in cells.frame:
        return np.full(len(cells.line), 1, dtype=object)
    if wrong.any() or np.any(np.abs(values) >= _EXACT):
        ids = np.array([text(cell) for cell in cells.frame["ID"].tolist()], dtype=object)
    else:
        ids = np.array(["" if v != v else int(v) if v.is_integer() else v for v in values.tolist()], dtype=object)
    for row in np.flatnonzero(ids == ""):  # a missing one is told; it counts as of the patient before
        ids[row] = ids[row - 1] if row else ""
    return ids


def _evid(cells: Cells, value: Mapping[str, np.ndarray], is_word: np.ndarray) -> np.ndarray:
    if "EVID" not in cells.frame:
        rate, ss = (np.nan_to_num(value[name]) for name in ("RATE", "SS"))
        dose = (np.nan_to_num(value["AMT"]) != 0) | ((rate != 0) & (ss > 0))
        return np.select([dose, value["MDV"] == 1], [DOSE, OTHER], OBSERVATION)
    codes = np.nan_to_num(value["EVID"], nan=0.0)
    codes = np.where(np.isin(codes, range(RESET_DOSE + 1)), codes, WRONG).astype(int)
    words = np.flatnonzero(is_word)
    if words.size:
        codes[words] = [WORDS.get(word.lower(), WRONG) for word in cells.shown("EVID", words)]
    return codes


def _states(cells: Cells, cmt: np.ndarray, is_word: np.ndarray, model: Model) -> np.ndarray:
    count = len(model.states)
    number = np.nan_to_num(cmt, nan=0.0)
    good = (number >= 0) & (number <= count) & (number == np.floor(number))
    index = np.where(good, np.maximum(number, 1) - 1, -1).astype(int)
    order = [state.name for state in model.states]
    words = np.flatnonzero(is_word)
    if words.size:
        shown = cells.shown("CMT", words)
        places = {word: model.place(word) for word in set(shown)}
        targets = {word: model.routes.get(place, place) for word, place in places.items() if place is not None}
        index[words] = [order.index(targets[word]) if word in targets else -1 for word in shown]
    return index


def _episodes(ids: np.ndarray, time: np.ndarray, evid: np.ndarray) -> np.ndarray:
    new = np.concatenate([[False], ids[1:] != ids[:-1]])
    again = np.concatenate([[False], time[1:] < time[:-1]]) & np.isin(evid, (RESET, RESET_DOSE))
    return np.cumsum(new | again)


def _columns(cells: Cells, model: Model, taken: Collection[str]) -> Iterator[Finding]:
    for name, meaning in (("ID", "the patient"), ("TIME", f"the time in {counted(model)}")):
        if name not in cells.frame:
            yield Finding(None, name, "", "the column is missing", f"add {name}, {meaning} of each record")
    for name, ours in OTHERS.items():
        if name in cells.frame and name not in taken and not set(ours) & set(cells.frame):
            message, cure = f"is not read, and there is no {' or '.join(ours)}", f"rename it {ours[0]} if that is meant"
            yield Finding(None, name, "", message, cure, error=False)
    for name in DATES:
        if name in cells.frame:
            cure = f"give TIME in {counted(model)} since the patient's first record and remove {name}"
            yield Finding(None, name, "", "calendar dates are not read", cure)


def _with_unit(cell: str) -> bool:
    try:
        return parse(cell)[1] != "1"
    except ImmunodeError:
        return False


def _not_numbers(cells: Cells, name: str, wrong: np.ndarray, model: Model) -> Iterator[Finding]:
    rows = np.flatnonzero(wrong)
    for line, shown in zip(cells.line[rows].tolist(), cells.shown(name, rows)):
        message, cure = "expected a finite number", "write a number with a decimal point, or . if it is missing"
        if name == "TIME" and any(mark in shown[1:] for mark in ":-/"):
            message = "clock times and dates are not read: a time zone or a change of clocks would move doses unseen"
            cure = f"give TIME in {counted(model)} since the patient's first record"
        elif re.fullmatch(r"[+-]?\d*,\d+", shown):
            message, cure = "a decimal comma is not read", f"write {shown.replace(',', '.')}"
            if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", shown):
                message = "a comma in a number is not read: it may be a decimal one, or group thousands"
                cure = f"write {shown.replace(',', '.')} or {shown.replace(',', '')}, as is meant"
        elif _with_unit(shown):
            message, cure = "a unit beside a number is not read", "write the number alone, in the unit of the model"
            if name in ("TIME", "II", "DUR"):
                cure += ", or of time_unit="
        yield Finding(line, name, shown, message, cure, error=name not in ("DV", "MDV"))
