"""The command line: each other file here but `output` is one of its commands.

Heavy imports happen inside the commands, so that --help is quick.
"""

import atexit
import gc
import sys
from typing import Annotated

import typer

from immunode.cli import check, fit, models, simulate, trial, trials
from immunode.errors import ImmunodeError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options of immunode itself."""


for command in (trial.trial, simulate.simulate, check.check, fit.fit, models.models, trials.trials):
    app.command()(command)


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
