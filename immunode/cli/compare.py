"""The command `immunode compare`."""

from typing import Annotated, Any

import typer

from immunode.cli.completion import model_names, output_settings, parameter_settings, schedule_names
from immunode.cli.output import All, Json, Out, SaidPatients, SaidSeed, Threads, help_with, show, told
from immunode.cli.reading import parameters_of
from immunode.errors import BadValue
from immunode.internal.defaults import THREADS

_Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model (see: immunode models), my_model.py, or VARIANTS.toml.",
        autocompletion=model_names,
        show_default=False,
    ),
]
_Schedules = Annotated[
    list[str] | None,
    typer.Argument(metavar="SENTENCE", help="Schedules, each in quotes, or NAME=SENTENCE.", show_default=False),
]
_Who = Annotated[
    str | None,
    typer.Option(
        "--patients",
        metavar="WORDS",
        help='Who they are, such as "cd4 200-500, suppressed" (see: immunode models MODEL).',
        show_default=False,
    ),
]
_Until = Annotated[
    str | None,
    typer.Option(metavar="TIME", help=help_with('Last day, or "12mo".', "12mo"), show_default=False),
]
_Versus = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=schedule_names,
        help=help_with("The schedule that others are compared with.", "the patients without doses"),
        show_default=False,
    ),
]
_Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        autocompletion=parameter_settings,
        help="Change a parameter, for all patients.",
        show_default=False,
    ),
]
_Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--level",
        metavar="NAME=VALUE",
        autocompletion=output_settings,
        help='Count patients (cd4=350) or days (il2="5 IU/mL") above another level.',
        show_default=False,
    ),
]


def compare(
    model: _Model,
    schedules: _Schedules = None,
    patients: _Who = None,
    until: _Until = None,
    versus: _Versus = None,
    set_: _Changes = None,
    level: _Levels = None,
    n: SaidPatients = None,
    seed: SaidSeed = None,
    threads: Threads = THREADS,
    everything: All = False,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Compare schedules in the same virtual patients: benefit, burden, and which are efficient.

    Example:

    [bold]immunode compare il2_cd4_hiv "1.5 MIU SC BID x 5 days" "9 MIU SC x 5 days"[/bold]
    """
    from immunode.report.comparisons import ComparisonReport
    from immunode.report.files import output_folder, save_comparison, whole_files
    from immunode.studies.comparison import compare as compared

    said: dict[str, Any] = {
        "patients": patients,
        "until": until,
        "versus": versus,
        "n": n,
        "seed": seed,
        "parameters": parameters_of(set_ or []) or None,
        "levels": parameters_of(level or [], "--level") or None,
    }
    said = {name: value for name, value in said.items() if value is not None}
    with output_folder(out):
        result = compared(model, _named(schedules or []) or None, threads=threads, **said)
        report = ComparisonReport(result, everything)
        with whole_files(out) as folder:
            if folder is not None:
                save_comparison(report, folder)
    show(report, as_json)
    told(out)


def _named(texts: list[str]) -> list[str] | dict[str, str]:
    """Return schedules, by name where each has one."""
    parts = [text.partition("=") for text in texts]
    named = [
        bool(sign) and name.strip().replace(" ", "").replace("-", "").replace("_", "").isalnum()
        for name, sign, _ in parts
    ]
    if not any(named):
        return texts
    if not all(named):
        raise BadValue(
            f"'{texts[named.index(False)]}' has no name, and others have; write NAME=SENTENCE for each, or for none"
        )
    names = [name.strip() for name, _, _ in parts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadValue(f"two schedules are called '{twice[0]}'; give each a name of its own")
    return {name: sentence.strip() for name, (_, _, sentence) in zip(names, parts, strict=True)}
