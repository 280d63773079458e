"""A prediction has the variance that its parts add up to, and each its share; what cannot be predicted is said."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.fit import calibrate
from immunode.calibration.nested import LEVELS
from immunode.calibration.prediction import predict_trial
from immunode.errors import BadValue, UnknownName
from immunode.evidence.design import Subgroup
from immunode.evidence.printed import Evidence, Figure
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial
from tests.calibration.made_up import BOLUS
from tests.calibration.summaries import TRIAL, known, run_before

OMEGA, TAU, ERROR, N = 0.3, 0.2, 0.1, 12
POPULATION = Population(BOLUS, omega={"CL": OMEGA})
ROW = {"arm": "a", "observable": "level", "measure": "auc", "day": 10, "statistic": "geometric_mean", "value": 100}
NEW = Evidence(name="new", arms=[{"name": "a", "regimen": "1 MIU IV bolus", "n": N}], rows=[ROW])


def fit_of(error=ERROR, tau=TAU, count=200, **fixed):
    """Return a fit whose clearance is known with an error, and whose trials differ by tau."""
    z = np.random.default_rng(5).standard_normal(count)
    draws = {"CL": 10 * np.exp(error * z), "omega_CL": np.full(count, OMEGA)}
    return known(POPULATION, draws | fixed, {"CL": np.full(count, tau)} if tau else {})


def test_the_interval_is_that_of_the_sum_of_all_variances():
    # the area is dose / CL, so the logarithm of its geometric mean has the variances of the parameter, the shift of the
    # trial, and the mean of n patients
    row = predict_trial(NEW, fit_of(), n=500, draws=200, threads=1).table.iloc[0]
    total = math.sqrt(ERROR**2 + TAU**2 + OMEGA**2 / N)
    assert_allclose(row.predicted, 100, rtol=4 * total / math.sqrt(200))  # 1 MIU over 10 L a day
    # 200 draws of parameters, 400 of shifts: an end of the interval is known to 9 % of the SD, so 4 of these
    assert_allclose(math.log(row.high / row.low) / (2 * 1.96), total, rtol=4 * 0.09)


def test_each_part_has_its_share():
    row = predict_trial(NEW, fit_of(), n=500, draws=200, threads=1).table.iloc[0]
    truth = np.array([ERROR**2, TAU**2, 0, OMEGA**2 / N])
    each = np.array([row[level] for level in LEVELS])
    assert_allclose(each.sum(), 100, rtol=1e-9)
    assert_allclose(each, 100 * truth / truth.sum(), atol=30)  # 4 SE of a variance of 200 draws, in percent
    assert each[1] > each[3] > each[2]


def test_what_is_known_exactly_leaves_the_sampling_alone():
    row = predict_trial(NEW, fit_of(error=0, tau=0), n=2000, draws=50, threads=1).table.iloc[0]
    assert row.trial == 0
    assert row.sampling > 95
    assert_allclose(math.log(row.high / row.low) / (2 * 1.96), OMEGA / math.sqrt(N), rtol=0.1)  # 1000 trials: 4 SE


def test_a_parameter_that_does_not_vary_between_patients_is_simulated_again():
    fit = fit_of(tau=0, count=20, V=5 * np.exp(0.2 * np.random.default_rng(1).standard_normal(20)))
    peak = Evidence(name="new", arms=NEW.arms, rows=[ROW | {"measure": "cmax", "day": 1}])
    told = predict_trial(peak, fit, n=50, draws=20, threads=1)
    assert told.simulations == 20
    assert told.table.iloc[0].parameter > 99  # dose / V, the same in all patients


def test_the_same_seed_is_the_same_prediction():
    first, again = (predict_trial(NEW, fit_of(), n=100, draws=20, seed=4, threads=t).table for t in (1, 2))
    assert first.equals(again)


def test_a_trial_without_figures_is_predicted_by_its_medians():
    trial = Trial("plan", POPULATION, visits=[0, 1], arms=[Arm("a", 8, "1 MIU IV bolus")], start=-1)
    table = predict_trial(trial, fit_of(), n=100, draws=20, threads=1).table
    assert list(table.label) == ["a: median level, day 0", "a: median level, day 1"]
    assert table.published.isna().all()
    figure = Figure(label="day 1", kind="median", published=27, groups=["a"], observable="level", day=1)
    table = predict_trial(dataclasses.replace(trial, figures=[figure]), fit_of(), n=100, draws=20, threads=1).table
    assert list(table.label) == ["day 1"]
    assert table.inside[0] == (table.low[0] <= 27 <= table.high[0])


def test_an_arm_that_fixes_what_is_fitted_is_refused():
    arms = [{"name": "a", "regimen": "1 MIU IV bolus", "n": N, "values": {"CL": 10}}]
    with pytest.raises(BadValue, match="arm 'a' fixes CL, which the fit estimates"):
        predict_trial(Evidence(name="new", arms=arms, rows=[ROW]), fit_of(), n=100, draws=20)


def test_other_bad_input_is_refused():
    trial = Trial("plan", Population("il2_sc", omega={"CL": 0.3}), visits=[0, 1], arms=[Arm("a", 8, "1 MIU SC")])
    with pytest.raises(BadValue, match="is a fit of bolus, and the trial is of il2_sc"):
        predict_trial(trial, fit_of())
    with pytest.raises(BadValue, match="draws = 300: the fit keeps 200 draws"):
        predict_trial(NEW, fit_of(), draws=300)
    with pytest.raises(BadValue, match="draws = 5: expected a whole number, 20 or more"):
        predict_trial(NEW, fit_of(), draws=5)
    large = Trial("large", POPULATION, visits=[0, 1], arms=[Arm("a", 100_000, "1 MIU IV bolus")])
    with pytest.raises(BadValue, match="arm 'a' has 100000 patients: expected at most 20000"):
        predict_trial(large, fit_of())
    with pytest.raises(BadValue, match="fit = 3"):
        predict_trial(NEW, 3)
    with pytest.raises(UnknownName, match="there is no trial 'tincati'"):
        predict_trial("tincati", fit_of())
    with pytest.raises(BadValue, match="trial = 3"):
        predict_trial(3, fit_of())


def test_a_saved_fit_predicts_what_it_did_before(tmp_path):
    rows = [{"arm": "a", "observable": "il2", "day": day, "value": 3.0, "sigma": 0.5} for day in (0.2, 0.4)]
    fit = calibrate(Evidence(name="e", arms={"a": "3 MIU SC"}, rows=rows), "il2_sc", ["CL"], threads=1)
    fit.save(tmp_path / "fit.json")
    trial = Trial("plan", Population("il2_sc", omega={"CL": 0.3}), visits=[0, 0.3], arms=[Arm("a", 8, "1 MIU SC")])
    asked = {"n": 50, "draws": 20, "threads": 1}
    now, then = (predict_trial(trial, one, **asked) for one in (fit, str(tmp_path / "fit.json")))
    assert now.table.equals(then.table)


def test_a_declared_fit_predicts_a_trial_file_and_says_what_it_has_seen(tmp_path):
    fit = run_before(tmp_path, effects=True)
    told = predict_trial(str(tmp_path / "one.toml"), fit, n=200, draws=20, threads=1)
    assert told.fit == tmp_path.name
    assert len(told.table) == 5
    assert (told.table[list(LEVELS)].sum(axis=1).round(6) == 100).all()
    assert (told.table.trial > 10).all()  # tau is about as large as what the parameters are unknown by
    assert any("one is evidence of the fit" in note for note in told.notes)


def test_evidence_of_covariances_alone_is_refused_by_name():
    one = {"arm": "a", "observable": "level", "days": [1], "mean": [2.5], "variances": [1.7], "n": 20}
    printed = Evidence(name="e", arms={"a": "1 MIU IV bolus"}, covariances=[one])
    with pytest.raises(BadValue, match=r"e: it prints 'covariances' alone, .* give it rows"):
        predict_trial(printed, fit_of(), n=50, draws=20)


def test_an_arms_own_share_of_a_subgroup_of_the_fit_is_predicted(tmp_path):
    """The area is dose / CL, which all of the subgroup clear at half the speed."""
    slow = Subgroup(name="slow", share=0.0, scale={"CL": 0.5}, source="test")
    count = np.full(200, 1.0)
    fit = known(Population(BOLUS, omega={"CL": 0.1}, subgroups=[slow]), {"CL": 10 * count, "omega_CL": 0.1 * count}, {})
    for shares, area in (({}, 100), ({"slow": 1.0}, 200)):
        arm = {"name": "a", "regimen": "1 MIU IV bolus", "n": N, "shares": shares}
        told = predict_trial(Evidence(name="new", arms=[arm], rows=[ROW]), fit, n=200, draws=20, threads=1)
        assert_allclose(told.table.predicted, area, rtol=0.05)  # 4 SE of 200 patients, and of the sampling of 12


def test_classes_of_patients_that_the_fit_does_not_know_are_those_of_the_trial(tmp_path):
    """All of the class clear at a fifth of the speed; a note says that it is assumed."""
    count = np.full(200, 1.0)
    fit = known(Population("il2_sc", omega={"CL": 0.1}), {"CL": 160 * count, "omega_CL": 0.1 * count}, {})
    path, text = tmp_path / "plan.toml", TRIAL.split("[[rows]]")[0].format(name="plan", n=12)
    spread = '\n[population]\nomega = { CL = 0.1 }\nsource = "test"\n'
    path.write_text(text + spread)
    before = predict_trial(str(path), fit, n=100, draws=20, threads=1)
    slow = '\n[[population.subgroups]]\nname = "slow"\nshare = 1.0\nscale = { CL = 0.2 }\nsource = "test"\n'
    path.write_text(text + spread + slow)
    after = predict_trial(str(path), fit, n=100, draws=20, threads=1)
    assert after.table.predicted[1] > 2 * before.table.predicted[1]
    assert any("those of the trial are assumed: 100 % slow" in note for note in after.notes)
    assert not any("assumed" in note for note in before.notes)


def test_a_trial_file_without_a_population_takes_the_fits_subgroups_by_its_arms_shares(tmp_path):
    slow = Subgroup(name="slow", share=0.0, scale={"CL": 0.2}, source="test")
    count = np.full(200, 1.0)
    population = Population("il2_sc", omega={"CL": 0.1}, subgroups=[slow])
    fit = known(population, {"CL": 160 * count, "omega_CL": 0.1 * count}, {})
    path, text = tmp_path / "plan.toml", TRIAL.split("[[rows]]")[0].format(name="plan", n=12)
    path.write_text(text)
    before = predict_trial(str(path), fit, n=100, draws=20, threads=1).table
    path.write_text(text.replace("n = 12", "n = 12\nshares = { slow = 1 }"))
    after = predict_trial(str(path), fit, n=100, draws=20, threads=1).table
    assert after.predicted[1] > 2 * before.predicted[1]
    path.write_text(text.replace("n = 12", "n = 12\nshares = { slwo = 1 }"))
    with pytest.raises(
        UnknownName, match="arm 'low', shares: the population has no subgroup 'slwo'; did you mean 'slow'"
    ):
        predict_trial(str(path), fit, n=100, draws=20, threads=1)
