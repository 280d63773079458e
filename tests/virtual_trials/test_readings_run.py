"""Trials under other readings of their assumptions."""

from immunode.evidence.library import load
from immunode.virtual_trials.readings_run import run_readings
from immunode.virtual_trials.trial_run import run_trial
from immunode.virtual_trials.variables import figure_rows


def test_readings_run_as_assumed_first_with_the_same_draws_as_the_trial_itself():
    steps = []
    runs = run_readings("tincati_2008", 20, 3, progress=lambda done, total: steps.append((done, total)))
    count = sum(len(assumption.alternatives) for assumption in load("tincati_2008").assumptions)
    assert len(runs) == 1 + count
    assert steps == [(i + 1, 1 + count) for i in range(1 + count)]
    assert (runs[0].assumption, runs[0].reading, runs[0].n) == ("as assumed", "", 20)
    assert runs[0].figures == [row for row in figure_rows(run_trial("tincati_2008", 20, 3)) if row["short"]]
    assert any(run.figures != runs[0].figures for run in runs[1:])
