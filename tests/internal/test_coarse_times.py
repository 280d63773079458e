"""What is missed between times is said in one line with the value, the time and the cure."""

import numpy as np
import xarray

from immunode.internal.coarse_times import coarse


def values(**attrs):
    """Return a variable of three days, 1 to 3, with attributes."""
    time = ("time", [0.0, 1.0, 2.0], {"units": "day", "doses": np.array([0.0, 1.0])})
    return xarray.DataArray([1.0, 3.0, 2.0], {"time": time}, ["time"], "y", {"units": "mg", **attrs})


def test_a_missed_peak_and_a_missed_trough_are_said_with_the_cure():
    peak = coarse(values(between_times=9.0, between_times_at=0.5))
    assert peak == (
        "'y' reaches at least 9 mg (day 0.5) between the times, 1 day apart, which show no more than 3: "
        "simulate with times=im.days(0, 2, every=1/6)"
    )
    assert "reaches at most 0.1 mg" in coarse(values(between_times=0.1, between_times_at=0.5))
    assert "no less than 1" in coarse(values(between_times=0.1, between_times_at=0.5))


def test_nothing_is_said_where_nothing_is_missed_or_there_is_one_time():
    assert coarse(values()) == ""
    assert coarse(values(between_times=9.0, between_times_at=0.5).isel(time=[0])) == ""
