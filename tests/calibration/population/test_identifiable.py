"""What printed numbers can fix of a population, against closed forms, and what a further measurement adds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.before_fitting import identifiability
from immunode.calibration.population.identifiable import QUARTILES, further
from immunode.errors import BadValue, UnknownName
from immunode.evidence.printed import Evidence
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS

POPULATION = Population(BOLUS, omega={"CL": 0.4})
N = 33
AREA = {"arm": "a", "observable": "level", "measure": "auc", "day": 60}


def evidence(*rows, **more):
    arms = [{"name": "a", "regimen": "1 MIU IV bolus", "n": N}]
    return Evidence(name="t", arms=arms, rows=[AREA | row for row in rows], **more)


def test_errors_are_those_of_the_closed_form():
    """Areas are dose / CL: log GM has the variance omega² / n, log of the SD of logarithms 1 / (2 (n - 1)) by the
    normal law; 5 %, of a covariance of 2 100 replicates and 4 000 patients."""
    known = identifiability(
        evidence({"statistic": "geometric_mean", "value": 100}, {"statistic": "geometric_cv", "value": 40}),
        POPULATION, ["CL", "omega_CL"],
    )  # fmt: skip
    assert known.stderr["CL"] == pytest.approx(0.4 / np.sqrt(N), rel=0.05)
    assert known.stderr["omega_CL"] == pytest.approx(np.sqrt(1 / (2 * (N - 1))), rel=0.08)
    assert known.weak == ()


ROW = {"measure": "value", "day": 1, "statistic": "median", "value": 20}


def test_what_nothing_tells_of_is_said_and_what_would_tell():
    """A median alone says nothing of how patients differ; quartiles do, of the same day as of any: log levels are
    linear in CL, so that another day's median follows from the one that is printed."""
    known = identifiability(evidence(ROW), POPULATION, ["CL", "omega_CL"])
    assert known.weak[0].startswith("omega_CL ")
    assert known.directions["omega_CL"].abs().iloc[0] > 0.99
    assert set(known.measurements["day"]) == {0.5, 1.0, 1.5}
    assert set(known.measurements["statistics"]) == {"q1, q3"}
    assert set(known.measurements["n"]) == {N}
    assert known.measurements["largest"].max() < 0.5 * known.directions["sd"].iloc[0]
    assert known.helps[0].startswith("q1, q3 of level in arm 'a' of t on day")
    assert f"of {N} patients: the least known combination from x" in known.helps[0]


def test_a_measurement_that_is_made_helps_as_much_as_was_said():
    known = identifiability(evidence(ROW), POPULATION, ["CL", "omega_CL"])
    best = known.measurements.iloc[0]
    made = [
        {"measure": "value", "day": best["day"], "statistic": statistic, "value": value}
        for statistic, value in zip(best["statistics"].split(", "), (10, 30), strict=True)
    ]
    after = identifiability(evidence(ROW, *made), POPULATION, ["CL", "omega_CL"])
    # covariances of about 2 300 replicates, others in either
    assert_allclose(after.directions["sd"].iloc[0], best["largest"], rtol=0.08)


def test_effects_of_trials_leave_less_known():
    of = evidence({"statistic": "geometric_mean", "value": 100}, {"statistic": "geometric_cv", "value": 40})
    alone, shifted = (
        identifiability(of, POPULATION, ["CL", "omega_CL"], trial_effects=effects) for effects in ((), ["CL"])
    )
    assert shifted.stderr["CL"] == pytest.approx(np.hypot(alone.stderr["CL"], 0.3), rel=0.05)


def test_further_measurements_are_on_days_of_the_trial_and_not_printed_already():
    of = evidence({"measure": "value", "day": 1, "statistic": "median", "value": 20}, visits=[0, 1, 2, 60])
    rows = further(of, ["level"], [1, 2, 90])
    assert [[(row.day, row.statistic) for row in some] for some in rows] == [
        [(1, name) for name in QUARTILES[1:]], [(2, name) for name in QUARTILES],
    ]  # fmt: skip


def test_what_a_population_does_not_have_is_refused():
    of = evidence({"statistic": "geometric_mean", "value": 100})
    with pytest.raises(BadValue, match=r"spread = .* has no effect on the fit of a population"):
        identifiability(of, POPULATION, ["CL"], spread={"CL": 0.3})
    with pytest.raises(UnknownName, match="'levl'"):
        identifiability(of, POPULATION, ["CL"], measure=["levl"])


def test_a_prior_is_information_too():
    """log CL from a median of its own, and a prior as sharp: the precisions add."""
    rows = evidence({"statistic": "geometric_mean", "value": 100})
    alone = identifiability(rows, POPULATION, ["CL"]).stderr["CL"]
    both = identifiability(rows, POPULATION, {"CL": {"prior": {"median": 10, "log_sd": float(alone)}}}).stderr["CL"]
    assert_allclose(both, alone / np.sqrt(2), rtol=1e-6)
