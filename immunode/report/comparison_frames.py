"""Compared schedules as data: rows of tables for a report, and plain data for machines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.studies.comparison_dataset import LABELLED, NUMBERS
from immunode.virtual_trials.variables import DECISION, FIGURE, columns, observables

if TYPE_CHECKING:
    import pandas
    import xarray


def comparison_frame(result: "xarray.Dataset") -> "pandas.DataFrame":
    """Return one row a schedule, label (empty: all patients) and endpoint: words, unit, kind, better, estimates,
    quartiles, differences, ratios, efficient."""
    import pandas

    rows: list[dict[str, Any]] = []
    for a, name in enumerate(result.arm.values):
        of = {"schedule": str(name), "label": ""}
        efficient = {"efficient": bool(result.efficient.values[a])}
        rows += [of | row | efficient for row in _endpoint_rows(result, "", a)]
        if has_rules(result):
            rows.append(of | _count("cycles", "mean cycles", "1", mean_cycles(result.isel(arm=a))) | efficient)
        for row, label in _labels(result, str(name)):
            of = {"schedule": str(name), "label": label}
            share, cycles = (float(result[f"{LABELLED}_{key}"].values[row]) for key in ("percent", "cycles"))
            rows.append(of | _count("patients", f"percent called {label}", "percent", share) | {"kind": "share"})
            rows += [of | one for one in _endpoint_rows(result, f"{LABELLED}_", row)]
            rows.append(of | _count("cycles", "mean cycles", "1", cycles))
    return pandas.DataFrame(rows)


def _endpoint_rows(result: "xarray.Dataset", of: str, a: int) -> Iterator[dict[str, Any]]:
    """Yield what each endpoint is, and its numbers in the row `a` of what begins with `of`."""
    for i, endpoint in enumerate(result.endpoint.values):
        of_it = {key: str(result[f"endpoint_{key}"].values[i]) for key in ("words", "unit", "kind", "better")}
        numbers = {key: float(result[of + key].values[a, i]) for key in NUMBERS}
        yield {"endpoint": str(endpoint)} | of_it | numbers


def _count(endpoint: str, words: str, unit: str, value: float) -> dict[str, Any]:
    return {"endpoint": endpoint, "words": words, "unit": unit, "kind": "burden", "estimate": value}


def _labels(result: "xarray.Dataset", arm: str) -> list[tuple[int, str]]:
    """Return the rows of those of a schedule who bear labels, and the labels."""
    if f"{LABELLED}_arm" not in result:
        return []
    arms, labels = (result[f"{LABELLED}_{name}"].values for name in ("arm", "label"))
    return [(row, str(label)) for row, label in enumerate(labels) if str(arms[row]) == arm]


def courses_frame(result: "xarray.Dataset") -> "pandas.DataFrame":
    """Return one row a schedule, output and day: median, quartiles and mean of the patients, as simulated."""
    import pandas

    frames = []
    for name in observables(result):
        for arm in result.arm.values:
            frame = result[name].sel(arm=arm).to_pandas()
            frame = frame.rename_axis(columns=None).reset_index()
            frame.insert(0, "unit", result[name].attrs["units"])
            frame.insert(0, "output", name)
            frame.insert(0, "schedule", str(arm))
            frames.append(frame)
    return pandas.concat(frames, ignore_index=True)


def patients_frame(result: "xarray.Dataset") -> "pandas.DataFrame":
    """Return one row a schedule and patient, a column a measure: what each patient has, and the cycles given."""
    import pandas

    frames = []
    for a, name in enumerate(result.arm.values):
        each = {str(words): result.each.values[a, i] for i, words in enumerate(result.endpoint_each.values)}
        frame = pandas.DataFrame(each | {"cycles": result.given_cycles.values[a]})
        frame.insert(0, "patient", range(len(frame)))
        if f"{LABELLED}_arm" in result:
            frame["label"] = result.label.values[a]
        frame.insert(0, "schedule", str(name))
        frames.append(frame)
    return pandas.concat(frames, ignore_index=True)


def figure_frame(result: "xarray.Dataset") -> "pandas.DataFrame":
    """Return one row a figure: label, words, unit, groups, versus, compare, estimate, low, high."""
    import pandas

    return pandas.DataFrame(columns(result, FIGURE))


def comparison_json(result: "xarray.Dataset") -> dict[str, Any]:
    """Return a comparison as plain data with documented keys (docs/json.md)."""
    return {
        **{key: result.attrs[key] for key in ("model", "n", "patients", "spread", "versus")},
        "seed": int(result.attrs["seed"]),
        "until": float(result.visit.values[-1]),
        "schedules": [_schedule_json(result, a) for a in range(result.sizes["arm"])],
        "figures": [_plain(row) for row in figure_frame(result).to_dict("records")],
    }


def _schedule_json(result: "xarray.Dataset", a: int) -> dict[str, Any]:
    one, name = result.isel(arm=a), str(result.arm.values[a])
    data: dict[str, Any] = {
        "name": name,
        "cycles": _finite(mean_cycles(one)),
        "regimen": str(one.schedule.values),
        "efficient": bool(one.efficient.values),
        "unmet": str(one.unmet.values),
        "endpoints": [_plain(row) for row in _endpoint_rows(result, "", a)],
    }
    data["labels"] = [
        {
            "label": label,
            **{key: _finite(result[f"{LABELLED}_{key}"].values[row]) for key in ("percent", "cycles")},
            "endpoints": [_plain(one) for one in _endpoint_rows(result, f"{LABELLED}_", row)],
        }
        for row, label in _labels(result, name)
    ]
    return data


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, str) else _finite(value) for key, value in row.items()}


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def mean_cycles(one: "xarray.Dataset") -> float:
    """Return the mean number of cycles of the patients of a schedule who did not fail."""
    ok = one.status.values == 0
    return float(one.given_cycles.values[ok].mean()) if ok.any() else np.nan


def has_rules(result: "xarray.Dataset") -> bool:
    """Return whether rules decided something, so that patients may have had different cycles."""
    return bool(columns(result, DECISION))
