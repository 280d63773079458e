"""What a fit knows: draws of a population's parameters, or normal ones of the typical patient's, by a fit that was
run."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.fit import calibrate
from immunode.calibration.fit_file import load_fit
from immunode.calibration.fit_result import committed
from immunode.calibration.free_parameters import parameters
from immunode.calibration.knowledge import covariance_of, knowledge
from immunode.errors import BadValue
from immunode.models import model
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS, study
from tests.calibration.summaries import declared, fitted, run_before


def test_a_fit_of_a_population_has_its_draws(tmp_path):
    fit = fitted()[0]
    told, kept = knowledge(fit, None, 30, 1), knowledge(run_before(tmp_path), None, 30, 1)
    for one in (told, kept):
        assert [values.typical["CL"] for values in one.draws] == list(fit.draws.CL[:30])
        assert [values.omega["CL"] for values in one.draws] == list(fit.draws.omega_CL[:30])
        assert one.draws[0].correlation == {("CL", "V"): 0.3}
        assert one.estimated == ("CL", "omega_CL")
    assert kept.evidence == ("one", "two", "three")


def test_a_fit_of_the_typical_patient_is_drawn_by_its_covariance():
    fit = calibrate(study(), BOLUS, {"CL": {"log": True}, "V": {}}, threads=1)
    told = knowledge(fit, Population(BOLUS, omega={"CL": 0.3}), 4000, 1)
    drawn = np.array([values.typical["CL"] for values in told.draws])
    spread = fit.params["log_CL"].stderr * max(1, fit.redchi) ** 0.5
    assert_allclose(np.log(drawn).std(), spread, rtol=4 / np.sqrt(2 * 4000))  # 4 SE of an SD
    assert all(values.omega == {"CL": 0.3} for values in told.draws)
    with pytest.raises(BadValue, match="nothing says how patients differ"):
        knowledge(fit, None, 10, 1)


def test_a_committed_fit_has_the_covariance_of_its_errors():
    file, result = load_fit("piscitelli_1996"), committed("piscitelli_1996")
    vary = {name: free.options() | {"value": result.estimates[name]["value"]} for name, free in file.vary.items()}
    covariance = covariance_of(file, parameters(model("il2_sc"), vary))
    printed = [result.estimates[name]["log_stderr"] for name in file.vary]
    assert_allclose(np.sqrt(np.diag(covariance)), printed, rtol=1e-4)  # central differences of the same step
    told = knowledge("piscitelli_1996", None, 10, 1)
    assert told.population.omega == file.population.omega
    assert told.evidence == tuple(result.evidence)


def test_a_fit_that_was_not_run_or_was_changed_is_refused(tmp_path):
    path = declared(tmp_path)
    with pytest.raises(BadValue, match=r"has no readable result .*run 'immunode fit .* --out"):
        knowledge(path, None, 30, 1)
    run_before(tmp_path)
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    result["estimates"].pop("omega_CL")
    (tmp_path / "result.json").write_text(json.dumps(result), encoding="utf-8")
    with pytest.raises(BadValue, match=r"fit\.toml was changed since it was run"):
        knowledge(path, None, 30, 1)
