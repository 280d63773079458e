"""What event tables mean, what is refused and how, and that a regimen comes back from its table unchanged."""

import io
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import immunode as im
from immunode.errors import BadValue, ImmunodeError, UnknownName
from immunode.models import model as library
from immunode.nonmem.read_write import check, describe, read, table
from immunode.regimen import Dose, Regimen, dose, multiply, replace, reset
from immunode.units import factor

SUITES = Path(__file__).parents[3] / "shared" / "data" / "suites"
HERE = pytest.mark.skipif(not SUITES.is_dir(), reason="the reference data are not here")


def one_compartment(time="hour", parameters=("CL",), **central):
    return im.Model(
        "oral",
        states=[im.State("depot", "mg"), im.State("central", "mg", **central), im.State("effect", "mg")],
        parameters=[
            im.Parameter("KA", 1.5, f"1/{time}"),
            im.Parameter("D2", 2.0, time),
            im.Parameter("R2", 10.0, f"mg/{time}"),
            *(im.Parameter(name, 1.0, f"1/{time}", low=0.0) for name in parameters),
        ],
        derivative=lambda t, x, p: {
            "depot": -p.KA * x.depot,
            "central": p.KA * x.depot - p.CL * x.central,
            "effect": -p.CL * x.effect,
        },
        routes={"oral": "depot", "iv": "central", "civ": "central"},
        time=time,
    )


ORAL = one_compartment()
INFUSED = one_compartment(duration="D2", rate="R2")
DAYS = one_compartment("day", duration="D2", rate="R2")


def frame(text):
    return pandas.read_csv(io.StringIO(text.replace(" ", "")), dtype=str, keep_default_na=False)


def course(text, model=ORAL):
    """Return (time, amount, into) of the doses of a one-patient table, and how many stand before each row."""
    found = read(frame(text), model)
    clock = factor("day", model.time)
    return [(d.time * clock, d.amount, d.into) for d in found.regimens[0]], found.after[0].tolist()


def only(text, model=ORAL):
    (problem,) = check(frame(text), model)
    return problem


# What is read


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_a_file_is_read_whatever_separates_its_cells(tmp_path, separator):
    text = "\n\nid,Time,amt,CMT,evid,dv,wt\n1,0,100,1,1,.,70\n\n1,2,.,.,0,3.5,70\n2,-1,50,iv,1,.,80\n2,1,.,1,0,2,80\n"
    file = tmp_path / "data.csv"
    file.write_text(text.replace(",", separator), encoding="utf-8-sig")
    found = read(file, ORAL)
    assert found.ids == (1, 2)
    assert [plan.doses for plan in found.regimens] == [
        (Dose(100.0, "mg", "oral", 0.0),),
        (Dose(50.0, "mg", "iv", -1 / 24),),
    ]
    assert [rows.tolist() for rows in found.rows] == [[6], [8]]  # as an editor numbers the lines
    assert found.begin == (0.0, -1.0)
    assert found.frame["WT"].tolist() == ["70", "70", "80", "80"]
    assert found.frame["DV"].tolist()[1::2] == [3.5, 2.0]
    assert found.covariates == {}


def test_a_frame_of_numbers_reads_as_the_file_that_it_was_written_to(tmp_path):
    data = pandas.DataFrame({"ID": [7, 7, 7], "TIME": [0, 0.1, 24], "AMT": [100, np.nan, 0.3], "CMT": [2, 2, 1]})
    data.to_csv(tmp_path / "data.csv", index=False)
    one, two = read(data, ORAL), read(tmp_path / "data.csv", ORAL)
    assert one.regimens == two.regimens
    assert one.ids == two.ids == (7,)
    assert one.times[0].tolist() == two.times[0].tolist() == [0.1]
    assert one.rows[0].tolist() == [1]  # the position in a frame
    assert two.rows[0].tolist() == [3]


def test_names_of_patients_may_be_text():
    assert read(frame("ID,TIME,AMT\nA-1,0,1\nA-1,1,0\n01,0,1"), ORAL).ids == ("A-1", "01")


def test_without_evid_an_amount_is_a_dose_and_mdv_makes_a_record_without_an_observation():
    found = read(frame("ID,TIME,AMT,MDV\n1,0,100,1\n1,1,0,0\n1,2,0,1\n1,3,.,."), ORAL)
    assert len(found.regimens[0]) == 1
    assert found.times[0].tolist() == [1, 2, 3]
    assert found.frame["EVID"].tolist() == [1, 0, 2, 0]


def test_without_evid_a_steady_infusion_of_no_amount_is_a_dose():
    found = read(frame("ID,TIME,AMT,RATE,SS\n1,0,0,10,1\n1,1,0,0,0"), ORAL)
    assert found.regimens[0].doses == (Dose(0.0, "mg", "oral", 0.0, rate=240.0, steady_state="replace"),)


def test_a_record_of_another_kind_is_an_output_and_no_dose():
    given, after = course("ID,TIME,AMT,EVID\n1,0,100,1\n1,1,0,2\n1,2,0,0")
    assert (given, after) == ([(0, 100, "oral")], [1, 1])


@pytest.mark.parametrize(
    ("cmt", "into"),
    [("1", "oral"), ("", "oral"), ("0", "oral"), ("depot", "depot"), ("oral", "oral"), ("2", "central"),
     ("civ", "civ"), ("3", "effect"), ("3.0", "effect")],
)  # fmt: skip
def test_a_compartment_is_a_number_or_a_name_and_the_first_by_default(cmt, into):
    given, _ = course(f"ID,TIME,AMT,CMT\n1,0,100,{cmt}")
    assert given == [(0, 100, into)]


def test_the_route_stands_for_a_state_only_if_a_dose_into_it_gets_there():
    model = im.Model(
        "crossed",
        states=[im.State("a", "mg"), im.State("b", "mg")],
        parameters=[im.Parameter("k", 1.0, "1/day")],
        derivative=lambda t, x, p: {"a": -p.k * x.a, "b": -p.k * x.b},
        routes={"a": "b"},
    )
    assert course("ID,TIME,AMT,CMT\n1,0,1,2", model)[0] == [(0, 1, "a")]
    assert only("ID,TIME,AMT,CMT\n1,0,1,1", model).message == "no dose reaches this state"


# Infusions and steady states


def test_a_rate_is_per_time_unit_and_a_duration_in_it():
    found = read(frame("ID,TIME,AMT,RATE,DUR\n1,0,100,10,0\n1,24,100,0,2"), ORAL)
    assert found.regimens[0].doses == (
        Dose(100.0, "mg", "oral", 0.0, rate=240.0),
        Dose(100.0, "mg", "oral", 1.0, duration=2 / 24),
    )


@pytest.mark.parametrize(("code", "modelled"), [(-1, "rate"), (-2, "duration")])
def test_a_modelled_rate_or_duration_needs_one_in_the_model(code, modelled):
    text = f"ID,TIME,AMT,CMT,RATE\n1,0,100,2,{code}"
    (item,) = read(frame(text), INFUSED).regimens[0]
    assert (item.modelled, item.rate, item.duration) == (modelled, 0.0, 0.0)
    problem = only(text)
    assert problem.error
    assert (problem.row, problem.column, problem.value) == (0, "RATE", str(code))
    assert f"{modelled}=" in problem.cure


def test_steady_state_is_of_the_record_and_additional_doses_are_plain():
    found = read(frame("ID,TIME,AMT,SS,II,ADDL\n1,0,100,1,12,2\n1,12,50,2,24,0"), ORAL)
    first, second, third, fourth = found.regimens[0]
    assert (first.steady_state, first.every) == ("replace", 0.5)
    assert second == Dose(100.0, "mg", "oral", 0.5)  # additional ones stand before the record of the same time
    assert (third.amount, third.steady_state, third.every) == (50.0, "add", 1.0)
    assert fourth == Dose(100.0, "mg", "oral", 1.0)


# Additional doses, order and resets


def test_additional_doses_come_before_every_record_of_their_time():
    text = (
        "ID,TIME,AMT,EVID,II,ADDL\n1,0,100,1,12,2\n1,0,0,0,0,0\n1,12,0,0,0,0\n1,12,7,1,0,0\n1,12,0,0,0,0\n1,30,0,0,0,0"
    )
    given, after = course(text)
    assert given == [(0, 100, "oral"), (12, 100, "oral"), (12, 7, "oral"), (24, 100, "oral")]
    assert after == [1, 2, 3, 4]


def test_record_order_decides_between_a_dose_and_an_observation():
    assert course("ID,TIME,AMT,EVID\n1,0,0,0\n1,0,100,1\n1,0,0,0")[1] == [0, 1]


def test_an_additional_dose_meets_the_record_that_is_written_as_a_decimal():
    assert 3 * 0.1 != 0.3
    given, after = course("ID,TIME,AMT,EVID,II,ADDL\n1,0,100,1,0.1,3\n1,0.3,0,0,0,0", DAYS)
    assert (given[-1][0], after) == (0.3, [4])


@given(st.lists(st.just(0.0) | st.floats(1e-6, 1e4), min_size=1, max_size=8))
def test_a_dose_and_an_observation_of_one_time_keep_one_time(times):
    at = sorted(times)
    data = pandas.DataFrame({"ID": 1, "TIME": np.repeat(at, 2), "AMT": 1.0, "EVID": [1, 0] * len(at)})
    data.loc[data.EVID == 0, "AMT"] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = read(data, ORAL)
    assert [d.time * 24 for d in found.regimens[0]] == found.times[0].tolist()  # the same bits: the engine sees a tie
    np.testing.assert_allclose(found.times[0], at, rtol=4e-16, atol=0)  # two roundings


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
    given, _ = course(f"ID,TIME,AMT,EVID,II,ADDL,SS\n1,0,100,1,12,4,0\n{record}\n1,60,0,0,0,0,0")
    assert [time for time, *_ in given] == expected


def test_an_observation_before_the_reset_of_its_time_sees_the_additional_dose():
    given, after = course("ID,TIME,AMT,EVID,II,ADDL\n1,0,100,1,12,3\n1,12,0,0,0,0\n1,12,0,3,0,0\n1,12,0,0,0,0")
    assert [(time, amount) for time, amount, _ in given] == [(0, 100), (12, 100), (12, 0)]
    assert after == [2, 3]


def queue(rows):
    """Return what is given and how many before each row, as a queue does it; rows: time, evid, amt, ii, addl, ss."""
    given, after, waiting = [], [], []
    for time, evid, amount, interval, more, steady in rows:
        due = sorted(item for item in waiting if item[0] <= time)
        waiting = [item for item in waiting if item[0] > time]
        if evid in (3, 4) or steady == 1:
            due, waiting = [item for item in due if item[0] < time], []
        given += [(at, what) for at, _, what in due]
        if evid in (3, 4):
            given.append((time, "reset"))
        if evid in (1, 4):
            given.append((time, amount))
            waiting += [(time + k * interval, len(after), amount) for k in range(1, more + 1)]
        after.append(len(given))
    return given + [(at, what) for at, _, what in sorted(waiting)], after


record = st.tuples(
    st.sampled_from([0, 0, 1, 3, 6]), st.sampled_from([0, 0, 1, 1, 3, 4]), st.integers(1, 3),
    st.sampled_from([1, 2, 3]), st.sampled_from([0, 0, 1, 4]), st.sampled_from([0, 0, 0, 1, 2]),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(record, min_size=1, max_size=10))
def test_what_is_given_and_when_is_what_a_queue_of_doses_gives(steps):
    rows = []
    for step, evid, amount, interval, more, steady in steps:
        time = step + (rows[-1][0] if rows else 0)
        rows.append((time, evid, *((amount, interval, more, steady) if evid in (1, 4) else (0, 0, 0, 0))))
    data = pandas.DataFrame(rows, columns=["TIME", "EVID", "AMT", "II", "ADDL", "SS"]).assign(ID=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = read(data, DAYS)
    given, after = queue(rows)
    assert [(d.time, d.action if d.action == "reset" else d.amount) for d in found.regimens[0]] == given
    assert found.after[0].tolist() == [count for count, row in zip(after, rows) if row[1] == 0]


def test_reset_and_dose_resets_once():
    found = read(frame("ID,TIME,AMT,EVID,II,ADDL\n1,0,100,4,12,2\n1,30,0,0,0,0"), ORAL)
    assert [d.action for d in found.regimens[0]] == ["reset", "add", "add", "add"]
    assert found.after[0].tolist() == [4]


def test_time_that_starts_again_at_a_reset_begins_a_course_of_the_same_patient():
    text = "ID,TIME,AMT,EVID,II,ADDL\n1,0,100,1,12,9\n1,20,0,0,0,0\n1,0,50,4,0,0\n1,5,0,0,0,0\n2,0,7,1,0,0"
    found = read(frame(text), ORAL)
    assert found.ids == (1, 1, 2)
    assert [[d.time * 24 for d in plan] for plan in found.regimens] == [[0, 12], [0, 0], [0]]
    assert [times.tolist() for times in found.times] == [[20], [5], []]
    assert describe(found).splitlines()[1].startswith("patient 1 (course 2): reset at 0 h; 50 mg into oral at 0 h")


def test_named_actions_are_words():
    found = read(frame("ID,TIME,AMT,EVID,CMT\n1,0,100,1,1\n1,24,0,Replace,1\n1,48,0.5,MULTIPLY,iv"), ORAL)
    assert found.regimens[0] == dose("100 mg", "oral") + replace("depot", "0 mg", day=2) + multiply("iv", 0.5, day=3)


@pytest.mark.parametrize("word", ["IV", "Iv", "iv"])
def test_a_route_is_found_in_any_case(word):
    found = read(frame(f"ID,TIME,AMT,CMT\n1,0,3,{word}\n1,1,0,0"), ORAL)
    assert found.regimens[0] == dose("3 mg", "iv")
    assert ORAL.target(word).name == "central"


def test_an_unknown_place_of_a_dose_is_told_with_all_that_are_known():
    known = "the routes are oral, iv, civ; the states are depot, central, effect"
    with pytest.raises(UnknownName, match=f"oral has no route or state 'skin'; {known}"):
        ORAL.target("skin")
    (problem,) = check(frame("ID,TIME,AMT,CMT\n1,0,3,skin"), ORAL)
    assert problem.cure == known


@pytest.mark.parametrize(
    ("above", "header", "told"),
    [
        ("TABLE NO.  1\n", "ID,TIME,AMT", "line 1, 'TABLE NO.  1', is not the header; line 2 is: remove"),
        ("\nsep=;\n", "ID;TIME;AMT", "line 2, 'sep=;', is not the header; line 3 is: remove"),
        ("# of 2024, by A, B\n# C\n", "ID,TIME,AMT", "is not the header; line 3 is: remove"),
        ("", "#ID,TIME,AMT", "line 1, the header, begins with '#'; write ID,TIME,AMT"),
    ],
)
def test_a_header_that_is_not_the_first_line_is_told(tmp_path, above, header, told):
    file = tmp_path / "data.csv"
    file.write_text(above + header + "\n" + header[-4].join(["1", "0", "3"]) + "\n")
    with pytest.raises(BadValue, match=re.escape(told)):
        check(file, ORAL)


# Covariates


def test_columns_with_the_name_of_a_parameter_set_it_over_time():
    text = "ID,TIME,AMT,cl,KA,WT\n1,0,1,2,.,9\n1,1,0,.,5,9\n1,2,0,3,6,9\n2,0,1,4,7,9"
    with pytest.warns(UserWarning, match="the values of the records beside it count"):
        found = read(frame(text), ORAL)
    assert set(found.covariates) == {"CL", "KA"}
    (times, values), (_, second) = found.covariates["CL"]
    assert (times.tolist(), values.tolist(), second.tolist()) == ([0, 2], [2, 3], [4])
    assert found.covariates["KA"][0][0].tolist() == [1, 2]


def test_covariates_may_be_named():
    data = frame("ID,TIME,AMT,CL,X\n1,0,1,2,8\n1,1,0,2,9")
    assert set(read(data, ORAL, covariates=[]).covariates) == set()
    found = read(data, ORAL, covariates={"X": "KA"})
    assert {name: pair[0][1].tolist() for name, pair in found.covariates.items()} == {"KA": [8, 9]}
    with pytest.raises(UnknownName, match="no parameter 'kka'; did you mean 'KA'"):
        read(data, ORAL, covariates={"X": "kka"})
    with pytest.raises(UnknownName, match="covariate column 'Y'"):
        read(data, ORAL, covariates=["Y"])


# What is told


BROKEN = {
    "TIME,AMT\n0,1": ("ID", "", "the column is missing"),
    "ID,AMT\n1,1": ("TIME", "", "the column is missing"),
    "ID,TIME,AMT,DATE\n1,0,1,2": ("DATE", "", "calendar dates are not read"),
    "ID,TIME,AMT,amt\n1,0,1,1": ("AMT", "", "is there more than once"),
    "ID,TIME,AMT\n.,0,1": ("ID", "", "is missing"),
    "ID,TIME,AMT\n1,.,1": ("TIME", "", "is missing"),
    "ID,TIME,AMT\n1,10:30,1": ("TIME", "10:30", "clock times"),
    "ID,TIME,AMT\n1,2024-03-01,1": ("TIME", "2024-03-01", "clock times"),
    "ID,TIME,AMT\n1,inf,1": ("TIME", "inf", "expected a finite number"),
    "ID,TIME,AMT,II\n1,0,1,often": ("II", "often", "expected a finite number"),
    "ID,TIME,AMT,RATE\n1,0,1,0x10": ("RATE", "0x10", "expected a finite number"),
    "ID,TIME,AMT\n1,2,1\n1,1,0": ("TIME", "1", "lies before the record above it"),
    "ID,TIME,AMT\n1,0,1\n2,0,1\n1,1,0": ("ID", "1", "comes back after another patient"),
    "ID,TIME,AMT,EVID\n1,0,1,101\n1,0,1,1": ("EVID", "101", "codes of RxODE"),
    "ID,TIME,AMT,EVID\n1,0,1,5\n1,0,2,1": ("EVID", "5", "means one thing in one program"),
    "ID,TIME,AMT,EVID\n1,0,1,dose\n1,0,2,1": ("EVID", "dose", "expected 0 to 4"),
    "ID,TIME,AMT,EVID\n1,0,1,0.5\n1,0,2,1": ("EVID", "0.5", "expected 0 to 4"),
    "ID,TIME,AMT,EVID\n1,0,.,1": ("AMT", "", "is missing"),
    "ID,TIME,AMT,EVID\n1,0,.,replace": ("AMT", "", "is missing"),
    "ID,TIME,AMT\n1,0,-1": ("AMT", "-1", "is negative"),
    "ID,TIME,AMT,EVID\n1,0,1,1\n1,1,1,0": ("AMT", "1", "an amount on a record that is no dose"),
    "ID,TIME,AMT,EVID\n1,0,1,1\n1,1,1,3": ("AMT", "1", "an amount on a record that is no dose"),
    "ID,TIME,AMT,EVID,RATE\n1,0,0,1,10": ("AMT", "0", "at a rate gives nothing"),
    "ID,TIME,AMT,EVID,SS,II\n1,0,0,1,1,12": ("AMT", "0", "has no steady state"),
    "ID,TIME,AMT,CMT\n1,0,1,skin": ("CMT", "skin", "has no route or state"),
    "ID,TIME,AMT,CMT\n1,0,1,4": ("CMT", "4", "has no state of this number"),
    "ID,TIME,AMT,CMT\n1,0,1,1.5": ("CMT", "1.5", "has no state of this number"),
    "ID,TIME,AMT,CMT\n1,0,1,-1": ("CMT", "-1", "cannot be turned off"),
    "ID,TIME,AMT,RATE\n1,0,1,-3": ("RATE", "-3", "expected more than 0"),
    "ID,TIME,AMT,RATE\n1,0,1,-2": ("RATE", "-2", "means the model's duration"),
    "ID,TIME,AMT,DUR\n1,0,1,-2": ("DUR", "-2", "is negative"),
    "ID,TIME,AMT,DUR,RATE\n1,0,1,2,3": ("DUR", "2", "stands beside a RATE"),
    "ID,TIME,AMT,SS,II\n1,0,1,3,12": ("SS", "3", "differs from 1 only in how NONMEM searches"),
    "ID,TIME,AMT,SS\n1,0,1,99": ("SS", "99", "expected 0, 1 or 2"),
    "ID,TIME,AMT,SS\n1,0,1,1": ("SS", "1", "a steady state without an interval"),
    "ID,TIME,AMT,II,ADDL\n1,0,1,-12,0": ("II", "-12", "is negative"),
    "ID,TIME,AMT,ADDL\n1,0,1,3": ("ADDL", "3", "without an interval"),
    "ID,TIME,AMT,II,ADDL\n1,0,1,12,-1": ("ADDL", "-1", "expected a whole number"),
    "ID,TIME,AMT,II,ADDL\n1,0,1,12,1.5": ("ADDL", "1.5", "expected a whole number"),
    "ID,TIME,AMT,II,ADDL\n1,0,1,12,1e9": ("ADDL", "1e9", "more than the 100000 doses"),
    "ID,TIME,AMT,II,ADDL\n1,0,1,1e304,90000": ("ADDL", "90000", "beyond all time"),
    "ID,TIME,AMT,EVID,CMT,ADDL\n1,0,1,replace,1,2": ("ADDL", "2", "happen at once"),
    "ID,TIME,AMT,CL\n1,0,1,-2": ("CL", "-2", "is outside 0 to inf"),
    "ID,TIME,AMT,CL\n1,0,1,.\n2,0,1,1": ("CL", "", "patient without a value"),
    "ID,TIME,AMT,CL\n1,0,1,low": ("CL", "low", "expected a finite number"),
}
ODD = {
    "ID,TIME,DV\n1,0,1": ("AMT", "", "there is no dose at all"),
    "ID,TIME,AMT,EVID\n1,0,0,0": ("EVID", "", "there is no dose at all"),
    "ID,TIME,AMT,EVID\n1,0,0,1": ("AMT", "0", "the dose gives nothing"),
    "ID,TIME,AMT,MDV\n1,0,1,0": ("MDV", "0", "says observation where the record is none"),
    "ID,TIME,AMT,MDV\n1,0,1,2": ("MDV", "2", "expected 0 or 1"),
    "ID,TIME,AMT,DV\n1,0,1,3.5": ("DV", "3.5", "stands on a dose"),
    "ID,TIME,AMT,DV\n1,0,1,.\n1,1,0,<0.1": ("DV", "<0.1", "expected a finite number"),
    "ID,TIME,AMT,II\n1,0,1,12": ("II", "12", "without ADDL or SS repeats nothing"),
    "ID,TIME,AMT,EVID,SS\n1,0,1,1,0\n1,1,0,0,1": ("SS", "1", "is of no use on a record that is no dose"),
    "ID,TIME,AMT\n1,0,1\n1,0,1": ("", "", "the record is there twice"),
    "ID,TIME,AMT,NOTE\n1,0,1,a\n1,0,1,b": ("", "", "the record is there twice"),
    "ID,TIME,AMT,DV\n1,0,1,.\n1,1,0,5\n1,1,0,5": ("", "", "the record is there twice"),
    "ID,TIME,AMT,CL\n1,0,1,.\n1,1,0,2": ("CL", "", "is missing"),
}


@pytest.mark.parametrize("text", [*BROKEN, *ODD])
def test_each_problem_is_told_with_its_row_column_value_and_cure(text):
    column, value, message = {**BROKEN, **ODD}[text]
    problems = [p for p in check(frame(text), ORAL) if p.error or text in ODD]
    named = [p for p in problems if message in p.message]
    assert [(p.column, p.value, p.error) for p in named] == [(column, value, text in BROKEN)]
    assert problems[: len(named)] == named or {p.message for p in problems} == {"is missing", named[0].message}
    assert all(p.cure for p in problems)
    if text in BROKEN:
        with pytest.raises(BadValue, match=re.escape(problems[0].message)):
            read(frame(text), ORAL)
    else:
        with pytest.warns(UserWarning, match=re.escape(problems[0].message)):
            read(frame(text), ORAL)


def test_every_problem_is_found_and_an_error_says_how_many_there_are():
    text = "ID,TIME,AMT,CMT,ADDL,EVID\n1,0,-1,skin,3,1\n1,-1,1,1,0,0\n2,x,1,9,0,7"
    found = {(p.row, p.column) for p in check(frame(text), ORAL)}
    assert found == {(0, "AMT"), (0, "CMT"), (0, "ADDL"), (1, "TIME"), (1, "AMT"), (2, "TIME"), (2, "EVID")}
    with pytest.raises(BadValue, match="7 errors; the first: row 0, AMT = -1: is negative; give 0 or more"):
        read(frame(text), ORAL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("ID,TIME,AMT\n", "has no records"),
        ("ID,TIME,AMT\n1,0,1\n1,0,1,5\n", "Expected 3 fields in line 3, saw 4; give every row as many cells"),
        (b"\xff\xfe\x00", "is not a text file in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, message):
    file = tmp_path / "data.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadValue, match=message):
        check(file, ORAL)


def test_a_missing_file_and_a_thing_that_is_no_table_are_refused():
    with pytest.raises(BadValue, match=r"cannot read 'nowhere\.csv': No such file"):
        read("nowhere.csv", ORAL)
    with pytest.raises(BadValue, match="the path of a file or a pandas DataFrame, got a list"):
        read([1, 2], ORAL)


cells = st.one_of(
    st.sampled_from(
        ["", ".", "0", "1", "2", "3", "4", "-1", "-2", "99", "101", "1e308", "nan", "x", "replace", "oral"]
    ),
    st.floats(-5, 100).map(str),
)
NAMES = ("ID", "TIME", "AMT", "EVID", "CMT", "II", "ADDL", "RATE", "SS", "DV", "MDV", "DUR", "CL", "NOTE")
columns = st.lists(st.sampled_from(NAMES), unique=True)


@settings(max_examples=200, deadline=None)
@given(
    columns.flatmap(lambda names: st.lists(st.fixed_dictionaries(dict.fromkeys(names, cells)), min_size=1, max_size=6))
)
def test_any_table_is_read_or_refused_by_name_just_as_the_check_says(rows):
    data = pandas.DataFrame(rows)
    problems = check(data, INFUSED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if any(problem.error for problem in problems):
            with pytest.raises(ImmunodeError):
                read(data, INFUSED)
        else:
            found = read(data, INFUSED)
            assert sum(map(len, found.times)) == found.frame["EVID"].isin([0, 2]).sum()
            assert describe(found)


# There and back


CANONICAL = ["oral", "central", "effect"]  # what CMT 1, 2, 3 go into
times_ = st.floats(-50, 400)
amounts = st.floats(0, 1e6).filter(lambda x: x == 0 or x > 1e-300)
positive = st.floats(1e-3, 1e3)


@st.composite
def any_doses(draw, into=CANONICAL):
    unit, where, when = "mg", draw(st.sampled_from(into)), draw(times_)
    kind = draw(
        st.sampled_from(["add", "over", "rate", "modelled", "steady", "endless", "replace", "multiply", "reset"])
    )
    if kind == "reset":
        return Dose(0.0, "1", "", when, action="reset")
    if kind in ("replace", "multiply"):
        state = {"oral": "depot"}.get(where, where)
        return Dose(draw(amounts), "1" if kind == "multiply" else unit, state, when, action=kind)
    how = {}
    if kind == "endless":
        how = {"rate": draw(positive), "steady_state": draw(st.sampled_from(["replace", "add"]))}
        return Dose(0.0, unit, where, when, **how)
    if kind == "steady":
        how = {"every": draw(positive), "steady_state": draw(st.sampled_from(["replace", "add"]))}
    if kind == "modelled":
        where, how["modelled"] = "central", draw(st.sampled_from(["rate", "duration"]))
    if kind == "over":
        how["duration"] = draw(positive)
    if kind == "rate" or (kind == "steady" and draw(st.booleans())):
        how["rate"] = draw(positive)
    return Dose(draw(positive), unit, where, when, **how)


plans = st.lists(any_doses(), min_size=1, max_size=8).map(lambda doses: Regimen(tuple(doses)))


def back(regimen, model, folder=None):
    written = table(regimen, model)
    if folder is not None:
        written.to_csv(folder / "plan.csv", index=False)
        written = folder / "plan.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an amount of 0, a dose that is there twice
        return read(written, model).regimens[0]


@settings(deadline=None)
@given(plans)
def test_a_regimen_comes_back_from_its_table_as_it_was(plan):
    assert back(plan, DAYS) == plan


@settings(max_examples=30, deadline=None)
@given(plans)
def test_it_comes_back_from_a_file_too(tmp_path_factory, plan):
    assert back(plan, DAYS, tmp_path_factory.mktemp("plans")) == plan


def clockwork(plan, model):
    """Return all that a solver sees of a regimen: numbers in the units of the model."""
    clock = factor("day", model.time)
    scales = [1.0 if d.unit == "1" else factor(d.unit, model.target(d.into).unit) for d in plan]
    return [
        (d.time * clock, d.action, d.amount * scale, d.into and model.target(d.into).name, d.duration * clock,
         d.rate * scale / clock, d.modelled, d.steady_state, d.every * clock)
        for d, scale in zip(plan, scales)
    ]  # fmt: skip


@settings(deadline=None)
@given(plans, st.sampled_from(["hour", "minute", "week"]), st.sampled_from(["mg", "ug", "g"]))
def test_whatever_the_units_it_comes_back_the_same_to_the_last_bit_for_the_solver(plan, time, unit):
    model = one_compartment(time, duration="D2", rate="R2")
    doses = (Dose(**{**vars(d), "unit": "1" if d.unit == "1" else unit}) for d in plan)
    plan = Regimen(tuple(doses))
    assert clockwork(back(plan, model), model) == clockwork(plan, model)


def test_a_simulation_of_a_plan_and_of_its_table_are_the_same_bits():
    model = library("il2_sc")
    plan = im.prescribe("3 MIU SC BID days 1-5") + im.dose("18000 kIU", "civ", days=[2], duration="5 h")
    at = im.days(0, 8, 0.25)
    one, two = (im.simulate(model, p, times=at) for p in (plan, back(plan, model)))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_a_table_has_a_patient_for_each_plan_and_observations_before_the_doses_of_their_time():
    plans = ["3 MIU SC QD days 1-2", im.dose("3e6 IU", "sc")]
    written = im.event_table(plans, library("il2_sc"), times=[0, 1])
    assert written[["ID", "TIME", "EVID", "AMT", "CMT"]].to_numpy().tolist() == [
        [1, 0, 0, 0, 0], [1, 0, 1, 3, 1], [1, 1, 0, 0, 0], [1, 1, 1, 3, 1],
        [2, 0, 0, 0, 0], [2, 0, 1, 3, 1], [2, 1, 0, 0, 0],
    ]  # fmt: skip
    found = im.read_events(written, library("il2_sc"))
    assert [after.tolist() for after in found.after] == [[0, 1], [0, 1]]
    ragged = table([dose("1 mg", "iv")] * 2, ORAL, times=[[0.5], ["36 h", 2.5]])
    assert ragged.query("EVID == 0")[["ID", "TIME"]].to_numpy().tolist() == [[1, 12], [2, 36], [2, 60]]
    with pytest.raises(BadValue, match="1 lists for 2 patients"):
        table(plans, library("il2_sc"), times=[[0.5]])


def test_a_table_keeps_the_words_and_the_resets():
    plan = dose("1 mg", "iv") + reset(day=2) + replace("depot", "5 mg", day=3) + multiply("depot", 0.5, day=4)
    assert table(plan, ORAL)["EVID"].tolist() == [1, 3, "replace", "multiply"]
    assert table(plan, ORAL)["TIME"].tolist() == [0, 24, 48, 72]
    assert table(plan, ORAL)["CMT"].tolist() == [2, 0, 1, 1]


# Words


def test_patients_are_described_in_words_and_those_alike_in_one_line():
    text = "ID,TIME,AMT,CMT,RATE,II,ADDL,EVID\n"
    for who in (1, 2, 3, 4, 5):
        text += f"{who},0,100,1,0,12,5,1\n{who},0.5,0,0,0,0,0,0\n{who},1,0,0,0,0,0,0\n"
    text += "6,0,50,2,25,0,0,1\n6,1,10,1,0,0,0,1\n6,3,20,1,0,0,0,1\n6,8,0,0,0,0,0,0\n7,1,0,0,0,0,0,0"
    assert describe(read(frame(text), ORAL)).splitlines() == [
        "patients 1, 2, 3 and 2 more: 100 mg into oral at 0 h, then every 12 h x 5; 2 observations from 0.5 to 1 h",
        "patient 6: 50 mg at 600 mg/day into central at 0 h; 10 mg into oral at 1 h; 20 mg into oral at 3 h; "
        "1 observation at 8 h",
        "patient 7: no doses; 1 observation at 1 h",
    ]


def test_doses_are_told_in_their_order_and_only_runs_without_a_break_are_merged():
    head = "ID,TIME,AMT,CMT,EVID,II,ADDL\n"
    told = {
        "1,0,3,iv,1,.,.\n1,1,3,iv,4,.,.": "3 mg into iv at 0 h; reset at 1 h; 3 mg into iv at 1 h",
        "1,0,3,iv,1,.,.\n1,1,3,iv,1,.,.": "3 mg into iv at 0 h; 3 mg into iv at 1 h",
        "1,0,3,iv,1,.,.\n1,1,3,iv,1,.,.\n1,2,3,iv,1,.,.": "3 mg into iv at 0 h, then every 1 h x 2",
        "1,0,3,iv,1,1,1": "3 mg into iv at 0 h, then every 1 h x 1",
        "1,0,3,iv,1,2,3\n1,1,5,iv,1,2,3": "3 mg into iv at 0 h, then every 2 h x 3; "
        "5 mg into iv at 1 h, then every 2 h x 3",
        "1,0,3,iv,1,2,3\n1,5,3,iv,4,2,1": "3 mg into iv at 0 h, then every 2 h x 2; reset at 5 h; "
        "3 mg into iv at 5 h, then every 2 h x 1",
        "1,0,3,iv,1,.,.\n1,1,3,iv,1,.,.\n1,1.5,5,iv,1,.,.\n1,2,3,iv,1,.,.": "3 mg into iv at 0 h; 3 mg into iv at 1 h; "
        "5 mg into iv at 1.5 h; 3 mg into iv at 2 h",
    }
    for rows, words in told.items():
        found = read(frame(head + rows + "\n1,90,.,.,0,.,."), ORAL)
        assert describe(found) == f"patient 1: {words}; 1 observation at 90 h"


# Data of others


def recoded(data):
    """Recode as the suites' README and manifests say: SS 99 is no steady state, EVID 101 a dose."""
    data.columns = [name.upper() for name in data]
    if "SS" in data:
        data["SS"] = data["SS"].replace(99, 0)
    if "EVID" in data:
        data["EVID"] = data["EVID"].replace(101, 1)
    return data


def doses_of(data):
    return int((data["EVID"] == 1).sum() if "EVID" in data else (data["AMT"] > 0).sum())


EVENTS = sorted(path for folder in ("nonmem_runs", "pk_datasets") for path in (SUITES / folder).glob("*.csv"))
EVENTS = [
    path for path in EVENTS if {"ID", "TIME", "AMT"} <= set(path.read_text().split("\n")[0].replace('"', "").split(","))
]


@HERE
@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_published_data_sets_are_read(path):
    model = one_compartment(parameters=("CL", "V", "Q"))
    data = recoded(pandas.read_csv(path))
    if path.stem == "mavoglurant":  # its second occasion starts again at 0 without saying so
        assert {p.message for p in check(data, model)} == {"lies before the record above it"}
        data.loc[(data.TIME.diff() < 0) & (data.ID.shift() == data.ID), "EVID"] = 4
    assert [str(problem) for problem in check(data, model) if problem.error] == []
    with warnings.catch_warnings():
        warnings.simplefilter("error" if path.stem != "mavoglurant" else "ignore")  # it says MDV = 0 on 53 doses
        found = read(data, model)
    assert len(set(found.ids)) == data["ID"].nunique()
    extra = int(data.get("ADDL", pandas.Series([0])).sum())
    assert sum(d.action == "add" for plan in found.regimens for d in plan) == extra + len(data) - sum(
        map(len, found.times)
    )
    assert set(found.covariates) == {"CL", "V", "Q", "KA"} & set(data)


@HERE
def test_the_records_of_nonmem_are_read():
    data = pandas.read_csv(SUITES / "nonmem_dosing" / "records.csv").rename(columns={"case": "ID"})
    model = one_compartment(parameters=("CL", "lagt", "bioav"), duration="D2")
    found = read(data, model)
    assert len(found) == data["ID"].nunique() == 28
    assert sum(map(len, found.times)) == (data["evid"] == 0).sum()
    assert set(found.covariates) == {"lagt", "bioav"}


# The command line


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs the command line and gives (exit code, stdout, stderr)."""
    import sys

    from immunode.cli.entry import main

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["immunode", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), *capsys.readouterr()

    return call


GOOD = "ID,TIME,AMT,CMT,EVID,II,ADDL\n1,0,3,sc,1,1,4\n1,2,0,0,0,0,0\n1,7,0,0,0,0,0\n2,0,3,sc,1,1,4\n2,2,0,0,0,0,0\n"
BAD = GOOD + "2,1,3,skin,1,0,3\n"


def test_check_says_what_each_patient_gets(run, tmp_path):
    file = tmp_path / "good.csv"
    file.write_text(GOOD)
    code, out, _ = run("check", file, "--model", "il2_sc")
    assert code == 0
    assert "patient 1: 3 MIU into sc at 0 d, then every 1 d x 4; 2 observations from 2 to 7 d" in out
    assert "0 errors, 0 warnings" in out


def test_check_needs_no_model(run, tmp_path):
    file = tmp_path / "good.csv"
    text = "ID,TIME,AMT,CMT,EVID,RATE,WT\n1,0,3,{},1,-2,70\n1,1,4,2,1,0,70\n1,2,0,0,0,0,70\n"
    file.write_text(text.format("SC"))
    code, out, _ = run("check", file)
    assert code == 0
    assert "3 at the model's duration into SC at 0 d; 4 into compartment 2 at 1 d; 1 observation at 2 d" in out
    assert "covariates were not checked: give --model" in " ".join(out.split())
    code, out, _ = run("check", file, "--json")
    data = json.loads(out)
    assert [data[name] for name in ("model", "covariates", "unused")] == [None, None, None]
    file.write_text(text.format("1e9"))
    code, out, _ = run("check", file)
    assert (code, "no state of this number" in " ".join(out.split())) == (1, True)


def test_check_says_which_columns_are_used(run, tmp_path):
    file = tmp_path / "good.csv"
    file.write_text("ID,TIME,AMT,CMT,EVID,cl,WT,CLR\n1,0,3,sc,1,170,70,1\n1,2,0,0,0,180,70,1\n")
    code, out, _ = run("check", file, "--model", "il2_sc")
    assert code == 0
    assert "cl sets CL over time; WT, CLR are not used" in out
    code, out, _ = run("check", file, "--model", "il2_sc", "--json")
    data = json.loads(out)
    assert (data["covariates"], data["unused"]) == ({"cl": "CL"}, ["WT", "CLR"])


def test_check_lists_every_problem_and_fails(run, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text(BAD)
    code, out, _ = run("check", file, "--model", "il2_sc")
    assert code == 1
    assert "skin" in out
    assert "3 errors, 0 warnings" in out
    code, out, _ = run("check", file, "--model", "il2_sc", "--json")
    data = json.loads(out)
    assert code == 1
    assert set(data) == {"file", "model", "errors", "warnings", "problems", "patients", "covariates", "unused", "notes"}
    assert {(p["row"], p["column"]) for p in data["problems"]} == {(7, "TIME"), (7, "CMT"), (7, "ADDL")}
    assert data["patients"] == []
    code, _, err = run("check", tmp_path / "none.csv", "--model", "il2_sc")
    assert (code, err.count("\n")) == (2, 1)


def test_simulate_gives_a_prediction_for_each_record_of_an_event_table(run, tmp_path):
    file = tmp_path / "good.csv"
    file.write_text(GOOD)
    code, out, _ = run("simulate", "il2_sc", "--events", file, "--json", "--set", "CL=6 L/h", "--out", tmp_path / "out")
    assert code == 0
    data = json.loads(out)
    model = library("il2_sc")
    once = im.simulate(model, "3 MIU SC QD days 1-5", times=[2, 7], at_dose="post", parameters={"CL": "6 L/h"})
    for name in once:
        expected = once[name].values[[0, 1, 0]]
        np.testing.assert_allclose(data["values"][name], expected, rtol=1e-5, atol=0)  # 10 x rtol: other steps
    assert [data[name] for name in ("id", "row", "time")] == [[1, 1, 2], [3, 4, 6], [2, 7, 2]]
    written = pandas.read_csv(tmp_path / "out" / "records.csv")
    assert written["row"].tolist() == [3, 4, 6]
    assert (tmp_path / "out" / "records.nc").is_file()
    code, out, _ = run("simulate", "il2_sc", "--events", file)
    assert code == 0
    assert "at each record" in out


def test_simulate_shows_the_head_and_tail_of_many_records(run, tmp_path):
    file = tmp_path / "many.csv"
    head = "ID,TIME,AMT,CMT,EVID\n1,0,3,sc,1\n"
    file.write_text(head + "".join(f"1,{i},0,0,0\n" for i in range(1, 51)))
    code, out, _ = run("simulate", "il2_sc", "--events", file)
    assert code == 0
    shown = [int(row) for row in re.findall(r"^\W*(\d+)\W+1\W", out, re.MULTILINE)]
    assert shown == [*range(3, 23), *range(33, 53)]
    assert "the first 20 and last 20 of 50 records; all with --json or --out" in " ".join(out.split())
    _, out, _ = run("simulate", "il2_sc", "--events", file, "--json")
    assert len(json.loads(out)["row"]) == 50
    file.write_text(head + "".join(f"1,{i},0,0,0\n" for i in range(1, 41)))
    _, out, _ = run("simulate", "il2_sc", "--events", file)
    assert len(re.findall(r"^\W*(\d+)\W+1\W", out, re.MULTILINE)) == 40
    assert "first 20" not in out


def test_simulate_tells_warnings_and_refuses_two_sources_of_doses(run, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_text(GOOD.replace("1,0,3,sc,1,1,4", "1,0,3,sc,1,1,0", 1))
    code, _, err = run("simulate", "il2_sc", "--events", file)
    assert (code, err.count("\n")) == (0, 1)
    assert "Warning: " in err
    assert "II = 1: without ADDL or SS repeats nothing" in err
    code, _, err = run("simulate", "il2_sc", "--events", file, "--regimen", "3 MIU SC QD days 1-5")
    assert code == 2
    assert "give either" in err
    file.write_text("ID,TIME,AMT\n1,0,3\n")
    code, _, err = run("simulate", "il2_sc", "--events", file)
    assert code == 2
    assert "no record to predict" in err
