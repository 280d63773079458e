"""Evidence made ready: numbers that the model cannot give are refused."""

import pytest

from immunode.calibration.problem import fit_problem
from immunode.errors import BadValue, UnitError, UnknownName
from tests.calibration.made_up import BOLUS, evidence, row


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"observable": "levl"}, UnknownName, "did you mean 'level'"),
        ({"unit": "copies/mL"}, UnitError, "copies"),
        ({"day": -1}, BadValue, "none may lie before the 'start'"),
    ],
)
def test_numbers_that_the_model_cannot_give_are_refused(changes, error, match):
    with pytest.raises(error, match=match):
        fit_problem([evidence([row(**changes)])], BOLUS)


def test_a_spread_of_an_unknown_parameter_is_refused():
    with pytest.raises(UnknownName, match="did you mean 'CL'"):
        fit_problem([evidence([row()])], BOLUS, spread={"Cl": 0.3})
