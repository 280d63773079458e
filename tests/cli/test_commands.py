"""The command line as its users meet it: tables, stable JSON, files, and bad input in one line with exit code 2."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import immunode
from immunode.cli.entry import main
from immunode.evidence.library import folder


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


@pytest.mark.parametrize("command", [(), ("trial",), ("simulate",), ("fit",), ("check",), ("models",), ("trials",)])
def test_every_help_has_an_example(run, command):
    code, out, _ = run(*command, "--help")
    assert code == 0
    assert "Example" in out


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


def test_trial_json_is_the_same_bytes_on_one_and_two_threads(run):
    one = run("trial", "tincati_2008", "--n", 40, "--seed", 1, "--json", "--threads", 1)
    two = run("trial", "tincati_2008", "--n", 40, "--seed", 1, "--json", "--threads", 2)
    assert one == two
    data = json.loads(one[1])
    assert set(data) == {"trial", "model", "n", "seed", "at_dose", "figures", "arms", "assumptions", "alternatives"}
    assert [arm["size"] for arm in data["arms"]] == [33, 40]
    read = [a["assumption"] for a in data["alternatives"]]
    assert read[0] == "as assumed"
    assert set(read[1:]) == {a["name"] for a in data["assumptions"]}
    assert one[2] == ""  # silent off a terminal


def test_trial_prints_a_row_for_every_figure_and_writes_its_files(run, tmp_path):
    code, out, _ = run("trial", "tincati_2008", "--n", 40, "--out", tmp_path / "results")
    assert code == 0
    assert "Mann-Whitney" in out
    assert "not modelled" in out
    assert "assumed - sustained" in out
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert written == {"figures.csv", "visits.csv", "decisions.csv", "result.json", "result.nc", "trial.png"}


def test_simulate_and_listings(run, tmp_path):
    code, out, _ = run(
        "simulate", "il2_sc", "--regimen", "3 MIU SC QD days 1-5", "--until", 2, "--every", 0.5, "--json"
    )
    data = json.loads(out)
    assert code == 0
    assert data["time"] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert data["units"]["il2"] == "IU/mL"
    faster = run(
        "simulate", "il2_sc", "--regimen", "3 MIU SC QD days 1-5", "--until", 2, "--set", "CL=20 L/h", "--json"
    )
    assert json.loads(faster[1])["values"]["il2"][1] < data["values"]["il2"][2]
    assert run("simulate", "il2_sc", "--regimen", "3 MIU SC", "--out", tmp_path)[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"course.csv", "course.nc", "course.png"}
    assert "il2_cd4_hiv" in run("models")[1]
    assert "d depot" in run("models", "il2_sc")[1]
    assert json.loads(run("models", "il2_sc", "--json")[1])["parameters"][0]["unit"] == "L/day"
    assert "tincati_2008" in run("trials")[1]
    assert "sustained" in run("trials", "tincati_2008")[1]
    assert json.loads(run("trials", "--schema")[1])["title"] == "TrialFile"


TINCATI = (folder() / "tincati_2008" / "trial.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("simulate", "il2sc"), "did you mean 'il2_sc'"),
        (("models", "il2sc"), "did you mean 'il2_sc'"),
        (("trial", "tincati"), "did you mean 'tincati_2008'"),
        (("trials", "tincati"), "did you mean 'tincati_2008'"),
        (("trial", "absent.toml"), "no trial file 'absent.toml'"),
        (("trial", "tincati_2008", "--n", "0"), "--n 0"),
        (("fit", "il2_cd5"), "did you mean 'il2_cd4'"),
        (("simulate", "il2_sc", "--set", "Cl=3"), "did you mean 'CL'"),
        (("simulate", "il2_sc", "--set", "CL=nan"), "finite"),
        (("simulate", "il2_sc", "--set", "CL"), "NAME=VALUE"),
        (("simulate", "il2_sc", "--set", "CL=3 mg"), "'mg'"),
        (("simulate", "il2_sc", "--regimen", "3 mg SC"), "'mg'"),
        (("simulate", "il2_sc", "--regimen=-3 MIU SC"), "negative"),
        (("simulate", "il2_sc", "--regimen", "3 MIU SQ QD days 1-5"), "'SQ'"),
        (("simulate", "il2_sc", "--until", "nan"), "nan"),
        (("simulate", "il2_sc", "--every", "0"), "positive step"),
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


@pytest.mark.parametrize(
    ("old", "new", "line_of", "field"),
    [
        ("n = 33", "n = 0", "n = 0", "arms.0.n"),
        ("log_sd = 0.8", "log_sd = nan", "log_sd = nan", "arms.0.baseline.log_sd"),
        ("share = 0.2", "share = 1.5", "share = 1.5", "population.subgroups.0.share"),
        ("noise = {", "noize = {", "noize = {", "population.noize"),
        ('kind = "given"', 'kind = "guess"', 'kind = "guess"', "figures.0.kind"),
        ("reference =", "refrence =", "refrence =", "refrence"),
    ],
)
def test_an_invalid_trial_file_names_line_and_field(run, tmp_path, old, new, line_of, field):
    text = TINCATI.replace(old, new, 1)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    code, _, err = run("trial", path, "--n", 5)
    number = next(i for i, row in enumerate(text.splitlines(), 1) if line_of in row)
    assert code == 2
    assert f"line {number}, field '{field}'" in err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('events = "cumulative_hazard"', 'events = "cumulative"', "did you mean 'cumulative_hazard'"),
        ("noise = { cd4", "noise = { cd8", "did you mean 'cd4'"),
        ("below = 200, ", 'below = 200, solve = "cd4_stat", ', "did you mean 'cd4_start'"),
        ("reference =", "refrence =", "did you mean 'reference'"),
        ('groups = ["IL-2NR"]', "groups = []", "groups"),
        ('model = "il2_cd4_hiv"', 'model = "il2_cd4"', "did you mean 'il2_cd4_hiv'"),
    ],
)
def test_a_slip_in_a_trial_file_is_named_with_the_cure(run, tmp_path, old, new, says):
    path = tmp_path / "mine.toml"
    path.write_text(TINCATI.replace(old, new, 1), encoding="utf-8")
    code, out, err = run("trial", path, "--n", 5)
    assert (code, out) == (2, "")
    assert says in err


def test_the_version_is_printed(run):
    assert run("--version") == (0, f"immunode {immunode.__version__}\n", "")


def test_unreadable_toml_names_the_line(run, tmp_path):
    (tmp_path / "broken.toml").write_text("name = 'a'\nmodel = [1,\n= 3", encoding="utf-8")
    code, _, err = run("trial", tmp_path / "broken.toml")
    assert code == 2
    assert "line 3" in err
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    assert run("trial", tmp_path / "bytes.toml")[0] == 2


def test_a_regimen_in_a_trial_file_that_does_not_parse_is_refused_before_anything_runs(run, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TINCATI.replace("3 MIU SC QD", "3 MIU SQ QD", 1), encoding="utf-8")
    code, _, err = run("trial", path, "--n", 5, "--out", tmp_path / "out")
    assert code == 2
    assert "'SQ'" in err
    assert not (tmp_path / "out").exists()


def test_an_arm_in_which_every_patient_fails_is_reported_not_fatal(run, tmp_path):
    path = tmp_path / "mine.toml"
    text = TINCATI[: TINCATI.index("# ---- every figure")].replace(
        "median = 48, below = 200, log_sd = 0.8", "median = 5000, log_sd = 0.1"
    )
    path.write_text(text, encoding="utf-8")
    code, out, _ = run("trial", path, "--n", 5, "--json")
    assert code == 0
    assert json.loads(out)["arms"][1]["status"] == {"no_baseline": 5}
    assert run("trial", path, "--n", 5, "--out", tmp_path / "out")[0] == 0
    assert "NaN" not in (tmp_path / "out" / "result.json").read_text()


def test_a_users_own_trial_file_runs(run, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TINCATI.replace('name = "tincati_2008"', 'name = "mine"'), encoding="utf-8")
    code, out, _ = run("trial", path, "--n", 10, "--json")
    assert code == 0
    assert json.loads(out)["trial"] == "mine"


def test_an_output_folder_that_cannot_be_written_is_refused_at_once(run, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    code, _, err = run("trial", "tincati_2008", "--n", 5, "--out", tmp_path / "file" / "results")
    assert code == 2
    assert "cannot write to the output folder" in err


def processor_seconds(pid):
    """Return the processor time that a process and its threads have used: other processes do not add to it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_ctrl_c_returns_after_two_seconds_of_work_at_most_and_leaves_no_file(tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    out = tmp_path / "results"
    # what runs in a shell's background ignores Ctrl-C, and so would its children: they are to hear it
    main = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    main += "from immunode.cli.entry import main; main()"
    command = [sys.executable, "-c", main, "trial", "tincati_2008", "--n", "300000", "--out", str(out)]
    source = str(Path(immunode.__file__).parent.parent)
    child = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": source}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        used = _processor_seconds_after_ctrl_c(child, out, resource)
    finally:
        child.kill()
    assert child.returncode == 130
    assert used < 2.0  # not on the clock: four busy processes beside this one take a core's time, not its work
    assert not out.exists()


def _processor_seconds_after_ctrl_c(child, out, resource):
    while not out.exists():
        assert child.poll() is None, "it ended before it began to simulate"
        time.sleep(0.1)
    time.sleep(2.0)
    before, earlier = processor_seconds(child.pid), resource.getrusage(resource.RUSAGE_CHILDREN)
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    child.wait(timeout=120)
    later = resource.getrusage(resource.RUSAGE_CHILDREN)
    return later.ru_utime + later.ru_stime - earlier.ru_utime - earlier.ru_stime - before
