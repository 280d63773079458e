"""What a regimen holds, how its verbs move and repeat it, and which slips it refuses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immunode.errors import BadValue, UnitError
from immunode.regimen import MOST_DOSES, Dose, Regimen, dose, multiply, prescribe, replace, reset
from immunode.units import factor, registry

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


def test_day_one_is_time_zero_and_the_default():
    assert dose("3 MIU", "sc").doses == (Dose(3.0, "MIU", "sc", 0.0),)


@pytest.mark.parametrize("per_day", [1, 2, 3, 4])
def test_doses_of_a_day_are_evenly_spaced_from_its_start(per_day):
    assert times(dose("1 MIU", "sc", days=[2], per_day=per_day)) == [1 + k / per_day for k in range(per_day)]


def test_times_may_be_text_or_days_and_a_duration_makes_infusions():
    regimen = dose("1 MIU", "iv", times=["36 h", 2], duration="2 h")
    assert times(regimen) == [1.5, 2.0]
    assert [item.duration for item in regimen] == [2 / 24, 2 / 24]
    assert regimen.end == 2 + 2 / 24


@pytest.mark.parametrize(
    ("amount", "body", "expected"),
    [("3 MIU/m2", "1.85 m2", 5.55), ("3 MIU / m²", "185 dm^2", 5.55), ("0.1 MIU/kg", "70 kg", 7)],
)
def test_a_body_size_resolves_the_amount(amount, body, expected):
    (item,) = dose(amount, "sc", body=body)
    assert item.unit == "MIU"
    assert math.isclose(item.amount, expected, rel_tol=1e-14)  # one multiplication: rounding only


def test_pint_quantities_are_amounts_and_body_sizes():
    unit = registry()
    (item,) = dose(3 * unit.MIU / unit.m**2, "sc", body=1.85 * unit.m**2)
    assert math.isclose(item.amount * factor(item.unit, "IU"), 5.55e6, rel_tol=1e-14)
    (item,) = dose(2.0 * unit.Unit("mg/kg"), "sc", body=70 * unit.kg)
    assert (item.amount, factor(item.unit, "mg")) == (140.0, 1.0)


def test_numpy_days_and_amounts_are_accepted():
    assert times(dose("1 MIU", "sc", days=np.arange(1, 4))) == [0, 1, 2]
    assert Dose(np.float64(2.0), "MIU", "sc", 0.0) == Dose(2.0, "MIU", "sc", 0.0)


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
    assert str(regimen) == "times 0.5 resting day 8 (n = 1); set to 50 copies/mL virus day 15 (n = 1)"


def test_days_before_day_one_are_negative_and_there_is_no_day_zero():
    assert times(replace("art", 1, day=-14)) == [-14.0]
    assert str(replace("art", 1, day=-14)) == "set to 1 art day -14 (n = 1)"
    with pytest.raises(BadValue, match="day 1 is time 0"):
        replace("art", 1, day=0)


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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dose("-3 MIU", "sc"), "negative"),
        (lambda: dose("nan MIU", "sc"), "not a finite number"),
        (lambda: dose(math.nan, "sc"), "finite number"),
        (lambda: dose("three MIU", "sc"), "not a number"),
        (lambda: dose("3 MIU", ""), "route"),
        (lambda: dose("3 MIU", "sc", days=[0]), "day 1 is the first"),
        (lambda: dose("3 MIU", "sc", days=[1.5]), "whole number"),
        (lambda: dose("3 MIU", "sc", days=[]), "at least one"),
        (lambda: dose("3 MIU", "sc", days=3), r"days=\[1, 2, 3\]"),
        (lambda: dose("3 MIU", "sc", days="1-5"), r"days=\[1, 2, 3\]"),
        (lambda: dose("3 MIU", "sc", days=[3, 1, 3]), "day 3 is listed twice"),
        (lambda: dose("3 MIU", "sc", days=[1], times=[1]), "not both"),
        (lambda: dose("3 MIU", "sc", per_day=0), "per_day = 0"),
        (lambda: dose("3 MIU", "sc", per_day=MOST_DOSES + 1), "more than the 100000"),
        (lambda: dose("3 MIU", "iv", duration="0 h"), "longer than zero"),
        (lambda: dose("3 MIU", "sc", times=[math.inf]), "finite number"),
        (lambda: dose("3 MIU/m2", "sc"), "add body='1.85 m2'"),
        (lambda: dose("3 MIU", "sc", body="70 kg"), "not per m2 or per kg"),
        (lambda: dose("3 MIU/m2", "sc", body="-1 m2"), "more than zero m2"),
        (lambda: CYCLE.repeat(every="28 d", times=0), "times = 0"),
        (lambda: CYCLE.repeat(every="28 d", times=True), "times = True"),
        (lambda: CYCLE.repeat(every="28 d", times=2.5), "times = 2.5"),
        (lambda: CYCLE.repeat(every="0 d", times=3), "every = '0 d'"),
        (lambda: CYCLE.repeat(every=-28, times=3), "every = -28"),
        (lambda: CYCLE.repeat(every=1, times=10**9), "more than the 100000"),
        (lambda: replace("virus", "50 copies/mL"), "say when"),
        (lambda: replace("virus", "50 copies/mL", day=math.nan), "whole number"),
        (lambda: multiply("virus", -1, day=1), "negative"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, action="stop"), "'add', 'replace', 'multiply', 'reset'"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, duration=-1.0), "duration of a dose = -1"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, action="reset"), "a reset is of the whole patient"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, duration=1.0, rate=1.0), "give one"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, steady_state="replace"), "every='12 h'"),
        (lambda: Dose(1.0, "MIU", "sc", 0.0, every=1.0), "use repeat"),
        (lambda: Dose(0.0, "MIU", "iv", 0.0, rate=1.0), "gives nothing"),
        (lambda: Dose(1.0, "1", "virus", 0.0, duration=1.0, action="multiply"), "happens at once"),
        (lambda: Regimen(("3 MIU SC",)), "a regimen holds doses"),
    ],
)
def test_slips_are_refused_with_the_cure(make, message):
    with pytest.raises(BadValue, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: dose("3 bananas", "sc"),
        lambda: dose("3 MIU/m2", "sc", body="70 kg"),
        lambda: CYCLE.repeat(every="28 mg", times=2),
        lambda: dose("3 MIU", "iv", duration="2 L"),
    ],
)
def test_wrong_units_are_refused(make):
    with pytest.raises(UnitError):
        make()


def test_a_wrong_kind_of_unit_is_kept_as_given_for_the_state_to_refuse():
    (item,) = dose("3 mg", "sc")
    with pytest.raises(UnitError, match="'mg' cannot be converted to 'MIU'"):
        factor(item.unit, "MIU")


def test_a_moved_dose_is_the_dose_that_one_would_have_made_there():
    slow = Dose(3.0, "MIU", "iv", 1.0, rate=2.0, steady_state="replace", every=0.5)
    (later,) = Regimen((slow,)).shift("2 d")
    assert later == Dose(3.0, "MIU", "iv", 3.0, rate=2.0, steady_state="replace", every=0.5)
    assert slow.time == 1.0
    with pytest.raises(BadValue, match="time of a dose = inf"):
        Regimen((Dose(3.0, "MIU", "iv", 1e308),)).shift(1e308)
