"""What a fit begins with is checked before anything is fitted."""

import pytest

from immunode.calibration.prepared import check_enough, prepared
from immunode.errors import BadValue
from tests.calibration.made_up import BOLUS, evidence, row, study

NOTHING = {"derived": None, "values": None, "spread": None, "rtol": 1e-8, "threads": 1}


def test_the_rows_that_are_fitted_and_all_of_them_are_told_apart():
    rows = [*(one.model_dump() for one in study().rows), row(arm="low", day=2, use="check")]
    ready = prepared(type(study())(name="study", arms=study().arms, rows=rows), BOLUS, ["CL"], **NOTHING)
    assert len(ready.problem.data) == 10
    assert len(ready.everything().data) == 11
    assert ready.named is None


def test_fewer_numbers_than_parameters_are_refused_where_they_are_fitted():
    ready = prepared(evidence([row()]), BOLUS, ["CL", "V"], **NOTHING)
    with pytest.raises(BadValue, match="1 printed numbers cannot fix 2 parameters"):
        check_enough(ready.problem, ready.first)
