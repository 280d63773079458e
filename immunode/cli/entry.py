"""The command line: trial, simulate, check, fit, models, trials.

Heavy imports happen inside the commands, so that --help is quick.
"""

import atexit
import gc
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from immunode.errors import BadValue, ImmunodeError

if TYPE_CHECKING:
    from immunode.model.declaration import Model

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="What does this cytokine schedule do to these cells, in this trial?\n\n"
    "Example: [bold]immunode trial tincati_2008[/bold]",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys, for machines.")]
Out = Annotated[Path | None, typer.Option(help="Write tables (CSV, NetCDF, JSON) and pictures (PNG) into this folder.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random draw.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads; all cores by default. Changes no result.")]


def _print(*things: Any) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    for thing in things:
        console.print(thing, markup=False) if isinstance(thing, str) else console.print(thing)


def _dump(data: Any) -> None:
    print(json.dumps(data, indent=1, allow_nan=False, default=float))


def _version(asked: bool) -> None:
    if asked:
        from immunode import __version__

        print(f"immunode {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options of immunode itself."""


@app.command()
def trial(
    name: Annotated[str, typer.Argument(help="A library trial (see: immunode trials), or the path of a trial file.")],
    n: Annotated[int, typer.Option("--n", help="Virtual patients per arm.")] = 10_000,
    seed: Seed = 1,
    threads: Threads = None,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Run a trial on virtual patients and print what it would have seen beside what it published.

    Example: [bold]immunode trial tincati_2008 --n 10000 --seed 1 --out results[/bold]
    """
    from immunode.evidence.library import load
    from immunode.internal.progress import bar
    from immunode.report import trials as report
    from immunode.virtual_trials.readings_run import run_readings
    from immunode.virtual_trials.trial_run import from_file, run_trial

    file = load(name)
    plan = from_file(file)
    if n < 1:
        raise BadValue(f"--n {n}: expected at least one virtual patient per arm")
    with report.whole_files(out) as folder:
        with bar("virtual patients") as step:
            result = run_trial(plan, n=n, seed=seed, threads=threads, progress=step)
        with bar("other readings") as step:
            others = run_readings(name, n, seed, threads=threads, progress=step)
        data = report.trial_json(result, file.assumptions, others)
        if folder is not None:
            report.save_trial(result, data, folder)
    if as_json:
        _dump(data)
        return
    _print(report.trial_table(result), *report.lost(result))
    _print(*report.misfits(result), *report.notes(result))
    measured = [*plan.noise, *(figure.observable for figure in file.figures if figure.observable)]
    outputs = measured or [o.name for o in plan.population.of.outputs]
    _print(*(report.arms_table(result, output) for output in dict.fromkeys(outputs)))
    if others:
        _print(report.alternatives_table(result, others))
    _print(*(f"assumed - {a.name}: {a.assumed}" for a in file.assumptions))
    for arm in data["arms"]:
        _print(f"{arm['name']}: {', '.join(f'{count} {status}' for status, count in arm['status'].items())}")


@app.command()
def simulate(
    model: Annotated[str, typer.Argument(help="A library model (see: immunode models).")],
    regimen: Annotated[str | None, typer.Option(help='A prescription, such as "3 MIU SC QD days 1-5".')] = None,
    events: Annotated[
        Path | None,
        typer.Option(help="An event table (see: immunode check): doses and times of patients."),
    ] = None,
    until: Annotated[float, typer.Option(help="Last day.")] = 28.0,
    every: Annotated[float, typer.Option(help="Days between rows.")] = 1.0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a parameter; repeat it.")
    ] = None,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Simulate a model for one typical patient, or for the patients of an event table.

    Example: [bold]immunode simulate il2_sc --regimen "3 MIU SC QD days 1-5,8-12" --until 14 --every 0.25 --set CL="7
    L/h"[/bold]
    """
    from immunode.models import model as find
    from immunode.report import models as listing
    from immunode.report import trials as report
    from immunode.simulation.simulation import days
    from immunode.simulation.simulation import simulate as run

    found = find(model)
    changes = dict(_assignment(text) for text in set_ or [])
    if events is not None:
        if regimen is not None:
            raise BadValue("give either --regimen or --events: an event table brings its own doses")
        _records(found, events, changes, as_json, out)
        return
    with report.whole_files(out) as folder:
        course = run(found, regimen, times=days(0.0, until, every), parameters=changes)
        if folder is not None:
            fine = days(0.0, until, min(every, 0.05))  # so that the picture shows what happens between the rows
            outputs = [o.name for o in found.outputs] or None
            report.save_course(course, run(found, regimen, times=fine, parameters=changes, outputs=outputs), folder)
    if as_json:
        _dump(listing.course_json(course))
        return
    _print(listing.course_table(course, [o.name for o in found.outputs]))


def _records(model: "Model", events: Path, changes: dict[str, Any], as_json: bool, out: Path | None) -> None:
    import warnings

    from immunode import nonmem
    from immunode.report import models as listing
    from immunode.report import trials as report
    from immunode.simulation.simulation import simulate as run

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = nonmem.read(events, model)
    if not any(map(len, table.times)):
        raise BadValue(f"{events} has no record to predict; add rows with EVID = 0 at the times that are wanted")
    for warning in caught:
        print(f"Warning: {warning.message}", file=sys.stderr)
    with report.whole_files(out) as folder:
        course = run(model, table, parameters=changes)
        if folder is not None:
            report.save_records(course, folder)
    names = [o.name for o in model.outputs] or [s.name for s in model.states]
    _dump(listing.course_json(course)) if as_json else _print(listing.records_table(course, names))


def _assignment(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise BadValue(f"--set {text}: expected NAME=VALUE, such as CL=170 or CL='7 L/h'")
    return name.strip(), value.strip()


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="An event table as NONMEM reads it: CSV with ID, TIME, AMT, ...")],
    model: Annotated[
        str | None,
        typer.Option(help="The library model that it is for (see: immunode models); without, less is checked."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say in words what each patient of an event table gets, and every problem in it; exit code 1 if it has errors.

    Example: [bold]immunode check data.csv --model il2_sc[/bold]
    """
    from dataclasses import asdict

    from immunode import nonmem
    from immunode.models import model as find
    from immunode.report import models as listing

    found = nonmem.reading(file, None if model is None else find(model))
    problems = found.problems
    errors = sum(problem.error for problem in problems)
    if as_json:
        counts = {"file": str(file), "model": model, "errors": errors, "warnings": len(problems) - errors}
        own = {"patients": found.patients, "covariates": found.covariates, "unused": found.unused, "notes": found.notes}
        _dump(counts | {"problems": [asdict(problem) for problem in problems]} | own)
    else:
        _print(*found.patients, *found.notes, *([listing.problems_table(problems)] if problems else []))
        _print(f"{errors} errors, {len(problems) - errors} warnings")
    if errors:
        raise typer.Exit(1)


@app.command()
def fit(
    name: Annotated[str, typer.Argument(help="A fit of the library, such as il2_cd4.")],
    check: Annotated[
        bool, typer.Option("--check", help="Re-evaluate the committed result instead of fitting.")
    ] = False,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Fit a model to published numbers and print the report, or check a committed fit.

    Example: [bold]immunode fit il2_cd4 --check[/bold]
    """
    from immunode.calibration import declared as fitfile
    from immunode.calibration.report import report as written
    from immunode.report import trials as report

    with report.whole_files(out) as folder:
        result = fitfile.run_fit(name, check=check, out=folder, threads=os.cpu_count() or 1)
    if out is not None and out.resolve().parent == fitfile.folder().resolve():
        fitfile.write_overview()
    if as_json:
        _dump(result)
    elif check:
        found = result["check"]
        verdict = "agrees with" if found["ok"] else "DIFFERS from"
        _print(
            f"{result['name']} {verdict} its committed result: "
            f"largest change {found['largest_change']:.1e} ({found['at']})"
        )
    else:
        from rich.markdown import Markdown

        _print(Markdown(written(result)) if sys.stdout.isatty() else written(result))
    if check and not result["check"]["ok"]:
        raise typer.Exit(1)


@app.command()
def models(name: Annotated[str | None, typer.Argument(help="Show one model.")] = None, as_json: Json = False) -> None:
    """List the models, or show one: equations, parameters with units and sources.

    Example: [bold]immunode models il2_sc[/bold]
    """
    from immunode.models import NAMES
    from immunode.models import model as find
    from immunode.report import models as listing

    if name is None:
        found = [find(key) for key in NAMES]
        _dump([{"name": m.name, "meaning": m.meaning} for m in found]) if as_json else _print(
            listing.models_table(found)
        )
        return
    model = find(name)
    _dump(listing.model_json(model)) if as_json else _print(*listing.model_tables(model))


@app.command()
def trials(
    name: Annotated[str | None, typer.Argument(help="Show one trial.")] = None,
    as_json: Json = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a trial file.")] = False,
) -> None:
    """List the published trials, or show one: arms, regimens, assumptions, printed numbers.

    Example: [bold]immunode trials tincati_2008[/bold]
    """
    from immunode.evidence.library import load, trial_names
    from immunode.evidence.trial_file import schema as trial_schema
    from immunode.report import models as listing

    if schema:
        print(trial_schema())
    elif name is None:
        files = [load(key) for key in trial_names()]
        listed = [{"name": f.name, "title": f.title, "reference": f.reference, "doi": f.doi} for f in files]
        _dump(listed) if as_json else _print(listing.trials_table(files))
    else:
        file = load(name)
        _dump(file.model_dump(mode="json")) if as_json else _print(*listing.trial_file_tables(file))


def main() -> None:
    """Run the command line: bad input is one line on standard error and exit code 2, Ctrl-C is exit code 130."""
    gc.set_threshold(100_000)  # what imports make is not looked at again and again, here and on exit
    atexit.register(gc.freeze)
    try:
        code = app(standalone_mode=False)
    except ImmunodeError as error:
        print(f"Error: {str(error).splitlines()[0]}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        if not (hasattr(error, "exit_code") and hasattr(error, "show")):
            raise
        error.show()  # what typer says of a wrong option
        code = error.exit_code
    if code == 130:
        print("Stopped.", file=sys.stderr)
    sys.exit(code or 0)
