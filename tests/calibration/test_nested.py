"""Components of variance are unbiased, none is negative, and their shares add to 100."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from immunode.calibration.nested import LEVELS, Variance, components


def drawn(variances, shape, generator):
    """Return draws of independent normal effects: of parameters, trials of each, patients of all, samples of each."""
    i, j, k, size = shape
    effects = [(i, 1, 1, 1), (i, j, 1, 1), (1, 1, k, 1), (i, j, k, size)]
    return sum(generator.standard_normal(one) * v**0.5 for one, v in zip(effects, variances, strict=True))


def test_components_are_unbiased():
    truth, shape = (2.0, 1.0, 0.5, 3.0), (30, 3, 4, 5)
    each = [components(drawn(truth, shape, np.random.default_rng(k)), parts=1) for k in range(400)]
    table = np.array([[getattr(one, level) for level in LEVELS] for one in each])
    # 4 standard errors of the mean over the sets; a component that is cut at zero in few sets is hardly moved by it
    assert_allclose(table.mean(axis=0), truth, atol=4 * table.std(axis=0).max() / 20)


def test_the_variance_of_patients_is_that_of_all_parts():
    one = drawn((0, 0, 1.0, 0.1), (200, 1, 4, 10), np.random.default_rng(1))
    assert components(one, parts=4).patients == components(one, parts=1).patients / 4


@given(st.lists(st.floats(0, 1e6), min_size=4, max_size=4))
@settings(deadline=None)
def test_shares_add_to_100_and_none_is_negative(each):
    shares = Variance(*each).percent
    assert all(share >= 0 for share in shares.values())
    assert round(sum(shares.values()), 6) == (100 if sum(each) > 0 else 0)


def test_a_level_that_is_drawn_once_has_no_share():
    each = [components(drawn((1, 9, 4, 1), (30, 1, 4, 10), np.random.default_rng(k)), parts=1) for k in range(400)]
    assert all(one.trial == 0 for one in each)
    parameter = np.array([one.parameter for one in each])  # the trials' share cannot be told from it
    assert_allclose(parameter.mean(), 10, atol=4 * parameter.std() / 20)


def test_draws_that_are_not_known_are_left_out():
    draws = drawn((2.0, 1.0, 0.5, 3.0), (200, 2, 2, 10), np.random.default_rng(3))
    whole = components(draws, parts=1)
    draws[:, :, :, 0] = np.nan
    draws[0] = np.nan
    part = components(draws, parts=1)
    assert_allclose([part.parameter, part.sampling], [whole.parameter, whole.sampling], rtol=0.1)
