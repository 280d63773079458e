"""What patients were given before a visit: by hand, of infusions in part, as taken, and as in the result of a trial."""

import numpy as np
import pytest

import immunode as im
from immunode.conditions import read
from immunode.virtual_trials.given_so_far import given_before
from immunode.virtual_trials.prescribed import prescribed
from immunode.virtual_trials.recurring import Histories
from tests.virtual_trials.linear import log, rule, trial

CYCLES = im.prescribe("3 MIU SC QD days 1-2 every 10 days x3")  # days 0, 1, 10, 11, 20, 21
INFUSION = im.prescribe("100 mg IV over 4 days")
NONE = im.Regimen()


def asked(text, at, first=-np.inf, plans=(CYCLES, INFUSION, NONE)):
    """Return what a condition counts of patients with these plans, who come on days `at`."""
    which = np.arange(len(plans))
    starts = [(0, 10, 20), (0,), ()]
    histories = Histories([prescribed(one, begun, 0) for one, begun in zip(plans, starts, strict=True)], which)
    return given_before(read(text), (plans, which), histories, first, np.asarray(at, float)).tolist()


@pytest.mark.parametrize(
    ("text", "at", "first", "expected"),
    [
        ("doses < 9", [10, 10, 10], -np.inf, [2, 1, 0]),  # that of the day itself comes after the visit
        ("doses < 9", [10.5, 0, 10], -np.inf, [3, 0, 0]),
        ("cycles < 9", [20, 20, 20], -np.inf, [2, 1, 0]),
        ("given < 9 MIU", [21, 10, 10], -np.inf, [15, 0, 0]),  # of another kind nothing counts
        ("given < 9 mg", [21, 3, 10], -np.inf, [0, 75, 0]),
        ("given < 9 g", [21, 3, 10], -np.inf, [0, 0.075, 0]),
        ("given < 9 mg", [21, 3, 10], 1.0, [0, 50, 0]),
        ("doses < 9", [21, 3, 10], 1.0, [4, 0, 0]),
        ("cycles < 9", [21, 3, 10], np.array([10, 0, 0]), [2, 1, 0]),
    ],
)
def test_what_was_given_by_hand(text, at, first, expected):
    assert asked(text, at, first) == pytest.approx(expected, rel=1e-12)


def test_ten_tenths_are_one():
    tenths = im.prescribe("0.1 MIU SC QD days 1-10")
    assert asked("given < 1 MIU", [20, 20, 20], plans=(tenths, tenths, tenths)) == [1.0, 1.0, 1.0]


def test_a_rule_acts_until_so_much_is_given():
    result = im.run_trial(trial(rule("given < 250 mg and cycles < 9", every=7), regimen="100 mg IV bolus"), n=2, seed=1)
    assert (result.given_x == 310).all()  # 100, 170, 240, 310
    rows = log(result)[lambda rows: rows.patient == 0]
    assert rows.given_mg.tolist()[:5] == [100, 170, 240, 310, 310]
    assert rows.cycles.tolist()[:5] == [1, 2, 3, 4, 4]


def test_it_is_what_patients_took_as_in_the_result():
    late = im.Adherence(missed=0.3, delay="1 d", delay_sd="1 d", source="made up")
    acts = rule("doses >= 99 or given > 990 mg or cycles > 99", days=[84, 85])
    arm = im.Arm("a", 5, "10 mg IV bolus every 7 days x12", rules=[acts], adherence=late)
    noted = trial(arms=[arm], visits=[0, 84, 85, 86])
    result = im.run_trial(noted, n=50, seed=1)
    last = log(result)[lambda rows: rows.day == 85].set_index("patient")
    assert (last.doses == result.given_doses.values[0]).all()
    assert (last.given_mg == result.given_x.values[0]).all()
    assert last.doses.nunique() > 4
    assert (last.cycles == 12).all()
    assert im.replay_trial(noted, result).identical(result)
