"""Records of event tables: what an absent EVID means, which columns set a parameter."""

import pandas
import pytest

from immunode.errors import BadValue, UnknownName
from immunode.nonmem import check, read
from immunode.regimen import Dose, dose, multiply, replace
from tests.support.event_tables import ORAL, frame


def test_names_of_patients_may_be_text():
    assert read(frame("ID,TIME,AMT\nA-1,0,1\nA-1,1,0\n01,0,1"), ORAL).ids == ("A-1", "01")


def test_without_evid_an_amount_is_a_dose_and_mdv_makes_a_record_without_an_observation():
    events = read(frame("ID,TIME,AMT,MDV\n1,0,100,1\n1,1,0,0\n1,2,0,1\n1,3,.,."), ORAL)
    assert len(events.regimens[0]) == 1
    assert events.times[0].tolist() == [1, 2, 3]
    assert events.frame["EVID"].tolist() == [1, 0, 2, 0]


def test_without_evid_a_steady_infusion_of_no_amount_is_a_dose():
    events = read(frame("ID,TIME,AMT,RATE,SS\n1,0,0,10,1\n1,1,0,0,0"), ORAL)
    assert events.regimens[0].doses == (Dose(0.0, "mg", "oral", 0.0, rate=240.0, steady_state="replace"),)


def test_named_actions_are_words():
    events = read(frame("ID,TIME,AMT,EVID,CMT\n1,0,100,1,1\n1,24,0,Replace,1\n1,48,0.5,MULTIPLY,iv"), ORAL)
    assert events.regimens[0] == dose("100 mg", "oral") + replace("depot", "0 mg", day=2) + multiply("iv", 0.5, day=3)


def test_columns_with_the_name_of_a_parameter_set_it_over_time():
    text = "ID,TIME,AMT,cl,KA,WT\n1,0,1,2,.,9\n1,1,0,.,5,9\n1,2,0,3,6,9\n2,0,1,4,7,9"
    with pytest.warns(UserWarning, match="the values of the records beside it count"):
        events = read(frame(text), ORAL)
    assert set(events.covariates) == {"CL", "KA"}
    (times, values), (_, second) = events.covariates["CL"]
    assert (times.tolist(), values.tolist(), second.tolist()) == ([0, 2], [2, 3], [4])
    assert events.covariates["KA"][0][0].tolist() == [1, 2]


def test_covariates_may_be_named():
    data = frame("ID,TIME,AMT,CL,X\n1,0,1,2,8\n1,1,0,2,9")
    assert set(read(data, ORAL, covariates=[]).covariates) == set()
    events = read(data, ORAL, covariates={"X": "KA"})
    assert {name: pair[0][1].tolist() for name, pair in events.covariates.items()} == {"KA": [8, 9]}
    with pytest.raises(UnknownName, match="no parameter 'kka'; did you mean 'KA'"):
        read(data, ORAL, covariates={"X": "kka"})
    with pytest.raises(UnknownName, match="covariate column 'Y'"):
        read(data, ORAL, covariates=["Y"])


@pytest.mark.parametrize(
    ("column", "ours", "rest"),
    [("TINF", "DUR", "RATE"), ("adm", "CMT", "CMT"), ("TAU", "II", "II"), ("Dose", "AMT", "AMT")],
)
def test_a_column_that_other_tools_read_is_told_where_ours_is_not_there(column, ours, rest):
    data = pandas.DataFrame(
        {"ID": [1, 1], "TIME": [0, 1], "EVID": [1, 0], "AMT": [3, 0], "CMT": [1, 1], column: [1, 0]}
    )
    data = data.drop(columns=[name for name in (ours,) if name in data])
    (told,) = (one for one in check(data, ORAL) if one.column == column.upper())
    assert str(told).startswith(f"{column.upper()}: is not read, and there is no {ours}")
    assert str(told).endswith(f"; rename it {ours} if that is meant")
    assert not told.error
    for enough in ({rest: [0, 0]}, {ours: [0, 0]}):
        assert column.upper() not in {one.column for one in check(data.assign(**enough), ORAL)}


def test_two_columns_for_one_parameter_and_columns_of_another_meaning_are_refused():
    data = pandas.DataFrame({"ID": [1, 1], "TIME": [0, 1], "AMT": [3, 0], "W1": [70, 70], "W2": [80, 80]})
    with pytest.raises(BadValue, match=r"^covariates: W1 and w2 both set 'CL'; leave one out"):
        read(data, ORAL, covariates={"W1": "CL", "w2": "CL"})
    for name in ("ID", "time", "AMT"):
        with pytest.raises(BadValue, match=rf"^covariates: {name} has a meaning of its own in an event table"):
            read(data, ORAL, covariates={name: "CL"})


def test_a_column_that_sets_a_parameter_is_read_whatever_others_call_it():
    data = pandas.DataFrame({"ID": [1, 1], "TIME": [0, 1], "AMT": [3, 0], "TAU": [70, 70]})
    assert "TAU" not in {one.column for one in check(data, ORAL, covariates={"TAU": "CL"})}
