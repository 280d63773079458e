"""What rules do to a prescription: doses that have been given stay, and what is set in a state is no dose."""

import numpy as np
import pytest

import immunode as im
from immunode.virtual_trials import prescribed as rx

CYCLES = im.prescribe("3 MIU SC QD days 1-2 every 10 days x3")
ART = im.replace("art", 1, day=21)


@pytest.fixture
def before():
    return rx.prescribed(CYCLES + ART, rx.cycle_starts(CYCLES), 2)


def times(regimen):
    return [dose.time for dose in regimen.doses if dose.action == "add"]


@pytest.mark.parametrize(
    ("sentence", "starts"),
    [
        ("3 MIU SC QD days 1-5,8-12 every 28 days x3", (0, 28, 56)),
        ("3 MIU SC", (0,)),
        ("3 MIU SC day 5", (4,)),
        ("3 MIU SC QD days 1-5 every 28 days x2 then 1 MIU SC QD days 1-5 every 28 days x2", (0, 28, 56, 84)),
        ("6 MIU IV day 1 then 3 MIU SC QD days 2-5", (0,)),
        ("6 MIU SC day 1 then 3 MIU SC QD days 1-5 from day 43", (0, 42)),
        ("3 MIU SC QD days 1-5 every 28 days x2 plus 100 ug IV days 1-30 QD", (0, 28)),
        ("3 MIU SC QD days 1-5 from day 15 every 28 days x2", (14, 42)),
    ],
)
def test_the_cycles_of_a_sentence_begin_where_it_says(sentence, starts):
    assert rx.cycle_starts(im.prescribe(sentence)) == starts


def test_the_cycles_of_other_regimens_are_told_by_their_pauses():
    assert rx.cycle_starts(CYCLES + im.Regimen()) == (0, 10, 20)
    assert rx.cycle_starts(im.dose("1 mg", "iv", days=[1, 8, 15, 23])) == (0, 22)
    assert rx.cycle_starts(ART) == rx.cycle_starts(None) == ()


def test_a_factor_is_on_doses_from_the_day_on_and_on_those_that_come(before):
    after = rx.rescaled(before, 0.5, 10.0, 1)
    assert [dose.amount for dose in after.regimen.doses if dose.action == "add"] == [3, 3, 1.5, 1.5, 1.5, 1.5]
    more = rx.added(after, im.prescribe("3 MIU SC").shift(40), [40.0], 0)
    assert more.regimen.doses[-1].amount == 1.5
    assert more.acts == (1, 1)
    assert more.starts == (0, 10, 20, 40)
    assert more.amount("MIU") == 6 + 6 + 1.5
    assert more.amount("mg") == 0
    assert [dose.amount for dose in after.regimen.doses if dose.action != "add"] == [1]


def test_an_infusion_at_a_rate_takes_as_long_with_less():
    infusion = im.prescribe("100 mg IV at 10 mg/h")
    (dose,) = rx.scaled(infusion, 0.5, 0.0).doses
    assert dose.amount == 50
    assert dose.amount / dose.rate == infusion.doses[0].amount / infusion.doses[0].rate


def test_withheld_doses_that_pass_are_lost_and_the_others_come_back(before):
    held = rx.withheld(before, 1.0, 0)
    assert times(held.regimen) == [0]
    assert held.starts == (0,)
    assert held.held == 0
    back = rx.resumed(held, 11.0)
    assert times(back.regimen) == [0, 11, 20, 21]
    assert back.starts == (0, 20)
    assert back.held == -1
    assert times(rx.resumed(held, 1.0).regimen) == times(before.regimen)


def test_a_stop_is_for_good_and_keeps_what_is_set(before):
    after = rx.stopped(before, 10.0, 1)
    assert times(after.regimen) == [0, 1]
    assert after.stopped
    assert after.acts == (0, 1)
    assert [dose.into for dose in after.regimen.doses if dose.action != "add"] == ["art"]


def test_nothing_changes_the_prescription_before(before):
    kept = before.regimen
    for change in (rx.stopped, rx.withheld):
        change(before, 5.0, 0)
    assert before.regimen is kept
    assert np.array_equal(before.starts, (0, 10, 20))
