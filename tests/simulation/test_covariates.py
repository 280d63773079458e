"""Parameters that change in time: each rule against closed forms, from Python and from a table."""

import io
import warnings
from dataclasses import replace

import numpy as np
import pandas
import pytest
import xarray
from scipy.integrate import solve_ivp

import immunode as im
from immunode.errors import BadValue, UnitError
from immunode.model.declaration import Parameter
from tests.support.closed_form import Linear, Record, observed, walk
from tests.support.dosed_models import DECIMAL, MODEL, expanded, frame, regimen, system
from tests.support.dosed_runs import GRID, assert_close, methods, read, simulate, states
from tests.support.scenarios import CENTRAL, DEPOT, MODELLED_DURATION, dose, of

# Covariates: CL and F of the depot as they are known at some times, doses between and at them.
KNOWN = np.array([0.5, 1.0, 2.25, 4.0])
COVARIATES = {"CL": np.array([1.0, 4.0, 0.5, 3.0]), "F_depot": np.array([1.0, 0.5, 2.0, 0.25])}
DOSED = of(dose(0, DEPOT, 3, ii=1, addl=4), dose(0.5, CENTRAL, 2, rate=1))


def _known(rule, at):
    """Return the values of the covariates that hold at a time."""
    if rule == "linear":
        return {name: np.interp(at, KNOWN, of_it) for name, of_it in COVARIATES.items()}
    i = np.searchsorted(KNOWN, at, "left") if rule == "nocb" else np.searchsorted(KNOWN, at, "right") - 1
    return {name: of_it[np.clip(i, 0, len(KNOWN) - 1)] for name, of_it in COVARIATES.items()}


def _exact_under_covariates(rule, side):
    spelt_out = replace(DOSED, records=tuple(expanded(list(DOSED.records))))
    records = []
    for record in spelt_out.records:
        records += replace(spelt_out, records=(record,)).resolved(MODEL.typical | _known(rule, record.time))
    records = observed(records, GRID[GRID >= 0], side)
    if rule == "linear":
        return _by_quadrature(records)
    later = [system(MODEL.typical | _known(rule, time + (1e-6 if rule == "nocb" else 0.0))) for time in KNOWN]
    first = system(MODEL.typical | _known(rule, 0.0))
    changes = tuple((time, s.A, s.b) for time, s in zip(KNOWN, later))
    return walk(Linear(first.A, first.b, first.initial, changes), records, 0.0)[0]


def _by_quadrature(records):
    """Return the states where CL changes all the time: each dose by SciPy at 1e-12, and their sum."""
    grid = GRID[GRID >= 0]

    def slope(t, x, rate, until):
        return system(MODEL.typical | {"CL": np.interp(t, KNOWN, COVARIATES["CL"])}).A @ x + np.array([0, rate, 0]) * (
            t < until
        )

    total = np.zeros((len(grid), 3))
    post = any(r.action == "observe" and r.side == "here" for r in records)
    for record in (r for r in records if r.action == "dose"):
        now, until = record.time, record.time + (record.F * record.amount / record.rate if record.rate else 0.0)
        x = np.eye(3)[record.state] * (0.0 if record.rate else record.F * record.amount)
        total[grid == now] += x * post
        for stop in sorted({*grid, *KNOWN, until}):  # steps end where anything is not smooth
            if stop <= now:
                continue
            middle = 0.5 * (now + stop)
            rate = record.rate if middle < until else 0.0
            x = solve_ivp(slope, (now, stop), x, "DOP853", rtol=1e-12, atol=1e-14, args=(rate, np.inf)).y[:, -1]
            total[grid == stop] += x
            now = stop
    return total


@methods
@pytest.mark.parametrize("rule", ["nocb", "locf", "linear"])
def test_covariates_change_in_time(rule, method):
    courses = {name: (KNOWN, of_it) for name, of_it in COVARIATES.items()}
    for side in ("pre", "post"):
        course = simulate(
            regimen(list(DOSED.records)),
            times=GRID[GRID >= 0], at_dose=side, covariates=courses, covariate_rule=rule, method=method,
        )  # fmt: skip
        assert_close(states(course), _exact_under_covariates(rule, side))


@methods
@pytest.mark.parametrize("rule", ["nocb", "locf", "linear"])
@pytest.mark.parametrize("every", [False, True])
def test_covariates_of_a_table(rule, every, method):
    """They stand on every record of their time, as in most data sets, or on the first alone."""
    records = observed(DOSED.records, GRID[GRID >= 0], "post")
    table = frame(records).astype({"TIME": float})
    known = table["TIME"].isin(KNOWN) & (every | ~table["TIME"].duplicated())
    for name, of_it in COVARIATES.items():
        table[name] = table["TIME"].map(dict(zip(KNOWN, of_it))).where(known)
    course = simulate(read(table), covariate_rule=rule, method=method)
    assert_close(states(course), _exact_under_covariates(rule, "post"))


def test_the_lag_of_a_dose_is_that_of_its_own_time():
    """A later change moves nothing that is on its way, and modelled durations follow the same rule."""
    scenario = of(dose(1, CENTRAL, 3), dose(2, CENTRAL, 3, rate=MODELLED_DURATION))
    known = np.array([1.25, 3.0])
    courses = {"lag_central": (known, np.array([0.5, 0.25])), "D_central": (known, np.array([1.0, 2.0]))}
    records = [Record(1, "dose", CENTRAL, 3, lag=0.5), Record(2, "dose", CENTRAL, 3, duration=2.0, lag=0.25)]
    course = simulate(regimen(list(scenario.records)), times=GRID, at_dose="post", covariates=courses)
    assert_close(states(course), walk(system(MODEL.typical), observed(records, GRID, "post"), -3.0)[0])


def test_a_dose_at_the_record_of_a_covariate_has_its_value_in_any_unit_of_time():
    hourly = replace(DECIMAL, time="hour", parameters=[
        Parameter("lag", 0.2, "hour"), Parameter("k", 0.5, "1/hour"), Parameter("F", 1.0, "1")])  # fmt: skip
    # day 0.1 is 2.4000000000000004 h
    for rule, share in (("nocb", 0.5), ("locf", 0.5)):
        course = im.simulate(
            hourly, im.dose("1 mg", "central", times=["0.1 d"]), times=["0.1 d"], at_dose="post",
            covariates={"F": (["0 h", "2.4 h", "9 h"], [0.1, 0.5, 0.9])}, covariate_rule=rule,
        )  # fmt: skip
        assert course.central.item() == pytest.approx(share)


def test_a_covariate_is_a_pair_of_lists_in_any_kind_of_brackets():
    rows = [[0, 5, 10], [0.2, 0.8, 0.8]]
    for course_in_brackets in (([0, 10], [0.2, 0.8]), ([0], [0.8]), rows, tuple(map(tuple, rows)), np.array(rows)):
        course = im.simulate(DECIMAL, im.dose("1 mg", "central", times=[5.0]), times=[5.0], at_dose="post",
                             covariates={"F": course_in_brackets})  # fmt: skip
        assert course.central.item() == pytest.approx(0.8)
    with pytest.raises(BadValue, match=r"expected \(times, values\)"):
        im.simulate(DECIMAL, times=[1.0], covariates={"F": 0.3})
    with pytest.raises(BadValue, match="as a parameter and as a covariate"):
        im.simulate(DECIMAL, times=[1.0], parameters={"F": 0.5}, covariates={"F": ([0, 1], [0.2, 0.8])})


HOURLY = im.Model(
    "pk", time="hour",
    states=[im.State("depot", "mg", lag="tlag", bioavailability="F"), im.State("central", "mg", duration="D")],
    parameters=[Parameter("ka", 1.0, "1/hour"), Parameter("CL", 1.0, "L/hour"), Parameter("V", 20.0, "L"),
                Parameter("tlag", 0.0, "hour"), Parameter("F", 1.0, "1"), Parameter("D", 2.0, "hour")],
    outputs=[im.Output("cp", "mg/L", lambda t, x, p: x.central / p.V)],
    derivative=lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.CL * x.central / p.V},
)  # fmt: skip


def _of(text, rule, name):
    frame = pandas.read_csv(io.StringIO(text), na_values=".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of missing values
        table = im.read_events(frame, HOURLY)
    return im.simulate(HOURLY, table, covariate_rule=rule, rtol=1e-9)[name].values


@pytest.mark.parametrize("rule", ["nocb", "locf", "linear"])
@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("F\n1,0,100,1,1,0.7\n1,0,200,1,1,0.1\n1,0,.,0,2,0.1", "depot", [90]),
        ("F\n1,0,100,1,1,0.7\n1,0,200,1,1,0.1\n1,0,.,0,2,.", "depot", [90]),
        ("F\n1,0,100,1,1,.\n1,0,.,0,2,0.1", "depot", [10]),  # one that is missing is as beside it
        ("V,CL\n1,0,100,1,2,20,0\n1,1,.,0,2,20,0\n1,1,.,0,2,40,0", "cp", [5, 2.5]),
        ("V,CL\n1,0,100,1,2,20,0\n1,1,.,0,2,20,0\n1,1,.,0,2,40,0\n1,1,.,0,2,10,0\n1,2,.,0,2,10,0", "cp",
         [5, 2.5, 10, 10]),
        ("V,CL\n1,0,100,1,2,20,0\n1,1,.,0,2,40,0\n1,1,100,1,2,10,0\n1,1,.,0,2,20,0\n1,1,.,0,2,.,0", "cp",
         [2.5, 10, 10]),
        ("tlag\n1,0,100,1,1,0\n1,0,200,1,1,2\n1,1,.,0,2,2\n1,3,.,0,2,2", "depot",
         [100 * np.exp(-1), 100 * np.exp(-3) + 200 * np.exp(-1)]),
        ("RATE,D,CL\n1,0,100,1,2,-2,1,0\n1,0,100,1,2,-2,4,0\n1,1,.,0,2,0,4,0", "central", [125]),
        ("F\n1,0,100,1,1,1\n1,24,.,0,2,1\n1,24,100,4,1,0.5\n1,24,.,0,2,0.5", "depot", [100 * np.exp(-24), 50]),
    ],
)  # fmt: skip
def test_each_of_several_records_at_one_time_has_its_own_value(rule, text, name, expected):
    assert _of(f"ID,TIME,AMT,EVID,CMT,{text}\n", rule, name) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("rule", ["nocb", "locf"])
def test_a_steady_state_is_of_its_own_record_and_the_trough_before_it_of_the_occasion_before(rule):
    text = "CL,SS,II\n1,0,100,1,2,1,0,0\n1,48,.,0,2,1,0,0\n1,48,100,1,2,2,1,12\n1,48,.,0,2,2,0,0\n1,50,.,0,2,2,0,0"
    peak = 100 / (1 - np.exp(-1.2))
    expected = [100 * np.exp(-2.4), peak, peak * np.exp(-0.2)]
    assert _of(f"ID,TIME,AMT,EVID,CMT,{text}\n", rule, "central") == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("rule", "used"), [("nocb", (2, 8)), ("locf", (4, 1)), ("linear", (3, 4.5))])
def test_the_first_of_a_time_ends_what_was_before_and_the_last_begins_what_follows(rule, used):
    """CL is 4 at 0, then 2 and 1 at 1, then 8 at 2: 0 to 1 and 1 to 2 are ruled by `used` on average."""
    text = "CL,V\n1,0,100,1,2,4,1\n1,1,.,0,2,2,1\n1,1,.,0,2,1,1\n1,2,.,0,2,8,1"
    expected = 100 * np.exp(-np.array([used[0], used[0], sum(used)]))
    assert _of(f"ID,TIME,AMT,EVID,CMT,{text}\n", rule, "central") == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "rows",
    [
        [(0, 1.0), (24, 2.0)],
        ((0, 1.0), (24, 2.0)),
        [[0, 1.0], [24, 2.0]],
        np.array([[0, 1.0], [24, 2.0]]),
        [(0, 1.0), (24, 2.0), (48, 1.0)],
        [(0, 1.0)],
        [("0 d", 1.0), ("24 d", 2.0)],
        [["24 d", 1.0], ["5 d", 2.0]],
    ],
)
def test_rows_of_a_time_and_its_value_are_refused_with_what_to_write(rows):
    with pytest.raises(BadValue, match=r"tuple of two lists, \(\['?(0|24)"):
        im.simulate(DECIMAL, times=[1.0], covariates={"F": rows})


SAID = {
    "texts": ["0 h", "24 h"],
    "texts of days": ["0 d", "1 d"],
    "one without a unit, which is zero": [0, "24 h"],
    "im.days": im.days(0, 1),
    "pint": im.units.registry().Quantity(np.array([0.0, 24.0]), "hour"),
    "a list of pint's": [im.units.registry().Quantity(0.0, "hour"), im.units.registry().Quantity(1.0, "day")],
}


@pytest.mark.parametrize("times", SAID.values(), ids=SAID)
def test_times_of_a_covariate_are_said_as_all_times_in_a_model_of_days_or_hours(times):
    """A number alone is days, and refused where the model counts hours."""
    hourly = replace(DECIMAL, time="hour", parameters=[
        Parameter("lag", 0.0, "hour"), Parameter("k", 0.5, "1/hour"), Parameter("F", 1.0, "1")])  # fmt: skip
    dose = im.dose("1 mg", "central", times=["12 h"])
    shares = [1.0, 0.2]
    for model in (DECIMAL, hourly):
        for course in ((times, shares), [times, shares], [(times, shares), (["0 h", "13 h"], shares)]):
            got = im.simulate(model, dose, times=["12 h"], at_dose="post", covariates={"F": course},
                              covariate_rule="linear", parameters={"lag": 0.0})  # fmt: skip
            assert np.ravel(got.central.values)[0] == pytest.approx(0.6)
    assert np.ravel(got.central.values)[1] == pytest.approx(1 - 0.8 * 12 / 13)


def test_a_number_alone_as_the_time_of_a_covariate_is_refused_in_a_model_of_hours():
    cure = "times of covariate 'CL' = 24: a number alone is days, and pk counts hours; write '24 hour' or '24 d'"
    for times in ([0, 24], np.array([0, 24]), ["0", "24"]):
        with pytest.raises(BadValue, match=cure):
            im.simulate(HOURLY, times=["1 h"], covariates={"CL": (times, [1.0, 2.0])})
    with pytest.raises(BadValue, match="times of covariate 'CL' = 'soon': expected a time"):
        im.simulate(HOURLY, times=["1 h"], covariates={"CL": (["soon"], [1.0])})


def test_values_by_patient_are_found_by_their_index():
    doses = "ID,TIME,AMT,EVID,CMT\n2,0,100,1,2\n2,1,.,0,2\n1,0,100,1,2\n1,1,.,0,2\n"
    table = im.read_events(pandas.read_csv(io.StringIO(doses), na_values="."), HOURLY)
    clearance = pandas.Series([1.0, 40.0], index=[1, 2])
    exact = 5 * np.exp([-2.0, -0.05])
    got = im.simulate(HOURLY, table, parameters={"CL": clearance}, rtol=1e-9)["cp"].values
    assert got == pytest.approx(exact, rel=1e-6)
    assert im.simulate(HOURLY, table, parameters={"CL": [40.0, 1.0]}, rtol=1e-9)["cp"].values.tolist() == got.tolist()
    for index in ([7, 8], [1, 1], ["1", "2"]):
        with pytest.raises(BadValue, match="index it by patient"):
            im.simulate(HOURLY, table, parameters={"CL": clearance.set_axis(index)})
    with pytest.raises(BadValue, match="index it by patient"):
        im.simulate(HOURLY, im.dose("1 mg", "central"), times=["1 h"], parameters={"CL": clearance})
    turned = pandas.Series([1.0, 40.0], index=[1, 0])
    course = im.simulate(HOURLY, im.dose("100 mg", "central"), times=["1 h"], parameters={"CL": turned}, rtol=1e-9)
    assert course["cp"].values[:, 0] == pytest.approx(exact, rel=1e-6)


def test_parameters_may_be_called_as_the_lines_of_a_covariate():
    names = ("k", "k_slope", "k_since")
    model = im.Model(
        "m", [im.State("y", "mg")], lambda t, x, p: {"y": -(p.k + 0.5 * p.k_slope + 0.25 * p.k_since) * x.y},
        [im.Parameter(name, 1.0, "1/day") for name in names], routes={"iv": "y"},
    )  # fmt: skip
    course = im.simulate(
        model, im.dose("1 mg", "iv"), times=[1.0], covariates={"k": ([0, 1], [1.0, 3.0])}, covariate_rule="linear"
    )
    assert course["y"].item() == pytest.approx(np.exp(-2.75), rel=1e-5)


PER_HOUR = {
    "pint": im.units.registry().Quantity(np.array([0.1, 0.2]), "1/hour"),
    "xarray": xarray.DataArray([0.1, 0.2], attrs={"units": "1/hour"}),
    "a list of pint's": [im.units.registry().Quantity(0.1, "1/hour"), 4.8],
    "texts": ["0.1 1/h", "4.8 1/day"],
}


@pytest.mark.parametrize("values", PER_HOUR.values(), ids=PER_HOUR)
def test_values_that_say_their_unit_are_converted(values):
    """Their unit was dropped: 0.1/h was 0.1/day."""
    model = im.Model("m", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y},
                     [im.Parameter("k", 1.0, "1/day")], routes={"iv": "y"})  # fmt: skip
    each = im.simulate(model, "1 mg IV", times=[1], parameters={"k": values}, rtol=1e-9).y.values.ravel()
    assert each == pytest.approx(np.exp([-2.4, -4.8]), rel=1e-6)
    changing = im.simulate(model, "1 mg IV", times=[1], covariates={"k": ([0.5, 1.0], values)}, rtol=1e-9)
    assert changing.y.item() == pytest.approx(np.exp(-1.2 - 2.4), rel=1e-6)
    with pytest.raises(UnitError, match="parameter 'k' of m is in 1/day: 'mg' cannot be converted"):
        im.simulate(model, times=[1], parameters={"k": xarray.DataArray([0.1, 0.2], attrs={"units": "mg"})})
    masked = np.ma.masked_array([1.0, 2.0], [0, 1])
    with pytest.raises(BadValue, match="parameter 'k' of patient 1 is nan"):
        im.simulate(model, times=[1], parameters={"k": masked})
    with pytest.raises(BadValue, match="as many finite times as values"):
        im.simulate(model, times=[1], covariates={"k": ([0, 1], masked)})
