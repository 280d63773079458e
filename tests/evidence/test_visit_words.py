"""Visits in words are the days that they say, in Python and in a file."""

import pytest

import immunode as im
from immunode.errors import BadValue
from immunode.evidence.library import load
from immunode.evidence.visit_words import visit_days

ARM = im.Arm("a", 5, "1 MIU SC")


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("every 4 weeks to 12 wk", [0, 28, 56, 84]),
        ("every 4 weeks to week 12", [0, 28, 56, 84]),
        ("week 0, week 4, month 6 and year 1", [0, 28, 183, 365]),
        ("every 12 h to hour 36", [0, 0.5, 1, 1.5]),
        ("every month to 90 d", [0, 30, 61, 90]),
        ("every 28 d to 84 d", [0, 28, 56, 84]),
        ("Every 28 days, up to day 84", [0, 28, 56, 84]),
        ("every week for 3 weeks", [0, 7, 14, 21]),
        ("every 3 mo to 12 mo", [0, 91, 183, 274, 365]),
        ("every month to 3 months", [0, 30, 61, 91]),
        ("every 6 mo to 2 y", [0, 183, 365, 548, 730]),
        ("every 28 d to 12 mo", [*range(0, 365, 28)]),  # the end, day 365, is a day after the last step
        ("every 8 weeks to 20 wk", [0, 56, 112, 140]),  # half a step and more after it is a visit
        ("from day 28 every 4 weeks to 12 wk", [28, 56, 84]),
        ("from 4 wk, every 4 weeks, until 12 wk", [28, 56, 84]),
        ("every 4 weeks to 8 wk, then every 12 weeks to 32 wk", [0, 28, 56, 140, 224]),
        ("day -14, day 0, 4 wk and 12 mo", [-14, 0, 28, 365]),
        (["0 d", "12 wk", 100, "12 mo"], [0, 84, 100, 365]),
        ([0, "36 h"], [0, 1.5]),
        ([0, 28], [0, 28]),
    ],
)  # fmt: skip
def test_visits_in_words_are_the_days_that_they_say(said, days):
    assert list(visit_days(said)) == days


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("every 4 weeks", "visits = 'every 4 weeks': until when? write such as 'every 4 weeks to 12 mo'"),
        ("every 4 weeks to 4 weeks to 8 wk", "cannot read 'every 4 weeks to 4 weeks to 8 wk'; expected a text"),
        ("often", "cannot read 'often'"),
        ("", "cannot read ''"),
        ("0, 28", "cannot read '0'"),
        ("every 0 d to 8 wk", "expected a step above 0"),
        ("every 1 s to 10 y", "more than 10,000 visits"),
        ("every 4 bananas to 8 wk", "bananas"),
        ("every 4 MIU to 8 wk", "MIU"),
        ("every 4 weeks to 8 wk, 4 wk", "expected days that rise"),
        (["12 wk", "4 wk"], "expected days that rise"),
        (["12"], "a day of visits = '12': expected days that rise"),
        ([0, "12 MIU"], "a day of visits = '12 MIU'"),
        (28, "visits = 28: expected a list of days"),
    ],
)
def test_visits_that_cannot_be_read_are_refused_with_the_cure(said, message):
    with pytest.raises(BadValue) as error:
        visit_days(said)
    assert message in str(error.value)


def test_a_trial_and_a_trial_file_read_them_alike(tmp_path):
    made = im.Trial("t", im.Population("il2_sc"), "every 4 weeks to 12 wk", [ARM])
    assert made.visits == (0, 28, 56, 84)
    text = (
        'name = "t"\ntitle = "T"\nreference = "r"\nmodel = "il2_sc"\nvisits = SAID\n'
        '[[arms]]\nname = "a"\nn = 5\nregimen = "1 MIU SC"\n[population]\nsource = "assumed"\n'
    )
    path = tmp_path / "t.toml"
    for said in ('"every 4 weeks to 12 wk"', '[0, "4 wk", "8 wk", 84]'):
        path.write_text(text.replace("SAID", said))
        assert load(str(path)).visits == made.visits
    path.write_text(text.replace("SAID", '"every 4 weeks"'))
    with pytest.raises(BadValue, match=r"line 5, field 'visits': 'every 4 weeks': until when\?"):
        load(str(path))
