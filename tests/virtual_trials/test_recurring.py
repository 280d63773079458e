"""Recurring rules: on a linear model the visits that treat are known in closed form; caps, holds, order, the log."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from tests.virtual_trials.linear import WEEKLY, course, log, rule, trial

EXACT = 1e-5  # ten times the solver's rtol


def run(*rules, n=3, **fields):
    return im.run_trial(trial(*rules, **fields), n=n, seed=1)


def treated(result, name="top up"):
    rows = log(result)
    rows = rows[(rows.patient == 0) & (rows.reason == "met") & (rows.rule == name)]
    return rows.day.tolist()


def area(y, seen):
    """Return the area by trapezia over weekly visits up to this one."""
    return 7 * sum((a + b) / 2 for a, b in itertools.pairwise([*seen, y]))


def below(level, y, seen):
    """Return how long straight lines between weekly visits up to this one are below a level."""
    lines = itertools.pairwise([*seen, y])
    return sum(
        np.interp(level, sorted(line), [0, 7]) if line[0] > line[1] else 7 - np.interp(level, sorted(line), [7, 0])
        for line in lines
    )


def inner(day):
    return 0 < day < WEEKLY[-1]


def test_a_threshold_is_crossed_where_the_closed_form_says():
    result = run(rule("y < 30"))
    values, days = course(WEEKLY, lambda y, day: inner(day) and y < 30)
    assert treated(result) == days == [28.0, 56.0]
    assert result.y_patient.values[0, 0] == pytest.approx(values, rel=EXACT)
    assert result.given_cycles.values.tolist() == [[2, 2, 2]]
    assert result.given_x.values.tolist() == [[140.0] * 3]
    assert result.given_x.attrs["units"] == "mg"


@pytest.mark.parametrize(
    ("when", "reached"),
    [
        ("y < 0.4 x baseline", lambda y, seen: y < 40),
        ("percent change of y < -60", lambda y, seen: y < 40),
        ("change of y <= -60 mg", lambda y, seen: y <= 40),
        ("change of y <= -60000 ug", lambda y, seen: y <= 40),
        ("y < 0.9 x nadir", lambda y, seen: y < 0.9 * min(seen)),
        ("y < 0.3 x best", lambda y, seen: y < 0.3 * max(seen)),
        ("y < 0.5 x day 7 + 5", lambda y, seen: len(seen) > 1 and y < 0.5 * seen[1] + 5),
        ("slope of y > -2", lambda y, seen: (y - seen[-1]) / 7 > -2),
        ("slope of y > -14 per week", lambda y, seen: (y - seen[-1]) / 7 > -2),
        (
            "slope of y over 3 visits > -3",
            lambda y, seen: len(seen) > 1 and (y - seen[-2]) / 14 > -3,  # of three points alike far apart
        ),
        ("y < 60 for 3 visits", lambda y, seen: len(seen) > 1 and max(y, *seen[-2:]) < 60),
        ("mean of y over 2 visits < 50", lambda y, seen: (y + seen[-1]) / 2 < 50),
        ("mean of y < 0.7 x baseline", lambda y, seen: (y + sum(seen)) / (1 + len(seen)) < 70),
        ("auc of y over 3 visits < 700", lambda y, seen: len(seen) > 1 and 7 * (y + 2 * seen[-1] + seen[-2]) / 2 < 700),
        ("auc of y over 3 visits < 100 mg x week", lambda y, seen: len(seen) > 1 and y + 2 * seen[-1] + seen[-2] < 200),
        ("auc change of y < -1000", lambda y, seen: area(y, seen) - 100 * 7 * len(seen) < -1000),
        ("time average of y < 60", lambda y, seen: area(y, seen) / (7 * len(seen)) < 60),
        (
            "visit average of y since day 14 < 50",
            lambda y, seen: len(seen) > 2 and area(y, seen[2:]) / 7 < 50 * len(seen[2:]),
        ),
        ("cmax of y over 3 visits < 60", lambda y, seen: len(seen) > 1 and max(y, *seen[-2:]) < 60),
        ("cmin of y over 2 visits < 31", lambda y, seen: min(y, seen[-1]) < 31),
        ("time below 60 of y over 3 visits > 9 d", lambda y, seen: len(seen) > 1 and below(60, y, seen[-2:]) > 9),
        ("change of y over 2 visits > -10", lambda y, seen: y - seen[-1] > -10),
        ("y < 30 or y > 90", lambda y, seen: y < 30 or y > 90),
        ("y < 60 and slope of y > -4", lambda y, seen: y < 60 and (y - seen[-1]) / 7 > -4),
    ],
)
def test_every_word_means_what_the_closed_form_computes(when, reached):
    seen = []

    def dose_when(y, day):
        decided = inner(day) and bool(reached(y, seen))
        seen.append(y)
        return decided

    values, days = course(WEEKLY, dose_when)
    result = run(rule(when))
    assert treated(result) == days
    assert 0 < len(days) < len(WEEKLY) - 2  # neither never nor always
    assert result.y_patient.values[0, 0] == pytest.approx(values, rel=EXACT)


def test_the_clock_of_a_rule_need_not_be_visits_of_the_trial():
    result = run(rule("y < 60", every="10 d", first=15, until=50), visits=[0, 84])
    assert log(result)[lambda rows: rows.patient == 0].day.tolist() == [15, 25, 35, 45]
    assert treated(run(rule("y < 60", days=[15, 40]), visits=[0, 84])) == [15, 40]


def test_at_most_counts_cycles_and_a_cap_on_the_total_counts_all_doses():
    twice = rule("y < 60", add="20 mg IV bolus day 1 every 2 days x2", at_most=5, min_gap=3)
    result = run(twice)
    assert result.given_cycles.values[0, 0] == 4  # a third time would make 6
    assert set(log(result).reason) >= {"met", "at most reached"}
    capped = run(rule("y < 60", total="160 mg"), regimen="10 mg IV bolus day 1")
    assert capped.given_x.values[0, 0] == 150
    assert "total reached" in set(log(capped).reason)


def test_cycles_keep_their_distance_from_those_before_and_those_planned():
    result = run(rule("y < 90", min_gap=20), regimen="70 mg IV bolus day 1 then 70 mg IV bolus from day 43")
    assert treated(result) == [21.0, 63.0]  # day 42 is planned: neither within 20 days before nor after it
    assert {"met", "gap too short"} <= set(log(result).reason)


def test_the_first_rule_that_matches_acts_and_one_that_may_not_act_does_not_match():
    small = rule("y < 80", add="5 mg IV bolus day 1", name="small", at_most=2)
    large = rule("y < 80", add="50 mg IV bolus day 1", name="large")
    result = run(small, large)
    assert treated(result, "small") == [7.0, 14.0]
    assert treated(result, "large")[0] == 21.0
    assert len(log(result)[lambda rows: rows.patient == 0]) == len(WEEKLY) - 2  # one row a visit


def test_a_rule_to_confirm_acts_at_the_next_visit_alone():
    result = run(rule("y < 60", confirm=True))
    rows = log(result)[lambda rows: rows.patient == 0]
    assert rows.reason.tolist()[:4] == ["not met", "to confirm", "met", "not met"]
    assert rows.day.tolist()[:4] == [7, 14, 21, 28]


def test_a_rule_to_confirm_waits_only_as_long_as_its_condition_holds():
    other = rule("y < 90 and y > 66", add="40 mg IV bolus day 1", name="other", at_most=1)
    result = run(other, rule("y < 75", confirm=True))
    # day 7: other acts (70.7), and 75 is seen once; day 14: 78.3, not below 75; then 55.4 for the first time again
    rows = log(result)[lambda rows: rows.patient == 0]
    assert rows.day.tolist()[:4] == [7, 14, 21, 28]
    assert rows.rule.tolist()[0] == "other"
    assert rows.reason.tolist()[:4] == ["met", "at most reached", "to confirm", "met"]


def test_a_rule_to_confirm_does_not_wait_through_a_hold_in_which_its_condition_fails():
    hold = rule("y < 80 and y > 65", name="pause", then={"hold_until": "y < 40"}, at_most=1)
    again = rule("y > 60 and y < 75 or y < 38", name="again", confirm=True)
    # day 7: 70.7, both match, the hold acts; day 14: 50, on hold, not seen again; day 21: 35.4, seen for the first time
    rows = log(run(hold, again, regimen="1 mg IV bolus day 80"))[lambda rows: rows.patient == 0]
    assert rows.day.tolist()[:5] == [7, 14, 21, 21, 28]
    assert rows.reason.tolist()[:5] == ["met", "on hold", "hold ended", "to confirm", "met"]


def test_a_visit_between_two_days_of_a_rule_confirms_it():
    result = run(rule("y < 60", every="28 d", confirm=True))
    rows = log(result)[lambda rows: rows.patient == 0]
    assert rows.day.tolist()[:2] == [28, 35]
    assert rows.reason.tolist()[:2] == ["to confirm", "met"]


PLANNED = "70 mg IV bolus day 1 every 14 days x6"


def test_a_scaled_dose_is_that_of_all_that_comes():
    result = run(rule("y > 120", name="halve", then={"scale": 0.5}, at_most=1), regimen=PLANNED)
    assert treated(result, "halve") == [7.0]  # 170 mg at first
    values, _ = course(WEEKLY, lambda y, day: day % 14 == 0 and day > 0, dose=35, start=170)
    assert result.y_patient.values[0, 0, 1:] == pytest.approx(values[1:], rel=EXACT)
    assert result.given_x.values[0, 0] == 70 + 5 * 35


def test_a_scaled_dose_is_also_that_of_cycles_that_are_added_later():
    halve = rule("y > 60", name="halve", then={"scale": 0.5}, at_most=1)
    result = run(halve, rule("y < 30"))
    assert result.given_x.values[0, 0] == 35 * result.given_cycles.values[0, 0]


def test_doses_on_hold_are_left_out_until_the_condition_holds():
    hold = rule("y > 115", name="hold", then={"hold_until": "y < 40"})
    result = run(hold, regimen=PLANNED)
    held = [False]

    def dose_when(y, day):
        if day and held[0] and y < 40:
            held[0] = False
        elif inner(day) and not held[0] and y > 115:
            held[0] = True
        return day % 14 == 0 and 0 < day < 84 and not held[0]

    values, days = course(WEEKLY, dose_when, start=170)
    assert result.y_patient.values[0, 0, 1:] == pytest.approx(values[1:], rel=EXACT)
    assert result.given_doses.values[0, 0] == 1 + len(days) == result.given_cycles.values[0, 0]
    assert {"on hold", "hold ended", "met"} <= set(log(result).reason)


def test_who_stopped_gets_nothing_again():
    stop = rule("y > 115", name="stop", then={"stop": True, "label": "too high"})
    result = run(stop, rule("y < 10"), regimen=PLANNED)
    values, _ = course(WEEKLY, lambda y, day: False, start=170)
    assert result.y_patient.values[0, 0, 1:] == pytest.approx(values[1:], rel=EXACT)
    assert set(result.label.values.ravel()) == {"too high"}
    assert log(result).reason.tolist().count("stopped") == 3 * 10
    assert result.given_cycles.values[0, 0] == 1


def test_a_rule_may_only_name_patients():
    slow = rule("y < 2", name="low", then={"label": "low"}, at_most=1)
    result = im.run_trial(trial(arms=[im.Arm("a", 5, rules=[slow], label="high")], omega={"k": 0.5}), n=50, seed=1)
    low = (result.y_patient.values[0, :, 1:] < 2).any(axis=1)
    assert result.label.values[0].tolist() == np.where(low, "low", "high").tolist()
    assert 0 < low.sum() < 50


def test_a_rule_that_is_always_met_is_the_fixed_regimen_bit_for_bit():
    always = rule("always", add="70 mg IV bolus day 1", every="14 d", at_most=5)
    again = im.run_trial(trial(always, regimen="70 mg IV bolus day 1", omega={"k": 0.4}), n=40, seed=3)
    looking = rule("always", name="looks", every="14 d", then={"label": "fixed"})  # stops at the same visits
    fixed = im.run_trial(
        trial(looking, regimen="70 mg IV bolus day 1 every 14 days x6", omega={"k": 0.4}), n=40, seed=3
    )
    for name in ("y", "y_patient", "given_doses", "given_cycles", "given_x"):
        assert np.array_equal(again[name].values, fixed[name].values), name


def test_a_patient_is_the_same_in_any_batch():
    made = trial(
        rule("y < 40"), rule("y > 90", name="halve", then={"scale": 0.5}), omega={"k": 0.4}, noise={"y": 0.2},
        visit_window=3, missed_visits=0.2,
    )  # fmt: skip
    few, many = (im.run_trial(made, n=n, seed=2) for n in (7, 1500))
    for name in ("y_patient", "given_x", "given_cycles"):
        assert np.array_equal(few[name].values, many[name].values[:, :7], equal_nan=True), name


def test_noise_is_in_changes_too_and_never_floored():
    result = run(rule("change of y < -1000"), noise={"y": 0.5}, n=400)
    rows = log(result)
    first = rows[rows.day == 7]
    change = (first.measured_y - first.baseline_y).to_numpy()
    # log-normal with mean 1 on both: the variance of a difference is the sum of the two
    true = 100 * (1 - 2**-0.5)
    sd = 0.5 * 100 * np.sqrt(1 + 0.5)
    assert change.mean() == pytest.approx(-true, abs=4 * sd / 20)
    assert change.std() == pytest.approx(sd, rel=0.2)
    assert (change > 0).mean() > 0.2  # rises that are noise


def test_the_log_says_the_factor_that_is_on_what_a_rule_adds():
    double = rule("y < 200", name="double", then={"scale": 2}, days=[7.0])
    more = rule("y < 200", name="more", add="10 mg IV bolus", days=[3.5, 14.0, 28.0])
    said = trial(double, more)
    result = im.run_trial(said, n=2, seed=1)
    rows = log(result)[lambda rows: (rows.patient == 0) & (rows.reason != "not met")]
    added = "10 mg IV bolus"
    assert rows.action.tolist() == [added, "scale x 2", f"{added}, doses x 2", f"{added}, doses x 2"]
    assert result.given_x.values.tolist() == [[10 + 20 + 20] * 2]
    assert im.replay_trial(said, result).identical(result)


def test_the_log_shows_what_conditions_looked_at_and_nothing_of_who_did_not_come():
    when = "mean of y over 3 visits < 60 or slope of y > 5 or given < 80 mg or change of y > 99"
    made = trial(rule(when), noise={"y": 0.2}, missed_visits=0.2)
    result = im.run_trial(made, n=40, seed=1)
    rows = log(result)
    columns = [name for name in rows if name not in log(run(rule("y < 3"))) and name != "arm"]
    assert columns == ["visit_mean_of_y_over_3_visits", "slope_of_y_over_2_visits", "given_mg"]
    missed = rows.reason == "missed visit"
    assert missed.any()
    assert rows[missed][columns].isna().all(axis=None)
    assert rows[~missed].given_mg.notna().all()
    for _, one in rows.groupby("patient"):
        values = np.array([one.baseline_y.iloc[0], *one.measured_y.dropna()])
        means = [*[np.nan] * 2, *np.convolve(values, np.ones(3) / 3, "valid")]
        seen = one[one.reason != "missed visit"]
        assert_allclose(seen[columns[0]], means[1:], rtol=1e-12)
        apart = np.diff([0, *seen.seen_on])
        assert_allclose(seen[columns[1]], np.diff(values) / apart, rtol=1e-9)
    acts = rows[rows.reason == "met"]
    assert ((acts[columns[0]] < 60) | (acts[columns[1]] > 5) | (acts.given_mg < 80)).all()
    assert im.replay_trial(made, result).identical(result)


def test_names_of_the_log_can_be_stored(tmp_path):
    made = trial(rule("time above 0.5 x day 7 of y over 4 visits > 1 or given since day -3 < 1 mg/kg*kg", every=7))
    result = im.run_trial(made, n=3, seed=1)
    result.to_netcdf(tmp_path / "result.nc", engine="scipy")
    assert "decision_time_above_0.5_x_day_7_of_y_over_4_visits" in result
    assert im.replay_trial(made, tmp_path / "result.nc").equals(result)
