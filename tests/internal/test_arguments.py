"""Arguments by kind: what is one passes, what is none is refused by name with the value."""

import copy
import inspect
import pickle
import warnings
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.evidence.design import SetState
from immunode.internal import arguments
from immunode.internal.arguments import by_name, finite, flag, one, seed_number, several, short, thread_count, whole

ODD = [None, True, "1", 1.0, np.float64(2), float("nan"), [1], {}, b"1", -1]


@pytest.mark.parametrize("value", [*ODD, 2**64])
def test_what_is_no_seed_is_refused(value):
    with pytest.raises(BadValue, match=r"^seed = .*: expected a whole number from 0 to 2"):
        seed_number(value)


def test_seeds_are_whole_numbers_of_any_kind():
    assert [seed_number(seed) for seed in (0, np.int64(3), 2**64 - 1)] == [0, 3, 2**64 - 1]


@pytest.mark.parametrize("value", [0, 1.5, "2", True, 10**9])
def test_what_is_no_number_of_threads_is_refused(value):
    with pytest.raises(BadValue, match=r"^threads = "):
        thread_count(value)


def test_no_number_of_threads_is_all_processors():
    assert thread_count(None) >= 1
    assert thread_count(2) == 2


@pytest.mark.parametrize("value", ["0.1", True, None, float("inf"), float("nan"), [1], np.array([1.0])])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(BadValue, match=r"^noise = .*: expected a finite number"):
        finite(value, "noise")


def test_numbers_of_numpy_are_numbers():
    assert [finite(value, "x") for value in (2, np.float32(0.5), np.int64(3))] == [2.0, 0.5, 3.0]


def test_a_list_holds_things_of_one_kind():
    change = SetState(state="art", value=1, day=0)
    assert several([change], SetState, "set") == (change,)
    for wrong in (change, None, "x", 3, {"a": change}, [3]):
        with pytest.raises(BadValue, match=r"^set.*list of SetState"):
            several(wrong, SetState, "set")


def test_a_table_a_flag_and_a_thing_are_what_they_are_said_to_be():
    assert by_name(None, "values", "{}") == {}
    with pytest.raises(BadValue, match=r"values = .1.: expected a table by name"):
        by_name([1], "values", "{'CL': 100}")
    with pytest.raises(BadValue, match=r"log = 'no': expected True or False"):
        flag("no", "log")
    with pytest.raises(BadValue, match=r"n = 3: expected a text"):
        one(3, str, "n", "a text")
    with pytest.raises(BadValue, match=r"n = 11: expected a whole number from 1 to 10; take fewer"):
        whole(11, "n", 1, 10, "take fewer")


def test_a_message_is_one_short_line():
    assert len(short("x\n" * 1000)) < 60
    assert "\n" not in short(np.zeros((20, 3)))


class Mute:
    def __repr__(self):
        raise RuntimeError("no words")


def test_a_value_is_shown_in_one_line_that_is_not_long():
    assert arguments.short("x" * 1000).endswith("...")
    assert len(arguments.short(np.zeros((50, 50)))) <= 60
    assert "\n" not in arguments.short(np.zeros((5, 5)))
    assert arguments.short(Mute()) == "a Mute"


@pytest.mark.parametrize("value", [2, 2.0, np.int8(2), np.float32(2), np.array(2), Fraction(2), Decimal(2)])
def test_numbers_of_any_kind_are_numbers(value):
    assert arguments.number(value) == 2.0
    assert arguments.finite(value, "x") == 2.0


@pytest.mark.parametrize("value", [None, True, np.True_, "2", b"2", [2], np.array([2.0]), 2j, float, object()])
def test_what_is_no_number_is_none(value):
    assert arguments.number(value) is None
    with pytest.raises(BadValue, match=r"x = .*: expected a finite number"):
        arguments.finite(value, "x")


def test_what_is_masked_is_no_number_and_said_without_a_warning_of_numpys():
    masked = np.ma.array([1.0], mask=[True])[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert arguments.number(masked) is None
        assert arguments.number(np.ma.array(1.0)) == 1.0


def test_a_number_too_large_is_infinite():
    assert arguments.number(10**400) == np.inf
    assert arguments.number(-(10**400)) == -np.inf


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: arguments.one(3, str, "name", "a text"), "name = 3: expected a text"),
        (
            lambda: arguments.choice("prre", "side", ("pre", "post")),
            "side = .prre.: expected pre or post; did",
        ),
        (lambda: arguments.choice([], "side", ("pre", "post")), r"side = \[\]: expected pre or post"),
        (lambda: arguments.flag(1, "throw"), "throw = 1: expected True or False"),
        (lambda: arguments.whole(True, "n"), "n = True: expected a whole number, 1 or more"),
        (lambda: arguments.whole(2.0, "n"), "n = 2.0: expected a whole number"),
        (lambda: arguments.whole(-1, "seed", 0), "seed = -1: expected a whole number, 0 or more"),
        (lambda: arguments.by_name([1], "values", "{'CL': 1}"), r"values = \[1\]: expected a table by name, such as"),
        (lambda: arguments.by_name({1: 2}, "values", "{'CL': 1}"), r"values = \{1: 2\}: expected a table by name"),
        (
            lambda: arguments.several("ab", str, "names", "['a']"),
            r"names = 'ab': expected a list of texts, such as \['a'\]",
        ),
        (
            lambda: arguments.several([1], str, "names", "['a']"),
            "names: 1 is no text; expected a list",
        ),
        (lambda: arguments.several(np.array(3), str, "names", "['a']"), r"names = array\(3\): expected a list"),
        (
            lambda: arguments.function(3, "derivative", "(t, x, p)"),
            r"derivative = 3: expected a function of",
        ),
        (lambda: arguments.function(int, "derivative", "(t, x, p)"), "expected a function"),
    ],
)
def test_what_is_of_another_kind_is_refused_by_name(call, words):
    with pytest.raises(BadValue, match=words):
        call()


def test_what_is_of_the_kind_is_returned():
    assert arguments.flag(np.True_, "throw") is True
    assert arguments.whole(np.int32(3), "n") == 3
    assert arguments.by_name(None, "values", "") == {}
    assert arguments.several(iter(["a"]), str, "names", "") == ("a",)


DECLARED = (
    "Model",
    "State",
    "Parameter",
    "Input",
    "Output",
    "Trigger",
    "Dose",
    "Regimen",
    "Arm",
    "Trial",
    "Population",
)


@pytest.mark.parametrize("name", DECLARED)
def test_a_field_that_does_not_exist_is_refused_with_those_that_do(name):
    with pytest.raises(BadValue, match=f"^{name}: zzz = 3: there is no such field; known: "):
        getattr(im, name)(zzz=3)


@pytest.mark.parametrize("name", ["initial", "init", "y0"])
def test_initial_values_given_to_a_model_are_shown_the_state(name):
    with pytest.raises(BadValue, match=rf"^Model: {name} = .* a state has its own: State\('y', 'mg', initial=1.0\)"):
        im.Model("m", [im.State("y", "mg")], lambda t, x, p: {"y": -x.y}, **{name: {"y": 1.0}})
    with pytest.raises(BadValue, match=r"^State: init = 3: there is no such field; did you mean 'initial'\?"):
        im.State("y", "mg", init=3)


@pytest.mark.parametrize("name", DECLARED)
def test_what_is_declared_is_copied_and_its_signature_is_that_of_its_fields(name):
    declared = getattr(im, name)
    assert [*inspect.signature(declared).parameters] == [one.name for one in fields(declared) if one.init]
    if name == "Dose":
        dose = declared(1.0, "mg", "iv", 2.0, bare=True)
        for again in (copy.copy(dose), pickle.loads(pickle.dumps(dose)), replace(dose)):
            assert again == dose
            assert again.bare


def test_a_quantity_is_no_plain_number():
    quantity = im.units.registry().Quantity(1, "hour")
    with pytest.raises(BadValue, match=r"delay of a trigger = .*: expected a number without a unit"):
        im.Trigger(when=lambda t, x, p: x.y > 1, then={"y": 1.0}, delay=quantity)


class Bolus(im.Model):
    def __init__(self, *, k):
        super().__init__(
            "bolus", [im.State("y", "mg")], lambda t, x, p: {"y": -p.k * x.y}, [im.Parameter("k", k, "1/day")]
        )


def test_a_class_of_a_users_own_has_its_own_arguments():
    assert Bolus(k=2.0).parameters[0].value == 2.0
    assert str(inspect.signature(Bolus)) == "(*, k)"
    assert list(inspect.signature(im.Dose).parameters)[:2] == ["amount", "unit"]
