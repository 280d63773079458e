"""Forms between which the evidence cannot tell are averaged in equal shares, and their difference is one of
parameters."""

import dataclasses
import shutil

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.fit import calibrate
from immunode.calibration.knowledge import THE_FIT
from immunode.calibration.nested import LEVELS
from immunode.calibration.prediction import predict_trial
from immunode.errors import BadValue, UnknownName
from immunode.evidence.printed import Evidence
from immunode.evidence.trial_file import TrialFile
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial
from tests.calibration.made_up import BOLUS, study
from tests.calibration.summaries import declared, known, run_before
from tests.calibration.test_prediction import NEW, ROW

CENTRE, ERROR, TAU = 10.0, 0.1, 0.2
ASKED = {"n": 200, "draws": 40, "threads": 1}
IL2 = Population("il2_sc", omega={"CL": 0.3})
PLAN = Trial("plan", IL2, visits=[0, 0.3], arms=[Arm("a", 8, "1 MIU SC")])


def form(centre=CENTRE, tau=0.0, count=100, seed=5, **omega):
    """Return a fit that knows the clearance of a bolus, around a centre of its own."""
    z = np.random.default_rng(seed).standard_normal(count)
    population = Population(BOLUS, omega={"CL": 0.3} | omega)
    taus = {"CL": np.full(count, tau)} if tau else {}
    return known(population, {"CL": centre * np.exp(ERROR * z), "omega_CL": np.full(count, 0.3)}, taus)


def test_one_fit_is_predicted_by_the_same_bits_alone_and_in_a_list():
    alone, listed = (predict_trial(NEW, fit, **ASKED) for fit in (form(), [form()]))
    assert listed.table.equals(alone.table)
    assert (listed.notes, listed.fit, listed.draws) == (alone.notes, alone.fit, alone.draws) == ((), THE_FIT, 40)
    assert listed.by_form.empty


def test_each_form_is_predicted_as_by_itself_from_its_share_of_the_draws():
    fits = [form(), form(14.0)]
    both = predict_trial(NEW, fits, **ASKED)
    each = [predict_trial(NEW, fit, **ASKED | {"draws": 20}).table.predicted[0] for fit in fits]
    assert both.by_form.loc[both.table.label[0]].to_list() == each
    assert list(both.by_form) == ["fit 1", "fit 2"]
    assert both.fit == "fit 1, fit 2"
    assert both.draws == 40
    assert both.notes == ("averaged over 2 forms: fit 1, fit 2, each with half of the draws",)


def test_the_median_of_both_lies_between_their_own():
    both = predict_trial(NEW, [form(), form(14.0)], **ASKED)
    first, second = both.by_form.iloc[0]
    assert second < both.table.predicted[0] < first
    assert_allclose(first / second, 1.4, rtol=0.01)  # the same draws in both: no noise between them


def test_the_difference_between_forms_is_a_share_of_the_parameters():
    fits = [form(seed=5), form(14.0, seed=6)]
    alone, both = (predict_trial(NEW, fit, **ASKED | {"draws": 100}).table.iloc[0] for fit in (fits[0], fits))
    assert both.parameter > alone.parameter + 20
    assert both.high - both.low > 1.2 * (alone.high - alone.low)
    # of logarithms: the variance of a parameter, a quarter of the squared difference, and the mean of 12 patients
    parameter, sampling = ERROR**2 + np.log(1.4) ** 2 / 4, 0.3**2 / 12
    assert_allclose(both.parameter, 100 * parameter / (parameter + sampling), atol=6)
    assert_allclose(sum(both[level] for level in LEVELS), 100, rtol=1e-9)


def test_a_fit_under_two_names_has_the_interval_that_it_has_alone(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        run_before(tmp_path / name)
    trial, fits = str(tmp_path / "a" / "one.toml"), [str(tmp_path / name) for name in ("a", "b")]
    alone = predict_trial(trial, fits[0], n=400, draws=40, threads=1)
    both = predict_trial(trial, fits, n=400, draws=80, threads=1)
    assert list(both.by_form) == ["a", "b"]
    assert (both.by_form.a == both.by_form.b).all()
    # the draws of one, each twice
    assert_allclose(both.table[["predicted", "low", "high"]], alone.table[["predicted", "low", "high"]], rtol=1e-12)
    assert_allclose(both.table[list(LEVELS)], alone.table[list(LEVELS)], atol=3)
    assert [note for note in both.notes if "is evidence of the fit" in note] == list(alone.notes)


def test_forms_may_differ_in_what_varies_between_patients():
    peak = Evidence(name="new", arms=NEW.arms, rows=[ROW, ROW | {"measure": "cmax", "day": 1}])
    told = predict_trial(peak, [form(), form(V=0.2)], **ASKED)
    _, peaks = told.table.index
    assert told.table.sampling[peaks] > 90  # dose / V, which varies in one of the forms alone
    assert_allclose(told.by_form.iloc[peaks], 200, rtol=0.05)


def test_a_form_without_effects_of_trials_halves_their_variance():
    fits = [form(tau=TAU), form()]
    with_effects, mixed = (predict_trial(NEW, fit, **ASKED | {"draws": 100}).table.iloc[0] for fit in (fits[0], fits))
    assert 0 < mixed.trial < with_effects.trial
    other = (ERROR**2 + 0.3**2 / 12) / TAU**2  # of the variance that is not the trials', over theirs
    assert_allclose(mixed.trial, 100 * 0.5 / (0.5 + other), atol=25)  # 4 SE of a variance of 50 draws


def test_the_share_of_each_is_rounded_up_and_is_what_the_least_keeps():
    three = [form(), form(12.0), form(14.0)]
    told = predict_trial(NEW, three, **ASKED)
    assert told.draws == 42
    assert told.notes[0].endswith("each with a third of the draws")
    few = predict_trial(NEW, [form(), form(14.0, count=30)], n=50, threads=1)
    assert few.draws == 60
    assert "each with 1/5 of" in predict_trial(NEW, [*three, form(15.0), form(16.0)], **ASKED | {"n": 10}).notes[0]
    with pytest.raises(BadValue, match=r"draws = 70: fit 2 keeps 30 draws .* its share is 35; ask for at most 60"):
        predict_trial(NEW, [form(), form(14.0, count=30)], **ASKED | {"draws": 70})


def test_progress_counts_the_draws_of_all_forms():
    steps = []
    predict_trial(NEW, [form(), form(14.0)], **ASKED, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(done, 40) for done in range(1, 41)]


def test_what_holds_for_one_form_alone_is_said_by_its_name():
    typical = calibrate(study(), BOLUS, ["CL"], threads=1)
    trial = Trial(
        "plan",
        Population(BOLUS, omega={"CL": 0.3, "V": 0.1}),
        visits=[0, 1],
        arms=[Arm("a", 8, "1 MIU IV bolus")],
        start=-1,
    )
    told = predict_trial(trial, [form(), typical], **ASKED)
    assert told.by_form.notna().all(axis=None)
    assert [note.partition(" is ")[0] for note in told.notes[1:]] == [
        "fit 1: the trial's own spread of V", "fit 2: the fit",
    ]  # fmt: skip


def test_saved_fits_are_averaged_by_the_names_of_their_files(tmp_path):
    rows = [{"arm": "a", "observable": "il2", "day": day, "value": 3.0, "sigma": 0.5} for day in (0.2, 0.4)]
    printed = Evidence(name="e", arms={"a": "3 MIU SC"}, rows=rows)
    paths = [str(tmp_path / f"{name}.json") for name in ("CL", "V")]
    for name, path in zip(("CL", "V"), paths, strict=True):
        calibrate(printed, "il2_sc", [name], threads=1).save(path)
    told = predict_trial(PLAN, paths, n=50, draws=20, threads=1)
    assert list(told.by_form) == ["CL", "V"]


def test_fits_of_one_name_at_two_places_are_called_by_their_paths(tmp_path):
    paths = [tmp_path / place / "mine" for place in ("here", "there")]
    for path in paths:
        path.mkdir(parents=True)
        run_before(path)
    told = predict_trial(PLAN, [*map(str, paths)], n=50, draws=20, threads=1)
    assert list(told.by_form) == [*map(str, paths)]


def test_no_fit_and_one_that_is_given_twice_are_refused(tmp_path):
    with pytest.raises(BadValue, match=r"fit = \[\]: expected one fit, or a list of some"):
        predict_trial(NEW, [])
    fit = form()
    with pytest.raises(BadValue, match=r"fit 1 and fit 3 are the same fit; .* name it once"):
        predict_trial(NEW, [fit, form(), fit])
    with pytest.raises(BadValue, match=r"fit: 'piscitelli_1996' is given twice; .* name it once"):
        predict_trial("kirchner_1998", ["piscitelli_1996", "piscitelli_1996"])
    path = declared(tmp_path)
    with pytest.raises(BadValue, match=r"'.*' and '.*fit\.toml' are the same fit"):
        predict_trial(str(tmp_path / "one.toml"), [path, f"{path}/fit.toml"])
    with pytest.raises(UnknownName, match=r"there is no fit 'piscitelli_1997'"):
        predict_trial("kirchner_1998", ["piscitelli_1996", "piscitelli_1997"])
    with pytest.raises(BadValue, match=r"fit = 3: expected the name of a declared fit"):
        predict_trial(NEW, [form(), 3])


def test_fits_of_unlike_models_are_refused():
    other = known(IL2, {"CL": [100.0] * 20})
    with pytest.raises(BadValue, match=r"fit 2 is a fit of il2_sc, and fit 1 of bolus: expected forms of one model"):
        predict_trial(NEW, [form(), other], **ASKED | {"draws": 20})


def test_an_arm_that_fixes_what_one_of_the_forms_estimates_is_refused():
    arms = [{"name": "a", "regimen": "1 MIU IV bolus", "n": 12, "values": {"V": 10}}]
    estimates = dataclasses.replace(form(), intervals=known(IL2, {"V": [5.0]}).intervals)
    with pytest.raises(BadValue, match=r"arm 'a' fixes V, which fit 2 estimates"):
        predict_trial(Evidence(name="new", arms=arms, rows=[ROW]), [form(), estimates], **ASKED)


def test_a_fit_of_the_typical_patient_is_refused_among_others_where_arms_have_no_size(tmp_path):
    shutil.copytree("fits/piscitelli_1996", tmp_path / "other")
    said = {"name": "t", "title": "t", "reference": "made up", "model": "il2_sc"}
    rows = [{"arm": "a", "observable": "il2", "measure": "cmax", "day": 1, "value": 10, "sigma": 2}]
    trial = TrialFile(**said, arms=[{"name": "a", "regimen": "1 MIU SC"}], rows=rows)
    with pytest.raises(BadValue, match=r"t: its arms do not say of .* piscitelli_1996 is a fit of .* name one fit, or"):
        predict_trial(trial, ["piscitelli_1996", str(tmp_path / "other")], threads=1)
    alone, listed = (predict_trial(trial, fit, threads=1) for fit in ("piscitelli_1996", ["piscitelli_1996"]))
    assert listed.table.equals(alone.table)
    assert listed.by_form.empty
