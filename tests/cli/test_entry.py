"""The command line as a whole: help, versions, what is imported, bad input in one line with exit code 2."""

import json
import re
import shlex
import subprocess
import sys
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

import immunode
import immunode as im
from immunode import cli
from immunode.cli.entry import app
from immunode.internal import progress


@pytest.mark.parametrize("command", [(), ("trial",), ("simulate",), ("fit",), ("check",), ("models",), ("trials",)])
def test_every_help_has_an_example(run, command):
    code, out, _ = run(*command, "--help")
    assert code == 0
    assert "Example" in out


@pytest.mark.parametrize("command", [(), *[(command.callback.__name__,) for command in app.registered_commands]])
def test_help_at_80_columns_shows_an_example_in_one_line_no_type_of_a_flag_and_plain_defaults(
    run, command, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(*command, "--help")
    shown = " ".join(out.split())
    (example,) = re.findall(r"Example:\s+(immunode .*?)\s*$", out, flags=re.MULTILINE)
    told = import_module(f"immunode.cli.{command[0]}") if command else None
    written = getattr(told, command[0]).__doc__ if told else app.info.help
    assert f"[bold]{example}[/bold]" in written  # whole
    assert shlex.split(example)[: len(command) + 1] == ["immunode", *(command or ("trial",))][: len(command) + 1]
    assert max(map(len, out.splitlines())) <= 80
    assert "<bool>" not in shown
    assert "<int" not in shown
    assert "default: (" not in shown
    assert shown.count("[default: None]") == 0


def test_help_says_the_defaults_in_force_which_are_those_of_python(run):
    _, out, _ = run("simulate", "--help")
    assert "[default: 28 days after the last dose]" in re.sub(r"[\s│]+", " ", out)
    for said, regimen in ((["--regimen", "3 MIU SC QD days 1-5"], "3 MIU SC QD days 1-5"), ([], None)):
        data = json.loads(run("simulate", "il2_sc", "--json", *said)[1])
        course = im.simulate("il2_sc", regimen)
        assert data["time"] == course.time.values.tolist()
        assert data["time"][-1] == (32 if regimen else 28)
        assert data["values"]["il2"] == course["il2"].values.tolist()


HEAVY = ("numpy", "numba", "sympy", "pint", "scipy", "pandas", "xarray", "matplotlib", "lmfit", "lark")


def loaded(code):
    """Return which heavy packages a new process loads that runs `code`."""
    code += f"\nimport sys; print('loaded', *(m for m in {HEAVY} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def test_importing_immunode_loads_nothing_heavy():
    assert loaded("import immunode") == []
    assert loaded("import immunode; dir(immunode); immunode.__version__") == []
    assert loaded("import immunode; immunode.dose('3 MIU', 'sc', days=[1])") == []


@pytest.mark.parametrize("arguments", [["--help"], ["simulate", "--help"], ["--version"], [], ["simulate", "--wrong"]])
def test_help_and_wrong_options_load_nothing_heavy(arguments):
    run = "import sys, immunode.cli\ntry: immunode.cli.main()\nexcept SystemExit: pass"
    assert loaded(f"import sys; sys.argv[1:] = {arguments}\n{run}") == []


def test_the_version_is_printed(run):
    assert run("--version") == (0, f"immunode {immunode.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("simulate", "il2sc"), "did you mean 'il2_sc'"),
        (("models", "il2sc"), "did you mean 'il2_sc'"),
        (("trial", "tincati"), "did you mean 'tincati_2008'"),
        (("trials", "tincati"), "did you mean 'tincati_2008'"),
        (("trial", "absent.toml"), "no trial file 'absent.toml'"),
        (("trial", "tincati_2008", "--n", "0"), "n = 0: expected a whole number, 1 or more"),
        (("trial", "tincati_2008", "--n", "5.0"), "n = '5.0': expected a whole number, 1 or more"),
        (("trial", "tincati_2008", "--n", "5", "--n", "6"), "--n is given more than once; leave all but one out"),
        (("simulate", "il2_sc", "--every=2", "--every", "3"), "--every is given more than once"),
        (("trials", "tincati_2008", "--schema"), "--schema is of all trial files; leave out tincati_2008"),
        (("fit", "il2_cd5"), "did you mean 'il2_cd4'"),
        (("simulate", "il2_sc", "--set", "Cl=3"), "did you mean 'CL'"),
        (("simulate", "il2_sc", "--set", "CL=nan"), "finite"),
        (("simulate", "il2_sc", "--set", "CL"), "NAME=VALUE"),
        (("simulate", "il2_sc", "--set", "CL=3 mg"), "'mg'"),
        (("simulate", "il2_sc", "--regimen", "3 mg SC"), "'mg'"),
        (("simulate", "il2_sc", "--regimen=-3 MIU SC"), "negative"),
        (("simulate", "il2_sc", "--regimen", "3 MIU SQ QD days 1-5"), "'SQ'"),
        (("simulate", "il2_sc", "--until", "nan"), "nan"),
        (("simulate", "il2_sc", "--every", "0"), "above zero"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert code == 2
    assert says in err
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_each_file_is_one_command_that_help_lists(run):
    files = sorted(path.stem for path in Path(cli.__path__[0]).glob("*.py"))
    shared = ("__init__", "completion", "entry", "options", "output", "reading")
    commands = [name for name in files if name not in shared]
    functions = [command.callback for command in app.registered_commands]
    assert sorted(function.__module__ for function in functions) == [f"immunode.cli.{name}" for name in commands]
    assert all(function is getattr(import_module(function.__module__), function.__name__) for function in functions)
    assert sorted(function.__name__ for function in functions) == commands
    _, out, _ = run("--help")
    assert [name for name in commands if f"│ {name} " not in out] == []


def test_a_command_is_not_shadowed_by_its_function():
    assert cli.trial.__name__ == "immunode.cli.trial"
    assert callable(cli.main)


def test_what_python_takes_where_nothing_is_said_is_what_the_command_line_takes():
    trial, run_trial = signature(cli.trial.trial).parameters, signature(im.run_trial).parameters
    assert [trial[name].default for name in ("n", "seed", "threads")] == [10_000, 1, None]
    assert [run_trial[name].default for name in ("n", "seed", "threads")] == [10_000, 1, None]
    simulate = signature(cli.simulate.simulate).parameters
    assert simulate["threads"].default is signature(im.simulate).parameters["threads"].default is None
    assert simulate["until"].default is simulate["every"].default is signature(im.simulate).parameters["times"].default


def test_a_bar_is_drawn_on_a_terminal_alone_and_for_long_work_alone(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal for rich
    monkeypatch.setenv("TERM", "xterm")
    drawn = []
    for patience in (60.0, 0.0):
        monkeypatch.setattr(progress, "PATIENCE", patience)
        with progress.bar("patients") as step:
            step(1, 3)
            step(2, 3)
        drawn.append(capsys.readouterr().err)
    assert drawn[0] == ""
    assert "patients" in drawn[1]
    assert "2/3" in drawn[1]
    monkeypatch.delenv("FORCE_COLOR")
    with progress.bar("patients") as step:
        step(1, 3)
    assert capsys.readouterr() == ("", "")
