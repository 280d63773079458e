"""The command line as a function."""

import sys

import pytest

from immunode.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs the command line and gives (exit code, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["immunode", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call
