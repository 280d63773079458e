"""Files on disk that are whole or absent: tables, NetCDF, JSON and pictures of a result."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunode.errors import BadValue
from immunode.internal.csv_cells import guarded
from immunode.report.courses import peak_between, without_noise
from immunode.virtual_trials.variables import DECISION, columns, observables

if TYPE_CHECKING:
    import pandas
    import xarray

    from immunode.report.comparisons import ComparisonReport
    from immunode.report.trials import TrialReport

_SCRATCH, _REPLACED = ".immunode-", ".replaced"  # a folder in the making; inside it, what its files take the place of


@contextmanager
def output_folder(folder: Path | None) -> Iterator[None]:
    """Make the folder that is to hold results; when the work in between fails, take back what was made of it.

    What a killed process left in it is removed. Raise BadValue at once when it cannot be written to.
    """
    if folder is None:
        yield
        return
    made: list[Path] = []
    try:  # Ctrl-C may come at any moment, also between a folder that is made and the work
        try:
            made += [path for path in (folder, *folder.parents) if not path.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except (OSError, ValueError) as error:  # ValueError: a zero in the name
            raise BadValue(f"cannot write to the output folder '{folder}': {_reason(error)}; name another") from error
        _remove_leftovers(folder)
        yield
        made = []
    finally:
        _take_back(made)


@contextmanager
def whole_files(folder: Path | None) -> Iterator[Path | None]:
    """Give a scratch folder whose files move into `folder` when all are written; else nothing is left of them.

    Raise BadValue at once when the folder cannot be written to, and when its disk is full. Without a folder there is no
    scratch folder either.
    """
    if folder is None:
        yield None
        return
    with output_folder(folder):
        try:
            scratch = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-", dir=folder))
            try:
                yield scratch
                _move(scratch, folder)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        except OSError as error:
            raise BadValue(
                f"cannot write results into '{folder}': {_reason(error)}; nothing was written, make room or name "
                "another folder"
            ) from error


def _move(scratch: Path, folder: Path) -> None:
    """Move finished files into the folder, all or none: what they take the place of comes back after a failure."""
    files = sorted(scratch.iterdir())
    for path in files:
        if (folder / path.name).is_dir():
            raise BadValue(f"cannot write '{folder / path.name}': a folder has that name; rename it, or name another")
        _on_disk(path)
    (scratch / _REPLACED).mkdir()
    try:
        for path in files:
            with suppress(FileNotFoundError):
                os.replace(folder / path.name, scratch / _REPLACED / path.name)
            os.replace(path, folder / path.name)
    except BaseException:  # Ctrl-C too
        for path in files:
            if not path.exists():
                (folder / path.name).unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                (scratch / _REPLACED / path.name).rename(folder / path.name)
        raise


def _on_disk(path: Path) -> None:
    """Wait until a file is on the disk: some systems find only then that there is no room for it."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove_leftovers(folder: Path) -> None:
    """Remove scratch folders of processes that are no more."""
    for path in folder.glob(f"{_SCRATCH}*-*"):
        process = path.name.removeprefix(_SCRATCH).partition("-")[0]
        if process.isdigit() and not _runs(int(process)):
            shutil.rmtree(path, ignore_errors=True)


def _runs(process: int) -> bool:
    if os.name == "nt":  # a signal would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's
        return True
    return True


def _take_back(made: Sequence[Path]) -> None:
    for path in made:
        with suppress(OSError, ValueError):
            path.rmdir()


def _reason(error: Exception) -> str:
    if isinstance(error, FileExistsError):
        return "a file has that name"
    return getattr(error, "strerror", None) or str(error)


def save_trial(report: "TrialReport", folder: Path, formats: Sequence[str] = ()) -> None:
    """Write report.md and report.html, figures.csv, endpoints.csv, visits.csv, decisions.csv, result.json, result.nc,
    and the pictures (PNG, and the further `formats`) into `folder`."""
    import pandas

    from immunode.report.pages import markdown, page
    from immunode.report.trial_pictures import save_pictures

    data = report.json()
    if data["figures"]:
        save_table(pandas.DataFrame(data["figures"]), folder / "figures.csv")
    save_table(pandas.DataFrame(data["endpoints"]), folder / "endpoints.csv")
    save_table(_cleaned(_visits(data), report.result, "{name}_{q}"), folder / "visits.csv")
    if len(decisions := _decisions(report.result)):
        save_table(_cleaned(decisions, report.result, "measured_{name}"), folder / "decisions.csv")
    (folder / "result.json").write_text(json.dumps(data, indent=1, allow_nan=False), encoding="utf-8")
    report.result.to_netcdf(folder / "result.nc", engine="scipy")
    pictures = save_pictures(report.result, folder, formats)
    title, sections = str(data["trial"]), report.sections()
    (folder / "report.md").write_text(markdown(title, sections, pictures), encoding="utf-8")
    (folder / "report.html").write_text(page(title, sections, pictures), encoding="utf-8")


def _visits(data: dict[str, Any]) -> "pandas.DataFrame":
    """Return one row an arm and visit, with a column for each output and statistic."""
    import pandas

    rows = []
    for arm in data["arms"]:
        for visit in arm["visits"]:
            measured = {name: statistics for name, statistics in visit.items() if name not in ("day", "n")}
            columns = {f"{name}_{q}": value for name, values in measured.items() for q, value in values.items()}
            rows.append({"arm": arm["name"], "day": visit["day"]} | columns | {"n": visit["n"]})
    return pandas.DataFrame(rows)


def _cleaned(frame: "pandas.DataFrame", result: "xarray.Dataset", called: str) -> "pandas.DataFrame":
    """Return a table of numbers with 0 for what is hardly negative, in the columns of the observables of a trial."""
    from immunode.report.trials import without_small_negatives

    names = {called.format(name=name, q=q): name for name in observables(result) for q in ("median", "q1", "q3")}
    return frame.assign(
        **{
            column: without_small_negatives(result, name, frame[column].astype(float).to_numpy())
            for column, name in names.items()
            if column in frame
        }
    )


def save_course(course: "xarray.Dataset", picture: "xarray.Dataset", folder: Path, formats: Sequence[str] = ()) -> None:
    """Write course.csv (its units into units.csv) and course.nc, and course.png drawn from the finer `picture`, in the
    further `formats` too."""
    from immunode import plot
    from immunode.report.trial_pictures import all_formats

    save_table(_without_noise(course).to_dataframe().reset_index(), folder / "course.csv")
    save_table(_units(course), folder / "units.csv")
    course.to_netcdf(folder / "course.nc", engine="scipy")
    figure = plot.outputs(picture)
    for ending in all_formats(formats):
        plot.save(figure, folder / f"course.{ending}")


def save_comparison(report: "ComparisonReport", folder: Path, formats: Sequence[str] = ()) -> None:
    """Write comparison.csv (a row a schedule and endpoint), patients.csv, courses.csv, decisions.csv where rules
    decide, comparison.json, comparison.nc, and the pictures (PNG, and the further `formats`)."""

    from immunode.report.comparison_frames import comparison_frame, courses_frame, figure_frame, patients_frame
    from immunode.report.trial_pictures import save_pictures

    result = report.result
    save_table(comparison_frame(result), folder / "comparison.csv")
    save_table(patients_frame(result), folder / "patients.csv")
    save_table(courses_frame(result), folder / "courses.csv")
    if len(decisions := _decisions(result)):
        save_table(decisions, folder / "decisions.csv")
    if len(figures := figure_frame(result)):
        save_table(figures, folder / "figures.csv")
    (folder / "comparison.json").write_text(json.dumps(report.json(), indent=1, allow_nan=False), encoding="utf-8")
    result.to_netcdf(folder / "comparison.nc", engine="scipy")
    save_pictures(result, folder, formats)


def save_records(course: "xarray.Dataset", columns: Mapping[str, Sequence[Any]], folder: Path) -> None:
    """Write records.csv (its units into units.csv) and records.nc: who and when, the table's own columns, outputs."""
    import pandas

    frame = _without_noise(course).drop_dims("subject", errors="ignore").to_dataframe()
    save_table(_units(course), folder / "units.csv")
    taken = {name: f"{name} of the table" if name in frame else name for name in columns}
    told = pandas.DataFrame({taken[name]: pandas.Series(cells, dtype=object) for name, cells in columns.items()})
    first = ["id", "time", "row"]
    parts = [frame[first].reset_index(drop=True), told, frame.drop(columns=first).reset_index(drop=True)]
    save_table(pandas.concat(parts, axis=1), folder / "records.csv")
    course.assign(_variables(told, set(course.variables))).to_netcdf(folder / "records.nc", engine="scipy")


def _without_noise(course: "xarray.Dataset") -> "xarray.Dataset":
    """Return a course for a table of numbers: what is hardly negative is 0."""
    rtol = float(course.attrs["rtol"])
    return course.map(
        lambda one: without_noise(one, rtol, peak=peak_between(one)) if "rtol" in one.attrs else one, keep_attrs=True
    )


def _units(course: "xarray.Dataset") -> "pandas.DataFrame":
    """Return the unit of each column of a course that has one, a row each, time first."""
    import pandas

    units = {str(name): course[name].attrs["units"] for name in course.variables if "units" in course[name].attrs}
    return pandas.DataFrame({"column": ["time", *(n for n in units if n != "time")]}).assign(
        unit=lambda frame: frame["column"].map(units)
    )


def _variables(table: "pandas.DataFrame", taken: set[Any]) -> dict[str, Any]:
    """Return the columns of a table over records, under names that NetCDF can hold and that are not `taken`."""
    import numpy as np

    variables: dict[str, Any] = {}
    for column in table:
        cells = table[column].tolist()
        name = re.sub(r"[^\w .+-]", "_", str(column)).strip() or "_"
        while name in taken or name in variables:
            name += "_"
        texts = any(isinstance(cell, str) for cell in cells)
        shown = ["" if cell is None else str(cell) for cell in cells] if texts else np.array(cells, dtype=float)
        variables[name] = ("record", np.asarray(shown))
    return variables


def _decisions(result: "xarray.Dataset") -> "pandas.DataFrame":
    """Return the log, a row a decision; empty without one."""
    import pandas

    log = pandas.DataFrame(columns(result, DECISION))
    return log.astype({"patient": int}) if len(log) else log


def save_table(frame: "pandas.DataFrame", path: Path) -> None:
    """Write a table without its index; a text that a spreadsheet would run as a formula has an apostrophe before it."""
    safe = frame.map(lambda cell: guarded(cell) if isinstance(cell, str) else cell)
    safe.rename(columns=lambda name: guarded(str(name))).to_csv(path, index=False)
