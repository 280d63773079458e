"""What is given within a window: the dose that measures divide by, and where a course is cut."""

import pytest

import immunode as im
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.errors import BadValue
from immunode.simulation.doses_within import breaks, dose_within, given_within
from tests.calibration.made_up import BOLUS, evidence, row


def within(regimen, first, day):
    return dose_within("a row", BOLUS, im.prescribe(regimen), first, day)[0]


@pytest.mark.parametrize(
    ("regimen", "first", "day", "expected"),
    [
        ("1 MIU IV bolus days 1-5", 0, 1, 1),  # a dose on the last day lies after the window
        ("1 MIU IV bolus days 1-5", 0, 5, 5),
        ("1 MIU IV bolus days 1-5", 1, 3, 2),
        ("1 MIU IV bolus days 1-5", 2.1, 2.9, 1),  # none within: the one that the course comes from
        ("1 MIU IV bolus days 1-5", 7, 9, 1),
        ("8 MIU IV over 24 h", 0, 0.25, 2),
        ("8 MIU IV over 24 h", 0.5, 2, 4),
        ("8 MIU IV over 24 h", 1, 2, 8),
        ("2500 kIU IV bolus", 0, 1, 2.5),
    ],
)
def test_a_dose_counts_where_it_is_within_the_window(regimen, first, day, expected):
    assert within(regimen, first, day) == pytest.approx(expected, rel=1e-12)


def test_nothing_after_a_window_changes_what_is_in_it():
    rows = [row(measure=name, day=1.0, from_day=0.0) for name in ("clearance", "level_per_dose", "auc", "cmax")]
    one, more = (
        predict(fit_problem([evidence(rows, f"1 MIU IV over 1 h{days}")], BOLUS), [{}])[0] for days in ("", " days 1-5")
    )
    assert more == pytest.approx(one, rel=1e-7)


def test_a_window_without_a_dose_before_its_end_is_refused():
    with pytest.raises(BadValue, match="needs doses in one unit; doses there: none"):
        within("1 MIU IV bolus day 10", 0, 5)


TWO = im.Model(
    "two", [im.State("a", "mg"), im.State("b", "MIU")], lambda t, x, p: {"a": -p.k * x.a, "b": -p.k * x.b},
    [im.Parameter("k", 1.0, "1/day")], routes={"sc": "a", "iv": "b"},
)  # fmt: skip


def test_amounts_of_different_units_are_not_summed():
    both = im.dose("5 mg", "sc") + im.dose("1 MIU", "iv", times=[2])
    assert dose_within("a row", TWO, both, 0, 1) == (5, "mg")
    with pytest.raises(BadValue, match=r"a row: .* doses there: MIU and mg"):
        dose_within("a row", TWO, both, 0, 3)


def test_a_course_is_cut_where_doses_begin_and_end():
    assert breaks([im.prescribe("1 MIU IV over 6 h"), im.dose("6 MIU", "iv", times=[1], rate="6 MIU/h")]) == (
        pytest.approx([0, 0.25, 1, 1 + 1 / 24])
    )


def test_what_many_regimens_give_is_what_each_gives_in_the_unit_of_its_state():
    both = im.dose("5 mg", "sc") + im.dose("1 MIU", "iv", times=[2])
    infusion = im.prescribe("2000 kIU IV over 24 h days 1-2") + im.replace("b", "9 MIU", time=0.5)
    each = given_within(TWO, [both, infusion, im.Regimen()], 0.5, 2)
    assert each.doses["a"].tolist() == [0, 0, 0]
    assert each.doses["b"].tolist() == [0, 1, 0]  # the infusion of day 2 begins within, that of day 1 before
    assert each.amount["b"].tolist() == [0, pytest.approx(1 + 2), 0]
    assert given_within(TWO, [both], 0, 2.5).amount == {"a": [5.0], "b": [1.0]}
