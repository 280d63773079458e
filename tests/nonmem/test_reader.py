"""Event tables are read for a model or its name, and those that others published are read too."""

import warnings
from pathlib import Path

import pandas
import pytest

import immunode as im
from immunode import models, nonmem
from immunode.errors import BadValue, UnknownName
from immunode.nonmem import check, read
from tests.support.event_tables import DAYS, frame, one_compartment

SUITES = Path(__file__).parents[3] / "shared" / "data" / "suites"
HERE = pytest.mark.skipif(not SUITES.is_dir(), reason="the reference data are not here")
IL2 = "ID,TIME,AMT,CMT,EVID\n1,0,3,sc,1\n1,1,0,0,0"


def test_a_model_may_be_told_by_its_name_as_in_simulate():
    data, model = frame(IL2), models.model("il2_sc")
    assert im.read_events(data, "il2_sc").regimens == im.read_events(data, model).regimens
    assert nonmem.check(data, "il2_sc") == nonmem.check(data, model) == []
    assert nonmem.reading(data, "il2_sc") == nonmem.reading(data, model)
    assert im.event_table("3 MIU SC", "il2_sc").equals(im.event_table("3 MIU SC", model))


@pytest.mark.parametrize("use", [nonmem.read, nonmem.check, nonmem.reading])
def test_an_unknown_model_is_refused_with_the_nearest_name(use):
    with pytest.raises(UnknownName, match="there is no model 'il2_cs'; did you mean 'il2_sc'"):
        use(frame(IL2), "il2_cs")


def test_a_table_for_an_unknown_model_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownName, match="did you mean 'il2_sc'"):
        im.event_table("3 MIU SC", "il2_cs")


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
        events = read(data, model)
    assert len(set(events.ids)) == data["ID"].nunique()
    extra = int(data.get("ADDL", pandas.Series([0])).sum())
    assert sum(d.action == "add" for plan in events.regimens for d in plan) == extra + len(data) - sum(
        map(len, events.times)
    )
    assert set(events.covariates) == {"CL", "V", "Q", "KA"} & set(data)


@HERE
def test_the_records_of_nonmem_are_read():
    data = pandas.read_csv(SUITES / "nonmem_dosing" / "records.csv").rename(columns={"case": "ID"})
    model = one_compartment(parameters=("CL", "lagt", "bioav"), duration="D2")
    events = read(data, model)
    assert len(events) == data["ID"].nunique() == 28
    assert sum(map(len, events.times)) == (data["evid"] == 0).sum()
    assert set(events.covariates) == {"lagt", "bioav"}


def test_hours_that_are_read_as_days_are_warned_of_where_they_are_read():
    table = frame("ID,TIME,AMT,CMT,EVID\n1,0,3,sc,1\n1,2,.,.,0\n1,4,.,.,0\n1,12,.,.,0")
    with pytest.warns(
        UserWarning, match="samples lie 4 days after the last dose.*if TIME is in another unit, such as h"
    ):
        nonmem.read(table, "il2_sc")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nonmem.read(table, "il2_sc", time_unit="h")


def test_a_table_in_hours_for_a_model_of_days_does_what_the_same_table_in_days_does():
    head = "ID,TIME,AMT,CMT,II,ADDL,RATE,DUR,D2,WT"
    hours = frame(f"{head}\n1,0,24,2,12,3,2,0,6,70\n1,30,24,2,0,0,0,12,6,70\n1,36,0,1,0,0,0,0,6,70")
    days = frame(f"{head}\n1,0,24,2,.5,3,48,0,.25,70\n1,1.25,24,2,0,0,0,.5,.25,70\n1,1.5,0,1,0,0,0,0,.25,70")
    one, two = nonmem.read(hours, DAYS, time_unit="h"), nonmem.read(days, DAYS)
    assert one.regimens == two.regimens
    assert one.times[0].tolist() == two.times[0].tolist() == [1.5]
    assert one.covariates["D2"][0][1].tolist() == [0.25] * 3
    for wrong in ("mg", "", "often", 3):
        with pytest.raises(BadValue, match="expected the unit of the table's times"):
            nonmem.read(hours, DAYS, time_unit=wrong)


def test_a_model_of_time_without_a_unit_takes_no_time_unit_and_is_said_to_count_none():
    decay = im.Model(
        "m", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y}, [im.Parameter("k", 1, "1")], time="1"
    )
    data = frame("ID,TIME,AMT,EVID,CMT\n1,0,1,1,1\n1,2,0,0,1")
    with pytest.raises(BadValue, match=r"^time_unit = 'h': m counts time without a unit \(time='1'\): leave it out"):
        nonmem.read(data, decay, time_unit="h")
    (missing,) = nonmem.check(data.drop(columns="TIME"), decay)
    assert "TIME, the time in units of time of each record" in missing.cure
    with pytest.raises(BadValue, match="for il2_sc, which counts days"):
        nonmem.read(data, "il2_sc", time_unit="kg")
