"""Files on disk that are whole or absent: tables, NetCDF, JSON and pictures of a result."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunode.errors import BadValue
from immunode.virtual_trials.variables import DECISION, columns

if TYPE_CHECKING:
    import pandas
    import xarray

    from immunode.report.trials import TrialReport


@contextmanager
def whole_files(folder: Path | None) -> Iterator[Path | None]:
    """Give a scratch folder whose files move into `folder` when all are written; else nothing is left of them.

    Raise BadValue at once when the folder cannot be written to. Without a folder there is no scratch folder either.
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


def save_trial(report: "TrialReport", folder: Path) -> None:
    """Write figures.csv, visits.csv, decisions.csv, result.json, result.nc and trial.png into `folder`."""
    import pandas

    from immunode import plot

    data = report.json()
    pandas.DataFrame(data["figures"]).to_csv(folder / "figures.csv", index=False)
    _visits(data).to_csv(folder / "visits.csv", index=False)
    if decisions := columns(report.result, DECISION):
        pandas.DataFrame(decisions).to_csv(folder / "decisions.csv", index=False)
    (folder / "result.json").write_text(json.dumps(data, indent=1, allow_nan=False), encoding="utf-8")
    report.result.to_netcdf(folder / "result.nc", engine="scipy")
    plot.trial(report.result).savefig(folder / "trial.png", dpi=150)


def _visits(data: dict[str, Any]) -> "pandas.DataFrame":
    """Return one row an arm and visit, with a column for each output and statistic."""
    import pandas

    rows = []
    for arm in data["arms"]:
        for visit in arm["visits"]:
            measured = {name: statistics for name, statistics in visit.items() if name != "day"}
            columns = {f"{name}_{q}": value for name, values in measured.items() for q, value in values.items()}
            rows.append({"arm": arm["name"], "day": visit["day"]} | columns)
    return pandas.DataFrame(rows)


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
