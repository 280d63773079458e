"""The words of a condition: each way to write one is read as what it says, and writes itself so that it reads back."""

import pytest

from immunode.conditions import read
from immunode.conditions.syntax import Both
from immunode.errors import BadValue

SAME = [
    ("cd4 < 1.3 x baseline", "cd4 < 1.3 x baseline"),
    ("CD4 below 130 % of baseline", "CD4 < 1.3 x baseline"),
    ("cd4 is above 30 % above baseline", "cd4 > 1.3 x baseline"),
    ("cd4 under 20% below best so far", "cd4 < 0.8 x best"),
    ("cd4 at least 500 cells/uL for 2 consecutive visits", "cd4 >= 500 cells/uL for 2 visits"),
    ("cd4 <= nadir + 50", "cd4 <= nadir + 50"),
    ("cd4 > 2 times day -14 - 10", "cd4 > 2 x day -14 - 10"),
    ("cd4 < 1.3 x week 8", "cd4 < 1.3 x day 56"),
    ("cd4 > hour 36 + 5", "cd4 > day 1.5 + 5"),
    ("auc of cd4 since month 6 > 5", "auc of cd4 since day 183 > 5"),
    ("change of cd4 since year 1 > 5", "change of cd4 since day 365 > 5"),
    ("doses since week 2 < 5", "doses since day 14 < 5"),
    ("slope of cd4 < 0 per week", "slope of cd4 over 2 visits < 0 per week"),
    ("slope of cd4 over 3 visits is at most -0.5 cells/uL/month", "slope of cd4 over 3 visits <= -0.5 cells/uL/month"),
    ("percent change in cd4 over 40 %", "percent change of cd4 > 40 %"),
    ("change of cd4 over -40", "change of cd4 > -40"),
    ("(cd4 < 200 or rna > 1e3) and il2 < 50", "(cd4 < 200 or rna > 1000) and il2 < 50"),
    ("cd4 < 200 or rna > 50 and il2 < 50", "cd4 < 200 or rna > 50 and il2 < 50"),
    ("not (cd4 < 200 and rna > 50)", "cd4 >= 200 or rna <= 50"),
    ("not cd4 < 200 for 2 visits", "not (cd4 < 200 for 2 visits)"),
    ("((cd4 < 3))", "cd4 < 3"),
    ("average of cd4 over 3 visits < 500", "visit mean of cd4 over 3 visits < 500"),
    ("mean of cd4 < 1.3 x baseline", "visit mean of cd4 since baseline < 1.3 x baseline"),
    ("AUC of cd4 since day 0 > 5000 cells/uL x day", "auc of cd4 since day 0 > 5000 cells/uL*day"),
    ("auc_change in cd4 over 2 visits > 5 cells*week/uL", "auc change of cd4 over 2 visits > 5 cells*week/uL"),
    ("time above 500 of cd4 > 8 weeks", "time above 500 of cd4 since baseline > 8 weeks"),
    ("time below 80 % of best of cd4 over 4 visits > 9", "time below 0.8 x best of cd4 over 4 visits > 9"),
    ("% change of cd4 since day -14 over 40 %", "percent change of cd4 since day -14 > 40 %"),
    ("change of cd4 since baseline < 0", "change of cd4 < 0"),
    ("change of cd4 over 2 visits < 0", "change of cd4 over 2 visits < 0"),
    ("cmax of cd4 over 3 visits < 0.8 x best - 5", "cmax of cd4 over 3 visits < 0.8 x best - 5"),
    ("Given since day 56 at most 90 MIU", "given since day 56 <= 90 MIU"),
    ("mean of cd4 over the last 3 visits < 500", "visit mean of cd4 over 3 visits < 500"),
    ("cd4 < 500 for the last 2 visits", "cd4 < 500 for 2 visits"),
    ("doses given so far < 60 and cycles given < 6", "doses < 60 and cycles < 6"),
    ("given so far < 270 MIU", "given < 270 MIU"),
    ("not (doses < 60 and cycles < 6)", "doses >= 60 or cycles >= 6"),
    ("always", "always"),
]


@pytest.mark.parametrize(("text", "words"), SAME)
def test_a_condition_is_read_as_its_words_say_and_reads_back(text, words):
    condition = read(text)
    assert str(condition) == words
    assert read(str(condition)) == condition


def test_and_binds_more_closely_than_or():
    assert read("a < 1 or b < 2 and c < 3") == read("a < 1 or (b < 2 and c < 3)")
    assert read("a < 1 and b < 2 and c < 3") == read("(a < 1 and b < 2) and c < 3")
    assert read("always") == Both()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no condition; write one such as 'cd4 < 1.3 x baseline'"),
        (3, "3 is no condition"),
        ("cd4 < 0 x baseline", "at '0': expected a factor above 0"),
        ("cd4 < 1e999", "at '1e999': expected a finite number"),
        ("cd4 < 5 for 1.5 visits", "at '1.5': expected a whole number of visits, 1 or more"),
        ("cd4 < 5 for 0 visits", "at '0': expected a whole number of visits, 1 or more"),
        ("slope of cd4 over 1 visits < 5", "at '1': expected a whole number of visits, 2 or more"),
        (
            "cd4 over 3 visits > 5",
            "only a measure is 'over N visits', such as 'mean of cd4 over 3 visits'; write 'for N",
        ),
        ("cd4 since baseline > 5", "only a measure is 'since a day', such as 'mean of cd4 since baseline'"),
        ("auc of cd4 over 2.5 visits > 5", "at '2.5': expected a whole number of visits, 2 or more"),
        ("auc of cd4 over 1 visits > 5", "at '1': expected a whole number of visits, 2 or more"),
        ("auc of cd4 > 2 x baseline", "auc is compared with a number, such as auc of cd4 since baseline > 100"),
        ("time above 5 of cd4 > 2 x nadir", "such as time above 5 of cd4 since baseline > 28 days"),
        ("given < 270", "at '270': an amount has a unit, such as 270 MIU"),
        ("doses < 60 MIU", "at '60': a number has no unit, such as 60"),
        ("cycles < baseline", "cycles is compared with a number, such as cycles > 6"),
        ("change of cd4 > 1.3 x baseline", "change is compared with a number, such as change of cd4 > 100"),
        ("(" * 5000 + "cd4 < 5" + ")" * 5000, "that many brackets"),
    ],
)
def test_what_makes_no_condition_is_refused_by_its_word(text, message):
    with pytest.raises(BadValue, match=message.replace("(", r"\(").replace(")", r"\)")):
        read(text)
