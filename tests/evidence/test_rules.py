"""Recurring rules as data: what a file or Python may say, in words, and how a wrong one is refused."""

import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.evidence.library import load

FILE = """name = "t"
title = "t"
reference = "r"
model = "il2_cd4_hiv"
visits = [0, 91]

[[arms]]
name = "a"
n = 3

[[arms.rules]]
name = "r"
when = "cd4 < 3 x baseline"
then = { add = "3 MIU SC" }
"""


def loaded(tmp_path, old="", new=""):
    path = tmp_path / "t.toml"
    path.write_text(FILE.replace(old, new) if old else FILE, encoding="utf-8")
    return load(str(path)).arms[0].rules[0]


def test_a_file_has_both_kinds_of_rules(tmp_path):
    assert isinstance(loaded(tmp_path), im.RecurringRule)
    once = 'when = { signal = "cd4", days = [91], above = 1.3 }\nday = 91\nthen = { label = "R" }'
    rest = 'otherwise = { label = "N" }'
    rule = loaded(tmp_path, 'when = "cd4 < 3 x baseline"\nthen = { add = "3 MIU SC" }', f"{once}\n{rest}")
    assert isinstance(rule, im.Rule)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("when =", "whn =", "line 13, field 'arms.0.rules.0.whn': there is no such field; did you mean 'when'?"),
        ("x baseline", "x basline", "line 13, field 'arms.0.rules.0.when': cannot read the condition"),
        ('when = "cd4 < 3 x baseline"', "", "'when' is left out; add a line such as when = \"cd4 < 1.3 x baseline\""),
        ("{ add =", "{ ad =", "field 'arms.0.rules.0.then.ad': there is no such field; did you mean 'add'?"),
        ("then =", "every = 0\nthen =", "field 'arms.0.rules.0.every': expected a time above 0, such as '56 d'"),
        ("then =", 'every = "5 mg"\nthen =', "field 'arms.0.rules.0.every': expected a time"),
        ("then =", "at_most = 0\nthen =", "field 'arms.0.rules.0.at_most': expected greater than 0"),
        ("then =", "day = 5\nthen =", "field 'arms.0.rules.0.day': there is no such field; did you mean 'days'?"),
        ("then =", "days = [5, 3]\nthen =", "expected days that rise"),
        ("then =", "days = [5]\nevery = 3\nthen =", "'days' and 'every' both say when; leave one of them out"),
        ("then =", "first = 5\nuntil = 3\nthen =", "until = 3 lies before first = 5"),
        ("x baseline", "x baseline and", "expected a signal such as cd4"),
    ],
)
def test_a_wrong_field_is_refused_with_its_line(tmp_path, old, new, message):
    with pytest.raises(BadValue) as error:
        loaded(tmp_path, old, new)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "an action that does nothing: give one of add, scale, hold_until, stop, or a label"),
        ({"add": "3 MIU SC", "stop": True}, "'add' and 'stop' at once: write a rule for each"),
        ({"scale": 0}, "scale = 0: expected greater than 0"),
        ({"scale": 1}, "scale = 1 changes no dose"),
        ({"hold_until": "x"}, "hold_until = 'x': cannot read the condition 'x' at its end"),
    ],
)
def test_an_action_does_one_thing(fields, message):
    with pytest.raises(BadValue) as error:
        im.RuleAction(**fields)
    assert message in str(error.value)


def test_a_rule_says_itself_in_words():
    rule = im.RecurringRule(
        name="r", when="cd4 below 130 % of baseline", every="8 weeks", first=28, until=400, at_most=6, total="90 MIU",
        min_gap="49 d", confirm=True, then={"add": "3 MIU SC", "label": "R"},
    )  # fmt: skip
    assert str(rule) == (
        "every 56 days from day 28 to day 400, if cd4 < 1.3 x baseline: 3 MIU SC (R), at most 6, at most 90 MIU in "
        "all, at least 49 days apart, confirmed at the next visit"
    )
    acts = [{"scale": 0.5}, {"stop": True}, {"hold_until": "cd4<5"}, {"label": "R"}]
    assert [str(im.RuleAction(**act)) for act in acts] == ["scale x 0.5", "stop", "hold until cd4 < 5", "call R"]
