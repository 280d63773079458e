"""The command line."""

from immunode.cli.entry import main as main
