"""p-values are SciPy's, one replicate after the other, whoever is missing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from immunode.measures.p_values import P_VALUES


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(1)
    first, second = np.round(rng.normal(1, 1, (20, 12)), 1), np.round(rng.normal(0, 1, (20, 33)), 1)  # with ties
    first[:5, :3] = np.nan
    second[7, 4:] = np.nan
    return first, second


def of_scipy(name, x, y):
    if name == "p_mann_whitney":
        return stats.mannwhitneyu(x, y, method="asymptotic").pvalue
    if name == "p_t_test":
        return stats.ttest_ind(x, y, equal_var=False).pvalue
    a, b = (x > 0.5).sum(), (y > 0.5).sum()
    return stats.fisher_exact([[a, len(x) - a], [b, len(y) - b]]).pvalue


@pytest.mark.parametrize("name", P_VALUES)
def test_every_test_is_scipys_of_who_is_known(name, groups):
    p = P_VALUES[name](*groups, 0.5)
    for i, (x, y) in enumerate(zip(*groups, strict=True)):
        assert_allclose(p[i], of_scipy(name, x[~np.isnan(x)], y[~np.isnan(y)]), rtol=1e-9)


def test_fishers_test_without_a_limit_is_of_whom_a_measure_is_1(groups):
    yes = [np.where(np.isnan(values), np.nan, values > 0.5) for values in groups]
    np.testing.assert_array_equal(P_VALUES["p_fisher"](*yes, np.nan), P_VALUES["p_fisher"](*groups, 0.5))


@pytest.mark.parametrize("name", P_VALUES)
def test_nobody_has_no_p_value(name, groups):
    assert np.isnan(P_VALUES[name](np.full((1, 3), np.nan), groups[1][:1], 0.5)).all()
