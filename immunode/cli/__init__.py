"""The command line."""


def main() -> None:
    """Run the command line: bad input is one line on standard error and exit code 2, Ctrl-C is exit code 130."""
    from immunode.internal.stopping import stoppable

    with stoppable():  # Ctrl-C while the rest is imported, too
        from immunode.cli.entry import run

        run()
