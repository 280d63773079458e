"""Every problem of an event table is told with its row, column, value and cure; any table is read or refused."""

import re
import warnings

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunode.errors import BadValue, ImmunodeError
from immunode.nonmem import check, describe, read
from tests.support.event_tables import INFUSED, ORAL, frame

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
    cells = {(p.row, p.column) for p in check(frame(text), ORAL)}
    assert cells == {(0, "AMT"), (0, "CMT"), (0, "ADDL"), (1, "TIME"), (1, "AMT"), (2, "TIME"), (2, "EVID")}
    with pytest.raises(BadValue, match=r"7 errors; the first: row 0, AMT = -1: is negative; give 0 or more [|] row"):
        read(frame(text), ORAL)


cells = st.one_of(
    st.sampled_from(
        ["", ".", "0", "1", "2", "3", "4", "-1", "-2", "99", "101", "1e308", "nan", "x", "replace", "oral"]
    ),
    st.floats(-5, 100).map(str),
)
NAMES = ("ID", "TIME", "AMT", "EVID", "CMT", "II", "ADDL", "RATE", "SS", "DV", "MDV", "DUR", "CL", "NOTE")
columns = st.lists(st.sampled_from(NAMES), unique=True)


@settings(max_examples=200)
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
            events = read(data, INFUSED)
            assert sum(map(len, events.times)) == events.frame["EVID"].isin([0, 2]).sum()
            assert describe(events)
