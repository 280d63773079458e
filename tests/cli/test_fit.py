"""`immunode fit`: a committed fit is evaluated again, and exit code 1 says that it no longer agrees."""

import json
import shutil

from immunode.calibration.fit_file import find_fit
from tests.calibration.summaries import declared, run_before


def test_a_committed_fit_agrees(run):
    code, out, _ = run("fit", "piscitelli_1996", "--check")
    assert code == 0
    assert "piscitelli_1996 agrees with its committed result" in out


def test_a_fit_that_differs_from_what_is_committed_ends_with_exit_code_1(run, tmp_path):
    folder = shutil.copytree(find_fit("piscitelli_1996"), tmp_path / "piscitelli_1996")
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    result["predicted"][0]["predicted"] *= 1.01
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    code, out, _ = run("fit", folder, "--check")
    assert code == 1
    assert "DIFFERS" in out
    code, out, _ = run("fit", folder, "--check", "--json")
    assert code == 1
    assert json.loads(out)["check"]["ok"] is False


def test_a_check_that_is_told_to_write_is_refused(run, tmp_path):
    code, _, err = run("fit", "piscitelli_1996", "--check", "--out", tmp_path / "out")
    assert code == 2
    assert "--check writes nothing" in err
    assert not (tmp_path / "out").exists()


def test_a_fit_of_a_population_is_checked_by_its_folder_or_file(run, tmp_path):
    folder = run_before(tmp_path)
    code, out, _ = run("fit", f"{folder}/fit.toml", "--check")
    assert code == 0
    assert "small agrees with its committed result" in out


def test_a_trial_that_is_left_out_is_predicted(run, tmp_path):
    code, out, _ = run("fit", "piscitelli_1996", "--leave-out", "kirchner_1998", "--json", "--out", tmp_path / "o")
    assert code == 0
    assert {row["evidence"] for row in json.loads(out)["left_out"]} == {"kirchner_1998"}
    assert "Left out, and predicted" in (tmp_path / "o" / "report.md").read_text(encoding="utf-8")


def test_what_cannot_be_left_out_is_refused_in_one_line(run, tmp_path):
    path = declared(tmp_path)
    for options, says in (
        (["--leave-out", "four"], "'four'"),
        (["--leave-out", "one", "--leave-out", "two", "--leave-out", "three"], "no evidence is left to fit"),
        (["--leave-out", "one", "--check"], "--check fits nothing"),
    ):
        code, _, err = run("fit", path, *options)
        assert code == 2
        assert says in err
        assert err.count("\n") == 1
    code, _, err = run("fit", tmp_path / "one.toml")
    assert code == 2
    assert "is a trial file, not a fit" in err
