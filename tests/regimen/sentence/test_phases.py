"""When a phase begins: `then`, `plus`, `from`, and the body size that holds for all."""

import pytest

from immunode.regimen import prescribe


def test_then_begins_when_the_next_cycle_would_have_begun():
    # ANRS 079 (Levy 2003): 5 MIU bid for 5 days every 4 weeks x3, then every 8 weeks x7
    course = prescribe("5 MIU SC BID days 1-5 every 4 weeks x3 then 5 MIU SC BID days 1-5 every 8 weeks x7")
    starts = [0, 28, 56, *range(84, 84 + 7 * 56, 56)]
    assert [d.time for d in course] == [start + k / 2 for start in starts for k in range(10)]
    assert course.total() == "500 MIU"


def test_then_from_day_is_absolute_and_a_later_phase_follows_it():
    course = prescribe("1 MIU SC every 7 days x2 then 2 MIU SC from day 60 every 7 days x2 then 3 MIU SC")
    assert [(d.time, d.amount) for d in course] == [(0, 1), (7, 1), (59, 2), (66, 2), (73, 3)]


def test_a_body_size_stated_once_holds_for_every_phase():
    course = prescribe("1 MIU/m2 SC every 7 days x2 then 2 MIU/m2 SC for 1.5 m2")
    assert [d.amount for d in course] == [1.5, 1.5, 3.0]


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("1 mg IV q12h x4 then 2 mg IV q24h x2", [48, 72]),  # the next dose of the phase before
        ("1 mg IV QD days 1-3 then 2 mg IV q12h x2", [72, 84]),
        ("1 mg IV then 2 mg IV q12h x2", [12, 24]),  # after a single dose: one interval of the new phase
        ("1 mg IV then 2 mg IV for 2 days", [24, 48]),
        ("1 mg IV then 2 mg IV every 2 weeks x2", [336, 672]),
        ("1 mg IV day 1 then 2 mg IV q12h x2", [24, 36]),  # a stated day is a whole day
        ("1 mg IV over 2 h then 2 mg/day CIV for 2 days", [2]),  # an infusion goes on where the loading dose ends
        ("1 mg IV then 2 mg/day CIV days 1-2", [0]),
        ("9 mg/day CIV days 1-2 then 2 mg IV q12h x2", [48, 60]),
        ("1 mg IV from hour 6 then 2 mg IV 18 h later", [24]),
        ("1 mg IV then 2 mg IV QD days 4-5", [72, 96]),
        ("1 mg IV QD days 1-3 then 1 mg IV QD for 2 days then 2 mg IV QD days 9,11", [192, 240]),
        ("1 mg IV every 7 days x2 then 1 mg IV q24h x2 then 2 mg IV QD x1", [384]),
        ("1 mg IV q12h x4 plus 2 mg IV QD x2", [0, 24]),  # another course begins on day 1
        ("1 mg IV every 7 days x2 plus 1 mg IV QD x3 then 2 mg IV QD x1", [72]),
    ],
)
def test_then_and_plus_say_when_a_phase_begins(text, starts):
    begins = [item.time * 24 for item in prescribe(text) if item.amount in (2, 4)]
    assert begins == pytest.approx(starts, rel=1e-12)  # hours to days and back: rounding only
    assert prescribe(str(prescribe(text))) == prescribe(text)
