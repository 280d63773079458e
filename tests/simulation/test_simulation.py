"""What simulate() returns against closed forms, SciPy, and itself on another grid."""

import dataclasses

import numpy as np
import pandas
import pytest
import sympy
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

import immunode as im
from immunode.errors import BadValue, Interrupted, SolveError, UnitError, UnknownName
from immunode.functions import both, where
from immunode.model.declaration import Model, Output, Parameter, State
from immunode.models import model
from immunode.regimen import prescribe
from immunode.simulation import days, ensemble_run, simulate
from immunode.steady_state.start import initial_states
from tests.support.dosed_models import DECIMAL

RTOL = 1e-6
LINEAR = Model(
    name="linear",
    states=[State("depot", "MIU", bioavailability="F", lag="tlag", scale=1e-3), State("central", "MIU", scale=1e-3)],
    parameters=[
        Parameter("ka", 3.0, "1/day"),
        Parameter("k", 1.2, "1/day"),
        Parameter("F", 0.4, "1"),
        Parameter("tlag", 0.1, "day"),
        Parameter("V", 14.0, "L"),
    ],
    outputs=[Output("il2", "IU/mL", lambda t, x, p: x.central / p.V)],
    routes={"sc": "depot", "iv": "central"},
    derivative=lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.k * x.central},
)
TIMES = np.linspace(0, 10, 101)


def absorbed(t, dose, at=0.0):
    """Return MIU in the blood after a subcutaneous dose: Bateman's function with lag and bioavailability."""
    since = np.maximum(t - at - 0.1, 0.0)
    return dose * 0.4 * 3.0 / (3.0 - 1.2) * (np.exp(-1.2 * since) - np.exp(-3.0 * since))


def infused(t, rate, start, stop, k=1.2):
    """Return MIU in the blood under a constant infusion."""
    during = np.clip(t, start, stop) - start
    return rate / k * (1 - np.exp(-k * during)) * np.exp(-k * np.maximum(t - stop, 0))


def test_a_subcutaneous_dose_with_lag_and_bioavailability_is_batemans_function():
    course = simulate(LINEAR, "3 MIU SC", times=TIMES)
    assert_allclose(course["central"], absorbed(TIMES, 3.0), rtol=10 * RTOL, atol=1e-7)
    assert_allclose(course["il2"], absorbed(TIMES, 3.0) / 14.0 * 1000.0, rtol=10 * RTOL, atol=1e-5)


@pytest.mark.parametrize("parameters", [{}, {"k": [1.0, 1.2]}])
def test_a_course_is_the_dataset_that_xarray_makes_of_its_variables(parameters):
    course = simulate(LINEAR, "3 MIU SC", times=TIMES, parameters=parameters)
    data = {name: (v.dims, v.values, v.attrs) for name, v in course.data_vars.items()}
    public = xarray.Dataset(data, {"time": ("time", TIMES, {"units": "day", "doses": [0.0]})}, course.attrs)
    xarray.testing.assert_identical(course, public)
    xarray.testing.assert_identical(course.sel(time=[1.0, 2.0]), public.sel(time=[1.0, 2.0]))
    assert course.indexes["time"].equals(public.indexes["time"])
    assert course["central"].values.flags.writeable


def test_a_bolus_decays_exponentially_and_the_value_at_the_dose_is_before_it():
    course = simulate(LINEAR, "3 MIU IV bolus", times=TIMES)
    assert course["central"][0] == 0.0
    assert_allclose(course["central"][1:], 3.0 * np.exp(-1.2 * TIMES[1:]), rtol=10 * RTOL, atol=1e-8)


def test_overlapping_infusions_add_up():
    two = im.dose("6 MIU", "iv", times=[0.5], duration="2 d") + im.dose("3 MIU", "iv", times=[1.5], duration="3 d")
    course = simulate(LINEAR, two, times=TIMES)
    assert_allclose(
        course["central"], infused(TIMES, 3.0, 0.5, 2.5) + infused(TIMES, 1.0, 1.5, 4.5), rtol=10 * RTOL, atol=1e-8
    )


def test_repeated_doses_superpose():
    many = simulate(LINEAR, im.dose("3 MIU", "sc", days=[1]).repeat(every="2 d", times=5), times=TIMES)["central"]
    once = sum(absorbed(TIMES, 3.0, at=2.0 * k) for k in range(5))
    assert_allclose(many, once, rtol=10 * RTOL, atol=1e-7)


@settings(max_examples=20)
@given(
    doses=st.lists(st.tuples(st.floats(0.0, 8.0), st.floats(0.01, 30.0), st.floats(0.0, 2.0)), min_size=1, max_size=6),
    shift=st.floats(0.0, 3.0),
)
def test_mass_balance_superposition_and_time_shift(doses, shift):
    plan = sum(
        (
            im.dose(f"{amount} MIU", "iv", times=[time], duration=long if long > 0.01 else None)
            for time, amount, long in doses
        ),
        start=im.Regimen(()),
    )
    apart = sum(simulate(LINEAR, one, times=TIMES)["central"] for one in (im.Regimen((d,)) for d in plan))
    together = simulate(LINEAR, plan, times=TIMES)["central"]
    scale = sum(amount for _, amount, _ in doses)
    assert_allclose(together, apart, rtol=1e-5, atol=1e-6 * scale)
    later = simulate(LINEAR, plan.shift(shift), times=TIMES + shift)["central"]
    assert_allclose(later, together, rtol=1e-5, atol=1e-6 * scale)


@settings(max_examples=10)
@given(extra=st.lists(st.floats(0.0, 60.0), max_size=40))
def test_the_output_grid_does_not_change_the_answer(extra):
    few = np.array([0.0, 12.0, 33.5, 60.0])
    plan = "3 MIU SC QD days 1-5,8-12 every 28 days x2"
    sparse = simulate("il2_cd4_hiv", plan, times=few, outputs=["cd4", "il2"])
    dense = simulate("il2_cd4_hiv", plan, times=np.concatenate([few, extra]), outputs=["cd4", "il2"]).sel(time=few)
    assert np.array_equal(sparse["cd4"], dense["cd4"])
    assert np.array_equal(sparse["il2"], dense["il2"])


def reference(declared, plan, times, parameters, start):
    """Return states by SciPy's DOP853 at 1e-12, restarted at every dose: independent of the engine."""
    trace = declared.trace()
    f = sympy.lambdify((trace.time, trace.states, trace.parameters), trace.derivative, modules="math")
    values = np.array([list(declared.values(parameters).values())])
    y, now, out = initial_states(declared, values)[0], start, []
    lag = declared.values(parameters).get("tlag", 0.0)
    names = [s.name for s in declared.states]
    acts = sorted(
        (d.time + (lag if d.action == "add" else 0.0), i, d.action, names.index(declared.target(d.into).name), d.amount)
        for i, d in enumerate(plan)
    )
    for stop in sorted({a[0] for a in acts} | set(times)):
        if stop > now:
            solved = solve_ivp(lambda t, z: f(t, z, values[0]), (now, stop), y, "DOP853", rtol=1e-12, atol=1e-14)
            assert solved.success
            y, now = solved.y[:, -1], stop
        if stop in times:
            out.append(y.copy())
        for _, _, action, column, amount in (a for a in acts if a[0] == stop):
            y[column] = amount if action == "replace" else y[column] + amount
    return np.array(out)


@pytest.mark.parametrize("changes", [{}, {"cd4_start": 20.0, "setpoint_rna": 1e6, "recruitment": 0.5, "EC50": 5.0}])
def test_the_full_model_agrees_with_dop853(changes):
    declared = model("il2_cd4_hiv")
    plan = im.replace("art", 1, time=-14.0) + prescribe("3 MIU SC QD days 1-5,8-12 every 28 days x3")
    times = [0.0, 3.5, 11.0, 31.25, 91.0, 183.0, 365.0, 548.0]
    course = simulate(declared, plan, times=times, parameters=changes, start=-14.0, rtol=RTOL)
    exact = reference(declared, plan, times, changes, -14.0)
    for column, state in enumerate(declared.states):
        scale = np.abs(exact[:, column]).max()
        error = np.abs(course[state.name].values - exact[:, column]) / (np.abs(exact[:, column]) + 1e-3 * scale + 1e-12)
        assert error.max() < 1e-5, (state.name, error)


def test_a_patient_alone_equals_itself_among_1000():
    n = 1000
    cl = np.linspace(60, 400, n)
    together = simulate("il2_sc", "3 MIU SC QD days 1-5", times=days(0, 6, 0.5), parameters={"CL": cl}, threads=2)
    for i in (0, 17, 500, 999):
        alone = simulate("il2_sc", "3 MIU SC QD days 1-5", times=days(0, 6, 0.5), parameters={"CL": cl[i]})
        assert np.array_equal(alone["il2"], together["il2"][i])
    assert (together["status"] == 0).all()


def test_each_patient_has_its_own_times_and_equals_itself_alone():
    plans = [im.dose(f"{amount} MIU", "sc", times=[0.1 * amount, 1.0]) for amount in (1, 2, 3)]
    times = [[1, 2.0], ["36 h"], np.array([0, 3])]
    together = simulate("il2_sc", plans, times=times, outputs="il2")
    assert together["time"].values.tolist() == [1.0, 2.0, 1.5, 0.0, 3.0]
    assert together["patient"].values.tolist() == [0, 0, 1, 2, 2]
    alone = [simulate("il2_sc", plan, times=at, outputs="il2")["il2"] for plan, at in zip(plans, times, strict=True)]
    assert np.array_equal(together["il2"], np.concatenate(alone))
    for bad, shown in ([np.inf, 1.0], r"\[inf, 1.0\]"), ([], r"\[\]"):
        with pytest.raises(BadValue, match=f"times = {shown}"):
            simulate("il2_sc", plans, times=[[1.0], bad, [2.0]])


def test_a_dose_at_the_smallest_number_above_zero_is_a_dose_at_zero():
    course = simulate(LINEAR, im.dose("1 MIU", "iv", times=[5e-324]), times=[0.0, 1.0])
    assert_allclose(course["central"], [0.0, np.exp(-1.2)], rtol=10 * RTOL)


def test_other_time_units_take_doses_in_days():
    hourly = Model(
        name="hourly",
        time="hour",
        states=[State("central", "MIU", scale=1e-3)],
        parameters=[Parameter("k", 0.05, "1/hour")],
        derivative=lambda t, x, p: {"central": -p.k * x.central},
    )
    course = simulate(hourly, im.dose("2 MIU", "central", days=[2]), times=["1 d", "1.5 d", "2 d"])
    assert course.time.values.tolist() == [24.0, 36.0, 48.0]
    assert_allclose(course["central"], [0.0, 2 * np.exp(-0.6), 2 * np.exp(-1.2)], rtol=1e-5)


def test_a_steady_state_is_solved_or_refused():
    turnover = Model(
        name="turnover",
        states=[State("cells", "cells/uL", initial="steady_state", scale=100.0)],
        parameters=[Parameter("s", 3.0, "cells/uL/day"), Parameter("d", 0.01, "1/day")],
        derivative=lambda t, x, p: {"cells": p.s - p.d * x.cells},
    )
    assert_allclose(simulate(turnover, times=[0, 100])["cells"], 300.0, rtol=1e-9)
    none = Model(
        name="none",
        states=[State("cells", "cells/uL", initial="steady_state")],
        parameters=[Parameter("s", 3.0, "cells/uL/day"), Parameter("d", 0.01, "1/day")],
        derivative=lambda t, x, p: {"cells": p.s + p.d * x.cells**2 / (x.cells + p.s / p.d) * 0 + p.s},
    )
    with pytest.raises(SolveError, match="no steady state of cells"):
        simulate(none, times=[0, 1])


def test_bad_input_is_named():
    with pytest.raises(UnknownName, match="did you mean 'il2_sc'"):
        simulate("il2_cs", times=[1])
    with pytest.raises(UnitError, match="'mg'"):
        simulate("il2_sc", "3 mg SC", times=[1])
    with pytest.raises(BadValue):
        simulate("il2_sc", times=[np.nan])
    with pytest.raises(UnknownName, match="did you mean 'il2'"):
        simulate("il2_sc", times=[1], outputs=["il-2"])
    with pytest.raises(BadValue, match="differ in length"):
        simulate("il2_sc", times=[1], parameters={"CL": [100.0, 200.0], "V": [10.0, 11.0, 12.0]})
    with pytest.raises(BadValue, match="before the start"):
        simulate("il2_sc", times=[1.0], start=2.0)


def test_times_that_are_one_but_for_rounding_are_one():
    # 0.1 + 0.2 is above 0.3: the arrival comes first all the same, then the replacement
    regimen = im.dose("3 mg", "depot", times=[0.1]) + im.replace("depot", "7 mg", time=0.3)
    assert im.simulate(DECIMAL, regimen, times=[0.5]).depot.item() == 7.0
    table = {"ID": 1, "TIME": [0.1, 0.3, 0.3], "AMT": [3, 0, 5], "EVID": [1, 0, 1], "CMT": [1, 1, 2]}
    seen = im.simulate(DECIMAL, im.read_events(pandas.DataFrame(table), DECIMAL))
    assert seen.depot.values.tolist() == [3.0]
    assert seen.central.values.tolist() == [0.0]
    before = im.simulate(DECIMAL, im.dose("3 mg", "central", times=[0.1 + 0.2]), times=[0.3, 0.30000000000000004])
    assert before.central.values.tolist() == [0.0, 0.0]


def test_a_dataset_of_records_is_one_row_a_record_in_a_table():
    course = im.simulate(DECIMAL, [im.dose("1 mg", "central")] * 2, times=[[1, 2, 3], [2]])
    assert len(course.to_dataframe()) == 4


def test_lists_of_times_are_samples_as_they_stand():
    course = im.simulate(DECIMAL, [im.dose("1 mg", "central")] * 2, times=[[1, 1, 2], [2, 2]])
    assert course.time.values.tolist() == [1, 1, 2, 2, 2]
    assert course.central.values[0] == course.central.values[1]
    with pytest.raises(BadValue, match="times of patient 1 are not sorted: 1 follows 2"):
        im.simulate(DECIMAL, times=[[1, 2], [2, 1]])


def test_what_ctrl_c_leaves_is_in_the_same_shape_and_units(monkeypatch):
    def call():
        return im.simulate("il2_sc", "3 MIU IV bolus", times=[0, 1], at_dose="post", sensitivities=["CL"])

    whole, solve = call(), ensemble_run.solve

    def stopped(*args, **options):
        raise Interrupted(solve(*args, **options), 1, 1)

    monkeypatch.setattr(ensemble_run, "solve", stopped)
    with pytest.raises(Interrupted) as stop:
        call()
    assert np.array_equal(stop.value.found.il2_sensitivity, whole.il2_sensitivity)


def test_a_table_read_for_another_model_of_the_same_name_is_refused_in_these_words():
    frame = pandas.DataFrame({"ID": [1, 1], "TIME": [0.0, 1.0], "AMT": [1.0, 0.0], "EVID": [1, 0], "CMT": [1, 1]})
    table = im.read_events(frame, dataclasses.replace(LINEAR))
    with pytest.raises(BadValue, match="was read for another model named linear; read it for the linear"):
        simulate(LINEAR, table)


@pytest.mark.parametrize("method", ["tsit5", "rodas5p"])
def test_a_condition_that_an_output_holds_is_decided_as_written_from_what_is_there_at_its_time(method):
    conditions = {
        "later": lambda t, x, p: t > p.on, "from_then": lambda t, x, p: t >= p.on,
        "more": lambda t, x, p: x.y > p.c, "as_much": lambda t, x, p: x.y >= p.c,
    }  # fmt: skip
    outputs = [Output(name, "1", lambda t, x, p, c=c: where(c(t, x, p), 1, 0)) for name, c in conditions.items()]
    switched = Model(
        "switched",
        [State("y", "mg", scale=1.0)],
        lambda t, x, p: {"y": where(both(t > p.on, x.y > p.c), p.up, 0 * p.up)},
        [Parameter("on", 1.1, "day"), Parameter("c", 5.0, "mg"), Parameter("up", 1.0, "mg/day")],
        outputs=outputs,
        routes={"iv": "y"},
    )
    just_it, more = im.dose("5 mg", "iv"), im.dose("1 mg", "iv", times=[1.1])
    after = np.nextafter(1.1, 2)
    plain = simulate(switched, just_it, times=[1.0, 1.1, after], method=method)
    dosed = simulate(switched, just_it + more, times=[1.1], at_dose="post", method=method)
    assert plain["later"].values.tolist() == [0, 0, 1]
    assert plain["from_then"].values.tolist() == [0, 1, 1]
    assert plain["more"].values.tolist() == [0, 0, 0]
    assert plain["as_much"].values.tolist() == [1, 1, 1]
    assert [dosed[name].item() for name in conditions] == [0, 1, 1, 1]


def test_each_patient_of_a_list_of_regimens_has_the_words_of_its_own(tmp_path):
    alike = [im.dose("1 MIU", "sc", times=[hour]) for hour in ("1 h", "2 h", "1 h")]
    course = simulate(LINEAR, ["3 MIU SC QD days 1-2", "3 MIU SC QD days 1-2", None, *alike], times=[0, 1, 2])
    line = "1 MIU sc day 1 (n = 1, total 1 MIU)"  # it tells the day alone, which two of them share
    words = ["3 MIU SC QD days 1-2", "3 MIU SC QD days 1-2", "no treatment", line, f"{line} [2]", line]
    assert (course["regimen"].dims, course["regimen"].values.tolist()) == (("patient",), words)
    assert simulate(LINEAR, ["3 MIU SC"], times=[1])["regimen"].values.tolist() == ["3 MIU SC"]
    own_times = simulate(LINEAR, ["3 MIU SC", None], times=[[0, 1], [2]])
    assert own_times["regimen"].values.tolist() == ["3 MIU SC", "3 MIU SC", "no treatment"]
    assert "regimen" not in simulate(LINEAR, "3 MIU SC", times=[1], parameters={"ka": [1.0, 2.0]}).coords
    course.to_netcdf(tmp_path / "course.nc", engine="scipy")
    assert xarray.open_dataset(tmp_path / "course.nc")["regimen"].values.tolist() == words
    named = simulate(LINEAR, {"low": "3 MIU SC", "none": None}, times=[0, 1])
    assert named["regimen"].values.tolist() == ["low", "none"]
    with pytest.raises(BadValue, match="a table by name"):
        simulate(LINEAR, {1: "3 MIU SC"}, times=[0, 1])


def test_virtual_patients_stand_for_the_model_with_parameters_of_their_own():
    patients = im.Population(LINEAR, omega={"k": 0.3, "V": 0.2}).sample(5, seed=1)
    course = simulate(patients, "3 MIU SC", times=TIMES, outputs="il2", throw=False)
    same = simulate(LINEAR, "3 MIU SC", times=TIMES, outputs="il2", throw=False, parameters=patients)
    assert course.identical(same)
    assert simulate(patients, times=TIMES).sizes["patient"] == 5
    assert simulate(patients, ["3 MIU SC"] * 5, times=TIMES)["regimen"].values.tolist() == ["3 MIU SC"] * 5
    with pytest.raises(BadValue, match="2 regimens, 5 values of"):
        simulate(patients, ["3 MIU SC", None], times=TIMES)
    for values in ({"k": 1.0}, {}, patients):
        with pytest.raises(BadValue, match=r"^parameters = .*the patients in place of the model have their own; leave"):
            simulate(patients, "3 MIU SC", times=TIMES, parameters=values)


def test_virtual_patients_are_parameters_and_in_another_place_the_cure_is_said():
    population = im.Population(LINEAR, omega={"k": 0.3, "V": 0.2})
    patients = population.sample(5, seed=1)
    course = simulate(LINEAR, "3 MIU SC", times=TIMES, parameters=patients)
    values = {name: patients.parameter(name) for name in LINEAR.typical}
    assert course.equals(simulate(LINEAR, "3 MIU SC", times=TIMES, parameters=values))
    beyond = dataclasses.replace(LINEAR, parameters=[dataclasses.replace(p, high=p.value) for p in LINEAR.parameters])
    with pytest.warns(UserWarning, match="outside"):
        outside = im.Population(beyond, omega={"k": 0.3}).sample(5, seed=1)
    assert simulate(beyond, "3 MIU SC", times=TIMES, parameters=outside).sizes["patient"] == 5  # as a trial does
    with pytest.raises(BadValue, match=r"write simulate\(patients, regimen\)"):
        simulate(LINEAR, patients, times=TIMES)
    drawn = r"draw patients(: parameters=|, )population.sample\(1000, seed=1\)"
    for called in (lambda: simulate(population), lambda: simulate(LINEAR, parameters=population)):
        with pytest.raises(BadValue, match=drawn):
            called()
    with pytest.raises(BadValue, match="of virtual patients give themselves, parameters=patients"):
        simulate(LINEAR, parameters=patients.parameters)
    with pytest.raises(BadValue, match=r"give dict\(frame\)"):
        simulate(LINEAR, parameters=pandas.DataFrame({"k": [1.0, 2.0]}))
    with pytest.raises(
        BadValue, match="patients of linear, another: expected patients of the linear that is simulated"
    ):
        simulate(dataclasses.replace(LINEAR), parameters=patients)
