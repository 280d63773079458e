"""The variables of a trial's Dataset: their names, and readers of those that stand in several.

Per observable `x`: `x` (arm, day, statistic), `x_visit`, `x_patient`, `x_typical`. Along dimensions of their own:
`figure_...`, `decision_...`, `dose_...`, `published_...`. Of each patient: `given_doses`, `given_cycles`, and
`given_y` of each dosed state `y`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray

FIGURE, DECISION, DOSE, PUBLISHED = "figure", "decision", "dose", "published"  # dimensions, and what names begin with
ABOUT = "about"  # attribute: names of the observables of printed figures, baselines and rules
EVENTS = "events"  # attribute: the state of the hazard of events, "" where the trial counts none
CYCLE_LENGTH = 14.0  # days of the first cycle that pictures show
GIVEN_DOSES, GIVEN_CYCLES = "given_doses", "given_cycles"  # of each patient, (arm, patient)
_AMOUNT = "given_"
_VISIT, _PATIENT, _TYPICAL = "_visit", "_patient", "_typical"


def visit(observable: str) -> str:
    """Return the name of an observable's statistics at the visits, as measured: (arm, visit, statistic)."""
    return observable + _VISIT


def patient(observable: str) -> str:
    """Return the name of an observable's counts of each patient, as measured: (arm, patient, visit)."""
    return observable + _PATIENT


def typical(observable: str) -> str:
    """Return the name of an observable's course in the typical patient after the first dose: (arm, cycle_day)."""
    return observable + _TYPICAL


def amount(state: str) -> str:
    """Return the name of the amount that each patient was given into a state: (arm, patient)."""
    return _AMOUNT + state


def amounts(result: "xarray.Dataset") -> dict[str, np.ndarray]:
    """Return what each patient was given (arm, patient), by dosed state."""
    names = [str(name) for name in result.data_vars if str(name).startswith(_AMOUNT)]
    counts = (GIVEN_DOSES, GIVEN_CYCLES)
    return {name.removeprefix(_AMOUNT): result[name].values for name in names if name not in counts}


def column(table: str, name: str) -> str:
    """Return the name of a column of one of the tables FIGURE, DECISION, DOSE, PUBLISHED."""
    return f"{table}_{name}"


def observables(result: "xarray.Dataset") -> list[str]:
    """Return the names of what the trial measures."""
    return _with(_VISIT, result)


def cycles(result: "xarray.Dataset") -> list[str]:
    """Return the names of what is shown of the typical patient after the first dose."""
    return _with(_TYPICAL, result)


def _with(suffix: str, result: "xarray.Dataset") -> list[str]:
    return [str(name).removesuffix(suffix) for name in result.data_vars if str(name).endswith(suffix)]


def columns(result: "xarray.Dataset", table: str) -> dict[str, np.ndarray]:
    """Return the columns of one of the tables by name, in their order; empty where the trial has none."""
    names = [str(name) for name in result.data_vars if str(name).startswith(f"{table}_")]
    return {name.removeprefix(f"{table}_"): result[name].values for name in names if table in result[name].dims}


def figure_rows(result: "xarray.Dataset") -> list[dict[str, Any]]:
    """Return the printed figures of a result as a list of dictionaries, one a row, None where there is nothing."""
    figures = columns(result, FIGURE)
    rows = zip(*figures.values(), strict=True)
    return [{name: _plain(name, value) for name, value in zip(figures, row, strict=True)} for row in rows]


def table(name: str, columns: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Return the variables of one of the tables, from its columns: numbers with nan for None, else text."""
    return {column(name, key): (name, _storable(values)) for key, values in columns.items()}


def _storable(values: list[Any]) -> np.ndarray:
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        return np.array([np.nan if value is None else float(value) for value in values])
    return np.array(["" if value is None else str(value) for value in values])


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else float(value)
    text = str(value)
    if name == "inside":
        return {"True": True, "False": False}.get(text)
    if name in ("published", "simulated"):  # a figure is a number where it can be read as one
        try:
            return float(text)
        except ValueError:
            pass
    return text or None
