"""Simulate the dosed models tightly, and hold their courses to closed forms."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from immunode import nonmem
from immunode.engine import METHODS
from tests.support.dosed_models import MODEL
from tests.support.scenarios import STATES

RTOL = 1e-8
TOLERANCE = 10 * RTOL  # of the largest value of a state: rtol bounds one step's error, and a few of them add up
GRID = np.arange(-3, 6.01, 0.25)  # meets every tie: all times of the scenarios are multiples of it
methods = pytest.mark.parametrize("method", METHODS)


def simulate(doses, method="auto", **options):
    """Simulate the linear model, without the warnings that are tested elsewhere."""
    with warnings.catch_warnings():
        for told in (".*lag", ".*adds what the model makes itself"):  # longer than the interval; with SS = 2
            warnings.filterwarnings("ignore", message=told, category=UserWarning)
        return im.simulate(MODEL, doses, rtol=RTOL, method=method, **options)


def read(table):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # what is odd in a table is tested in tests/nonmem
        return nonmem.read(table, MODEL)


def states(course):
    return np.column_stack([course[name].to_numpy() for name in STATES])


def assert_close(solution, exact):
    size = np.maximum(np.abs(exact).max(axis=0), 1e-3)
    assert solution.shape == exact.shape
    assert np.isfinite(solution).all()
    assert_allclose(solution / size, exact / size, rtol=0, atol=TOLERANCE)
