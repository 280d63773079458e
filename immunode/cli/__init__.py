"""The command line."""

from immunode.cli.entry import app as app
from immunode.cli.entry import main as main
