"""What a regimen holds, and how its verbs move, repeat and add it."""

import math
from dataclasses import replace as changed

import pytest
from hypothesis import given
from hypothesis import strategies as st

from immunode.errors import BadValue
from immunode.regimen import Dose, Regimen, dose, multiply, prescribe, replace, reset
from immunode.regimen.doses import is_bare

CYCLE = dose("3 MIU", "sc", days=[*range(1, 6), *range(8, 13)])
amounts = st.floats(0, 1e3)
doses = st.builds(Dose, amounts, st.just("MIU"), st.sampled_from(["sc", "iv"]), st.floats(-30, 400), st.floats(0, 5))
regimens = st.builds(Regimen, st.lists(doses, max_size=6).map(tuple))


def times(regimen):
    return [item.time for item in regimen]


def test_the_published_regimen_has_thirty_doses_on_the_stated_days():
    regimen = CYCLE.repeat(every="28 d", times=3)
    days = [28 * cycle + day for cycle in range(3) for day in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12)]
    assert times(regimen) == [day - 1 for day in days]
    assert {(d.amount, d.unit, d.into, d.duration, d.action) for d in regimen} == {(3.0, "MIU", "sc", 0.0, "add")}
    assert (len(regimen), regimen.total(), regimen.end) == (30, "90 MIU", 67.0)


def test_doses_are_sorted_by_time_and_keep_the_given_order_at_one_time():
    reset, add = replace("central", "0 MIU", time=1.0), dose("1 MIU", "iv", days=[2])
    late = dose("2 MIU", "iv", days=[9])
    assert (late + reset + add).doses == reset.doses + add.doses + late.doses
    assert (late + add + reset).doses == add.doses + reset.doses + late.doses
    assert reset + add != add + reset  # the order is part of what happens


def test_resets_name_their_action_and_count_no_dose():
    regimen = replace("virus", "50 copies/mL", day=15) + multiply("resting", 0.5, time="1 week")
    assert regimen.doses == (
        Dose(0.5, "1", "resting", 7.0, action="multiply"),
        Dose(50.0, "copies/mL", "virus", 14.0, action="replace"),
    )
    assert regimen.total() == ""
    assert str(regimen) == "resting times 0.5 on day 8; virus set to 50 copies/mL on day 15"


def test_a_sentence_stays_when_states_are_set_beside_it():
    text = "4.5 MIU SC BID days 1-5 every 8 weeks x3"
    stop, start = replace("art", 0, time="6 mo"), replace("art", 1, day=1)
    assert str(prescribe(text) + stop) == f"{text}; art set to 0 on day 184"
    assert str(stop + prescribe(text)) == f"{text}; art set to 0 on day 184"
    assert str(prescribe(text) + start + stop) == f"{text}; art set to 1 on day 1; art set to 0 on day 184"
    assert str(sum([prescribe(text)])) == str(Regimen() + prescribe(text)) == text
    assert str(stop + stop.shift("14 d")) == "art set to 0 on days 184,198"
    assert str(stop + reset(day=9)) == "reset on day 9; art set to 0 on day 184"
    both = prescribe("3 MIU SC") + prescribe("3 MIU SC day 8")
    assert str(both) == "3 MIU sc days 1,8 (n = 2, total 6 MIU)"


def test_unlike_units_are_totalled_apart_and_like_ones_together():
    assert (dose("3 MIU", "sc") + dose("500 kIU", "iv")).total() == "3.5 MIU"
    assert (dose("3 MIU", "sc") + dose("2 mg", "sc")).total() == "3 MIU + 2 mg"


def test_text_and_html_describe_cycles_and_escape_names():
    assert str(CYCLE) == "3 MIU sc days 1-5,8-12 (n = 10, total 30 MIU)"
    assert str(Regimen()) == "no treatment"
    html = dose("1 MIU", "<b>", duration="2 d")._repr_html_()
    assert "<td>1 MIU over 2 d</td><td>&lt;b&gt;</td><td>day 1</td><td>1</td><td>1 MIU</td>" in html
    many = str(CYCLE.repeat(every=28, times=50))
    assert "..." in many
    assert len(many) < 100


@given(regimens, st.integers(1, 5), st.floats(0.1, 100))
def test_repeating_keeps_every_copy(regimen, count, every):
    repeated = regimen.repeat(every=every, times=count)
    assert len(repeated) == count * len(regimen)
    assert times(repeated) == sorted(times(repeated))
    copies = sum((regimen.shift(k * every) for k in range(count)), Regimen())
    assert sorted(times(copies)) == times(repeated)


@given(regimens, regimens)
def test_adding_nothing_changes_nothing_and_sizes_add(a, b):
    assert a + Regimen() == a == Regimen() + a
    assert len(a + b) == len(a) + len(b)
    assert (a + b).end == max([r.end for r in (a, b) if len(r)], default=0.0)


@given(regimens, st.integers(-1000, 1000))
def test_at_puts_the_first_dose_at_the_time(regimen, time):
    moved = regimen.at(time)
    assert len(moved) == len(regimen)
    if len(regimen):
        assert math.isclose(moved.doses[0].time, time, rel_tol=1e-12, abs_tol=1e-10)  # one subtraction, one addition


def test_verbs_leave_the_original_alone():
    before = CYCLE.doses
    CYCLE.repeat(every=28, times=2), CYCLE.shift("14 d"), CYCLE.at("1 week"), CYCLE + CYCLE
    assert CYCLE.doses == before
    assert times(CYCLE.shift("14 d")) == [time + 14 for time in times(CYCLE)]


def test_a_repeated_steady_state_is_found_again_in_every_cycle():
    cycle = dose("100 mg", "po", steady_state="replace", every="12 h") + dose("100 mg", "po", times=["12 h"])
    again = cycle.repeat(every="28 d", times=2)
    assert times(again) == [0, 0.5, 28, 28.5]
    assert [(item.steady_state, item.every) for item in again] == 2 * [("replace", 0.5), ("", 0.0)]


def test_doses_that_go_on_from_one_steady_state_are_a_sum():
    first = dose("100 mg", "po", steady_state="replace", every="12 h")
    more = dose("100 mg", "po").repeat(every="12 h", times=3).shift("12 h")
    assert first + more == prescribe("100 mg PO q12h x4 at steady state")


def test_a_reset_stands_before_or_after_the_doses_of_its_time_as_the_sum_says():
    course = prescribe("3 MIU SC QD days 1-3")
    (wiped,) = [k for k, item in enumerate(course + reset(day=2)) if item.action == "reset"]
    (before,) = [k for k, item in enumerate(reset(day=2) + course) if item.action == "reset"]
    assert (wiped, before) == (2, 1)


def test_a_sum_holds_no_more_doses_than_a_course():
    many = "3 MIU SC QD days 1-5 every 28 days x1300"
    for sentence in (" plus ".join([many] * 16), " then ".join([many.replace("1300", "1000")] * 21)):
        with pytest.raises(BadValue, match="doses are more than the 100000 a regimen may hold"):
            prescribe(sentence)


def test_how_a_time_was_said_makes_no_other_kind_of_dose():
    said, bare = dose("3 MIU", "sc", times=["1 d"]), dose("3 MIU", "sc", times=[1])
    assert said == bare
    assert str(said + bare.shift("1 d")) == str(said + said.shift("1 d"))


def test_a_list_of_regimens_can_be_summed():
    one, other = prescribe("3 MIU SC QD days 1-5"), dose("6 MIU", "iv")
    assert sum([one, other]) == one + other
    for left in (1, 0.0, False, "3 MIU SC", None):
        with pytest.raises(BadValue, match=r"^what \+ a regimen = .*: expected a Regimen, such as prescribe"):
            left + one


def test_a_dose_that_is_given_another_time_says_anew_whether_that_has_a_unit():
    moved = changed(Dose(3.0, "mg", "iv", 0.0), time=2.0)
    assert is_bare(moved)
    assert not is_bare(changed(moved, time=0.0))
    assert not is_bare(changed(Dose(3.0, "mg", "iv", 0.0, bare=False), time=2.0))
