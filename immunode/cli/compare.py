"""The command `immunode compare`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from immunode.cli.completion import (
    adherence_fields,
    dropout_fields,
    endpoint_fields,
    output_settings,
    patients_words,
    schedule_names,
)
from immunode.cli.options import (
    All,
    Changes,
    Formats,
    Json,
    Out,
    SaidPatients,
    SaidSeed,
    Threads,
    checked_formats,
    in_words,
    last_day,
    model_argument,
)
from immunode.cli.output import show, told
from immunode.cli.reading import Part, parameters_of, part_of
from immunode.errors import BadValue
from immunode.internal.defaults import THREADS

if TYPE_CHECKING:
    from immunode.report.comparisons import ComparisonReport

_Model = Annotated[str, model_argument("A model (see: immunode models), my_model.py, or VARIANTS.toml.")]
_Schedules = Annotated[
    list[str] | None,
    typer.Argument(metavar="SENTENCE", help="Schedules, each in quotes, or NAME=SENTENCE.", show_default=False),
]
_Who = Annotated[
    str | None,
    typer.Option(
        "--patients",
        metavar="WORDS",
        autocompletion=patients_words,
        help='Who they are, such as "cd4 200-500, suppressed" (see: immunode models MODEL).',
        show_default=False,
    ),
]
_Until = Annotated[str | None, last_day("12mo")]
_Visits = Annotated[
    str | None,
    in_words("WORDS", 'Days on which rules see patients, "every 12 weeks to 12 mo".', "every 28 days"),
]
_Versus = Annotated[
    str | None,
    in_words("NAME", "The schedule that others are compared with.", "the patients without doses", schedule_names),
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
_Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        metavar="FIELDS",
        autocompletion=endpoint_fields,
        help='A further number, "signal=cd4, measure=cmin"; better=less puts it first. Repeat it for others.',
        show_default=False,
    ),
]
_Adherence = Annotated[
    str | None,
    in_words(
        "FIELDS", 'Doses missed and late, "missed=0.1, delay=2 h, delay_sd=1 h".', "all on time", adherence_fields
    ),
]
_Dropout = Annotated[
    str | None,
    in_words("FIELDS", 'Patients who leave, "share=0.2, by=12 mo".', "nobody", dropout_fields),
]


def compare(
    model: _Model,
    schedules: _Schedules = None,
    patients: _Who = None,
    until: _Until = None,
    versus: _Versus = None,
    visits: _Visits = None,
    set_: Changes = None,
    level: _Levels = None,
    endpoint: _Endpoints = None,
    adherence: _Adherence = None,
    dropout: _Dropout = None,
    n: SaidPatients = None,
    seed: SaidSeed = None,
    threads: Threads = THREADS,
    everything: All = False,
    as_json: Json = False,
    out: Out = None,
    format_: Formats = None,
) -> None:
    """Compare schedules in the same virtual patients: benefit, burden, and which are efficient.

    Example:

    [bold]immunode compare il2_cd4_hiv "1.5 MIU SC BID x 5 days" "9 MIU SC x 5 days"[/bold]
    """
    from immunode.evidence.adherence import Adherence, Dropout
    from immunode.evidence.endpoint import Endpoint

    said: dict[str, Any] = {
        "schedules": _named(schedules or []) or None,
        "patients": _with_groups(patients, set_ or [], model),
        "until": until,
        "visits": visits,
        "versus": versus,
        "n": n,
        "seed": seed,
        "parameters": parameters_of([text for text in set_ or [] if "=" in text]) or None,
        "levels": parameters_of(level or [], "--level") or None,
        "endpoints": [part_of("--endpoint", text, Endpoint) for text in endpoint or []] or None,
        "adherence": _taking("--adherence", adherence, Adherence),
        "dropout": _taking("--dropout", dropout, Dropout),
    }
    said = {name: value for name, value in said.items() if value is not None}
    formats = checked_formats(format_, out)
    show(_compared(model, said, out, formats, threads=threads, everything=everything), as_json)
    told(out)


def _compared(
    model: str, said: Mapping[str, Any], out: Path | None, formats: list[str], *, threads: int | None, everything: bool
) -> "ComparisonReport":
    """Return the comparison, and its files where these are wanted."""
    from immunode.report.comparisons import ComparisonReport
    from immunode.report.files import output_folder, save_comparison, whole_files
    from immunode.studies.comparison import compare as compared

    with output_folder(out):
        report = ComparisonReport(compared(model, threads=threads, **said), everything)
        with whole_files(out) as folder:
            if folder is not None:
                save_comparison(report, folder, formats)
    return report


def _with_groups(patients: str | None, texts: list[str], model: str) -> str | None:
    """Return who patients are, with the groups that --set names beside what --patients, or the file, says."""
    from immunode import models
    from immunode.studies.variants_file import is_variants_file, read_variants

    groups = [text for text in texts if "=" not in text]
    if not groups:
        return patients
    file = read_variants(model) if is_variants_file(model) else {}
    chosen = models.model(file.get("model", model))
    listed = ", ".join(group.name for group in chosen.patients.groups)
    for text in groups:
        if chosen.patients.group(text) is None:
            group = f", or a group of {chosen.name}: {listed}" if listed else ", such as CL='7 L/h'"
            raise BadValue(f"--set {text}: expected NAME=VALUE{group}")
    said = file.get("patients", "") if patients is None else patients
    if said.strip().lower().startswith("as in "):
        raise BadValue(f"--set {groups[0]}: the patients '{said}' are in the groups of their trial; leave it out")
    return ", ".join([said, *groups] if said else groups)


def _taking(option: str, text: str | None, kind: type[Part]) -> Part | None:
    """Return how patients take doses or leave; whose numbers are said on a command line assumes them."""
    return None if text is None else part_of(option, text, kind, source="assumed")


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
