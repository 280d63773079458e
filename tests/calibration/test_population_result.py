"""A fit of a population is a Fit: its intervals and -2 log L, what it warns of, what it refuses, and its file."""

import functools
import pickle
import warnings
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from immunode.calibration.fit import calibrate
from immunode.calibration.loading import load_fit
from immunode.calibration.posterior import groups
from immunode.errors import BadValue, UnknownName
from immunode.evidence.printed import Evidence
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS
from tests.calibration.population.studies import AREA, OMEGA, PEAK, PRINTED, evidence
from tests.calibration.summaries import TRIAL
from tests.calibration.test_arm_moments import KEPT


def printed_covariances(**changes):
    one = {"arm": "a", "observable": "level", "days": [1], "mean": [2.5], "variances": [1.7], "n": 20, "divisor": "n"}
    return Evidence(name="e", arms={"a": "10 mg IV bolus"}, covariances=[{**one, **changes}])


POPULATION = Population(BOLUS, omega=OMEGA)
QUICK = {"patients": 1000, "seed": 3, "threads": 1}
VARY = {"CL": {}, "omega_CL": {"max": 2}}


@functools.cache
def fit(effects=False):
    said = {"trial_effects": ["CL"]} if effects else {}
    trials = [evidence(name=name) for name in "ab"] if effects else evidence()
    return calibrate(trials, POPULATION, VARY, **said, **QUICK)


def test_a_fit_holds_intervals_draws_and_the_objective():
    """Of 33 patients whose areas are log-normal around 100 with the SD 0.4, peaks around 200."""
    one = fit()
    assert list(one.intervals.index) == ["CL", "omega_CL"]
    columns = ["raw", "estimate", "low", "high", "raw_low", "raw_high", "stderr"]
    assert list(one.intervals) == columns
    assert (one.intervals.low < one.intervals.estimate).all()
    assert (one.intervals.estimate < one.intervals.high).all()
    assert one.intervals.low.CL < 10 < one.intervals.high.CL
    assert one.intervals.low.omega_CL < 0.4 < one.intervals.high.omega_CL
    assert {*one.draws} == {"CL", "omega_CL"}
    assert len(one.table) == 6
    assert one.population is POPULATION
    assert one.aic == one.deviance + 4
    assert one.starts == (one.deviance,)
    assert one.warnings == ()
    assert len(one.tau) == 0
    assert "CL = " in repr(one)
    assert "-2 log L" in repr(one)
    assert one.params["CL"].value == pytest.approx(np.exp(one.params["log_CL"].value))


@pytest.mark.parametrize("effects", [False, True])
def test_figures_of_merit_are_those_of_the_likelihood_and_not_of_a_lifted_vector(effects):
    """Six printed numbers a trial and two parameters: chi-square has as many degrees of freedom as are left."""
    one = fit(effects)
    numbers = 12 if effects else 6
    assert (one.result.ndata, one.result.nvarys, one.nfree) == (numbers, 2, numbers - 2)
    assert one.chisqr < chi2.isf(1e-4, one.nfree)
    assert one.redchi == pytest.approx(one.chisqr / one.nfree)
    assert one.result.aic == one.aic == one.deviance + 4
    assert one.result.bic == pytest.approx(one.deviance + 2 * np.log(numbers))
    report = one.fit_report(min_correl=0)
    for words in (f"-2 log L           = {one.deviance:.6f}", f"# data points      = {numbers}", "C(log_CL, omega_CL)"):
        assert words in report
    assert "could not be estimated" not in report
    assert f"Akaike info crit   = {one.aic:.5f}"[:28] in report


def test_a_profile_rises_from_none_and_is_not_said_to_have_found_another_minimum():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = fit().profile("CL", points=5)
    assert table["change"].iloc[2] == pytest.approx(0, abs=0.01)
    assert table["change"].iloc[[0, 4]].to_numpy() == pytest.approx(9, rel=1e-3)
    assert (table["chisqr"] - table["change"]).to_numpy() == pytest.approx(fit().chisqr)


Chain = namedtuple("Chain", "chain var_names params")


def chain_of(one):
    """Return what emcee would: two walkers of three draws, all of them the estimates but one."""
    draws = np.tile([one.params[name].value for name in one.result.var_names], (3, 2, 1))
    draws[2, 1] *= 1.02
    return Chain(draws, one.result.var_names, one.params)


def test_arviz_gets_the_likelihood_of_every_trial_and_what_is_printed():
    one = calibrate([evidence(name="a"), evidence(n=20, name="b")], POPULATION, VARY, **QUICK)
    told = groups(one.minimizer, one.table, chain_of(one))
    assert told["coords"]["trial"] == ["a", "b"]
    assert told["coords"]["number"] == one.table["label"].tolist()
    np.testing.assert_array_equal(told["observed_data"]["numbers"], one.table["observed"])
    each = told["log_likelihood"]["trials"]
    assert each.shape == (2, 3, 2)
    assert -2 * each[0, 0].sum() == pytest.approx(one.deviance, abs=1e-6)
    assert -2 * each[1, 2].sum() > one.deviance
    assert told["posterior"]["CL"][0, 0] == pytest.approx(one.params["CL"].value)


def test_where_trials_depend_on_each_other_arviz_gets_no_likelihood_by_parts():
    by_law = calibrate(printed_covariances(), Population(KEPT, omega={"V": 0.3}), ["V", "omega_V"])
    for one in (fit(effects=True), by_law):
        told = groups(one.minimizer, one.table, chain_of(one))
        assert told["log_likelihood"] is None
        np.testing.assert_array_equal(told["observed_data"]["numbers"], one.table["observed"])
        assert set(told["posterior"]) == {name for name in one.params if not name.startswith("log_")}


def test_an_interval_that_is_open_says_so():
    intervals = fit().intervals.copy()
    intervals.loc["CL", ["low", "high"]] = [-np.inf, np.inf]
    assert "(open to open)" in repr(replace(fit(), intervals=intervals))


def test_the_start_of_a_fit_is_the_one_that_was_given_and_not_its_last_anchor():
    assert fit().params["log_CL"].init_value == pytest.approx(np.log(10))
    assert fit().params["omega_CL"].init_value == pytest.approx(0.4)


def test_the_same_seed_gives_the_same_fit():
    again = calibrate(evidence(), POPULATION, VARY, **QUICK)
    assert again.intervals.equals(fit().intervals)
    assert again.deviance == fit().deviance


def test_of_several_starts_the_best_is_taken_and_ends_of_one_minimum_are_one_optimum():
    one = calibrate(evidence(), POPULATION, ["CL"], starts=2, **QUICK)
    assert len(one.starts) == 2
    assert one.deviance == min(one.starts)
    assert list(one.optima) == ["deviance", "starts", "CL"]
    assert one.optima.starts.tolist() == [2]
    assert one.optima.deviance.tolist() == [one.deviance]
    assert one.optima.CL.tolist() == [one.params["CL"].value]


def test_a_trial_effect_has_its_tau_and_other_priors_beside():
    one = fit(effects=True)
    assert list(one.tau.index) == ["CL"]
    assert 0 < one.tau.low.CL < one.tau["median"].CL < one.tau.high.CL
    assert {"raw_tau_0.15", "raw_tau_0.6"} < {*one.intervals}
    assert list(one.tau_draws) == ["CL"]
    # what trials share is known less where each has its own shift
    assert one.stderr["log_CL"] > fit().stderr["log_CL"] / np.sqrt(2)


@pytest.mark.parametrize("effects", [False, True])
def test_lmfits_profiles_end_where_the_raw_intervals_do(effects):
    """Of 95 % by chi-square: to a twentieth of their half width, by which surfaces may move an end."""
    one = fit(effects)
    ends = one.conf_interval([0.95], ["omega_CL"]).loc["omega_CL"]
    raw = one.intervals.loc["omega_CL"]
    assert ends.iloc[1] == pytest.approx(raw.raw, abs=0.05 * 1.96 * one.stderr["omega_CL"])
    assert ends.iloc[0] == pytest.approx(raw.raw_low, abs=0.05 * 1.96 * one.stderr["omega_CL"])
    assert ends.iloc[2] == pytest.approx(raw.raw_high, abs=0.05 * 1.96 * one.stderr["omega_CL"])


@pytest.mark.parametrize("effects", [False, True])
def test_a_fit_comes_back_from_its_file_with_its_minimiser_and_its_population(tmp_path, effects):
    one = fit(effects)
    one.save(tmp_path / "fit.json")
    again = load_fit(tmp_path / "fit.json", model=BOLUS, threads=1)
    same(one, again)
    assert again.warnings == one.warnings
    np.testing.assert_allclose(again.minimizer.userfcn(one.params), one.minimizer.userfcn(one.params), rtol=1e-9)
    assert again.population.omega == OMEGA


def test_without_its_model_a_fit_says_that_it_has_no_minimiser(tmp_path):
    fit().save(tmp_path / "fit.json")
    again = load_fit(tmp_path / "fit.json", threads=1)
    same(fit(), again)
    assert again.minimizer is None
    assert "give im.load_fit(path, model=...)" in again.warnings[-1]


def test_a_pickled_fit_of_a_model_of_the_library_has_its_minimiser(tmp_path):
    (tmp_path / "t.toml").write_text(TRIAL.format(name="t", n=20, cmax="12.2 (9.9-15.5)", auc="4.5 (1.6)"), "utf-8")
    one = calibrate(str(tmp_path / "t.toml"), Population("il2_sc", omega={"CL": 0.3}), ["CL"], **QUICK)
    again = pickle.loads(pickle.dumps(one))
    same(one, again)
    assert again.population.omega == {"CL": 0.3}
    np.testing.assert_array_equal(again.minimizer.userfcn(one.params), one.minimizer.userfcn(one.params))
    one.save(tmp_path / "fit.json")
    assert load_fit(tmp_path / "fit.json", threads=1).minimizer is not None


def same(one, other):
    for name in ("table", "intervals", "tau", "draws", "tau_draws", "optima"):
        before, after = getattr(one, name), getattr(other, name)
        assert list(before) == list(after)
        assert list(before.index) == list(after.index)
        np.testing.assert_array_equal(before.to_numpy(), after.to_numpy())
    assert (one.deviance, one.stderr, one.weak, one.data_hash, one.seed) == (
        other.deviance,
        other.stderr,
        other.weak,
        other.data_hash,
        other.seed,
    )


@pytest.mark.parametrize(
    ("statistic", "value", "omega"), [("geometric mean (cv%)", "100 (4)", "0.05"), ("mean (sd)", "100 (7)", "0.07")]
)
def test_a_spread_of_next_to_none_asks_whether_an_se_was_read_as_an_sd(statistic, value, omega):
    """The SE of 33 patients with a CV of 40 %, 40 / root 33 % of the mean, was printed as their SD."""
    rows = [{**AREA, "statistic": statistic, "value": value}]
    one = calibrate(evidence(rows), POPULATION, ["CL", "omega_CL"], **QUICK)
    assert any(f"'omega_CL' is {omega}" in text and "was an SE read as an SD?" in text for text in one.warnings)


@pytest.mark.parametrize(
    ("printed", "words"),
    [("100 (13-800)", "'omega_CL' less its bias lies at or beyond its upper bound, 3"),
     ("100 (5-2000)", "'omega_CL' ended at its upper bound, 3")],
)  # fmt: skip
def test_a_spread_at_its_bound_is_said_before_and_after_its_bias_is_taken_off(printed, words):
    """Quartiles a factor of 62 and of 400 apart: SDs of the logarithm of 3.1 and 4.4."""
    rows = [{**AREA, "statistic": "median (q1-q3)", "value": printed}]
    one = calibrate(evidence(rows), POPULATION, ["CL", "omega_CL"], **QUICK)
    assert one.intervals.estimate.omega_CL == pytest.approx(3, abs=1e-3)
    (text,) = [text for text in one.warnings if "bound" in text]
    assert words in text


def test_what_nothing_explains_is_a_warning_with_its_probability():
    """Peaks 1.6 times the model's: of the geometric mean alone log(1.6)^2 33 / 0.3^2."""
    rows = [
        {**AREA, "statistic": "geometric mean (cv%)", "value": "100 (40)"},
        {**PEAK, "statistic": "geometric mean (cv%)", "value": "320 (30)"},
    ]
    one = calibrate(evidence(rows), POPULATION, ["CL", "omega_CL"], **QUICK)
    (text,) = one.warnings
    assert "chi-square of" in text
    assert "with 2 degrees of freedom" in text
    told = float(text.split("chi-square of ")[1].split()[0])
    assert told == pytest.approx(np.log(1.6) ** 2 * 33 / 0.09, rel=0.15)  # the CV, and the error of 1000 patients
    assert f"probability {chi2.sf(told, 2):.1g}" in text


def test_covariances_alone_are_fitted_by_the_normal_law():
    """Of one day mean and variance are those of the fit: the log-normal level 10 / V in closed form."""
    told = []
    population = Population(KEPT, omega={"V": 0.3})
    one = calibrate(
        printed_covariances(), population, {"V": {"value": 5.0}, "omega_V": {}}, starts=2, seed=1,
        progress=lambda *part: told.append(part),
    )  # fmt: skip
    square = np.log1p(1.7 / 2.5**2)
    assert one.params["V"].value == pytest.approx(10 / (2.5 / np.exp(square / 2)), rel=1e-5)
    assert one.params["omega_V"].value == pytest.approx(np.sqrt(square), rel=1e-5)
    assert told[-1] == (2, 2)
    assert {total for _, total in told} == {2}
    assert list(one.optima) == ["deviance", "starts", "V", "omega_V"]
    assert one.optima.starts.tolist() == [2]
    assert calibrate(printed_covariances(), population, ["V"], likelihood="normal").params["V"].value > 0


def test_a_fit_by_the_normal_law_comes_back_from_its_file_with_its_minimiser_and_its_population(tmp_path):
    one = calibrate(printed_covariances(), Population(KEPT, omega={"V": 0.3}), ["V", "omega_V"])
    one.save(tmp_path / "fit.json")
    again = load_fit(tmp_path / "fit.json", model=KEPT, threads=1)
    same(one, again)
    assert again.population.omega == {"V": 0.3}
    np.testing.assert_allclose(again.minimizer.userfcn(one.params), one.minimizer.userfcn(one.params), atol=1e-9)
    assert again.conf_interval([1], ["V"]).equals(one.conf_interval([1], ["V"]))
    alone = load_fit(tmp_path / "fit.json", threads=1)
    assert "give im.load_fit(path, model=...)" in alone.warnings[-1]


def test_by_the_normal_law_what_moved_from_its_start_is_not_said_to_have_stayed():
    one = calibrate(printed_covariances(), Population(KEPT, omega={"V": 0.3}), {"V": {"value": 5.0}})
    assert one.params["log_V"].init_value == pytest.approx(np.log(5))
    assert one.result.init_values["log_V"] == pytest.approx(np.log(5))
    assert not any("never moved" in text for text in one.warnings)


@pytest.mark.parametrize("likelihood", [None, "normal"])
def test_a_round_of_a_search_ends_where_it_is_told_to(likelihood):
    """Of two evaluations a round the fit says that its minimiser gave up; rounds by the normal law go on from there.
    By tolerances of 0.1 no search ends lower."""
    kinds = {
        None: (evidence(), POPULATION, ["CL", "omega_CL"], QUICK),
        "normal": (printed_covariances(), Population(KEPT, omega={"V": 0.3}), ["V", "omega_V"], {}),
    }
    *said, quick = kinds[likelihood]
    stopped = calibrate(*said, likelihood=likelihood, max_nfev=2, **quick)
    assert any("gave up before the minimum" in text for text in stopped.warnings) == (likelihood is None)
    rough = calibrate(*said, likelihood=likelihood, ftol=0.1, xtol=0.1, **quick)
    fine = calibrate(*said, likelihood=likelihood, **quick)
    assert rough.deviance > fine.deviance - 1e-3
    assert [rough.result.call_kws[name] for name in ("ftol", "xtol")] == [0.1, 0.1]


def test_trials_that_differ_are_explained_by_their_effects():
    """Areas of three trials 60 % apart, each of them as a population has it."""
    printed = {"a": "60 (41)", "b": "100 (41)", "c": "160 (41)"}
    trials = [
        evidence([{**AREA, "statistic": "geometric mean (cv%)", "value": value}], name=name)
        for name, value in printed.items()
    ]
    alone = calibrate(trials, POPULATION, VARY, **QUICK)
    assert any("off by a chi-square" in text and text.endswith("trial_effects") for text in alone.warnings)
    together = calibrate(trials, POPULATION, VARY, trial_effects=["CL"], **QUICK)
    assert not any("off by a chi-square" in text for text in together.warnings)
    assert together.chisqr < chi2.isf(0.05, together.nfree) < alone.chisqr


MODEL = [
    ({"trial_effects": ["CL"]}, "trial_effects are of a population"),
    ({"likelihood": "summaries"}, "give an im.Population"),
    ({"likelihood": "x"}, "expected one of 'typical', 'summaries', 'normal'"),
]


@pytest.mark.parametrize(("said", "words"), MODEL)
def test_what_only_a_population_has_is_refused_with_a_model(said, words):
    with pytest.raises(BadValue, match=words):
        calibrate(evidence(), BOLUS, ["CL"], **said)


REFUSED = [
    ({"likelihood": "x"}, "likelihood = 'x' of a population: expected 'summaries' or 'normal'"),
    ({"likelihood": "typical"}, "expected 'summaries' or 'normal'"),
    ({"values": {"V": 5}}, r"values = .* no effect on the fit of a population; give it as .*typical="),
    ({"spread": {"V": 0.5}}, r"spread = .* no effect on the fit of a population; give it as .*omega="),
    ({"resume": "fit.json", "likelihood": "normal"}, "resume = 'fit.json' has no effect on a fit by the normal"),
    ({"trial_effects": ["x"], "likelihood": "normal"}, "trial_effects = .'x'. has no effect on .*; .* 'summaries'"),
    ({"likelihood": "normal"}, "patients = 1000 has no effect on a fit by the normal law; leave it out"),
    ({"progress": 3}, "progress = 3: expected a function"),
    ({"resume": "fit.txt"}, "resume = 'fit.txt': expected the path of a JSON file"),
    ({"max_nfev": 0}, "max_nfev = 0"),
    ({"ftol": 0}, "ftol = 0"),
    ({"xtol": "x"}, "xtol = 'x'"),
    ({"evidence": [evidence(), printed_covariances()]}, "e: it prints 'covariances' alone, .* likelihood='normal'"),
    ({"scale_covar": True}, "scale_covar = True has no effect"),
    ({"rtol": 1e-4}, "rtol = 0.0001 has no effect"),
    ({"vary": []}, "vary is empty"),
    ({"vary": {}}, "vary is empty"),
    ({"vary": "CL"}, "vary = 'CL': expected a list"),
    ({"vary": ["CL", "CL"]}, "vary names 'CL' twice"),
    ({"vary": {"omega_CL": {"min": 0.3, "max": 0.3}}}, "min = 0.3, max = 0.3: expected min below max"),
    ({"vary": {"CL": {"min": 10, "max": 10}}}, "free parameter 'CL': min = 10, max = 10"),
    ({"vary": ["omega_CL"], "derived": {"omega_CL": "omega_V"}}, "'omega_CL' is free and derived"),
    ({"trial_effects": "CL"}, "trial_effects = 'CL': expected a list"),
    ({"trial_effects": {"CL": 0}}, "expected one above 0"),
    ({"patients": 99}, "patients = 99: expected a whole number, 100 or more"),
    ({"evidence": evidence(PRINTED[2:]), "vary": ["CL", "omega_CL"]}, "1 printed numbers cannot fix 2 parameters"),
    ({"evidence": [evidence(), evidence()]}, "enters twice"),
    (
        {"evidence": Evidence(name="t", arms={"a": "1 MIU IV bolus"}, rows=PRINTED)},
        "arm 'a' has no n; say of how many patients",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("said", "words"), REFUSED)
def test_what_cannot_be_is_refused_by_name(said, words):
    with pytest.raises(BadValue, match=words):
        calibrate(**{"evidence": evidence(), "model": POPULATION, "vary": ["CL"], **QUICK, **said})


@pytest.mark.parametrize("said", [{"vary": ["Cl"]}, {"trial_effects": ["Cl"]}])
def test_a_name_that_is_none_is_told_what_was_meant(said):
    with pytest.raises(UnknownName, match="did you mean 'CL'"):
        calibrate(evidence(), POPULATION, **{"vary": ["CL"], **said})
