"""A slip in a condition is named, with what was expected there."""

import pytest

from immunode.conditions import read
from immunode.errors import BadValue


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cd4 = 3", "at '=': a measured number is hardly ever equal to another: write < or >"),
        ("cd4 <", "at its end: expected a number or baseline, nadir, best, 'day N' or 'week N'"),
        ("cd4", "at its end: expected a comparison"),
        ("< 3", "at '<': expected a signal such as cd4"),
        ("cd4 < 3 x basline", "at 'basline': expected baseline.*; did you mean 'baseline'?"),
        ("cd4 < peak", "the highest so far is called 'best'"),
        ("cd4 < 2 x lowest", "the lowest so far is called 'nadir'"),
        ("cd4 < 500 rna < 30", "at '<': expected 'and', 'or' or 'for 2 visits'"),
        ("(cd4 < 500", "at its end: expected '\\)'"),
        ("auv of cd4 > 4", "at 'of': 'auv' is no measure of what visits tell; did you mean 'auc'"),
        ("max of cd4 > 4", "write 'cmax of'"),
        ("average cd4 < 5", "write 'average of cd4'"),
        ("days above 500 of cd4 > 28", "write 'time above 500 of cd4'"),
        ("MIU given < 270", "at 'given': write 'given < 270 MIU'"),
        ("doses of il2 < 5", "what is given is of no signal: write 'doses < 60'"),
        ("given of il2 < 5 MIU", "what is given is of no signal: write 'given < 270 MIU'"),
        ("given MIU < 270", "at 'MIU': write 'given < 270 MIU'"),
        ("median of cd4 over 3 visits < 5", "'median' is no measure of what visits tell; did you mean 'mean'"),
        ("change of mean of cd4 < 5", "at 'of': a measure is of a signal, such as cd4"),
        ("mean of cd4 in the last 3 visits < 5", "at 'in': write 'over 3 visits' or 'since day 28'"),
        ("value of cd4 < 5", "write the signal alone, cd4 < 500"),
        ("auc of cd4 < 5 cells/uL day", "write 'cells/uL x day'"),
        ("cd4 > 1.2 day 28", "write 1.2 x day 28"),
        ("auc of cd4 since 28 > 3", "write 'since day 28'"),
        ("auc of cd4 since nadir > 3", "at 'nadir': expected baseline, 'day N' or 'week N'"),
        ("auc of cd4 since 8 weeks > 3", "at '8': write 'since week 8'"),
        ("cd4 < 1.3 x 6 months", "at '6': write 'x month 6'"),
        ("auc of cd4 over 3 weeks > 3", "a measure is 'over 3 visits', 'since baseline' or 'since day 28'"),
        ("cd4 < 500)", "at '\\)': expected nothing more"),
    ],
)
def test_what_was_expected_is_said(text, message):
    with pytest.raises(BadValue, match=f"cannot read the condition .*{message}"):
        read(text)


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("cd4 < 1.3 baseline", "write 1.3 x baseline"),
        ("cd4 < 1.3nadir", "write 1.3 x nadir"),
        ("cd4 < 1.3 day 28", "write 1.3 x day 28"),
        ("cd4 < 130 % baseline", "write 130 % of baseline"),
        ("cd4 < half baseline", "write 0.5 x baseline"),
        ("cd4 < 1.3 x the baseline", "leave 'the' out"),
    ],
)
def test_a_multiple_without_its_sign_is_said_with_it(said, cure):
    with pytest.raises(BadValue, match=f"{cure}$"):
        read(said)
