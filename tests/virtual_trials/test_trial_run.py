"""The trial: rules through the solver, replay, threads, failures that are counted."""

import numpy as np
import pytest

from immunode.errors import BadValue, Status
from immunode.evidence.adherence import Dropout
from immunode.evidence.design import Baseline, Subgroup
from immunode.evidence.library import load
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file, run_trial
from immunode.virtual_trials.variables import figure_rows
from tests.virtual_trials.linear import DECAY, WEEKLY, rule

TINCATI = from_file(load("tincati_2008"))


def test_every_measured_baseline_is_below_the_cut_and_has_the_printed_median():
    result = run_trial("tincati_2008", n=2000, seed=2)
    for arm, median in (("IL-2+HAART", 61), ("HAART", 48)):
        seen = result["cd4_patient"].sel(arm=arm, visit=0).values
        seen = seen[np.isfinite(seen)]
        assert seen.max() < 200
        assert np.log(np.median(seen) / median) == pytest.approx(0, abs=4 * 1.25 * 0.8 / np.sqrt(2000))


def test_a_patient_without_a_baseline_is_counted_and_has_no_course():
    impossible = Baseline(observable="cd4", values=[300, 500, 5000], source="test", solve="cd4_start")
    trial = Trial("odd", Population("il2_cd4_hiv"), visits=[0, 10], arms=[Arm("a", 5, baseline=impossible)])
    with pytest.warns(UserWarning, match="no value of cd4_start gives the baseline that was drawn") as told:
        result = run_trial(trial, n=30, seed=1).sel(arm="a")
    lost = (result["status"] == Status.no_baseline).values
    assert 3 <= lost.sum() <= 17
    assert np.isnan(result["cd4_patient"].values[lost]).all()
    assert np.isfinite(result["cd4_patient"].values[~lost]).all()
    assert np.isnan(result["event_day"].values[lost]).all()
    assert (result["label"].values[lost] == "").all()
    share = f"for {100 * lost.mean():.3g} % of the patients ({lost.sum()})"
    assert share in str(result.unmet.values)
    assert share in str(told[0].message)


@pytest.mark.parametrize(
    "impossible",
    [
        {"median": 5000, "log_sd": 0.1, "solve": "cd4_start"},
        {"range": [3000, 4000]},
        {"values": [9000]},
    ],
    ids=str,
)
def test_a_baseline_that_nobody_can_have_is_refused_before_anything_is_simulated(impossible):
    arms = [Arm("a", 5), Arm("b", 5, baseline=Baseline(observable="cd4", source="test", **impossible))]
    trial = Trial("odd", Population("il2_cd4_hiv"), visits=[0, 10], arms=arms)
    begun = []
    with pytest.raises(
        BadValue, match=r"arm 'b': nobody of 4 virtual patients can have cd4 .*the typical one has 0\.1 to"
    ):
        run_trial(trial, n=4, seed=1, progress=lambda done, total: begun.append(done))
    assert begun == []


def test_the_same_patients_in_every_arm_differ_by_what_is_given_alone():
    count = Baseline(observable="cd4", range=[100, 400], source="test")
    population = Population("il2_cd4_hiv", omega={"CL": 0.3, "supply": 0.6})
    arms = [
        Arm("a", 5, baseline=count),
        Arm("b", 5, baseline=count),
        Arm("c", 5, "3 MIU SC QD days 1-5", baseline=count),
    ]

    def run(same, arms=arms):
        trial = Trial(
            "t", population, [0, 28], arms, noise={"cd4": 0.18}, events="cumulative_hazard", same_patients=same
        )
        return run_trial(trial, n=40, seed=3)

    paired, apart = run(True), run(False)
    for name in ("cd4_patient", "event_day", "rna_patient"):
        assert np.array_equal(paired[name].sel(arm="a"), paired[name].sel(arm="b"), equal_nan=True)
        assert not np.array_equal(apart["cd4_patient"].sel(arm="a"), apart["cd4_patient"].sel(arm="b"))
    assert np.array_equal(paired.cd4_patient.sel(arm="a", visit=0), paired.cd4_patient.sel(arm="c", visit=0))
    assert (paired.cd4_patient.sel(arm="c", visit=28) > paired.cd4_patient.sel(arm="a", visit=28)).all()
    # an arm's patients are the same whatever other arms there are
    alone = run(True, [Arm("other name", 5, "3 MIU SC QD days 1-5", baseline=count)])
    assert np.array_equal(alone.cd4_patient.values[0], paired.cd4_patient.sel(arm="c").values, equal_nan=True)


def test_the_table_has_every_figure_of_the_abstract():
    rows = figure_rows(run_trial("tincati_2008", n=50, seed=1))
    published = [row["published"] for row in rows]
    for value in (73, 33, 40, 200, 14, 3, 30, 61, 48, 0.23, 27, 15, 0.1, 0.01, 0.04, 1, 6, 0.06):
        assert value in published, value
    assert published.count(0.01) == 2
    for row in rows:
        if row["test"]:
            assert row["inside"] is None
            assert 0 <= row["p_below_05"] <= 1


def test_bad_calls_are_refused():
    trial = Trial("odd", Population("il2_sc"), visits=[5], arms=[Arm("a", 3)])
    for n in (0, 2.5, True, "10"):
        with pytest.raises(BadValue, match=f"n = {n!r}: expected a whole number"):
            run_trial(trial, n=n)
    cure = r"no \[population\]. Add one, such as .* omega = { CL = 0.3 } .*; `immunode compare il2_cd4_hiv` knows"
    with pytest.raises(BadValue, match=f"evidence for fits.*{cure}"):
        run_trial("fox_2007", n=1)


def test_one_visit_on_the_first_day_shows_the_start():
    result = run_trial(Trial("first", Population("cd4_turnover"), visits=[0], arms=[Arm("a", 3)]), n=2)
    assert (result["status"] == 0).all()
    assert np.isfinite(result["cd4_patient"]).all()


@pytest.mark.parametrize("window", [0.0, 3.0])
def test_the_same_patients_have_the_same_subgroup_visits_and_noise_in_each_arm_whatever_its_rules_give(window):
    def arm(name, mg):
        rules = [rule("y < 30", add=f"{mg} mg IV bolus day 1"), rule("y > 200", name="high", then={"stop": True})]
        return Arm(name, 5, rules=rules, dropout=Dropout(share=0.3, by=84, source="assumed"))

    fast = Subgroup(name="fast", share=0.4, scale={"k": 2.0}, source="assumed")
    population = Population(DECAY, omega={"k": 0.3}, subgroups=[fast])
    arms = [arm("low", 40), arm("high", 90), arm("as low", 40)]
    made = Trial(
        "t", population, WEEKLY, arms, noise={"y": 0.2}, same_patients=True, visit_window=window, missed_visits=0.2
    )
    low, high, alike = (run_arm(made, one, 50, seed=3) for one in made.arms)
    for name in ("came", "left_day"):
        assert np.array_equal(getattr(low, name), getattr(high, name))
    assert np.array_equal(low.patients.parameters, high.patients.parameters)
    assert np.array_equal(np.isfinite(low.at_visits), np.isfinite(high.at_visits))
    assert np.array_equal(low.at_visits, alike.at_visits, equal_nan=True)
    assert not np.array_equal(low.at_visits, high.at_visits, equal_nan=True)
    result = run_trial(made, n=50, seed=3)
    measured = result.y_patient.values
    noise = [measured[i] / one.at_visits[:, :, 0] for i, one in enumerate((low, high, alike))]
    assert noise[1] == pytest.approx(noise[0], rel=1e-12, nan_ok=True)
    assert np.array_equal(noise[2], noise[0], equal_nan=True)


@pytest.mark.parametrize("same_patients", [False, True])
def test_an_arm_has_its_own_share_of_a_subgroup_and_another_what_it_had_without(same_patients):
    fast = Subgroup(name="fast", share=0.2, scale={"k": 2.0}, source="assumed")
    population = Population(DECAY, omega={"k": 0.3}, subgroups=[fast])

    def runs(**shares):
        arms = [Arm("failures", 5, **shares), Arm("naive", 5)]
        made = Trial("t", population, WEEKLY, arms, noise={"y": 0.2}, same_patients=same_patients)
        return [run_arm(made, one, 2000, seed=3) for one in made.arms]

    (before, other), (after, as_other) = runs(), runs(shares={"fast": 0.9})
    assert np.array_equal(other.patients.parameters, as_other.patients.parameters)
    assert np.array_equal(other.at_visits, as_other.at_visits)
    assert (after.patients.subgroup == 0).mean() == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 2000))
    was = before.patients.subgroup == 0
    assert (after.patients.subgroup[was] == 0).all()
    assert np.array_equal(after.at_visits[was], before.at_visits[was])
