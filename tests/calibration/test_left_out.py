"""A trial that is left out is predicted, not fitted; one that the fit does not have is refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.declared import run_fit
from immunode.calibration.declared_population import fit_declared, result_of_population
from immunode.calibration.fit_file import load_fit
from immunode.calibration.left_out import left_out, predicted_of_population
from immunode.calibration.nested import LEVELS
from immunode.calibration.report import markdown
from immunode.errors import BadValue, UnknownName
from immunode.evidence.library import load_evidence
from tests.calibration.summaries import EFFECTS, FIT, REFITS, declared, fitted


def test_trials_are_left_out_by_their_names(tmp_path):
    file = load_fit(declared(tmp_path))
    kept, gone = left_out(file, ["two"])
    assert [one.name for one in gone] == ["two"]
    assert [load_evidence(one).name for one in kept.evidence] == ["one", "three"]
    with pytest.raises(UnknownName, match=r"--leave-out has no evidence 'four'|four"):
        left_out(file, ["four"])
    with pytest.raises(BadValue, match="no evidence is left to fit"):
        left_out(file, ["one", "two", "three"])


def test_what_is_said_of_a_trial_that_is_left_out_goes_with_it(tmp_path):
    labels = [f"{name}: low, mean auc of il2, hour 0 to 24" for name in ("one", "two")]
    said = f'same_patients = [["one.toml", "two.toml"]]\nscored = {{ areas = {labels} }}\n'
    file = load_fit(declared(tmp_path, FIT.replace("[population]", EFFECTS + said + "\n[population]")))
    kept, _ = left_out(file, ["two"])
    assert kept.scored == {"areas": (labels[0],)}
    assert kept.same_patients == (kept.evidence[:1],)
    fit = fit_declared(kept, 1, lambda *part: None, REFITS)
    assert result_of_population("small", kept, fit, [], []).scored == {"areas": labels[:1]}


def test_a_fit_of_the_typical_patient_predicts_what_it_has_not_seen():
    result = run_fit("piscitelli_1996", leave_out=["kirchner_1998"], threads=1, progress=False)
    assert result.evidence == ["konrad_1990", "piscitelli_1996"]
    assert result.assumptions == []
    whole = {row["label"]: row for row in run_fit("piscitelli_1996", threads=1, progress=False).predicted}
    for row in result.left_out:
        assert row["evidence"] == "kirchner_1998"
        assert row["label"] in whole
        assert row["label"] not in {one["label"] for one in result.predicted}
        assert row["inside"] == (row["low"] <= row["published"] <= row["high"])
        assert (row["high"] - row["low"]) / (2 * 1.96) > 0.9 * whole[row["label"]]["sigma"]  # at least that of the row
        assert_allclose(sum(row[level] for level in LEVELS), 100)
        assert row["trial"] == row["patients"] == 0
    assert "## Left out, and predicted" in markdown(result)


def test_a_fit_of_a_population_predicts_every_row_of_a_trial(tmp_path):
    declared(tmp_path)
    rows = predicted_of_population(fitted()[0], [load_evidence(str(tmp_path / "two.toml"))], 1, 1)
    assert [row["published"] for row in rows] == [14.6, 11.2, 19, 5.4, 1.9]
    assert all(np.isfinite([row["low"], row["predicted"], row["high"]]).all() for row in rows)
    assert all(row["evidence"] == "two" for row in rows)
