"""The virus under therapy falls in the two phases of the literature."""

import numpy as np
import pytest

from immunode.regimen import replace
from immunode.simulation import days, simulate

THERAPY = replace("art", 1, time=0.0)


def half_life(days, rna):
    """Return the half-life of an exponential decline."""
    return -np.log(2) / np.polyfit(days, np.log(rna), 1)[0]


def test_a_fast_first_phase_and_a_slower_second():
    rna = simulate("hiv_art", THERAPY, times=days(0, 70))["rna"]
    first = half_life(np.arange(2, 8), rna[2:8])
    second = half_life(np.arange(40, 71), rna[40:71])
    assert np.log(2) / 0.5 * 0.9 < first < np.log(2) / 0.3 * 1.25  # between 0.5 and 0.3 per day (KTkool, Little 1999)
    assert second == pytest.approx(np.log(2) / 0.05, rel=0.1)  # long-lived cells
