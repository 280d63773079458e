"""The hazard of an AIDS event lies where cohorts found it."""

import pytest

from immunode.simulation import simulate


def test_the_hazard_lies_near_cohere_in_suppressed_patients():
    # Mocroft 2013, doi:10.1093/cid/cit423: 20.5 per 1000 years at 200-349 cells/uL; the model's curve is CASCADE's
    hazard = simulate("aids_hazard", times=[0], parameters={"cd4": 275.0}, outputs=["aids_hazard"])[
        "aids_hazard"
    ].values[0]
    assert hazard * 365.25 * 1000 == pytest.approx(20.5, rel=0.25)
