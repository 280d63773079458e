"""What evidence can fix before a fit, and the measurement that would help most."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from immunode.calibration.before_fitting import identifiability
from immunode.calibration.fit import calibrate
from immunode.errors import BadValue, UnknownName
from immunode.evidence.printed import Evidence
from immunode.virtual_trials.population import Population
from tests.calibration.made_up import BOLUS, level, study

FREE = {"CL": {"value": 14.0}, "V": {"value": 7.0}}


def on_one_day():
    return Evidence(name="study", arms=study().arms, rows=[r for r in study().rows if r.day == 1.0])


def test_levels_of_one_day_do_not_tell_two_parameters_apart_and_another_day_would():
    """ln level = -ln V - CL t / V, with CL t / V = 2: it stays when CL moves by 1 and V by 2 on the log scale."""
    known = identifiability(on_one_day(), BOLUS, ["CL", "V"])
    assert known.weak[0].startswith("V without limit, CL without limit together")
    assert_allclose(np.abs(known.directions[["CL", "V"]].iloc[0]), np.array([1, 2]) / 5**0.5, rtol=1e-4)
    best = known.measurements.iloc[0]
    assert best["day"] != 1.0
    assert (known.measurements.query("day == 1")["largest"] > 9).all()
    assert "day 0.5, to 5 %: the least known combination from without limit to x 1.1" in known.helps[0]
    assert known.helps[0] in repr(known)
    assert known.weak[0] in repr(known)


def test_errors_before_a_fit_are_those_of_the_fit():
    fit = calibrate(study(), BOLUS, FREE)
    known = identifiability(study(), BOLUS, FREE)
    assert_allclose(known.stderr["CL"], fit.stderr["CL"] / 14, rtol=1e-4)
    assert known.weak == ()
    assert "better than a factor of 1.65" in repr(known)


def test_a_measurement_that_is_made_helps_as_much_as_was_said():
    known = identifiability(on_one_day(), BOLUS, FREE)
    best = known.measurements.iloc[0]
    value = level(best["day"], 1.5 if best["arm"] == "low" else 7.5, 14.0, 7.0)
    assert_allclose(best["predicted"], value, rtol=1e-6)
    more = {"arm": best["arm"], "observable": "level", "day": best["day"], "value": value, "sigma": 0.05 * value}
    rows = [*(row.model_dump() for row in on_one_day().rows), more]
    after = identifiability(Evidence(name="study", arms=study().arms, rows=rows), BOLUS, FREE)
    assert_allclose(after.directions["sd"].iloc[0], best["largest"], rtol=1e-6)


def test_other_observables_and_errors_are_stated():
    known = identifiability(on_one_day(), BOLUS, FREE, measure={"central": 0.1})
    assert set(known.measurements["observable"]) == {"central"}
    assert set(known.measurements["relative_sd"]) == {0.1}
    with pytest.raises(UnknownName, match="centrel"):
        identifiability(on_one_day(), BOLUS, FREE, measure={"centrel": 0.1})
    with pytest.raises(BadValue, match="measure: central = 0"):
        identifiability(on_one_day(), BOLUS, FREE, measure={"central": 0})


def test_fewer_numbers_than_parameters_are_no_hindrance():
    one = Evidence(name="study", arms=study().arms, rows=[study().rows[0]])
    assert identifiability(one, BOLUS, FREE).weak


def test_evidence_of_covariances_alone_is_refused_by_name():
    one = {"arm": "a", "observable": "level", "days": [1], "mean": [2.5], "variances": [1.7], "n": 20}
    printed = Evidence(name="e", arms={"a": "1 MIU IV bolus"}, covariances=[one])
    for model in (BOLUS, Population(BOLUS, omega={"CL": 0.3})):
        with pytest.raises(BadValue, match="e: it prints 'covariances' alone, and rows are read here"):
            identifiability(printed, model, ["CL"])


def test_rows_at_the_start_alone_leave_no_further_day_to_try():
    rows = [{"arm": "a", "observable": "level", "day": 0, "statistic": "geometric mean (cv%)", "value": "100 (40)"}]
    printed = Evidence(name="e", arms=[{"name": "a", "regimen": "1 MIU IV bolus", "n": 10}], rows=rows)
    known = identifiability(printed, Population(BOLUS, omega={"V": 0.3}), ["V"], patients=500)
    assert known.helps == ()
    assert len(known.measurements) == 0
