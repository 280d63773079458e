"""Endpoints in a trial: of arms, labels and groups pooled, against what the patients of the result say themselves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode.errors import BadValue, UnknownName
from immunode.virtual_trials.variables import figure_rows

P = im.Parameter
GROWTH = im.Model(
    "growth",
    [
        im.State("cells", "cells/uL", initial="start", scale=1.0),
        im.State("risk", "1", scale=0.1),
        im.State("drug", "mg", scale=1e-2),
    ],
    lambda t, x, p: {"cells": p.r * x.cells, "risk": p.h, "drug": -p.k * x.drug},
    [
        P("start", 100.0, "cells/uL", low=1, high=1e6),
        P("r", 0.01, "1/day", low=-1, high=1),
        P("h", 0.001, "1/day", low=0, high=1),
        P("k", 2.0, "1/day", low=0.1, high=10),
    ],
    routes={"iv": "drug"},
    outputs=[im.Output("count", "cells/uL", lambda t, x, p: x.cells), im.Output("level", "mg", lambda t, x, p: x.drug)],
)  # fmt: skip
RULE = im.Rule(
    name="grown",
    day=50,
    when=im.When(signal="count", days=[50], above=1.6),
    then=im.Action(label="fast"),
    otherwise=im.Action(label="slow", regimen="10 mg IV bolus days 1-2"),
)


def result(*figures, noise=0.0, n=400):
    arms = [
        im.Arm("a", 30, "10 mg IV bolus days 1-5", rules=[RULE]),
        im.Arm("b", 90, values={"r": 0.02}),
    ]
    trial = im.Trial(
        "endpoints",
        im.Population(GROWTH, omega={"start": 0.3, "r": 0.2}),
        visits=[0, 20, 50, 100],
        arms=arms,
        noise={"count": noise},
        events="risk",
        figures=[im.Figure(label=str(i), kind="endpoint", **fields) for i, fields in enumerate(figures)],
    )
    done = im.run_trial(trial, n=n, seed=3)
    return done, [row["simulated"] for row in figure_rows(done)]


def of(**fields):
    return {"signal": "count"} | fields


def test_endpoints_at_visits_are_made_of_what_was_measured():
    done, simulated = result(
        {"endpoint": of(day=100), "groups": ["a"]},
        {"endpoint": of(measure="change", day=100, from_day=20, statistic="mean"), "groups": ["slow"]},
        {"endpoint": of(measure="percent_change", day=100, statistic="of_medians"), "groups": ["b"]},
        {"endpoint": of(measure="nadir", day=100, statistic="percent_below", limit=60), "groups": ["a"]},
        {"endpoint": of(day=100, statistic="p5"), "groups": ["a"], "versus": ["b"], "compare": "ratio"},
        noise=0.2,
    )
    counts, label = done.count_patient, done.label.sel(arm="a").values
    a, b = (counts.sel(arm=arm).values for arm in "ab")
    expected = [
        np.median(a[:, 3]),
        (a[:, 3] - a[:, 1])[label == "slow"].mean(),
        100 * (np.median(b[:, 3]) / np.median(b[:, 0]) - 1),
        100 * (a.min(axis=1) < 60).mean(),
        np.percentile(a[:, 3], 5) / np.percentile(b[:, 3], 5),
    ]
    assert_allclose(simulated, expected, rtol=1e-12)


def test_endpoints_of_what_was_given_and_happened_follow_each_patients_rule():
    done, simulated = result(
        {"endpoint": {"measure": "doses", "statistic": "mean"}, "groups": ["slow"]},
        {"endpoint": {"measure": "given", "statistic": "mean"}, "groups": ["fast"]},
        {
            "endpoint": {"signal": "level", "measure": "auc", "statistic": "mean"},
            "groups": ["slow"],
            "versus": ["fast"],
        },
        {"endpoint": {"measure": "event", "statistic": "percent", "day": 90}, "groups": ["a"]},
    )
    assert simulated[:2] == [7.0, 50.0]
    assert_allclose(simulated[2], 2 * 10 / 2, rtol=1e-6)  # two more doses, amount / rate each
    happened = done.event_day.sel(arm="a").values <= 90
    assert_allclose(simulated[3], 100 * happened.mean(), rtol=1e-12)


def test_pooled_arms_count_by_their_sizes_in_the_trial():
    done, simulated = result({"endpoint": of(day=100, statistic="mean"), "groups": ["a", "b"]}, n=2000)
    mean = {arm: float(done.count_patient.sel(arm=arm)[:, 3].mean()) for arm in "ab"}
    # 2000 replicates of 30 and 90 patients: the SD of their mean is 0.2 % of it
    assert simulated[0] == pytest.approx((30 * mean["a"] + 90 * mean["b"]) / 120, rel=0.01)


def test_counts_ranges_and_standard_errors_are_those_of_a_trial_of_its_size():
    above = of(day=100, limit=300)
    done, (count, percent, se, highest) = result(
        {"endpoint": above | {"statistic": "count_above"}, "groups": ["a", "b"]},
        {"endpoint": above | {"statistic": "percent_above"}, "groups": ["a", "b"]},
        {"endpoint": of(day=100, statistic="se"), "groups": ["a"]},
        {"endpoint": of(day=100, statistic="max"), "groups": ["a"]},
    )
    seen = done.count_patient.sel(arm="a")[:, 3].values
    # 2000 replicates: the SD of their mean is sqrt(p q / n / 2000) of a share, 1.3 % / sqrt(2000) of an SE of 30
    assert count == pytest.approx(120 * percent / 100, abs=4 * np.sqrt(120 * 0.25 / 2000))
    assert se == pytest.approx(seen.std(ddof=1) / np.sqrt(30), rel=0.03)
    random = np.random.default_rng(1).choice(seen, (20_000, 30)).max(axis=1)
    assert highest == pytest.approx(random.mean(), abs=4 * random.std() / np.sqrt(2000))


def test_a_planned_trial_needs_nothing_printed():
    done, _ = result({"endpoint": of(day=100), "groups": ["a"]})
    assert figure_rows(done)[0]["published"] is None
    assert figure_rows(done)[0]["inside"] is None


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"endpoint": of(day=100)}, BadValue, "needs 1 name.s. of arms or labels in 'groups'"),
        ({"endpoint": of(day=30), "groups": ["a"]}, BadValue, "is read on day 30; visits are on days 0, 20, 50, 100"),
        ({"endpoint": of(day=200, measure="auc"), "groups": ["a"]}, BadValue, "what is simulated ends on day 100"),
        ({"endpoint": {"signal": "cells"}, "groups": ["a"]}, UnknownName, "no output 'cells'"),
        ({"endpoint": of(day=100), "groups": ["c"]}, UnknownName, "no arm or label 'c'"),
        ({"endpoint": of(day=100), "groups": ["a", "slow"]}, BadValue, "pools 'slow' with its own arm 'a'"),
        ({"endpoint": of(day=100), "groups": ["a"], "versus": ["a"]}, BadValue, "compares 'a' with itself"),
        ({"endpoint": of(day=100, better="less"), "groups": ["a"]}, BadValue, "no use for 'better' of its endpoint"),
        ({"endpoint": of(day=100), "groups": ["a"], "compare": "ratio"}, BadValue, "a ratio needs arms or labels"),
        ({"groups": ["a"]}, BadValue, "endpoint"),
    ],
)
def test_an_endpoint_that_the_trial_cannot_read_is_refused(fields, error, said):
    with pytest.raises(error, match=said):
        result(fields)


def test_a_model_of_hours_has_the_trial_of_the_same_model_of_days():
    def model(time, per_day):
        return im.Model(
            f"growth_{time}",
            [
                im.State("cells", "cells/uL", initial="start", scale=1.0),
                im.State("risk", "1", scale=0.1),
                im.State("drug", "mg", scale=1e-2, lag="tlag"),
            ],
            lambda t, x, p: {"cells": p.r * x.cells, "risk": p.h, "drug": -p.k * x.drug},
            [
                P("start", 100.0, "cells/uL", low=1, high=1e6),
                P("r", 0.01 / per_day, f"1/{time}", low=-1, high=1),
                P("h", 0.01 / per_day, f"1/{time}", low=0, high=1),
                P("k", 2.0 / per_day, f"1/{time}", low=0.001, high=10),
                P("tlag", 0.1 * per_day, time, low=0, high=10),
            ],
            routes={"iv": "drug"},
            outputs=[
                im.Output("count", "cells/uL", lambda t, x, p: x.cells),
                im.Output("level", "mg", lambda t, x, p: x.drug),
            ],
            time=time,
        )

    def run(time, per_day):
        figures = [{"signal": "level", "measure": "auc"}, {"signal": "level", "measure": "tmax", "day": "20 d"}]
        figures += [
            {"signal": "count", "measure": "slope"},
            {"measure": "event", "statistic": "percent", "day": "60 d"},
        ]
        line = "10 mg IV bolus days 1-5 every 20 days while count < 1.3 x baseline, at most 4"
        count = im.Baseline(observable="count", solve="start", median=90, log_sd=0.3, day="10 d", source="assumed")
        trial = im.Trial(
            "t",
            im.Population(model(time, per_day), omega={"r": 0.3}),
            visits=["0 d", "10 d", "20 d", "40 d", "60 d"],
            start="-5 d",
            arms=[im.Arm("a", 30, line, baseline=count)],
            events="risk",
            figures=[im.Figure(label=str(i), kind="endpoint", endpoint=f, groups=["a"]) for i, f in enumerate(figures)],
        )
        return im.run_trial(trial, n=100, seed=1)

    days, hours = run("day", 1), run("hour", 24)
    for name in ("count_patient", "level_patient", "event_day", "figure_simulated"):
        assert_allclose(hours[name].astype(float), days[name].astype(float), rtol=1e-5, atol=1e-6, err_msg=name)
    assert (days.given_doses.values == hours.given_doses.values).all()
