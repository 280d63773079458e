"""Doses that are missed or late and patients who leave: drawn per patient, as often as is said, and seen in results."""

import numpy as np
import pytest

import immunode as im
from immunode.regimen import prescribe, replace
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.attendance import leaving_days, plans_taken
from immunode.virtual_trials.protocol import Assay

PLAN = replace("art", 1, time=-14.0) + prescribe("3 MIU SC BID days 1-5 every 28 days x3")
STAY = np.full(2000, np.inf)


def taken(n=2000, left=None, start=-14.0, first=0, arm="a", **said):
    adherence = im.Adherence(source="s", **said) if said else None
    plans, which = plans_taken(PLAN, adherence, STAY[:n] if left is None else left, Assay({}, 7, arm, first), start)
    return [plans[i] for i in which]


def test_doses_are_missed_as_often_as_is_said_and_settings_are_not():
    plans = taken(missed=0.2)
    kept = np.array([sum(dose.action == "add" for dose in plan) for plan in plans])
    assert all(plan.doses[0] == PLAN.doses[0] for plan in plans)
    # binomial: 30 doses each, 4 standard errors
    assert kept.mean() / 30 == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 60_000))
    assert kept.var() == pytest.approx(30 * 0.16, rel=4 * np.sqrt(2 / 2000))


def test_patient_17_misses_the_same_doses_alone_and_in_another_plan_with_them():
    assert taken(30, missed=0.3)[17].doses == taken(1, first=17, missed=0.3)[0].doses
    longer = PLAN + prescribe("5 MIU IV day 100")
    plans, which = plans_taken(longer, im.Adherence(missed=0.3, source="s"), STAY[:30], Assay({}, 7, "a"), -14.0)
    ours = [dose for dose in plans[which[17]] if dose.time < 100]
    assert tuple(ours) == taken(30, missed=0.3)[17].doses


def test_delays_have_their_mean_and_sd_and_no_dose_comes_before_the_start():
    plans = taken(300, delay="6 h", delay_sd="2 h")
    times = np.array([[dose.time for dose in plan][1:] for plan in plans])
    late = times - [dose.time for dose in PLAN][1:]
    assert late.mean() == pytest.approx(0.25, abs=4 * (2 / 24) / np.sqrt(late.size))
    assert late.std() == pytest.approx(2 / 24, rel=4 / np.sqrt(2 * late.size))
    assert min(dose.time for plan in taken(100, delay_sd=10, start=0.0) for dose in plan if dose.action == "add") == 0


def test_patients_leave_at_the_hazard_that_is_said_and_take_nothing_later():
    left = leaving_days(im.Dropout(share=0.3, by=100, source="s"), 20_000, Assay({}, 7, "a"))
    for day, share in ((50, 1 - 0.7**0.5), (100, 0.3), (200, 1 - 0.7**2)):
        assert (left <= day).mean() == pytest.approx(share, abs=4 * np.sqrt(0.25 / 20_000))
    assert np.array_equal(leaving_days(im.Dropout(share=0.3, by=100, source="s"), 1, Assay({}, 7, "a", 9)), left[9:10])
    for plan, day in zip(taken(50, left=left[:50]), left, strict=False):
        assert [dose for dose in PLAN if dose.action == "replace" or dose.time < day] == list(plan)


def test_nobody_who_misses_nothing_has_a_plan_of_his_own():
    plans, which = plans_taken(PLAN, None, STAY, Assay(), 0.0)
    assert plans == [PLAN]
    assert not which.any()
    few, _ = plans_taken(PLAN, None, np.where(np.arange(2000) % 2, 30.0, np.inf), Assay(), 0.0)
    assert len(few) == 2


def trial(**said):
    arms = [
        im.Arm("IL-2", 20, "3 MIU SC BID days 1-5", patients="cd4 200-400, suppressed", **said),
        im.Arm("none", 20, patients="cd4 200-400, suppressed"),
    ]
    population = im.Population("il2_cd4_hiv", omega={"CL": 0.3})
    return im.Trial("t", population, [0, 28, 56, 365], arms, events="cumulative_hazard", same_patients=True)


def test_all_doses_missed_is_no_regimen_and_none_missed_is_the_regimen():
    missed = im.run_trial(trial(adherence=im.Adherence(missed=1, source="s")), n=20)
    assert np.array_equal(missed.cd4_patient.sel(arm="IL-2"), missed.cd4_patient.sel(arm="none"))
    plain = im.run_trial(trial(), n=20)
    some = im.run_trial(trial(adherence=im.Adherence(missed=1e-12, source="s")), n=20)
    assert np.array_equal(plain.cd4_patient, some.cd4_patient)


def test_who_has_left_has_no_later_visit_and_the_statistics_say_how_many_were_seen():
    result = im.run_trial(trial(dropout=im.Dropout(share=0.5, by=56, source="s")), n=200).sel(arm="IL-2")
    there = result.visit.values < result.left_day.values[:, None]
    assert np.array_equal(np.isfinite(result.cd4_patient.values), there)
    assert result.patients_seen.values.tolist() == there.sum(axis=0).tolist()
    median = np.nanmedian(result.cd4_patient.values, axis=0)
    assert np.array_equal(result.cd4_visit.sel(statistic="median").values, median, equal_nan=True)
    assert (np.where(np.isinf(result.event_day), -1, result.event_day) <= result.left_day).all()


def test_doses_that_a_rule_adds_are_missed_as_others_are_and_nobody_who_left_takes_them():
    line = "3 MIU SC every 28 days while il2 < 1000, at most 4"  # always: what is prescribed is one a visit
    visits = [0, 28, 56, 84, 112]

    def trial(**attending):
        arm = im.Arm("a", 5, line, **attending)
        return im.run_trial(im.Trial("t", im.Population("il2_sc"), visits, [arm]), n=300, seed=7)

    missed = im.Adherence(missed=0.3, source="assumed")
    result = trial(adherence=missed)
    assert trial().given_doses.values.tolist() == [[4] * 300]
    assert (result.given_cycles.values == 4).all()
    doses = result.given_doses.values
    # of 1200 doses 30 % are missed, with an SD of 1.3 %
    assert doses.mean() / 4 == pytest.approx(0.7, abs=4 * 0.013)
    fixed = im.Arm("a", 5, "3 MIU SC every 28 days x4", adherence=missed)
    planned = im.run_trial(im.Trial("t", im.Population("il2_sc"), visits, [fixed]), n=300, seed=7)
    assert planned.given_doses.values.tolist() == doses.tolist()  # the same times are missed, whoever prescribes

    leaving = trial(dropout=im.Dropout(share=0.5, by=60, source="assumed"))
    left = leaving.left_day.values[0]
    expected = np.minimum((np.ceil(left / 28)), 4)
    assert leaving.given_doses.values[0].tolist() == expected.tolist()
    assert leaving.given_cycles.values[0].tolist() == expected.tolist()


@pytest.mark.parametrize("window", [0.0, 5.0])
def test_visits_count_who_came_neither_those_who_missed_them_nor_those_who_had_left(window):
    arm = im.Arm("a", 5, dropout=im.Dropout(share=0.4, by=56, source="assumed"))
    visits = [0, 14, 28, 56]
    made = im.Trial(
        "t", im.Population("il2_sc"), visits, [arm], noise={"il2": 0.1}, missed_visits=0.3, visit_window=window
    )
    result = im.run_trial(made, n=300, seed=3)
    counts = np.isfinite(result.il2_patient.sel(arm="a").values).sum(axis=0)
    assert result.patients_seen.sel(arm="a").values.tolist() == counts.tolist()
    assert counts[0] == 300
    planned = result.left_day.values[0][:, None] > np.array(visits)
    if window:  # who came early, before he left, was seen, whatever was planned
        assert (np.isfinite(result.il2_patient.sel(arm="a").values) & ~planned).any()
    else:  # of those still there 70 % come, within 4 standard errors
        there = planned[:, -1].sum()
        assert counts[-1] / there == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / there))


def test_the_log_says_who_has_left_and_who_missed_a_visit():
    arm = im.Arm(
        "a", 5, "3 MIU SC every 28 days while il2 < 1000, at most 4",
        dropout=im.Dropout(share=0.5, by=60, source="assumed"),
    )  # fmt: skip
    made = im.Trial("t", im.Population("il2_sc"), [0, 28, 56, 84, 112], [arm], missed_visits=0.2)
    result = im.run_trial(made, n=200, seed=3)
    left = result.left_day.values[0][result.decision_patient.values.astype(int)]
    gone = result.decision_day.values >= left
    assert np.array_equal(result.decision_reason.values == "has left", gone)
    assert ((result.decision_reason.values == "missed visit") & ~gone).any()
    assert (result.decision_action.values[gone] == "none").all()
    assert im.replay_trial(made, result).identical(result)


def test_event_free_shares_of_patients_who_leave_are_those_of_a_table_of_who_is_at_risk():
    hazard = im.Model(
        "constant", [im.State("h", "events", scale=1.0), im.State("x", "mg", initial=5.0)],
        lambda t, x, p: {"h": p.rate, "x": 0.0}, [im.Parameter("rate", 0.01, "events/day")],
        outputs=[im.Output("y", "mg", lambda t, x, p: x.x)],
    )  # fmt: skip
    arm = im.Arm("a", 5, dropout=im.Dropout(share=0.5, by=100, source="assumed"))
    n, visits = 2000, [0, 50, 100, 150]
    made = im.Trial("t", im.Population(hazard), visits, [arm], events="h", visit_window=5.0, missed_visits=0.1)
    result = im.run_trial(made, n=n, seed=5).sel(arm="a")
    event, left = result.event_day.values, result.left_day.values
    # by hand, patient by patient: who has an event is not seen to leave, and who has left has no event that is seen
    last = np.minimum(np.minimum(event, left), visits[-1])
    share, at_risk, expected = 1.0, n, {}
    for day, had in sorted(zip(last.tolist(), (event <= last).tolist(), strict=True)):
        share *= 1 - had / at_risk
        at_risk -= 1
        expected[day] = share
    for day, value in zip(result.day.values, result.event_free.values, strict=True):
        before = [free for at, free in expected.items() if at <= day]
        assert value == pytest.approx(before[-1] if before else 1.0, abs=1e-12)
    # a constant hazard leaves exp(-0.01 t), whoever else leaves; Greenwood's SD is below that of the 1000 who stay
    at = result.event_free.sel(day=100).item()
    assert at == pytest.approx(np.exp(-1), abs=4 * np.sqrt(0.25 / 1000))
    assert np.isinf(event[event > left]).all()


# y falls by 1 mg a day, and doses come straight into it: at the end it is 500 less the days, and all that was taken
COUNT = im.Model(
    "count", [im.State("count", "mg", initial=lambda p: p.first, scale=1.0)], lambda t, x, p: {"count": -p.falls},
    [im.Parameter("falls", 1.0, "mg/day"), im.Parameter("first", 500.0, "mg")], routes={"iv": "count"},
    outputs=[im.Output("y", "mg", lambda t, x, p: x.count)],
)  # fmt: skip
FOUR = "100 mg IV bolus every 28 days x4"
ONCE = im.Rule(
    name="once", day=56, when=im.When(signal="y", days=(56,), above=0.5),
    then=im.Action(label="more", regimen="50 mg IV bolus every 1 day x3"), otherwise=im.Action(label="none"),
)  # fmt: skip
EARLY = [
    pytest.param("100 mg IV bolus every 28 days while y < 600, at most 4", (), id="added"),
    pytest.param(f"{FOUR}; hold when y > 500 until y < 480", (), id="held"),
    pytest.param(f"{FOUR}; halve when y > 500", (), id="scaled"),
    pytest.param(f"{FOUR}; stop when y > 560", (), id="stopped"),
    pytest.param(None, (ONCE,), id="once"),
]


def counted(line, rules, delay_sd="6 h", arm="a", **fields):
    adherence = im.Adherence(delay_sd=delay_sd, source="assumed") if delay_sd else None
    arms = [im.Arm(arm, 5, line, rules=list(rules), adherence=adherence)]
    return im.Trial("t", im.Population(COUNT), [0, 28, 56, 84, 112, 150], arms, **fields)


@pytest.mark.parametrize("fields", [{}, {"visit_window": 3.0, "missed_visits": 0.2}], ids=["exact", "window"])
@pytest.mark.parametrize(("line", "rules"), EARLY)
def test_doses_that_are_drawn_early_are_in_the_course_as_often_as_they_are_counted(line, rules, fields):
    trial = counted(line, rules, start=-14.0, **fields)
    result = im.run_trial(trial, n=200, seed=1)
    done = run_arm(trial, trial.arms[0], 200, 1)
    end = done.values[:, -1, 0]
    # closed form, to the solver's tolerance; all of y's 664 mg are straight lines and jumps
    assert end == pytest.approx(500 - 164 + result.given_count.values[0], rel=1e-6)


@pytest.mark.parametrize(("line", "rules"), EARLY)
def test_early_doses_are_the_same_in_batches_and_when_decisions_are_done_again(line, rules):
    trial = counted(line, rules, visit_window=3.0)
    result = im.run_trial(trial, n=40, seed=3)
    assert im.replay_trial(trial, result).identical(result)
    whole = run_arm(trial, trial.arms[0], 40, 3)
    later = run_arm(trial, trial.arms[0], 15, 3, first=25)
    assert np.array_equal(whole.values[25:], later.values)


def test_compared_schedules_count_the_early_doses_that_their_courses_have():
    lines = [line for line, rules in (p.values for p in EARLY) if not rules]
    result = im.compare(COUNT, lines, until=150, n=50, adherence=im.Adherence(delay_sd="6 h", source="assumed"))
    assert result.each.sel(endpoint="mg").values == pytest.approx(result.given_count.values)
    assert result.y_patient.values[:, :, -1] == pytest.approx(350 + result.given_count.values, rel=1e-6)


def test_no_dose_is_taken_before_a_decision_that_might_have_changed_it_and_others_are():
    line, _ = EARLY[0].values
    trial = counted(line, (), start=-14.0)
    done = run_arm(trial, trial.arms[0], 200, 1)
    times = np.array([[dose.time for dose in done.plans[k]][:2] for k in done.which])
    assert (times >= [0, 28]).all()
    # half are drawn early and come with the visit: binomial, 4 standard errors
    assert (times == [0, 28]).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(times.size))
    plain = run_arm(trial := counted(FOUR, (), start=-14.0), trial.arms[0], 200, 1)
    first = np.array([plain.plans[k].doses[0].time for k in plain.which])
    assert (first < 0).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(200))


def test_who_leaves_before_a_late_dose_does_not_take_it():
    plans = taken(300, left=np.full(300, 2.0), delay="12 h", delay_sd="6 h")
    times = [dose.time for plan in plans for dose in plan if dose.action == "add"]
    assert max(times) < 2.0
