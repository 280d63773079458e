"""The options and arguments that several commands take, each declared once."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from immunode.cli.completion import model_names, parameter_settings, picture_formats
from immunode.errors import BadValue
from immunode.internal.arguments import choice, seed_number, thread_count, whole
from immunode.internal.defaults import COMPARED, SEED


def _folder(text: str) -> Path:
    if not text.strip():
        raise typer.BadParameter("expected the name of a folder, such as results, not nothing")
    return Path(text)


def _number(check: Callable[[Any], int]) -> Callable[[Any], int]:
    """Return what reads a number that `check` lets pass; typer's own shows the span of a seed in full in the help."""

    def read(text: Any) -> int:
        with suppress(TypeError, ValueError):
            text = int(text)
        try:
            return check(text)
        except BadValue as error:
            raise typer.BadParameter(str(error)) from error

    return read


def _help_with(text: str, default: str) -> str:
    """Return the help of an option whose default is said in words, as typer shows others (say show_default=False)."""
    return f"{text} [dim]\\[default: {default}][/dim]"


def checked_formats(formats: Sequence[str] | None, out: Path | None) -> list[str]:
    """Return the formats of pictures; raise BadValue for one that there is not, and where no folder is named."""
    from immunode.plot.saving import FORMATS

    chosen = [choice(one, "--format", FORMATS) for one in formats or ()]
    if chosen and out is None:
        raise BadValue(f"--format {chosen[0]} is of pictures in a folder; name one, such as --out results")
    return chosen


FLAG = ""  # in place of a type, of which a flag has none
_PANEL = "Output"


def in_words(metavar: str, text: str, default: str, completion: Callable[..., Any] | None = None) -> Any:
    """Return an option that is said in words, and its default too."""
    return typer.Option(metavar=metavar, autocompletion=completion, help=_help_with(text, default), show_default=False)


def model_argument(text: str) -> Any:
    """Return the argument MODEL, which names a model of the library or a file."""
    return typer.Argument(metavar="MODEL", help=text, autocompletion=model_names, show_default=False)


def last_day(default: str) -> Any:
    """Return the option --until, with its default in words."""
    return typer.Option(
        "--until",
        metavar="TIME",
        help=_help_with('Last day, a number or a time such as "12mo".', default),
        show_default=False,
    )


Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME[=VALUE]",
        autocompletion=parameter_settings,
        help='Change a parameter, CL="7 L/h", or name a group of patients, suppressed; repeat it for others.',
        show_default=False,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", metavar=FLAG, help="Print JSON with stable keys, for machines.", rich_help_panel=_PANEL),
]
All = Annotated[
    bool, typer.Option("--all", metavar=FLAG, help="Print everything that there is.", rich_help_panel=_PANEL)
]
Out = Annotated[
    Path | None,
    typer.Option(
        parser=_folder,
        metavar="FOLDER",
        help="Write tables (CSV, NetCDF, JSON) and pictures (PNG) into this folder.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        autocompletion=picture_formats,
        help="Write the pictures as pdf or svg, too.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Patients = Annotated[
    int,
    typer.Option("--n", parser=_number(lambda n: whole(n, "n")), metavar="NUMBER", help="Virtual patients per arm."),
]
Seed = Annotated[
    int,
    typer.Option(parser=_number(seed_number), metavar="NUMBER", help="Seed of every random draw, from 0 to 2^64 - 1."),
]
# the same, where a file may say them
SaidPatients = Annotated[
    int | None,
    typer.Option(
        "--n",
        parser=_number(lambda n: whole(n, "n")),
        metavar="NUMBER",
        help=_help_with("Virtual patients.", f"{COMPARED}"),
        show_default=False,
    ),
]
SaidSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        parser=_number(seed_number),
        metavar="NUMBER",
        help=_help_with("Seed of every random draw, from 0 to 2^64 - 1.", f"{SEED}"),
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        parser=_number(thread_count),
        metavar="NUMBER",
        help=_help_with("Threads; no result changes.", "all cores"),
        show_default=False,
    ),
]
TimeUnit = Annotated[str | None, in_words("UNIT", "Unit of the event table's times, such as h.", "the model's")]
