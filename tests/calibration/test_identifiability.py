"""What the evidence cannot tell apart is said in words."""

import numpy as np

from immunode.calibration.free_parameters import parameters, varied
from immunode.calibration.identifiability import weakest
from immunode.calibration.objective import jacobian
from immunode.calibration.problem import fit_problem
from immunode.evidence.printed import Evidence
from tests.calibration.made_up import BOLUS, study


def test_what_the_evidence_cannot_tell_apart_is_said():
    """Levels on one day cannot tell V from CL: with kt = 2, ln level = -ln V - CL t / V stays when CL moves by 1 and
    V by 2 on the log scale."""
    rows = [r for r in study().rows if r.day == 1.0]
    problem = fit_problem([Evidence(name="study", arms=study().arms, rows=rows)], BOLUS)
    start = parameters(BOLUS, {"CL": {"log": True, "min": 0.5}, "V": {"log": True, "min": 0.5}}, {})
    words = weakest(jacobian(problem, start, {}), varied(start))
    assert len(words) == 1
    assert words[0].startswith("V without limit, CL without limit together")
    assert weakest(jacobian(fit_problem([study()], BOLUS), start, {}), varied(start)) == []
    moderate = weakest(np.array([[1.0, 0.0], [0.0, 10.0]]), varied(start))
    assert moderate == ["CL x 2.7 alone: one standard deviation (chi-square + 1)"]
