"""A declared fit of a population: what its file says is fitted, kept, and the same when it is evaluated again."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode import models
from immunode.calibration.declared import run_fit
from immunode.calibration.declared_population import fit_arguments, other_reading, result_of_population
from immunode.calibration.fit_check import check_fit
from immunode.calibration.fit_file import Variant, load_fit
from immunode.calibration.fit_readings import fit_readings
from immunode.calibration.fit_result import PopulationResult, committed
from immunode.calibration.population_result import to_be_known
from immunode.calibration.report import markdown
from immunode.errors import BadValue, UnknownName
from immunode.evidence.library import load_evidence
from tests.calibration.summaries import FIT, declared, fitted, run_before


def test_a_result_is_plain_data_that_is_read_back(tmp_path):
    result = committed(run_before(tmp_path))
    assert isinstance(result, PopulationResult)
    assert json.loads(json.dumps(result.json(), allow_nan=False)) == json.loads(
        json.dumps(fitted()[2].json(), allow_nan=False)
    )
    assert list(result.estimates) == ["CL", "omega_CL"]
    for entry in result.estimates.values():
        assert entry["low"] < entry["value"] < entry["high"]
    assert len(result.predicted) == 15
    assert {len(column) for column in result.draws.values()} == {40}


def test_a_result_evaluates_to_the_same_numbers(tmp_path):
    path = run_before(tmp_path)
    again = check_fit(path, threads=1)
    assert again.ok
    assert again.same_data
    data = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    data["at"]["log_CL"] += 0.05
    (tmp_path / "result.json").write_text(json.dumps(data), encoding="utf-8")
    assert not check_fit(path, threads=1).ok


def test_draws_are_centred_on_the_estimates_less_their_bias():
    result = fitted()[2]
    for name, entry in result.estimates.items():
        logs = np.log(result.draws[name])
        # the bias is taken off the parameter there and off its logarithm here: half its variance apart
        assert_allclose(logs.mean(), math.log(entry["value"]), atol=logs.var() + 4 * logs.std() / 40**0.5)


def test_a_reading_changes_what_it_says():
    file = fitted()[1]
    variant = Variant(label="v", values={"ka": 5}, fixed={"omega_CL": 0.2}, spread={"V": 0.1})
    said = fit_arguments(file, variant, 1)
    assert said["population"].omega == {"CL": 0.2, "V": 0.1}
    assert said["population"].typical == {"ka": 5}
    assert list(said["vary"]) == ["CL"]
    assert said["population"].correlation == {("CL", "V"): 0.3}


def test_another_reading_tells_what_moves(tmp_path):
    text = FIT + '\n[[assumptions]]\nname = "spread"\nalternatives = [{ label = "half", fixed = { omega_CL = 0.2 } }]\n'
    fit = fitted()[0]
    file = load_fit(declared(tmp_path, text))
    told = other_reading(file, fit, fit_readings(file)[0], 1)
    assert told["label"] == "half"
    assert told["name"] == "spread"
    assert list(told["estimates"]) == ["CL"]
    assert told["deviance"] > fit.deviance - 0.5
    before = fit.intervals.loc["CL"]
    assert told["estimates"]["CL"]["moved"] == pytest.approx(
        (told["estimates"]["CL"]["value"] - before["raw"]) / before["stderr"]
    )


def test_a_reading_that_changes_nothing_moves_nothing(tmp_path):
    """To a tenth of a standard error, in which a search ends: also of the SD between patients."""
    text = FIT + '\n[[assumptions]]\nname = "same"\nalternatives = [{ label = "same", values = { ka = KA } }]\n'
    fit = fitted()[0]
    ka = models.model("il2_sc").typical["ka"]
    file = load_fit(declared(tmp_path, text.replace("KA", repr(float(ka)))))
    told = other_reading(file, fit, fit_readings(file)[0], 1)
    assert list(told["estimates"]) == ["CL", "omega_CL"]
    for entry in told["estimates"].values():
        assert abs(entry["moved"]) < 0.1


@pytest.mark.parametrize(
    ("before", "after", "error", "says"),
    [
        ("[population]\nomega = { CL = 0.3, V = 0.25 }\n", "[population]\n", BadValue, "say how, such as"),
        ("seed = 1", "seed = 1\nspread = { CL = 0.3 }", BadValue, "has no use for 'spread'"),
        ('likelihood = "summaries"', "", BadValue, "likelihood = 'typical' has no use for 'patients'"),
        ('likelihood = "summaries"', 'likelihood = "summary"', BadValue, "expected 'typical' or 'summaries'"),
        ("omega_CL = {}", "omega_ka = {}", UnknownName, "omega_ka"),
        ('"one.toml"', '"four.toml"', BadValue, "there is no trial file '.*four.toml'"),
        ("patients = 3000", "patients = 3000\ntrial_effects = { Cl = 0.3 }", UnknownName, "did you mean 'CL'"),
        ("patients = 3000", "patients = 0", BadValue, "field 'patients'"),
    ],
)
def test_bad_declarations_are_refused(tmp_path, before, after, error, says):
    assert before in FIT
    text = FIT.replace(before, after)
    if "say how" in says:
        text = text.replace('correlations = [{ between = ["CL", "V"], value = 0.3 }]\n', "")
    with pytest.raises(error, match=says):
        run_fit(declared(tmp_path, text), progress=False)


def test_what_a_fit_warns_of_stands_in_its_result_and_its_report():
    """Numbers that nothing explains, a bound, a search that did not agree with itself, as Fit.warnings has them."""
    fit, file, _, _ = fitted()
    odd = replace(fit, misfit=200.0, resimulated=replace(fit.resimulated, anew=fit.resimulated.weighted + 50))
    sources = [load_evidence(trial) for trial in file.evidence]
    result = result_of_population("small", file, odd, [], [])
    assert result.notes == list(to_be_known(odd, sources))
    for words in ("off by a chi-square of 200", "more than chance"):
        assert any(words in note for note in result.notes)
        assert words in markdown(result)
