"""Show results: rich tables for people, one stable dictionary for machines, files on disk that are whole or absent."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, Status
from immunode.evidence.printed import Assumption
from immunode.virtual_trials.readings_run import ReadingRun
from immunode.virtual_trials.variables import figure_rows

if TYPE_CHECKING:
    import xarray
    from rich.table import Table


def trial_json(
    result: "xarray.Dataset", assumptions: Sequence[Assumption], others: Sequence[ReadingRun]
) -> dict[str, Any]:
    """Return a trial result as plain data with documented keys and no clock: `immunode trial --json` prints it.

    Keys: trial, model, n, seed, at_dose; figures (label, published, simulated, low, high, inside, test, p_below_05,
    p_at_most_published, p_direction, kind, short, note); arms (name, size, status, labels, patients_with_event, visits
    with median/q1/q3 of every output); assumptions (name, assumed); alternatives (assumption, reading, n, figures),
    the first of them as assumed.
    """
    return {
        **{key: result.attrs[key] for key in ("trial", "model", "n", "seed", "at_dose")},
        "figures": figure_rows(result),
        "arms": [_arm_json(result.sel(arm=name)) for name in result.arm.values],
        "assumptions": [{"name": a.name, "assumed": a.assumed} for a in assumptions],
        "alternatives": [asdict(other) for other in others],
    }


def _arm_json(arm: "xarray.Dataset") -> dict[str, Any]:
    outputs = [str(name)[: -len("_visit")] for name in arm if str(name).endswith("_visit")]
    labels, counts = np.unique(arm.label.values, return_counts=True)
    visits = [
        {"day": float(day)}
        | {
            name: {q: _number(arm[f"{name}_visit"].sel(visit=day, statistic=q)) for q in ("median", "q1", "q3")}
            for name in outputs
        }
        for day in arm.visit.values
    ]
    return {
        "name": str(arm.arm.values),
        "size": int(arm["size"]),
        "status": status_counts(arm.status.values),
        "labels": {str(label): int(count) for label, count in zip(labels, counts, strict=True) if label},
        "patients_with_event": int(np.isfinite(arm.event_day.values).sum()),
        "visits": visits,
    }


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def status_counts(status: np.ndarray) -> dict[str, int]:
    """Return how many patients ended with each status, by name."""
    return {Status(int(code)).name: int((status == code).sum()) for code in np.unique(status)}


def text(value: Any, digits: int = 3) -> str:
    """Return a number or text for a table cell: a few significant digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, (int, float)):
        return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    return str(value)


def trial_table(result: "xarray.Dataset") -> "Table":
    """Return the table of every printed figure beside its prediction."""
    from rich.table import Table

    table = Table(
        title=f"{result.attrs['trial']}: published and simulated ({result.attrs['n']} virtual patients per arm)",
        caption="at the trial's own size; of a test: how often such trials are significant, and point as stated",
    )
    for name, justify in (
        ("figure", "left"),
        ("published", "right"),
        ("simulated", "right"),
        ("95 % interval", "right"),
        ("inside", "left"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for row in figure_rows(result):
        table.add_row(row["label"], text(row["published"]), *_prediction(row))
    return table


def _prediction(row: dict[str, Any]) -> tuple[str, str, str]:
    if row["test"] is not None:
        at_most, direction = row["p_at_most_published"], row["p_direction"]
        exact = "" if at_most is None else f"P(p<={text(row['published'])}) {at_most:.2f}; "
        towards = "no data" if direction is None else f"as stated in {100 * direction:.0f} %"
        return f"P(p<0.05) {row['p_below_05']:.2f}", exact + towards, row["test"]
    if row["simulated"] is None:
        return "not modelled" if row["kind"] == "not_modelled" else "no data", "", ""
    interval = "input" if row["low"] is None else f"{text(row['low'])} to {text(row['high'])}"
    return text(row["simulated"]), interval, text(row["inside"])


def misfits(result: "xarray.Dataset") -> list[str]:
    """Return one line for each figure that does not fit: outside its interval, or a p-value hardly ever reached."""
    lines = []
    for row in figure_rows(result):
        if row["inside"] is False:
            lines.append(f"does not fit - {row['label']}: {text(row['published'])} is outside {_prediction(row)[1]}")
        elif row["p_at_most_published"] is not None and row["p_at_most_published"] < 0.05:
            lines.append(
                f"hardly ever - {row['label']}: p <= {text(row['published'])} "
                f"in {100 * row['p_at_most_published']:.1f} % of trials"
            )
    return lines


def notes(result: "xarray.Dataset") -> list[str]:
    """Return the notes of the figures, one line each."""
    return [f"{row['label']}: {row['note']}" for row in figure_rows(result) if row["note"] and row["kind"] != "given"]


def lost(result: "xarray.Dataset") -> list[str]:
    """Return a warning for each arm that lost more than one patient in twenty."""
    share = (result.status != 0).mean("patient")
    return [
        f"WARNING: {100 * float(share.sel(arm=arm)):.0f} % of the patients of '{arm}' failed and are in no statistic"
        for arm in result.arm.values
        if share.sel(arm=arm) > 0.05
    ]


def arms_table(result: "xarray.Dataset", name: str = "cd4") -> "Table":
    """Return medians and quartiles of one output at the visits of every arm."""
    from rich.table import Table

    table = Table(title=f"{name} as measured at the visits: median (quartiles), {result[name].attrs['units']}")
    table.add_column("day", justify="right")
    for arm in result.arm.values:
        table.add_column(str(arm), justify="right")
    seen = result[f"{name}_visit"]
    for day in result.visit.values:
        cells = [seen.sel(arm=arm, visit=day) for arm in result.arm.values]
        table.add_row(f"{day:g}", *(f"{text(float(c[0]))} ({text(float(c[1]))} to {text(float(c[2]))})" for c in cells))
    return table


def alternatives_table(result: "xarray.Dataset", others: Sequence[ReadingRun]) -> "Table":
    """Return what each other reading of the assumptions does to the figures that have a short name."""
    from rich.table import Table

    shown = [row for row in figure_rows(result) if row["short"]]
    table = Table(
        title=f"other readings of what is left open, {others[0].n} virtual patients per arm, same draws; "
        "a p-value shows as P(p<0.05)"
    )
    for name in ("assumption", "reading", *(row["short"] for row in shown)):
        table.add_column(name, justify="left" if name in ("assumption", "reading") else "right")
    for other in others:
        table.add_row(other.assumption, other.reading, *(_short(row) for row in other.figures))
    return table


def _short(row: dict[str, Any]) -> str:
    return text(row["p_below_05"], 2) if row["test"] is not None else text(row["simulated"])


@contextmanager
def whole_files(folder: Path | None) -> Iterator[Path | None]:
    """Give a scratch folder whose files move into `folder` when all are written; else nothing is left of them.

    Raise BadValue at once when the folder cannot be written to.
    """
    if folder is None:
        yield None
        return
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".immunode-", dir=folder))
    except OSError as error:
        raise BadValue(f"cannot write to the output folder '{folder}': {error.strerror}") from error
    try:
        yield scratch
        for path in sorted(scratch.iterdir()):
            os.replace(path, folder / path.name)
        made = []
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        for path in made:
            path.rmdir()


def save_trial(result: "xarray.Dataset", data: dict[str, Any], folder: Path) -> None:
    """Write figures.csv, visits.csv, decisions.csv, result.json, result.nc and trial.png into `folder`."""
    import pandas

    from immunode import plot

    pandas.DataFrame(data["figures"]).to_csv(folder / "figures.csv", index=False)
    visits = [
        {"arm": arm["name"], "day": visit["day"]}
        | {f"{k}_{q}": v for k, found in visit.items() if k != "day" for q, v in found.items()}
        for arm in data["arms"]
        for visit in arm["visits"]
    ]
    pandas.DataFrame(visits).to_csv(folder / "visits.csv", index=False)
    log = {str(name)[len("decision_") :]: column.values for name, column in result.items() if "decision" in column.dims}
    if log:
        pandas.DataFrame(log).to_csv(folder / "decisions.csv", index=False)
    (folder / "result.json").write_text(json.dumps(data, indent=1, allow_nan=False), encoding="utf-8")
    result.to_netcdf(folder / "result.nc", engine="scipy")
    plot.trial(result).savefig(folder / "trial.png", dpi=150)


def save_course(course: "xarray.Dataset", picture: "xarray.Dataset", folder: Path) -> None:
    """Write course.csv and course.nc, and course.png drawn from the finer `picture`, into `folder`."""
    from immunode import plot

    course.to_dataframe().to_csv(folder / "course.csv")
    course.to_netcdf(folder / "course.nc", engine="scipy")
    plot.outputs(picture).savefig(folder / "course.png", dpi=150)


def save_records(course: "xarray.Dataset", folder: Path) -> None:
    """Write records.csv, the outputs at each record of an event table, and records.nc into `folder`."""
    course.drop_dims("subject", errors="ignore").to_dataframe().to_csv(folder / "records.csv", index=False)
    course.to_netcdf(folder / "records.nc", engine="scipy")
