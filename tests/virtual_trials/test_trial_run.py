"""The trial: rules through the solver, replay, threads, failures that are counted."""

import numpy as np
import pytest

from immunode.errors import BadValue, Status
from immunode.evidence.design import Baseline
from immunode.evidence.library import load
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import from_file, run_trial
from immunode.virtual_trials.variables import figure_rows

TINCATI = from_file(load("tincati_2008"))


def test_every_measured_baseline_is_below_the_cut_and_has_the_printed_median():
    result = run_trial("tincati_2008", n=2000, seed=2)
    for arm, median in (("IL-2+HAART", 61), ("HAART", 48)):
        seen = result["cd4_patient"].sel(arm=arm, visit=0).values
        seen = seen[np.isfinite(seen)]
        assert seen.max() < 200
        assert np.log(np.median(seen) / median) == pytest.approx(0, abs=4 * 1.25 * 0.8 / np.sqrt(2000))


def test_a_patient_without_a_baseline_is_counted_and_has_no_course():
    impossible = Baseline(observable="cd4", median=5000, log_sd=0.1, source="test", solve="cd4_start")
    population = Population("il2_cd4_hiv")
    trial = Trial("odd", population, visits=[0, 10], arms=[Arm("a", 5, baseline=impossible)])
    result = run_trial(trial, n=4, seed=1)
    assert (result["status"] == Status.no_baseline).all()
    assert np.isnan(result["cd4_patient"]).all()
    assert np.isnan(result["event_day"]).all()
    assert (result["label"] == "").all()


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
    with pytest.raises(BadValue, match="evidence for fits"):
        run_trial("fox_2007", n=1)


def test_one_visit_on_the_first_day_shows_the_start():
    result = run_trial(Trial("first", Population("cd4_turnover"), visits=[0], arms=[Arm("a", 3)]), n=2)
    assert (result["status"] == 0).all()
    assert np.isfinite(result["cd4_patient"]).all()
