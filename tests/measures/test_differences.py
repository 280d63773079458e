"""The error and the interval of a difference of means are SciPy's of Welch's t test."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from immunode.measures.differences import OF_DIFFERENCES


@pytest.mark.parametrize(("n", "m"), [(12, 33), (2, 5)])
def test_errors_and_intervals_are_those_of_welch(n, m):
    rng = np.random.default_rng(n)
    first, second = rng.normal(5, 3, (4, n + 1)), rng.normal(2, 1, (4, m))
    first[:, 0] = np.nan
    for i in range(4):
        test = stats.ttest_ind(first[i, 1:], second[i], equal_var=False)
        interval = test.confidence_interval(0.95)
        error = (first[i, 1:].mean() - second[i].mean()) / test.statistic
        assert_allclose(OF_DIFFERENCES["se"](first, second)[i], error, rtol=1e-12)
        assert_allclose(OF_DIFFERENCES["ci_low"](first, second)[i], interval.low, rtol=1e-9)
        assert_allclose(OF_DIFFERENCES["ci_high"](first, second)[i], interval.high, rtol=1e-9)


def test_one_patient_has_no_error():
    for name in OF_DIFFERENCES:
        assert np.isnan(OF_DIFFERENCES[name](np.array([1.0]), np.array([1.0, 2.0, 3.0])))
