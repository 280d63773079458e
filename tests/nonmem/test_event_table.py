"""What each patient of an event table gets: infusions, steady states, additional doses, their order, resets."""

import warnings

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immunode.nonmem import check, describe, read
from immunode.regimen import Dose
from immunode.units import factor
from tests.support.event_tables import DAYS, INFUSED, ORAL, frame


def doses_of(text, model=ORAL):
    """Return (time, amount, into) of the doses of a one-patient table, and how many stand before each row."""
    events = read(frame(text), model)
    clock = factor("day", model.time)
    return [(d.time * clock, d.amount, d.into) for d in events.regimens[0]], events.after[0].tolist()


def test_a_record_of_another_kind_is_an_output_and_no_dose():
    doses, after = doses_of("ID,TIME,AMT,EVID\n1,0,100,1\n1,1,0,2\n1,2,0,0")
    assert (doses, after) == ([(0, 100, "oral")], [1, 1])


def test_a_rate_is_per_time_unit_and_a_duration_in_it():
    events = read(frame("ID,TIME,AMT,RATE,DUR\n1,0,100,10,0\n1,24,100,0,2"), ORAL)
    assert events.regimens[0].doses == (
        Dose(100.0, "mg", "oral", 0.0, rate=240.0),
        Dose(100.0, "mg", "oral", 1.0, duration=2 / 24),
    )


@pytest.mark.parametrize(("code", "modelled"), [(-1, "rate"), (-2, "duration")])
def test_a_modelled_rate_or_duration_needs_one_in_the_model(code, modelled):
    text = f"ID,TIME,AMT,CMT,RATE\n1,0,100,2,{code}"
    (item,) = read(frame(text), INFUSED).regimens[0]
    assert (item.modelled, item.rate, item.duration) == (modelled, 0.0, 0.0)
    (finding,) = check(frame(text), ORAL)
    assert finding.error
    assert (finding.row, finding.column, finding.value) == (0, "RATE", str(code))
    assert f"{modelled}=" in finding.cure


def test_steady_state_is_of_the_record_and_additional_doses_are_plain():
    events = read(frame("ID,TIME,AMT,SS,II,ADDL\n1,0,100,1,12,2\n1,12,50,2,24,0"), ORAL)
    first, second, third, fourth = events.regimens[0]
    assert (first.steady_state, first.every) == ("replace", 0.5)
    assert second == Dose(100.0, "mg", "oral", 0.5)  # additional ones stand before the record of the same time
    assert (third.amount, third.steady_state, third.every) == (50.0, "add", 1.0)
    assert fourth == Dose(100.0, "mg", "oral", 1.0)


def test_additional_doses_come_before_every_record_of_their_time():
    text = (
        "ID,TIME,AMT,EVID,II,ADDL\n1,0,100,1,12,2\n1,0,0,0,0,0\n1,12,0,0,0,0\n1,12,7,1,0,0\n1,12,0,0,0,0\n1,30,0,0,0,0"
    )
    doses, after = doses_of(text)
    assert doses == [(0, 100, "oral"), (12, 100, "oral"), (12, 7, "oral"), (24, 100, "oral")]
    assert after == [1, 2, 3, 4]


def test_record_order_decides_between_a_dose_and_an_observation():
    assert doses_of("ID,TIME,AMT,EVID\n1,0,0,0\n1,0,100,1\n1,0,0,0")[1] == [0, 1]


def test_an_additional_dose_meets_the_record_that_is_written_as_a_decimal():
    assert 3 * 0.1 != 0.3
    doses, after = doses_of("ID,TIME,AMT,EVID,II,ADDL\n1,0,100,1,0.1,3\n1,0.3,0,0,0,0", DAYS)
    assert (doses[-1][0], after) == (0.3, [4])


@given(st.lists(st.just(0.0) | st.floats(1e-6, 1e4), min_size=1, max_size=8))
def test_a_dose_and_an_observation_of_one_time_keep_one_time(times):
    at = sorted(times)
    data = pandas.DataFrame({"ID": 1, "TIME": np.repeat(at, 2), "AMT": 1.0, "EVID": [1, 0] * len(at)})
    data.loc[data.EVID == 0, "AMT"] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events = read(data, ORAL)
    assert [d.time * 24 for d in events.regimens[0]] == events.times[0].tolist()  # the same bits: the engine sees a tie
    np.testing.assert_allclose(events.times[0], at, rtol=4e-16, atol=0)  # two roundings


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("1,30,0,3,0,0,0", [0, 12, 24, 30]),
        ("1,24,0,3,0,0,0", [0, 12, 24]),  # the additional dose at 24 is taken back at once: it is left out
        ("1,30,5,4,0,0,0", [0, 12, 24, 30, 30]),
        ("1,30,5,1,6,0,1", [0, 12, 24, 30]),
        ("1,30,5,1,6,0,2", [0, 12, 24, 30, 36, 48]),
        ("1,30,5,1,0,0,0", [0, 12, 24, 30, 36, 48]),
    ],
)
def test_a_reset_or_a_steady_state_in_place_of_all_cancels_what_is_still_to_come(record, expected):
    doses, _ = doses_of(f"ID,TIME,AMT,EVID,II,ADDL,SS\n1,0,100,1,12,4,0\n{record}\n1,60,0,0,0,0,0")
    assert [time for time, *_ in doses] == expected


def test_an_observation_before_the_reset_of_its_time_sees_the_additional_dose():
    doses, after = doses_of("ID,TIME,AMT,EVID,II,ADDL\n1,0,100,1,12,3\n1,12,0,0,0,0\n1,12,0,3,0,0\n1,12,0,0,0,0")
    assert [(time, amount) for time, amount, _ in doses] == [(0, 100), (12, 100), (12, 0)]
    assert after == [2, 3]


def queue(rows):
    """Return what is given and how many before each row, as a queue does it; rows: time, evid, amt, ii, addl, ss."""
    doses, after, waiting = [], [], []
    for time, evid, amount, interval, more, steady in rows:
        due = sorted(item for item in waiting if item[0] <= time)
        waiting = [item for item in waiting if item[0] > time]
        if evid in (3, 4) or steady == 1:
            due, waiting = [item for item in due if item[0] < time], []
        doses += [(at, what) for at, _, what in due]
        if evid in (3, 4):
            doses.append((time, "reset"))
        if evid in (1, 4):
            doses.append((time, amount))
            waiting += [(time + k * interval, len(after), amount) for k in range(1, more + 1)]
        after.append(len(doses))
    return doses + [(at, what) for at, _, what in sorted(waiting)], after


record = st.tuples(
    st.sampled_from([0, 0, 1, 3, 6]), st.sampled_from([0, 0, 1, 1, 3, 4]), st.integers(1, 3),
    st.sampled_from([1, 2, 3]), st.sampled_from([0, 0, 1, 4]), st.sampled_from([0, 0, 0, 1, 2]),
)  # fmt: skip


@given(st.lists(record, min_size=1, max_size=10))
def test_what_is_given_and_when_is_what_a_queue_of_doses_gives(steps):
    rows = []
    for step, evid, amount, interval, more, steady in steps:
        time = step + (rows[-1][0] if rows else 0)
        rows.append((time, evid, *((amount, interval, more, steady) if evid in (1, 4) else (0, 0, 0, 0))))
    data = pandas.DataFrame(rows, columns=["TIME", "EVID", "AMT", "II", "ADDL", "SS"]).assign(ID=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events = read(data, DAYS)
    doses, after = queue(rows)
    assert [(d.time, d.action if d.action == "reset" else d.amount) for d in events.regimens[0]] == doses
    assert events.after[0].tolist() == [count for count, row in zip(after, rows) if row[1] == 0]


def test_reset_and_dose_resets_once():
    events = read(frame("ID,TIME,AMT,EVID,II,ADDL\n1,0,100,4,12,2\n1,30,0,0,0,0"), ORAL)
    assert [d.action for d in events.regimens[0]] == ["reset", "add", "add", "add"]
    assert events.after[0].tolist() == [4]


def test_time_that_starts_again_at_a_reset_begins_a_course_of_the_same_patient():
    text = "ID,TIME,AMT,EVID,II,ADDL\n1,0,100,1,12,9\n1,20,0,0,0,0\n1,0,50,4,0,0\n1,5,0,0,0,0\n2,0,7,1,0,0"
    events = read(frame(text), ORAL)
    assert events.ids == (1, 1, 2)
    assert [[d.time * 24 for d in plan] for plan in events.regimens] == [[0, 12], [0, 0], [0]]
    assert [times.tolist() for times in events.times] == [[20], [5], []]
    assert describe(events).splitlines()[1].startswith("patient 1 (course 2): reset at 0 h; 50 mg into oral at 0 h")
