"""A condition turned round holds where it did not, of what was measured."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunode.conditions import read
from immunode.conditions.measured import names, row
from immunode.conditions.syntax import Both, Bound, Comparison, Either, Quantity, comparisons
from immunode.virtual_trials.signals import after_visit, nothing_yet


@pytest.mark.parametrize(
    "text", ["cd4 < 3", "cd4 >= 2 x nadir + 5", "a < 1 and (b > 2 or c <= 3)", "always", "cd4 < 3 for 2 visits"]
)
def test_a_condition_turned_twice_is_itself(text):
    assert read(text).turned().turned() == read(text)


def test_comparisons_are_in_their_order():
    condition = read("a < 1 and (b > 2 or c <= 3)")
    assert [one.quantity.signal for one in comparisons(condition)] == ["a", "b", "c"]
    assert str(condition.turned()) == "a >= 1 or b <= 2 and c > 3"


NUMBERS = st.integers(-50, 500).map(float) | st.sampled_from([0.5, 1.3, 1e-6, 123456.75])
UNIT_WORDS = st.sampled_from(["", "cells/uL", "%", "/week", "cells/uL/month"])
REFERENCES = st.sampled_from(["baseline", "nadir", "best", "day 7", "day -14"])
LEVELS = st.builds(Bound, NUMBERS, UNIT_WORDS)
RELATIVE = st.builds(Bound, NUMBERS, st.just(""), st.sampled_from([0.8, 1.0, 1.3]), REFERENCES)
SIGNALS, SINCE = st.sampled_from(["a", "cd4"]), st.sampled_from(["baseline", "day 7", "day -14"])
VALUES = st.builds(Quantity, st.just("value"), SIGNALS)
PLAIN = st.sampled_from([name for name in names() if not row(name).level])
LEVELLED = st.sampled_from([name for name in names() if row(name).level])
OVER = st.builds(Quantity, PLAIN, SIGNALS, st.integers(2, 4))
OVER |= st.builds(Quantity, PLAIN, SIGNALS, st.just(0), SINCE)
OVER |= st.builds(Quantity, LEVELLED, SIGNALS, st.integers(2, 4), st.just(""), LEVELS | RELATIVE)
OVER |= st.builds(Quantity, LEVELLED, SIGNALS, st.just(0), SINCE, LEVELS | RELATIVE)
DOSES = st.builds(Quantity, st.sampled_from(["doses", "cycles"]), st.just(""), st.just(0), SINCE | st.just(""))
AMOUNTS = st.builds(Quantity, st.just("given"), st.just(""), st.just(0), SINCE | st.just(""))
COUNTS = st.builds(Bound, NUMBERS)
SIGNS, LASTING = st.sampled_from(["<", "<=", ">", ">="]), st.integers(1, 3)
ATOMS = st.builds(Comparison, VALUES, SIGNS, LEVELS | RELATIVE, LASTING)
ATOMS |= st.builds(Comparison, OVER, SIGNS, LEVELS, LASTING)
GIVEN = st.builds(Comparison, DOSES, SIGNS, COUNTS, LASTING)
GIVEN |= st.builds(Comparison, AMOUNTS, SIGNS, st.builds(Bound, NUMBERS, st.just("MIU")), LASTING)


def joined(parts):
    """Return conditions of several parts, none of which is of the kind of the whole, as they are read."""
    return _several(parts, Both) | _several(parts, Either)


def _several(parts, kind):
    others = st.lists(parts.filter(lambda one: not isinstance(one, kind)), min_size=2, max_size=3)
    return others.map(lambda several: kind(tuple(several)))


CONDITIONS = st.recursive(ATOMS, joined, max_leaves=8)


@given(st.recursive(ATOMS | GIVEN, joined, max_leaves=8))
@settings(deadline=None)
def test_any_condition_is_read_as_it_writes_itself(condition):
    assert read(str(condition)) == condition
    assert read(str(condition.turned())) == condition.turned()


@given(CONDITIONS)
@settings(deadline=None)
def test_of_who_was_measured_a_condition_holds_or_the_turned_one(condition):
    draw = np.random.default_rng(1).uniform(0, 60, size=(6, 2, 30))
    memory = nothing_yet([condition, condition.turned()], ["a", "cd4"], 30, 0.0)
    for day, values in zip([-14.0, 0.0, 7.0, 14.0, 21.0, 28.0], draw, strict=True):
        memory = after_visit(memory, day, np.full(30, day), dict(zip(["a", "cd4"], values, strict=True)))
    assert (memory.holds(condition) ^ memory.holds(condition.turned())).all()
