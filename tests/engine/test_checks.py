"""What the engine refuses before machine code reads it, by name and value."""

import numpy as np
import pytest

from immunode.engine import ADD, no_events, one_regimen
from immunode.errors import BadValue
from tests.support.engine_models import solve_pk


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parameters": [[1.0, 2.0]]}, "parameters must have"),
        ({"parameters": [[1.0, np.nan, 2.0]]}, "patient 0, column 1, is nan"),
        ({"times": [3.0, 1.0], "end": 5.0}, "sorted"),
        ({"times": [3.0], "end": 2.0}, "within 0..2"),
        ({"columns": [3]}, "columns must lie in 0..2"),
        ({"watch": 1}, "threshold"),
        ({"atol": 0.0}, "atol"),
        ({"threads": 0}, "positive"),
        ({"events": no_events(2)}, "2 patients"),
        ({"events": one_regimen(1, [(0.0, ADD, 9, 1.0)])}, "0..1"),
    ],
)
def test_bad_input_names_the_value(change, words):
    with pytest.raises(BadValue, match=words):
        solve_pk(**({"times": [1.0]} | change))
