"""A fit comes back from its file and from a pickle."""

import json
import pickle

import pytest

from immunode.calibration.fit import calibrate
from immunode.calibration.loading import load_fit
from immunode.errors import BadValue
from immunode.evidence.library import load_evidence
from tests.calibration.made_up import BOLUS
from tests.calibration.noisy import noisy
from tests.calibration.test_r_fits import FOLDER, ORAL, theoph

LOGS = {"CL": {"log": True, "min": 1, "max": 100}, "k": {"value": 1.0, "min": 0.1, "max": 10}}


@pytest.fixture(scope="module")
def fit():
    return calibrate(noisy(), BOLUS, LOGS, derived={"V": "CL / k"}, starts=2)


def same(one, other):
    assert one.fit_report() == other.fit_report().split("\n[[Warnings]]")[0]
    assert one.stderr == other.stderr
    assert one.table.equals(other.table)
    assert one.optima.equals(other.optima)
    assert one.correlations.equals(other.correlations)
    assert (one.starts, one.weak, one.data_hash, one.failed) == (
        other.starts,
        other.weak,
        other.data_hash,
        other.failed,
    )


def test_a_fit_comes_back_from_its_file_with_its_minimiser(fit, tmp_path):
    fit.save(tmp_path / "fit.json")
    again = load_fit(tmp_path / "fit.json", model=BOLUS)
    same(fit, again)
    assert again.warnings == fit.warnings
    assert again.conf_interval([1], ["CL"]).equals(fit.conf_interval([1], ["CL"]))


def test_without_its_model_a_fit_says_that_it_has_no_minimiser(fit, tmp_path):
    fit.save(tmp_path / "fit.json")
    again = load_fit(tmp_path / "fit.json")
    same(fit, again)
    assert "loaded without its minimiser: its model has no name" in again.warnings[-1]
    with pytest.raises(BadValue, match="loaded without its minimiser"):
        again.conf_interval()


def test_a_fit_of_the_library_is_loaded_whole(tmp_path):
    fit = calibrate(load_evidence("piscitelli_1996"), "il2_sc", ["CL"])
    fit.save(tmp_path / "fit.json")
    again = load_fit(tmp_path / "fit.json")
    same(fit, again)
    assert again.minimizer is not None
    same(fit, pickle.loads(pickle.dumps(fit)))
    assert pickle.loads(pickle.dumps(fit)).minimizer is not None


@pytest.mark.skipif(not FOLDER.exists(), reason="the data of R are not here")
def test_evidence_in_hours_is_loaded_in_hours(tmp_path):
    fit = calibrate(theoph(["1"]), ORAL, ["lKe", "lKa", "lCl"])
    fit.save(tmp_path / "fit.json")
    again = load_fit(tmp_path / "fit.json", model=ORAL)
    same(fit, again)


def test_a_pickled_fit_of_functions_in_a_script_comes_back_without_its_minimiser(fit):
    again = pickle.loads(pickle.dumps(fit))
    same(fit, again)
    assert again.minimizer is None
    assert "unpickled without its minimiser" in again.warnings[-1]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "immunode fit 1"}', '{"format": "immunode fit 1", "params": 3}']
)
def test_a_file_that_is_no_fit_is_refused(tmp_path, text):
    (tmp_path / "fit.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadValue, match="is no saved fit"):
        load_fit(tmp_path / "fit.json")


def test_an_expression_in_a_file_can_only_be_arithmetic(fit, tmp_path):
    fit.save(tmp_path / "fit.json")
    data = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))
    data["params"]["V"]["expr"] = "open('/etc/passwd')"
    (tmp_path / "fit.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BadValue, match="is not arithmetic"):
        load_fit(tmp_path / "fit.json")


def test_paths_and_other_models_are_refused_by_name(fit, tmp_path):
    with pytest.raises(BadValue, match="cannot read"):
        load_fit(tmp_path / "none.json")
    with pytest.raises(BadValue, match="cannot write"):
        fit.save(tmp_path / "none" / "fit.json")
    with pytest.raises(BadValue, match="path = 3"):
        fit.save(3)
    fit.save(tmp_path / "fit.json")
    with pytest.raises(BadValue, match="cannot be made again"):
        load_fit(tmp_path / "fit.json", model="il2_sc")
