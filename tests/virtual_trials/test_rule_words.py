"""A treatment in one line: the six copies of a rule that a user writes become one."""

import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.virtual_trials.rule_words import has_rules, read_treatment
from tests.virtual_trials.linear import log, trial

C = "4.5 MIU SC BID days 1-5"


@pytest.mark.parametrize(
    ("line", "regimen", "rules"),
    [
        (
            "4.5 MIU SC BID x 5 days every 56 days while cd4 < 1.3 x baseline, at most 6",
            C,
            [f"every 56 days, if cd4 < 1.3 x baseline: {C}, at most 5"],
        ),
        (
            "4.5 MIU SC BID x 5 days every 8 weeks until cd4 > 500 for 2 visits at most 6 cycles",
            C,
            [f"every 56 days, if not (cd4 > 500 for 2 visits): {C}, at most 5"],
        ),
        (
            "4.5 MIU SC BID x 5 days every 8 weeks x6 if cd4 < 500",
            C,
            [f"every 56 days, if cd4 < 500: {C}, at most 5"],
        ),
        (
            "4.5 MIU SC BID x 5 days every month as long as cd4 < 500, up to day 365, confirmed",
            C,
            [f"every 30 days to day 365, if cd4 < 500: {C}, confirmed at the next visit"],
        ),
        *(
            (
                f"4.5 MIU SC BID x 5 days every {every} while cd4 < 500, {to}",
                C,
                [f"every {days} to day {end}, if cd4 < 500: {C}"],
            )
            for every, days in (("2 wks", "14 days"), ("2 w", "14 days"), ("48 h", "2 days"), ("1 y", "365 days"))
            for to, end in (
                ("up to week 52", 364),
                ("up to 12 months", 365),
                ("for 1 year", 365),
                ("up to month 6", 183),
            )
        ),
        (
            "4.5 MIU SC BID x 5 days from day 29 every 8 weeks while cd4 < 500, at most 99 MIU in all",
            "4.5 MIU SC BID for 5 days from day 29",
            [f"every 56 days from day 84, if cd4 < 500: {C}, at most 99 MIU in all"],
        ),
        (
            "7.5 MIU SC BID days 1-5 every 8 weeks x3 then 4.5 MIU SC BID days 1-5 every 8 weeks while cd4 < 500, "
            "at least 49 days apart, at most 3; stop when cd4 > 1000 confirmed; halve if il2 > 50",
            "7.5 MIU SC BID days 1-5 every 8 weeks x3",
            [
                "at every visit, if cd4 > 1000: stop, confirmed at the next visit",
                "at every visit, if il2 > 50: scale x 0.5, at most 1",
                f"every 56 days from day 168, if cd4 < 500: {C}, at most 3, at least 49 days apart",
            ],
        ),
        (
            "3 MIU SC QD days 1-5 every 28 days x3; hold while cd4 > 900; 75 % of the dose once il2 > 9",
            "3 MIU SC QD days 1-5 every 28 days x3",
            [
                "at every visit, if cd4 > 900: hold until cd4 <= 900",
                "at every visit, if il2 > 9: scale x 0.75, at most 1",
            ],
        ),
        (
            "3 MIU SC QD days 1-5 every 28 days x3; hold when cd4 > 900 until cd4 < 600; 1.5 x the dose if cd4 < 9",
            "3 MIU SC QD days 1-5 every 28 days x3",
            [
                "at every visit, if cd4 > 900: hold until cd4 < 600",
                "at every visit, if cd4 < 9: scale x 1.5, at most 1",
            ],
        ),
        ("3 MIU SC QD; days 1-5", "3 MIU SC QD days 1-5", []),
    ],
)
def test_a_line_is_a_regimen_and_rules(line, regimen, rules):
    treatment = read_treatment(line)
    assert treatment.regimen == regimen
    assert [str(one) for one in treatment.rules] == rules
    assert has_rules(line) is bool(rules)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3 MIU SC QD days 1-5 while cd4 < 3", "before 'while': how often? write 'every 56 days while ...'"),
        ("3 MIU SC QD days 1-5 every 56 days while", "'while' needs a condition, such as cd4 < 1.3 x baseline"),
        ("3 MIU SC QD days 1-5 every 56 days while cd4 <", "cannot read the condition 'cd4 <' at its end"),
        ("3 MIU SC QD days 1-5 every 56 days while cd4 < 3, at most 0", "at 'at most 0': expected 1 or more"),
        ("3 MIU SC QD days 1-5 every 56 days while cd4 < 3, at most 1", "'at most 1' is one cycle; leave the rule out"),
        ("3 MIU SC QD days 1-5 every 56 days while cd4 < 3, maximal 6", "at 'maximal 6': expected limits such as"),
        ("3 MIU SC QD days 1-5 every 56 days while cd4 < 3; stop cd4", "at 'stop cd4': expected limits"),
        ("3 MIU SC every 56 days x3 while cd4 < 3, at most 6", "x3 or at most 6? leave one of them out"),
        ("3 BANANA SC QD days 1-5 every 56 days while cd4 < 3", "BANANA"),
        ("", "'' is no treatment"),
        (None, "None is no treatment"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_words(line, message):
    with pytest.raises(BadValue) as error:
        read_treatment(line)
    assert message in str(error.value)


def test_an_arm_takes_a_line_for_its_regimen_and_it_is_the_rule_that_it_says():
    line = "70 mg IV bolus every 14 days while y < 60, at most 4"
    arm = im.Arm("a", 5, line)
    assert arm.regimen == "70 mg IV bolus"
    assert len(arm.rules) == 1
    rule = im.RecurringRule(name=arm.rules[0].name, when="y < 60", every=14, at_most=3, then={"add": "70 mg IV bolus"})
    one, two = (
        im.run_trial(trial(arms=[each]), n=2, seed=1) for each in (arm, im.Arm("a", 5, "70 mg IV bolus", rules=[rule]))
    )
    assert one.identical(two)
    assert log(one).reason.tolist().count("met") == one.given_cycles.values.sum() - 2 > 0


def test_rules_are_called_by_the_words_of_the_line():
    line = "1 MIU SC every 8 weeks while cd4 < 1.3 x baseline, at most 6; stop when cd4 > 1000, confirmed"
    names = [one.name for one in read_treatment(f"{line}; halve if il2 > 9").rules]
    assert names == ["stop when cd4 > 1000", "halve if il2 > 9", "every 8 weeks while cd4 < 1.3 x baseline"]
    two = "1 MIU SC x 5 days; stop when cd4 > 1000; stop when il2 > 50"
    assert [one.name for one in read_treatment(two).rules] == ["stop when cd4 > 1000", "stop when il2 > 50"]
    until = read_treatment("1 MIU SC every 8 weeks until cd4 > 500").rules[0]
    assert (until.name, until.when) == ("every 8 weeks until cd4 > 500", "cd4 <= 500")


@pytest.mark.parametrize(
    ("words", "condition", "most"),
    [
        ("y at most 450", "y <= 450", None),
        ("y at most 450.5, at most 4", "y <= 450.5", 4),
        ("y is at most 450, confirmed, at most 4 cycles", "y <= 450", 4),
        ("y at most 450 at most 4", "y <= 450", 4),
        ("x < 5 and y at most 450", "x < 5 and y <= 450", None),
        ("slope of y at most 1 at most 4 times", "slope of y over 2 visits <= 1", 4),
        ("y < 450 confirmed at most 4", "y < 450", 4),
        ("y at most 1.3 x baseline at most 4", "y <= 1.3 x baseline", 4),
    ],
)
def test_at_most_is_a_comparison_where_the_words_before_it_are_no_condition(words, condition, most):
    (again,) = read_treatment(f"70 mg IV bolus every 14 days while {words}").rules
    assert str(again.condition) == condition
    assert again.at_most == (None if most is None else most - 1)
    assert again.confirm == ("confirmed" in words)
