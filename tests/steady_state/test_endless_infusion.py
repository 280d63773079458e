"""An infusion without end has the steady state of its slopes, whatever is cleared, and ends at its record."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import immunode as im
from tests.steady_state.made_up import KM, LINEAR, SATURABLE, VMAX


def test_an_infusion_without_end_is_at_its_steady_state_and_ends_at_its_record():
    regimen = im.dose("0 mg", "central", times=[1.0], rate="15 mg/day", steady_state="replace")
    course = im.simulate(SATURABLE, regimen, times=[1.0, 2.0], rtol=1e-9)
    assert course.central[0] == pytest.approx(15 * KM / (VMAX - 15), rel=1e-12)
    free = im.simulate(SATURABLE, im.replace("central", "20 mg", time=1.0), times=[2.0], rtol=1e-9)
    assert course.central[1] == pytest.approx(free.central[0].item(), rel=1e-8)


@pytest.mark.parametrize("rate", [1.0, 1000.0])
def test_an_infusion_without_end_has_its_steady_state_whatever_the_clearance(rate):
    rates = np.geomspace(0.01, 10.0, 100)
    regimen = im.dose("0 mg", "central", times=[0.0], rate=f"{rate} mg/day", steady_state="replace")
    course = im.simulate(LINEAR, regimen, times=[0.0], parameters={"k": rates})
    assert_allclose(course.central[:, 0], rate / rates, rtol=1e-12)
