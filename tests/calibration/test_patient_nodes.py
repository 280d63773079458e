"""Nodes stand for normal patients: their moments are those of the normal law."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.patient_nodes import patient_nodes


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 5])
def test_up_to_five_parameters_have_the_exact_moments_of_a_normal_law(dimensions):
    nodes = patient_nodes(dimensions, 10_000, seed=0)
    assert len(nodes.z) <= 10_000
    assert_allclose(nodes.weights.sum(), 1, rtol=1e-12)
    assert_allclose((nodes.z * nodes.weights[:, None]).T @ nodes.z, np.eye(dimensions), atol=1e-12)
    assert_allclose(nodes.weights @ nodes.z**4, 3, rtol=1e-11)


def test_the_mean_and_variance_of_a_log_normal_parameter_are_exact():
    nodes = patient_nodes(5, 10_000, seed=0)
    y = np.exp(0.5 * nodes.z[:, 0])
    mean = nodes.weights @ y
    # 6 nodes of exp(a z) leave out a^12 exp(a x) 6! / 12!: 4e-10 of the mean (a = 0.5), 2e-6 of its square (a = 1)
    assert_allclose(mean, np.exp(0.125), rtol=1e-8)
    assert_allclose(nodes.weights @ y**2, np.exp(0.5), rtol=1e-5)


def test_more_parameters_have_points_of_a_sequence_fixed_by_the_seed():
    nodes, same, other = (patient_nodes(7, 5000, seed=seed) for seed in (1, 1, 2))
    assert nodes.z.shape == (4096, 7)
    assert (nodes.z == same.z).all()
    assert (nodes.z != other.z).any()
    assert_allclose(nodes.weights @ nodes.z, np.zeros(7), atol=0.005)  # a tenth of what random patients would have
    assert_allclose(nodes.z.T @ nodes.z / 4096, np.eye(7), atol=0.02)


def test_where_nothing_varies_there_is_one_patient():
    nodes = patient_nodes(0, 100, seed=0)
    assert nodes.z.shape == (1, 0)
    assert nodes.weights.tolist() == [1.0]
