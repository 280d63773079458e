"""The page docs/command-line.md: every line of it runs, and names every command and its defaults."""

import re
import shlex
from pathlib import Path

import pytest

from immunode.cli.entry import app
from immunode.internal.defaults import PATIENTS, SEED
from tests.cli.conftest import run as run  # the command line as a function

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
LINES = [line for block in BLOCKS for line in block.splitlines() if line.startswith("immunode ")]
FILES = {  # and how each begins
    "my_model.py": "import immunode",
    "data.csv": "ID,",
    "my_trial.toml": 'name = "my_trial"',
    "my_fit.toml": 'title = "one dose"',
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with the files of the page, in which a command runs."""
    for name, begin in FILES.items():
        (tmp_path / name).write_text(next(block for block in BLOCKS if block.startswith(begin)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_page_runs_and_fits_a_screen(run, folder, line):
    code, out, err = run(*shlex.split(line)[1:])
    assert code == 0, err
    assert "Error" not in err
    if "simulate" in line and not re.search("--(json|all)", line):
        assert len(out.splitlines()) <= 60  # 40 rows, a frame, who is simulated
    if "--out" in line:
        assert (folder / "results" / "units.csv").exists()


def test_every_command_and_default_is_on_the_page():
    commands = {command.callback.__name__ for command in app.registered_commands}
    assert {line.split()[1] for line in LINES} == commands
    assert f"| {PATIENTS:,} |".replace(",", " ") in PAGE
    assert f"| `--seed`, `seed=` | {SEED} |" in PAGE
