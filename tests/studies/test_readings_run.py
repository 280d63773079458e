"""Trials under other readings of their assumptions."""

from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from immunode.errors import BadValue
from immunode.evidence.library import load
from immunode.studies.readings_run import reading_trials, run_readings
from immunode.virtual_trials.trial_run import run_trial
from immunode.virtual_trials.variables import figure_rows


def assert_close(rows, expected):
    """Assert that figures are those of a trial, but for the looser tolerance of courses (1e-4, and rounding of counts
    to visits) and fewer replicates: shares of 500 and of 2000 differ by 5 standard errors, 0.13, at most."""
    for row, other in zip(rows, expected, strict=True):
        assert row["label"] == other["label"]
        if other["simulated"] is not None:
            assert row["simulated"] == pytest.approx(other["simulated"], rel=1e-3)
        if other["p_below_05"] is not None:
            assert row["p_below_05"] == pytest.approx(other["p_below_05"], abs=0.13)


def test_readings_run_as_assumed_first_with_the_same_draws_as_the_trial_itself():
    steps = []
    runs = run_readings("tincati_2008", 20, 3, progress=lambda done, total: steps.append((done, total)))
    count = sum(len(assumption.alternatives) for assumption in load("tincati_2008").assumptions)
    assert len(runs) == 1 + count
    assert steps == [(i + 1, 1 + count) for i in range(1 + count)]
    assert (runs[0].assumption, runs[0].reading, runs[0].n) == ("as assumed", "", 20)
    assert_close(runs[0].figures, [row for row in figure_rows(run_trial("tincati_2008", 20, 3)) if row["short"]])
    assert any(run.figures != runs[0].figures for run in runs[1:])


def test_a_reading_that_makes_no_trial_is_named_before_any_is_run(tmp_path):
    source = (
        (Path(__file__).parents[2] / "docs" / "trial-files.md")
        .read_text(encoding="utf-8")
        .split("```toml\n")[1]
        .split("```")[0]
    )
    open_question = (
        '\n[[assumptions]]\nname = "the dose"\nassumed = "1.5 MIU"\n'
        'alternatives = [{ label = "more", changes = { "arms.0.regimen" = "3 BANANA SC" } }]\n'
    )
    (tmp_path / "t.toml").write_text(source + open_question, encoding="utf-8")
    with pytest.raises(BadValue, match=r"assumption 'the dose', reading 'more': arm 'low': .*BANANA"):
        reading_trials(str(tmp_path / "t.toml"))


def test_an_arm_that_a_reading_leaves_alone_is_run_once_and_is_as_that_of_a_trial_of_its_own(monkeypatch):
    from immunode.studies import readings_run

    started = []
    run_arm = readings_run.run_arm
    monkeypatch.setattr(
        readings_run, "run_arm", lambda trial, arm, *a, **k: started.append(arm) or run_arm(trial, arm, *a, **k)
    )
    cases = [one for one in reading_trials("tincati_2008") if one.assumption in ("as assumed", "cycle interval")]
    runs = run_readings("tincati_2008", 20, 3, trials=cases, threads=2)
    assert sorted(arm.name for arm in started) == ["HAART", "IL-2+HAART", "IL-2+HAART"]  # on two threads
    alone = run_trial(cases[1].trial, 20, 3)
    assert_close(runs[1].figures, figure_rows(alone))


def test_each_reading_is_beside_the_others_what_it_is_alone():
    cases = reading_trials("tincati_2008")
    beside = run_readings("tincati_2008", 20, 3, trials=cases, threads=2)
    for case, run in zip(cases, beside, strict=True):
        (alone,) = run_readings("tincati_2008", 20, 3, trials=[case])
        assert_array_equal([list(row.values()) for row in run.figures], [list(row.values()) for row in alone.figures])
        assert str(run.endpoints) == str(alone.endpoints)


def test_a_tenth_of_many_patients_is_run():
    cases = reading_trials("tincati_2008")[:1]
    (run,) = run_readings("tincati_2008", 2500, 3, trials=cases)
    assert run.n == 250
    assert_close(run.figures, figure_rows(run_trial(cases[0].trial, 250, 3)))


SHARES = """
name = "shares"
title = "t"
reference = "r"
model = "il2_sc"
visits = [0, 0.5]

[[arms]]
name = "failures"
n = 20
regimen = "3 MIU SC"

[[figures]]
label = "level"
short = "level"
kind = "median"
observable = "il2"
day = 0.5
groups = ["failures"]

[population]
source = "assumed"
subgroups = [{ name = "slow", share = 0, scale = { CL = 0.2 }, source = "assumed" }]

[[assumptions]]
name = "who is slow"
assumed = "nobody"
alternatives = [{ label = "all", changes = { "arms.0.shares.slow" = 1 } }]
"""


def test_a_reading_of_an_arms_share_draws_its_patients_anew(tmp_path):
    path = tmp_path / "shares.toml"
    path.write_text(SHARES, encoding="utf-8")
    assumed, read = run_readings(str(path), 20, 3)
    (alone,) = run_readings(str(path), 20, 3, trials=[reading_trials(str(path))[1]])
    assert read.figures == alone.figures
    assert read.figures[0]["simulated"] > 2 * assumed.figures[0]["simulated"]
