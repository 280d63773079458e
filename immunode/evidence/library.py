"""The library of published trials: names, files by name or path, and changes of their fields by path."""

import copy
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from immunode.errors import BadValue, UnknownName, nearest
from immunode.evidence.csv_file import read_table
from immunode.evidence.printed import Evidence
from immunode.evidence.printed_number import PrintedNumber
from immunode.evidence.toml_file import Loc, TomlText, first_error, message, read_toml, validated
from immunode.evidence.trial_file import TrialFile
from immunode.model.model_file import beside

NUMBERS = ("day", "from_day", "level", "limit", "n", "value", "versus_value", "sigma")  # columns of the table
TABLE_OF_PATIENTS = r"""[^\s"',;()]+\.csv\b"""  # of patients in words, where no quotes stand about it
_OF_TRIAL = (
    "name", "arms", "start", "assumptions", "visits", "events", "visit_window", "missed_visits", "covariances",
)  # fmt: skip
TABLE = "rows."  # a change whose path starts so is one of the table of printed numbers


def folder() -> Path:
    """Return the folder of the library's trials."""
    return Path(__file__).parent.parent / "trials"


def trial_names() -> list[str]:
    """Return the names of the library's trials, sorted."""
    return sorted(path.parent.name for path in folder().glob("*/trial.toml"))


def runnable_names() -> list[str]:
    """Return the names of the library's trials that have a population, and so can be run."""
    return [name for name in trial_names() if "population" in read_toml(find(name)).fields]


def find(name: str) -> Path:
    """Return the path of a library trial or of a user's file.

    Raise UnknownName with the nearest name, BadValue when there is no such file.
    """
    if name in trial_names():
        return folder() / name / "trial.toml"
    path = Path(name)
    if os.path.isfile(path):  # false for a name too long, of which Path.is_file complains
        return path
    if path.suffix == ".toml" or os.path.exists(path):
        raise BadValue(f"there is no trial file '{name}'")
    raise UnknownName(f"there is no trial '{name}'{nearest(name, trial_names())}")


def load(name: str, changes: Mapping[str, Any] | None = None) -> TrialFile:
    """Read a trial by name or path, with `changes` of fields by path.

    Raise BadValue with the line and the field that are wrong.
    """
    return _trial(_read(name, changes or {}))


def _read(name: str, changes: Mapping[str, Any]) -> TomlText:
    """Return the fields of a trial's file, with `changes` of them by path; those of a table beside it are none."""
    toml = _beside(read_toml(find(name)))
    if "rows" not in toml.fields and table_of(toml.path).exists():
        changes = {key: value for key, value in changes.items() if not key.startswith(TABLE)}
    if not changes:
        return toml
    toml = replace(toml, reading=_reading(toml.fields, changes))
    try:
        fields = _changed(toml.fields, changes)
    except BadValue as error:
        raise BadValue(f"{toml.place(())}{error}") from error
    return replace(toml, fields=fields)


def table_of(path: Path) -> Path:
    """Return where the table of printed numbers of a trial's file lies."""
    return path.with_name("evidence.csv")


def _trial(toml: TomlText) -> TrialFile:
    """Return the trial of a file, whose own model lies beside it where it names a Python file."""
    model = toml.fields.get("model")
    changed = {"model": beside(model, toml.path)} if isinstance(model, str) else {}
    return validated(TrialFile, replace(toml, fields=toml.fields | changed))


def _beside(toml: TomlText) -> TomlText:
    """Return a file's fields with the paths of its tables of patients seen from here, not from the file."""
    fields, folder = copy.deepcopy(toml.fields), toml.path.parent
    arms = fields.get("arms")
    for arm in [fields.get("arm_defaults"), *(arms if isinstance(arms, list) else [])]:
        baselines = arm.get("baseline") if isinstance(arm, dict) else None
        for baseline in baselines if isinstance(baselines, list) else [baselines]:
            if isinstance(baseline, dict) and isinstance(baseline.get("table"), str):
                baseline["table"] = str(folder / baseline["table"])
        if isinstance(arm, dict) and isinstance(arm.get("patients"), str):
            arm["patients"] = re.sub(TABLE_OF_PATIENTS, lambda said: f'"{folder / said[0]}"', arm["patients"])
    return replace(toml, fields=fields)


def _reading(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> Loc:
    """Return the path of the alternative of the file's assumptions that makes these changes; () when none does."""
    for i, assumption in enumerate(fields.get("assumptions", ())):
        for j, other in enumerate(assumption.get("alternatives", ())):
            if all(other.get("changes", {}).get(path) == value for path, value in changes.items()):
                return "assumptions", i, "alternatives", j, "changes"
    return ()


def load_evidence(name: str, changes: Mapping[str, Any] | None = None) -> Evidence:
    """Read a trial's printed numbers (its `rows`, or evidence.csv beside its file), with `changes` of fields by path
    ("rows.0.day" for the table).

    Raise BadValue with the row and the field that are wrong.
    """
    changes = changes or {}
    toml = _read(name, changes)
    trial, path = _trial(toml), table_of(toml.path)
    in_file = "rows" in toml.fields
    if in_file and path.exists():
        raise BadValue(
            f"'{toml.path}' has rows of printed numbers, and '{path}' lies beside it; put all in one of them"
        )
    if path.exists() and (other := _other_trial(toml.path)):
        raise BadValue(
            f"'{path}' lies beside two trial files, '{toml.path.name}' and '{other}', and may be of either; give each "
            "a folder of its own, or write its printed numbers into it as [[rows]]"
        )
    if not in_file and not path.exists() and not trial.covariances:
        raise BadValue(f"'{name}' has no printed numbers to fit: there are no [[rows]] in it, and there is no '{path}'")
    beside_it = _rows_beside(path, changes) if path.exists() else []
    rows = toml.fields["rows"] if in_file else beside_it
    try:
        return evidence_of(trial, rows)
    except ValidationError as error:
        raise BadValue(f"'{toml.path if in_file else path}' {_place(error)}") from error


def _other_trial(path: Path) -> str:
    """Return another file beside a trial's that is of a trial without rows of its own; nothing where there is none."""
    for one in sorted(path.parent.glob("*.toml")):
        if one.name != path.name and (fields := _fields(one)) and "arms" in fields and "rows" not in fields:
            return one.name
    return ""


def _fields(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path).fields
    except BadValue:
        return {}  # no file that can be read is of no trial


def evidence_of(trial: TrialFile, rows: Any) -> Evidence:
    """Return the evidence of a trial whose printed numbers are `rows`."""
    fields = {name: getattr(trial, name) for name in _OF_TRIAL}
    noise = {} if trial.population is None else {"noise": trial.population.noise}
    return Evidence.model_validate(fields | noise | {"rows": rows})


def _rows_beside(path: Path, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table, with changes of them; a value that is empty is told as missing."""
    head, rows = read_table(path, "arm, observable, ...")
    empty: dict[str, float | str] = {"value": ""} if "value" in head else {}
    cells = [empty | {name: _cell(name, text) for name, text in row.items()} for row in rows]
    table = _changed({"rows": cells}, {key: value for key, value in changes.items() if key.startswith(TABLE)})
    return list(table["rows"])


def _cell(name: str, text: str) -> float | str:
    """Return a cell of the table: a number in a column of numbers where it is one, else the text."""
    if name not in NUMBERS:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _place(error: ValidationError) -> str:
    """Return the row of the table (the first below the header is row 1), the field, and what is wrong there."""
    wrong = first_error(error)
    match wrong["loc"]:
        case ("rows", int(row), *field):
            where = f"row {row + 1}, field '{field[0]}': " if field else f"row {row + 1}: "
            return where + message(PrintedNumber, {**wrong, "loc": tuple(field)} if field else wrong)
        case _:
            return message(Evidence, wrong)


def _changed(fields: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields, changed at the paths ("arms.0.values.CL"); raise BadValue for a path that leads nowhere."""
    fields = copy.deepcopy(fields)
    for where, value in changes.items():
        *outer, last = where.split(".")
        part: Any = fields
        try:
            for key in outer:
                part = part[int(key)] if isinstance(part, list) else part.setdefault(key, {})
            part[int(last) if isinstance(part, list) else last] = value
        except (AttributeError, TypeError, IndexError, ValueError) as error:
            raise BadValue(f"the trial has no field '{where}' to change") from error
    return fields
