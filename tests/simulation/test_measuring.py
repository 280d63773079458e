"""Measures of patients from the solver, against closed forms.

Tolerance 1e-6 of the number, at the solver's default rtol of 1e-6: what the measures promise.
"""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import BadValue, UnitError, UnknownName
from immunode.evidence.endpoint import Endpoint
from immunode.functions import cos, where
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.measuring import asked, measure_each, over_members

P = im.Parameter


def bolus(time="day"):
    """Return a one-compartment model in days or hours, its rate in a unit of that time."""
    return im.Model(
        "bolus",
        [im.State("central", "mg", scale=1e-2, lag="tlag")],
        lambda t, x, p: {"central": -p.k * x.central},
        [P("k", 1.0, f"1/{time}", low=0.001, high=100), P("tlag", 0.0, time, low=0, high=100)],
        routes={"iv": "central"},
        time=time,
    )


def measured(model, parameters, regimen, endpoints, last, **options):
    """Return what endpoints are in patients who differ in the parameters, shape (endpoints, n)."""
    n = len(next(iter(parameters.values())))
    values = np.column_stack([np.broadcast_to(parameters.get(name, v), n) for name, v in model.typical.items()])
    regimens = [im.prescribe(regimen) if isinstance(regimen, str) else regimen or im.Regimen()]
    ensemble = Ensemble(model, values, regimens, np.zeros(n, int), np.zeros(n))
    wanted = [asked(endpoint, model, regimens, last) for endpoint in endpoints]
    return measure_each(ensemble, wanted, SolveOptions(), **options), wanted


def of(name, **fields):
    return Endpoint(signal="central", measure=name, **fields)


RATES = np.array([0.2, 1.0, 3.0])


@pytest.mark.parametrize(("time", "per_day"), [("day", 1.0), ("hour", 24.0)])
def test_daily_doses_are_measured_as_their_closed_forms_say(time, per_day):
    names = ["cmax", "cmin", "auc", "time_average", "value", "change", "clearance", "time_to_below"]
    level = {"time_to_below": {"level": 6.0}}
    endpoints = [of(name, day="7 d", **level.get(name, {})) for name in names]
    endpoints += [Endpoint(measure="doses", day="7 d"), Endpoint(measure="given", day="7 d")]
    each, wanted = measured(bolus(time), {"k": RATES / per_day}, "10 mg IV bolus days 1-5", endpoints, 7.0)
    result = dict(zip([one.endpoint.measure for one in wanted], each.values, strict=True))
    last = 10 * np.exp(-RATES[:, None] * (7 - np.arange(5.0))).sum(axis=1)
    area = (10 / RATES[:, None] * -np.expm1(-RATES[:, None] * (7 - np.arange(5.0)))).sum(axis=1)
    troughs = 10 * np.exp(-RATES[:, None] * np.arange(1, 6)).cumsum(axis=1)
    expected = {
        "cmax": 10 * np.expm1(-5 * RATES) / np.expm1(-RATES),
        "cmin": np.minimum(last, troughs[:, 0]),
        "auc": area,
        "time_average": area / 7,
        "value": last,
        "change": last - 10,  # from after the first dose
        "clearance": 50 / area,
        "time_to_below": np.where(troughs[:, 0] < 6, math.log(10 / 6) / RATES, np.nan),
        "doses": np.full(3, 5.0),
        "given": np.full(3, 50.0),
    }
    for name, number in expected.items():
        known = np.isfinite(number)
        assert_allclose(result[name][known], number[known], rtol=1e-6, err_msg=name)
    assert [one.unit for one in wanted] == [*["mg"] * 2, "(mg)*day", *["mg"] * 3, "mg/((mg)*day)", "day", "1", "mg"]


def test_a_lag_of_each_patient_cuts_its_own_course():
    lags = np.array([0.0, 0.1, 0.3777])
    each, _ = measured(bolus(), {"k": np.full(3, 2.0), "tlag": lags}, "10 mg IV bolus", [of("tmax"), of("auc")], 3.0)
    assert_allclose(each.values[0], lags, atol=1e-9)
    assert_allclose(each.values[1], 5 * -np.expm1(-2 * (3 - lags)), rtol=1e-6)


def test_absorption_peaks_where_its_formula_says():
    model = im.Model(
        "oral",
        [im.State("depot", "mg", scale=1e-2), im.State("central", "mg", scale=1e-2)],
        lambda t, x, p: {"depot": -p.ka * x.depot, "central": p.ka * x.depot - p.k * x.central},
        [P("ka", 5.0, "1/day", low=0.1, high=100), P("k", 1.0, "1/day", low=0.1, high=100)],
        routes={"po": "depot"},
    )
    ka, k = np.array([5.0, 24.0]), np.array([1.0, 6.0])
    level = [of("time_above", level="2 mg"), of("time_to_above", level=2.0)]
    each, _ = measured(model, {"ka": ka, "k": k}, "10 mg PO", [of("cmax"), of("tmax"), of("auc"), *level], 4.0)
    when = np.log(ka / k) / (ka - k)

    def course(t):
        return 10 * ka / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))

    assert_allclose(each.values[0], course(when), rtol=1e-6)
    assert_allclose(each.values[1], when, rtol=1e-3)  # flat at its top: an error of 1e-6 moves it by the root of that
    area = 10 * ka / (ka - k) * (-np.expm1(-4 * k) / k + np.expm1(-4 * ka) / ka)
    assert_allclose(each.values[2], area, rtol=1e-6)
    assert_allclose(course(each.values[4]), 2, rtol=1e-5)  # it crosses the level there, and again after that time
    assert_allclose(course(each.values[4] + each.values[3]), 2, rtol=1e-5)


def test_the_highest_of_many_peaks_that_are_nearly_the_same_is_found():
    oral = im.Model(
        "oral",
        [im.State("gut", "mg", scale=1.0), im.State("central", "mg", scale=1.0)],
        lambda t, x, p: {"gut": -p.ka * x.gut, "central": p.ka * x.gut - p.k * x.central},
        [P("ka", 5.0, "1/day", low=0.1, high=100), P("k", 5.4, "1/day", low=0.01, high=100)],
        routes={"sc": "gut"},
    )
    ka, k = np.linspace(3.0, 8.0, 40), 5.4 * np.geomspace(0.4, 2.1, 40)
    peak = Endpoint(signal="central", measure="cmax")
    each, _ = measured(oral, {"ka": ka, "k": k}, "10 mg SC BID x 5 days every 8 weeks x6", [peak], 365.0)

    def course(t, i):
        """Return the amount of one patient during the last interval of ten doses, when it is highest."""
        since = t[:, None] - 0.5 * np.arange(10)
        return (10 * ka[i] / (k[i] - ka[i]) * (np.exp(-ka[i] * since) - np.exp(-k[i] * since))).sum(axis=1)

    fine = 4.5 + np.linspace(0.0, 0.5, 20_001)  # between two of these a summit is higher by 1e-8 of itself at most
    assert_allclose(each.values[0], [course(fine, i).max() for i in range(40)], rtol=1e-6)


def test_a_switch_of_the_model_within_the_window_is_seen_to():
    model = im.Model(
        "switched",
        [im.State("y", "mg", scale=1e-2)],
        lambda t, x, p: {"y": where(t > p.on, p.rate, 0 * p.rate)},
        [P("on", 10.0, "day", low=0, high=1000), P("rate", 3.0, "mg/day", low=0, high=10)],
    )
    on = np.array([3.3, 11.0, 100.123])
    endpoints = [
        Endpoint(signal="y", measure=m, level=6.0 if m[:6] == "time_t" else None) for m in ("auc", "time_to_above")
    ]
    each, _ = measured(model, {"on": on}, None, endpoints, 120.0)
    assert_allclose(each.values[0], 1.5 * (120 - on) ** 2, rtol=1e-6)
    assert_allclose(each.values[1], on + 2, rtol=1e-6)


def test_a_jump_that_the_model_makes_by_itself_is_seen_to():
    model = im.Model(
        "refilled",
        [im.State("y", "mg", initial=10.0, scale=1.0)],
        lambda t, x, p: {"y": -p.k * x.y},
        [
            P("k", 0.1, "1/day", low=0.01, high=10),
            P("low", 2.0, "mg", low=0, high=9),
            P("full", 10.0, "mg", low=5, high=99),
        ],
        triggers=[im.Trigger(when=lambda t, x, p: x.y < p.low, then={"y": "full"})],
    )
    k = np.array([0.1, 0.37])
    endpoints = [Endpoint(signal="y", measure=name) for name in ("auc", "cmin", "cmax")]
    endpoints.append(Endpoint(signal="y", measure="time_above", level=5.0))
    each, _ = measured(model, {"k": k}, None, endpoints, 100.0)
    period = np.log(5) / k
    cycles, rest = np.divmod(100, period)
    assert_allclose(each.values[0], cycles * 8 / k + 10 / k * -np.expm1(-k * rest), rtol=1e-6)
    assert_allclose(each.values[1:3], [[2, 2], [10, 10]], rtol=1e-6)
    assert_allclose(each.values[3], cycles * np.log(2) / k + np.minimum(rest, np.log(2) / k), rtol=1e-5)


def test_a_window_of_many_is_what_each_patient_has_alone_and_earlier_ones_do_not_move_it():
    endpoints = [of("auc", from_day=1, day=3), of("cmax", from_day=1, day=3), of("half_life", from_day=5, day=7)]
    each, _ = measured(bolus(), {"k": RATES}, "10 mg IV bolus days 1-5", endpoints, 7.0)
    for i, rate in enumerate(RATES):
        alone, _ = measured(bolus(), {"k": np.array([rate])}, "10 mg IV bolus days 1-5", endpoints, 7.0)
        assert alone.values[:, 0].tolist() == each.values[:, i].tolist()
    assert_allclose(each.values[2], math.log(2) / RATES, rtol=1e-5)


def test_the_change_of_means_is_not_the_mean_of_changes():
    endpoints = [of("percent_change", day=2, from_day=1), of("percent_change", day=2, from_day=1, statistic="of_means")]
    each, wanted = measured(bolus(), {"k": RATES}, "10 mg IV bolus", endpoints, 2.0)
    results = [over_members(one, each.values[i], each.start[i], each.end[i]) for i, one in enumerate(wanted)]
    assert_allclose(results[0], 100 * np.expm1(-1.0), rtol=1e-6)
    assert_allclose(results[1], 100 * (np.exp(-2 * RATES).sum() / np.exp(-RATES).sum() - 1), rtol=1e-6)


def test_a_value_is_that_of_simulate_bit_for_bit():
    each, _ = measured(bolus(), {"k": RATES}, "10 mg IV bolus days 1-5", [of("value", day=d) for d in (3, 6.5)], 7.0)
    course = im.simulate(bolus(), "10 mg IV bolus days 1-5", times=[3, 6.5, 7], parameters={"k": RATES})
    assert each.values.T.tolist() == course["central"].values[:, :2].tolist()


def test_visits_and_events_are_those_that_are_told():
    model, days = bolus(), [0.5, 1.5, 6.0]
    wanted = [of("nadir", day=6, from_day=0.5), of("visit_average", from_day=0.5, day=6)]
    wanted.append(Endpoint(measure="event", statistic="percent", day=4))
    happened = np.array([3.0, math.inf, 5.0])
    each, _ = measured(model, {"k": RATES}, "10 mg IV bolus days 1-5", wanted, 7.0, visits=days, event_day=happened)
    seen = im.simulate(model, "10 mg IV bolus days 1-5", times=days, parameters={"k": RATES})["central"].values
    assert_allclose(each.values[0], seen.min(axis=1), rtol=1e-12)
    assert_allclose(each.values[1], np.trapezoid(seen, days, axis=1) / 5.5, rtol=1e-12)
    assert each.values[2].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("endpoint", "error", "said"),
    [
        (Endpoint(signal="cd4"), UnknownName, "no output or state 'cd4'"),
        (of("time_above", level="1 IU/mL"), UnitError, "level: 'IU/mL' cannot be converted to 'mg'"),
        (of("value", day=9), BadValue, "is of day 9, and what is simulated ends on day 7"),
        (of("auc", from_day=8), BadValue, "is of day 8 to 7"),
        (
            of("value", statistic="percent_above", limit="3 days"),
            UnitError,
            "limit: 'days' cannot be converted to 'mg'",
        ),
        (Endpoint(measure="event", statistic="percent"), BadValue, "nothing tells when they happen"),
    ],
)
def test_what_the_model_does_not_have_is_refused_by_name(endpoint, error, said):
    with pytest.raises(error, match=said):
        measured(bolus(), {"k": RATES}, "10 mg IV bolus days 1-5", [endpoint], 7.0)


def rhythm():
    """Return a state at rest, seen with a rhythm of one day."""
    return im.Model(
        "rhythm",
        [im.State("x", "mg", initial=10.0, scale=1.0)],
        lambda t, x, p: {"x": 0 * p.w * x.x},
        [P("w", 2 * math.pi, "1/day", low=0.1, high=1e6), P("a", 0.2, "1", low=0, high=1)],
        outputs=[im.Output("level", "mg", lambda t, x, p: x.x * (1 + p.a * cos(p.w * t)))],
    )


@pytest.mark.parametrize("day", [30.0, 365.0, 3650.0])
def test_a_rhythm_is_followed_however_long_the_window(day):
    names = {"cmax": None, "cmin": None, "auc": None, "time_above": 11.0}
    endpoints = [Endpoint(signal="level", measure=name, day=day, level=level) for name, level in names.items()]
    each, _ = measured(rhythm(), {"w": [2 * math.pi]}, None, endpoints, day)
    assert_allclose(each.values[:, 0], [12.0, 8.0, 10 * day, day / 3], rtol=1e-6)


def test_a_patient_is_the_same_alone_and_beside_others_who_move_faster():
    endpoints = [
        Endpoint(signal="level", measure=name, level=level) for name, level in (("auc", None), ("time_above", 11.0))
    ]
    rates = 2 * math.pi * np.array([0.001, 0.1, 1.0, 3.0])
    each, _ = measured(rhythm(), {"w": rates}, None, endpoints, 300.0)
    for i, rate in enumerate(rates):
        alone, _ = measured(rhythm(), {"w": [rate]}, None, endpoints, 300.0)
        assert alone.values[:, 0].tolist() == each.values[:, i].tolist()


def test_what_moves_too_fast_to_be_followed_is_not_known_and_said():
    endpoints = [Endpoint(signal="level", measure="cmax"), Endpoint(signal="level", measure="cmax", day=1)]
    with pytest.warns(UserWarning, match="not known in 1 of 2 patients, whose course moves too fast"):
        each, _ = measured(rhythm(), {"w": 2 * math.pi * np.array([1e3, 0.1])}, None, endpoints, 365.0)
    assert np.isnan(each.values[0]).tolist() == [True, False]
    assert_allclose(each.values[1], 12.0, rtol=1e-6)
    assert each.status.tolist() == [0, 0]


@pytest.mark.parametrize("off", [-1e-13, -1e-17, 0.0, 1e-17, 1e-13])
@pytest.mark.parametrize("hours", [5, 7, 10, 13, 6])
def test_a_window_begins_after_and_ends_before_a_dose_whichever_way_its_time_is_written(hours, off):
    day = hours / 24
    regimen = im.Regimen((im.Dose(10.0, "mg", "iv", 0.0), im.Dose(10.0, "mg", "iv", max(1e-300, day * (1 + off)))))
    k, first, last = 2.0, f"{hours} h", f"{hours + 24} h"
    names = ["auc_change", "cmin", "cmax", "tmax", "change", "auc", "time_average"]
    since = [of(name, from_day=first, day=last) for name in names]
    since += [
        of("time_to_below", level=5.0, from_day=first, day=last),
        Endpoint(measure="doses", from_day=first, day=last),
    ]
    until = [of("auc", day=first), of("cmax", day=first), of("value", day=first), Endpoint(measure="doses", day=first)]
    each, _ = measured(bolus(), {"k": [k]}, regimen, [*since, *until], 3.0)
    before = 10 * math.exp(-k * day)
    top = before + 10
    area = top / k * -math.expm1(-k)
    low = top * math.exp(-k)
    expected = [area - top, low, top, 0.0, low - top, area, area, math.log(top / 5) / k, 1.0]
    expected += [10 / k * -math.expm1(-k * day), 10.0, before, 1.0]
    assert_allclose(each.values[:, 0], expected, rtol=1e-6, atol=1e-11)


def test_times_in_a_sentence_are_those_of_a_window_in_hours():
    endpoint = of("auc_change", from_day="5 h", day="29 h")
    each, _ = measured(bolus(), {"k": [2.0]}, "10 mg IV bolus q5h x2", [endpoint], 2.0)
    top = 10 * (1 + math.exp(-10 / 24))
    assert_allclose(each.values[0], top / 2 * -math.expm1(-2) - top, rtol=1e-6)
    ends = of("auc", day="351 h")  # the last bit of a dose's time is below that of the day
    each, _ = measured(bolus(), {"k": RATES}, "10 mg IV bolus q13h x60", [ends], 30.0)
    times = 13 / 24 * np.arange(27)
    area = (10 / RATES[:, None] * -np.expm1(-RATES[:, None] * (351 / 24 - times))).sum(axis=1)
    assert_allclose(each.values[0], area, rtol=1e-6)


@pytest.mark.parametrize("day", [0.0, 365.0, 3000.0])
def test_nothing_of_a_bolus_is_lost_behind_its_time(day):
    k = np.array([1.0, 77.0, 500.0])
    regimen = im.Regimen((im.Dose(10.0, "mg", "iv", day),))
    endpoints = [of("cmax"), of("tmax"), of("auc"), of("time_above", level=5.0)]
    each, _ = measured(bolus(), {"k": k}, regimen, endpoints, day + 5)
    assert_allclose(each.values[0], 10.0, rtol=1e-11)
    assert_allclose(each.values[1], day, atol=1e-11)
    assert_allclose(each.values[2], 10 / k * -np.expm1(-5 * k), rtol=1e-6)
    assert_allclose(each.values[3], math.log(2) / k, rtol=1e-6)


def test_nothing_of_many_boluses_is_lost_behind_their_times():
    k = np.array([1e3, 1e5])
    each, _ = measured(bolus(), {"k": k}, "10 mg IV bolus daily x300", [of("auc"), of("time_above", level=5.0)], 301.0)
    assert_allclose(each.values, np.array([10 / k, math.log(2) / k]) * 300, rtol=1e-6)


def test_no_other_endpoint_changes_a_bit_of_a_measure():
    one = [of("auc"), of("time_above", level=3.0, from_day=1, day=6)]
    others = [of("cmin", from_day=3.3, day=5.1), Endpoint(signal="central", measure="half_life", from_day=5)]
    alone, _ = measured(bolus(), {"k": RATES * 30}, "10 mg IV bolus days 1-5", one, 7.0)
    beside, _ = measured(bolus(), {"k": RATES * 30}, "10 mg IV bolus days 1-5", [*others, *one], 7.0)
    assert alone.values.tolist() == beside.values[2:].tolist()


def test_the_lowest_value_of_what_is_washed_out_is_not_negative():
    endpoints = [of("cmin"), of("cmin", from_day=1)]
    each, _ = measured(bolus(), {"k": np.geomspace(3, 100, 40)}, "10 mg IV bolus", endpoints, 60.0)
    assert (each.values[0] >= 0).all()
    assert (each.values[0] < 1e-5).all()
