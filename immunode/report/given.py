"""What each arm of a trial was given: cycles, doses and amounts of a patient, and how often each rule acted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.report.cells import new_table, text
from immunode.virtual_trials.variables import DECISION, GIVEN_CYCLES, GIVEN_DOSES, amounts, columns

if TYPE_CHECKING:
    import xarray
    from rich.table import Table


def given_json(arm: "xarray.Dataset") -> dict[str, Any]:
    """Return what the patients of one arm were given, those who failed left out: median and mean, by what."""
    fine = arm.status.values == 0
    return {name: _summary(values[fine]) for name, values in _quantities(arm).items()}


def given_table(result: "xarray.Dataset") -> "Table | None":
    """Return cycles, doses and amounts of a patient in every arm, and of those whom its rules labelled; None where
    nothing was given."""
    names = list(_quantities(result.isel(arm=0)))
    if not any(values.any() for values in _quantities(result).values()):
        return None
    heads = {GIVEN_CYCLES: "cycles", GIVEN_DOSES: "doses"}
    heads |= {name: f"{result[name].attrs['units']} into {name.removeprefix('given_')}" for name in names[2:]}
    table = new_table("given to a patient: median (mean)", "arm", "patients", *heads.values(), right=[*heads.values()])
    for arm, label, members in _groups(result):
        quantities = _quantities(result.sel(arm=arm))
        cells = [_cell(values[members]) for values in quantities.values()]
        table.add_row(f"- {label}" if label else arm, str(int(members.sum())), *cells)
    return table


def acts_lines(result: "xarray.Dataset") -> list[str]:
    """Return a line for each recurring rule of how often it acted, on how many patients, and what held it back."""
    log = columns(result, DECISION)
    if "reason" not in log:
        return []
    lines = []
    reasons = log["reason"].astype(str)
    for arm in result.arm.values:
        here = (log["arm"].astype(str) == arm) & (reasons != "")
        for name in dict.fromkeys(log["rule"][here].astype(str)):
            rows = here & (log["rule"].astype(str) == name)
            acted, others = rows & (reasons == "met"), reasons[rows & (reasons != "met")]
            patients = len(set(log["patient"][acted].tolist()))
            kinds, counts = np.unique(others, return_counts=True)
            rest = "; ".join(f"{kind} {count}" for kind, count in zip(kinds, counts, strict=True))
            who = f"'{name}' acted {int(acted.sum())} times on {patients} patients" if name else "no rule acted"
            lines.append(f"rules - {arm}: {who}" + (f" ({rest})" if rest else ""))
    return lines


def _quantities(result: "xarray.Dataset") -> dict[str, np.ndarray]:
    names = [GIVEN_CYCLES, GIVEN_DOSES, *(f"given_{state}" for state in amounts(result))]
    return {name: result[name].values for name in names}


def _groups(result: "xarray.Dataset") -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield each arm with its patients who did not fail, then each of its labels, where there are several."""
    for arm in map(str, result.arm.values):
        fine, label = result.status.sel(arm=arm).values == 0, result.label.sel(arm=arm).values.astype(str)
        yield arm, "", fine
        labels = sorted(set(label[fine]) - {""})
        if len(labels) > 1 or (labels and (label[fine] == "").any()):
            for name in labels:
                yield arm, name, fine & (label == name)


def _summary(values: np.ndarray) -> dict[str, float | None]:
    if not values.size:
        return {"median": None, "mean": None}
    return {"median": float(np.median(values)), "mean": float(np.mean(values))}


def _cell(values: np.ndarray) -> str:
    if not values.size:
        return "nobody"
    return f"{text(float(np.median(values)))} ({text(float(np.mean(values)))})"
