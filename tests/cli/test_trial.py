"""`immunode trial`: figures beside their prediction, stable JSON, files that are whole or absent."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import immunode
from immunode.evidence.library import folder

TINCATI = (folder() / "tincati_2008" / "trial.toml").read_text(encoding="utf-8")
ASSUMPTIONS, FIGURES = TINCATI.index("[[assumptions]]"), TINCATI.index("# ---- every figure")
AS_ASSUMED = TINCATI[:ASSUMPTIONS] + TINCATI[FIGURES:]  # one reading: fourteen take fourteen times as long
TWO_READINGS = AS_ASSUMED + "[[assumptions]]" + TINCATI.split("[[assumptions]]")[2]


def test_trial_json_is_the_same_bytes_on_one_and_two_threads(run, tmp_path):
    path = tmp_path / "tincati_2008.toml"
    path.write_text(TWO_READINGS, encoding="utf-8")
    one = run("trial", path, "--n", 40, "--seed", 2, "--json", "--threads", 1)
    two = run("trial", path, "--n", 40, "--seed", 2, "--json", "--threads", 2)
    assert one == two
    data = json.loads(one[1])
    keys = {"trial", "model", "n", "seed", "at_dose", "figures", "arms", "assumptions", "alternatives", "endpoints"}
    assert set(data) == keys | {"patients"}
    assert [arm["size"] for arm in data["arms"]] == [33, 40]
    assert [a["assumption"] for a in data["alternatives"]] == ["as assumed", "baseline of the rule"]
    assert [a["name"] for a in data["assumptions"]] == ["baseline of the rule"]
    assert one[2] == ""  # silent off a terminal


def test_trial_answers_first_prints_all_figures_behind_all_and_writes_and_tells_its_files(run, tmp_path):
    path = tmp_path / "tincati_2008.toml"
    path.write_text(TWO_READINGS, encoding="utf-8")
    out = tmp_path / "results"
    code, shown, err = run("trial", path, "--n", 40, "--out", out, "--format", "svg")
    assert code == 0
    assert "gain" in shown
    assert "Mann-Whitney" not in shown
    pictures = {"trial", "panel_cd4", "panel_rna", "panel_il2_cycle", "panel_event_free", "change_cd4", "change_rna"}
    written = {f"{name}.{ending}" for name in pictures for ending in ("png", "svg")}
    written |= {"figures.csv", "endpoints.csv", "visits.csv", "decisions.csv", "result.json", "result.nc"}
    written |= {"report.md", "report.html"}
    assert {path.name for path in out.iterdir()} == written
    assert all(name in err for name in written)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(pictures)
    assert 'src="data:' in page
    assert "href=" not in page
    markdown = (out / "report.md").read_text(encoding="utf-8")
    assert all(f"]({name}.png)" in markdown for name in pictures)


def test_all_prints_a_row_for_every_figure(run, tmp_path):
    path = tmp_path / "tincati_2008.toml"
    path.write_text(TWO_READINGS, encoding="utf-8")
    code, out, _ = run("trial", path, "--n", 40, "--all")
    assert code == 0
    assert "Mann-Whitney" in out
    assert "not modelled" in out
    assert "assumed - baseline of the rule" in out


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--format", "svg"], "--out results"), (["--format", "jpg", "--out", "x"], "png, pdf or svg")],
)
def test_a_format_that_cannot_be_written_is_refused_before_anything_runs(run, options, says):
    code, out, err = run("trial", "tincati_2008", "--n", 5, *options)
    assert (code, out) == (2, "")
    assert says in err


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
        ('solve = "cd4_start"', 'solve = "cd4_stat"', "did you mean 'cd4_start'"),
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


def test_a_baseline_that_nobody_can_have_is_refused_and_one_that_some_cannot_have_is_said(run, tmp_path):
    path, printed = tmp_path / "mine.toml", "median = 48, below = 200, log_sd = 0.8"
    path.write_text(TINCATI[:ASSUMPTIONS].replace(printed, "median = 5000, log_sd = 0.1"), encoding="utf-8")
    code, _, err = run("trial", path, "--n", 5, "--out", tmp_path / "out")
    assert code == 2
    assert "arm 'HAART': nobody of 5 virtual patients can have cd4 median 5000" in err
    assert not (tmp_path / "out").exists()
    path.write_text(TINCATI[:ASSUMPTIONS].replace(printed, "values = [48, 5000]"), encoding="utf-8")
    code, out, _ = run("trial", path, "--n", 5, "--json")
    assert code == 0
    assert 0 < json.loads(out)["arms"][1]["status"]["no_baseline"] < 5
    assert run("trial", path, "--n", 5, "--out", tmp_path / "out")[0] == 0
    assert "NaN" not in (tmp_path / "out" / "result.json").read_text()


def test_a_users_own_trial_file_runs(run, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(AS_ASSUMED.replace('name = "tincati_2008"', 'name = "mine"'), encoding="utf-8")
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


def test_the_seed_of_the_files_and_of_json_is_the_one_that_was_asked_for(run, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(AS_ASSUMED, encoding="utf-8")
    code, out, _ = run("trial", path, "--n", 5, "--seed", 2**64 - 1, "--json", "--out", tmp_path / "out")
    assert (code, json.loads(out)["seed"]) == (0, 2**64 - 1)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["seed"] == 2**64 - 1
    code, _, err = run("trial", path, "--n", 5, "--seed", 2**64)
    assert code == 2
    assert "--seed" in err
