"""The command line: each other file here but `completion`, `options`, `output` and `reading` is one of its commands.

Heavy imports happen inside the commands, so that --help is quick.
"""

import atexit
import gc
import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from immunode.cli import check, compare, fit, models, predict, simulate, trial, trials
from immunode.cli import main as main
from immunode.cli.completion import no_space_after_equals
from immunode.cli.options import FLAG
from immunode.cli.output import check_streams, no_more_output, written
from immunode.errors import BadValue, ImmunodeError


class _Command(TyperCommand):
    """A command whose help shows no type behind --help, which is a flag, and whose options are given once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what stands behind the command; raise BadValue where an option that has one value is given twice."""
        if ctx.resilient_parsing:  # Tab: the line is not finished
            return super().parse_args(ctx, args)
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        for option in order:
            once = option.nargs == 1 and not (getattr(option, "multiple", False) or getattr(option, "is_flag", False))
            if once and order.count(option) > 1:
                raise BadValue(f"{option.opts[0]} is given more than once; leave all but one out")
        return super().parse_args(ctx, args)

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help."""
        return _flag(super().get_help_option(ctx))


class _Commands(TyperGroup):
    """All commands; the help shows no type behind flags."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return all options; typer's own two of completion are flags."""
        params = super().get_params(ctx)
        for option in params:
            if option.name in ("install_completion", "show_completion"):
                _flag(option)
        return params

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help."""
        return _flag(super().get_help_option(ctx))


def _flag(option: Any) -> Any:
    if option is not None:
        option.metavar = FLAG
    return option


no_space_after_equals()
app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="What does this cytokine schedule do to these cells, in this trial?\n\n"
    "Example: [bold]immunode trial tincati_2008[/bold]",
)


def _version(asked: bool) -> None:
    if asked:
        from immunode import __version__

        print(f"immunode {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", metavar=FLAG, callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options of immunode itself."""


for command in (
    simulate.simulate, compare.compare, trial.trial, check.check, fit.fit, predict.predict, models.models,
    trials.trials,
):  # fmt: skip
    app.command(cls=_Command)(command)


def run() -> None:
    """Run the command that the arguments name, and exit with its code; what cannot be done is one line."""
    gc.set_threshold(100_000)  # what imports make is not looked at again and again, here and on exit
    atexit.register(gc.freeze)
    try:
        check_streams()
        with warnings.catch_warnings():
            warnings.showwarning = _in_one_line  # type: ignore[assignment]  # it needs no place
            code = app(prog_name="immunode", standalone_mode=False)
            written()
    except ImmunodeError as error:
        code = _refused(2, str(error))
    except typer.Abort:  # what typer makes of Ctrl-C
        raise KeyboardInterrupt from None
    except typer.Exit as done:
        code = done.exit_code
    except OSError as error:
        no_more_output()
        code = _refused(1, f"{error.strerror or error}" + (f": '{error.filename}'" if error.filename else ""))
    except MemoryError as error:
        code = _refused(1, f"there is not enough memory ({error or 'for this'}): ask for fewer patients or times")
    except Exception as error:
        if not (hasattr(error, "exit_code") and hasattr(error, "format_message") and hasattr(error, "show")):
            raise
        code = error.exit_code
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:  # what typer says of a wrong option
            _refused(code, error.format_message())
    sys.exit(code or 0)


def _refused(code: int, reason: str) -> int:
    print(f"Error: {' '.join(reason.split())}", file=sys.stderr)
    return code


def _in_one_line(message: Warning | str, *_: Any) -> None:
    print(f"Warning: {' '.join(str(message).split())}", file=sys.stderr)
