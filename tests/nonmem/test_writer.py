"""A regimen comes back from its event table unchanged, and does exactly what its table does."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import immunode as im
from immunode.errors import BadValue
from immunode.nonmem import read, table
from immunode.regimen import Dose, Regimen, dose, multiply, replace, reset
from immunode.units import factor
from tests.support.event_tables import DAYS, ORAL, one_compartment

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


@given(plans)
def test_a_regimen_comes_back_from_its_table_as_it_was(plan):
    assert back(plan, DAYS) == plan


@settings(max_examples=30)
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


@given(plans, st.sampled_from(["hour", "minute", "week"]), st.sampled_from(["mg", "ug", "g"]))
def test_whatever_the_units_it_comes_back_the_same_to_the_last_bit_for_the_solver(plan, time, unit):
    model = one_compartment(time, duration="D2", rate="R2")
    doses = (Dose(**{**vars(d), "unit": "1" if d.unit == "1" else unit, "bare": False}) for d in plan)
    plan = Regimen(tuple(doses))
    assert clockwork(back(plan, model), model) == clockwork(plan, model)


def test_a_simulation_of_a_plan_and_of_its_table_are_the_same_bits():
    model = "il2_sc"
    plan = im.prescribe("3 MIU SC BID days 1-5") + im.dose("18000 kIU", "civ", days=[2], duration="5 h")
    at = im.days(0, 8, 0.25)
    one, two = (im.simulate(model, p, times=at) for p in (plan, back(plan, model)))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_a_table_has_a_patient_for_each_plan_and_observations_before_the_doses_of_their_time():
    plans = ["3 MIU SC QD days 1-2", im.dose("3e6 IU", "sc")]
    written = im.event_table(plans, "il2_sc", times=[0, 1])
    assert written[["ID", "TIME", "EVID", "AMT", "CMT"]].to_numpy().tolist() == [
        [1, 0, 0, 0, 0], [1, 0, 1, 3, 1], [1, 1, 0, 0, 0], [1, 1, 1, 3, 1],
        [2, 0, 0, 0, 0], [2, 0, 1, 3, 1], [2, 1, 0, 0, 0],
    ]  # fmt: skip
    events = im.read_events(written, "il2_sc")
    assert [after.tolist() for after in events.after] == [[0, 1], [0, 1]]
    ragged = table([dose("1 mg", "iv")] * 2, ORAL, times=[["0.5 d"], ["36 h", "2.5 d"]])
    assert ragged.query("EVID == 0")[["ID", "TIME"]].to_numpy().tolist() == [[1, 12], [2, 36], [2, 60]]
    with pytest.raises(BadValue, match="1 lists for 2 patients"):
        table(plans, "il2_sc", times=[[0.5]])


def test_a_table_keeps_the_words_and_the_resets():
    plan = dose("1 mg", "iv") + reset(day=2) + replace("depot", "5 mg", day=3) + multiply("depot", 0.5, day=4)
    assert table(plan, ORAL)["EVID"].tolist() == [1, 3, "replace", "multiply"]
    assert table(plan, ORAL)["TIME"].tolist() == [0, 24, 48, 72]
    assert table(plan, ORAL)["CMT"].tolist() == [2, 0, 1, 1]


@pytest.mark.parametrize("times", [[1, float("nan")], ["1 d", float("inf")]])
def test_a_time_that_is_not_finite_is_no_row_of_a_table(times):
    with pytest.raises(BadValue, match=r"times = .*: expected "):
        im.event_table("3 MIU SC", "il2_sc", times=times)
