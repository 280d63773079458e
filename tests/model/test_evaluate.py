"""Lag, bioavailability and the like of each patient, and how they change along directions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from immunode.functions import where
from immunode.model.declaration import Model, Parameter, State
from immunode.model.evaluate import changes_of, slopes_of, values_of

MODEL = Model(
    name="declared",
    states=[
        State("depot", "mg", lag="tlag", bioavailability=lambda p: p.F / (1 + p.tlag / p.day), duration="length"),
        State("central", "mg", initial="steady_state", lag=lambda p: where(p.tlag > p.day, p.tlag, 0 * p.day)),
    ],
    parameters=[
        Parameter("tlag", 0.5, "day"), Parameter("F", 0.8, "1"), Parameter("day", 1.0, "day"),
        Parameter("length", 2.0, "day"),
    ],
    derivative=lambda t, x, p: {"depot": -x.depot / p.day, "central": x.depot / p.day - x.central / p.day},
)  # fmt: skip
PATIENTS = np.array([[0.5, 0.8, 1.0, 2.0], [3.0, 0.4, 1.0, 5.0]])


@pytest.mark.parametrize(
    ("quantity", "values"),
    [
        ("initial", [[0.0, np.nan], [0.0, np.nan]]),
        ("lag", [[0.5, 0.0], [3.0, 3.0]]),
        ("bioavailability", [[0.8 / 1.5, 1.0], [0.1, 1.0]]),
        ("duration", [[2.0, np.nan], [5.0, np.nan]]),
        ("rate", [[np.nan, np.nan], [np.nan, np.nan]]),
    ],
)
def test_each_patient_has_its_own_and_what_is_not_declared_is_nan(quantity, values):
    assert_allclose(values_of(MODEL, quantity, PATIENTS), values, rtol=1e-15)


def test_slopes_are_exact_and_one_sided_at_a_step():
    assert_array_equal(slopes_of(MODEL, "lag", "tlag", PATIENTS), [[1.0, 0.0], [1.0, 1.0]])
    lag = PATIENTS[:, 0]
    assert_allclose(slopes_of(MODEL, "bioavailability", "tlag", PATIENTS)[:, 0], -PATIENTS[:, 1] / (1 + lag) ** 2)


def test_changes_are_as_long_as_their_directions_and_a_state_changes_none():
    scale = np.array([[0.5, 1.0], [3.0, 1.0]])
    changes = changes_of(MODEL, "lag", PATIENTS, ["tlag", "central"], scale)
    assert_array_equal(changes[:, 0], [[0.5, 0.0], [3.0, 3.0]])
    assert not changes[:, 1].any()
