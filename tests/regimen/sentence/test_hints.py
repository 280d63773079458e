"""Any text is read or refused, and a slip is pointed at with its cure."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunode.errors import BadValue, ImmunodeError
from immunode.regimen import prescribe
from immunode.regimen.sentence.hints import NOT_READ

vocabulary = [
    "3", "MIU", "-", ",", "/", "h", "q", "0", "SC", "IV", "CIV", "BID", "days", "day", "1-5", "every", "28", "x3",
    "then", "for", "m2", "kg", "from", "over", "weeks", "bolus", "PO", "once", "at", "steady state", "plus", "later",
    "doses", "q12h", "x10", "mg",
]  # fmt: skip
words = st.sampled_from(vocabulary)


def outcome(text):
    """Return the regimen, or the error, that a text gives; any other exception fails the test."""
    try:
        return prescribe(text)
    except ImmunodeError as error:
        return error


@settings(max_examples=150)
@given(st.one_of(st.text(max_size=40), st.lists(words, max_size=12).map(" ".join)))
def test_any_text_is_read_or_refused_with_an_immunode_error(text):
    answer = outcome(text)
    assert str(answer)
    assert isinstance(answer, ImmunodeError) or prescribe(str(answer)) == answer


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("none", "none", "leave it out"),
        (
            "9 MIU CIV over 5 days",
            "CIV",
            "'9 MIU/day CIV days 1-5' for 9 MIU a day, or '9 MIU IV over 5 days' for 9 MIU in",
        ),
        ("9 MIU/m2 CIV for 1.8 m2", "CIV", "write '9 MIU/m2/day CIV days 1-5' for 9 MIU/m2 a day"),
        ("No treatment", "No", "leave it out"),
        ("placebo", "placebo", "leave it out"),
        ("3 MIU SQ QD days 1-5", "SQ", r"expected a route \(SC, IV, CIV, PO or IM\).*did you mean 'SC'"),
        ("3 MIU SC BDI days 1-5", "BDI", "did you mean 'BID'"),
        ("3 MIU SC tiw", "tiw", "at 'tiw': three times a week: write the days, such as 'days 1,3,5 every 7 days x4'$"),
        ("3 MIU SC QOD", "QOD", "at 'QOD': every other day: write the days"),
        ("3 MIU SC prn", "prn", "at 'prn': as needed: write the days on which it is given$"),
        ("3 MIU SC tis", "tis", "another dose$"),
        ("3 MIU SC QDD", "QDD", "another dose$"),
        ("3 nmg SC", "nmg", "expected a unit such as MIU$"),
        ("3 MIU SC QD days 1-5 evry 28 days x3", "evry", "did you mean 'every'"),
        ("3 MIU SC QD days 1-5 every 28 fortnights x3", "fortnights", "expected h, days, weeks or months"),
        ("MIU SC", "MIU", "expected an amount such as 3 MIU"),
        ("3 SC", "SC", "expected a unit such as MIU"),
        ("3 banana SC", "banana", "expected a unit such as MIU"),
        ("3 mIU SC", "mIU", "did you mean 'MIU'"),
        ("187,500 IU SC", ",", "without a comma, 187500 or 7.5"),
        ("-3 MIU SC", "-3", "cannot be negative"),
        ("nan MIU SC", "nan", "expected an amount"),
        ("1e999 MIU SC", "1e999", "finite number"),
        ("3 MIU BID days 1-5", "3", "no route; add SC, IV, CIV, PO or IM"),
        ("3 MIU SC BID", "BID", "on which days"),
        ("3 MIU SC QD BID days 1-5", "BID", "stated twice"),
        ("3 MIU SC q5h days 1", "5", "divide a day"),
        ("3 MIU SC bolus", "bolus", "a bolus is given IV"),
        ("3 MIU IV over 0 h", "0", "above zero"),
        ("3 MIU SC QD days 5-1", "1", "write 1-5"),
        ("3 MIU SC QD days 0-3", "0", "above zero"),
        ("3 MIU SC QD days 1-5,3", "3", "listed twice"),
        ("3 MIU SC QD days 1-99999999", "99999999", "at most 36525"),
        ("3 MIU SC QD days 1-30 every 28 days x3", "days", "day 30 lies beyond the interval of 28 days"),
        ("3 MIU SC QD days 1-5 every 0 days x3", "0", "above zero"),
        ("3 MIU SC QD days 1-5 every 28 days x0", "0", "cycles must be a whole number above zero"),
        ("3 MIU SC QD days 1-5 every 28 days x2.5", "2.5", "whole number"),
        ("3 MIU SC QD days 1-5 every 28 days", "every", "add 'x3'"),
        ("3 MIU SC QD days 1-5 x3", "x", "add 'every 28 days'"),
        ("18 MIU CIV days 1-5", "CIV", "18 MIU/day CIV"),
        ("18 MIU/day IV days 1-5", "day", "write CIV"),
        ("18 MIU/day CIV", "CIV", "add 'days 1-5'"),
        ("18 MIU/day CIV BID days 1-5", "BID", "leave this out"),
        ("3 MIU/m2 SC", "m2", "add 'for 1.85 m2'"),
        ("3 MIU SC for 70 kg", "70", "no dose is per kg"),
        ("3 MIU/m2 SC for 1.85 m2 then 3 MIU/m2 SC from day 9 for 2 m2", "2", "1.85 m2 already"),
        ("3 MIU SC then 4 MIU SC", "4", "add 'from day N'"),
        ("3 MIU SC days 1,3,5 then 4 MIU SC QD for 2 days", "4", "after doses on days 1,3,5.*add 'from day N'"),
        ("3 MIU SC QD days 1-5 then 4 MIU SC QD days 5-9", "5", "write days from 6 on, or 'for 5 days'"),
        ("6 mg IV then 3 mg IV q12h days 1-5", "1", "write days from 2 on"),
        ("3 MIU SC from day 8 then 4 MIU SC QD days 9-12", "4", "counted from when.*'from day N'"),
        ("3 MIU SC QD days 29-33 from day 29", "29", "a day of the course, or of what begins at day 29"),
        ("3 MIU SC every 28 days x3 then 4 MIU SC QD days 90-95 every 200 days x2", "90", "what begins at day 85"),
        ("3 mg IV over 24 h then 3 mg IV q12h x3", "3", "the infusion before still runs.*'from hour N'"),
        ("3 mg IV at 0.1 mg/h then 3 mg IV q12h x3", "3", "the infusion before still runs"),
        ("3 mg IV then 3 mg IV q12h x3 then 3 mg IV 12 h later", "12", "which of the doses before"),
        ("3 MIU SC 12 h later", "12", "later than what"),
        ("3 MIU SC from day 36525 then 3 MIU SC 3 days later", "3", "beyond a century"),
        ("3 MIU SC from hour 900000", "900000", "beyond a century"),
        ("200 mg IV q24h from day 2", "q", "add 'days 1-5', 'for 5 days' or, to count, 'x10'"),
        ("200 mg IV q24h x5 every 28 days", "q", "to count, 'x10 doses'"),
        ("200 mg IV q24h x10 doses every 7 days x3", "10", "longer than the interval of 7 days"),
        ("200 mg IV q24h x5 every 28 days x3", "x", "of doses: 'x10 doses'"),
        ("200 mg IV q24h x99999 doses", "99999", "beyond a century"),
        ("200 mg IV q36h for 3 days", "36", "count them: 'q36h x5'"),
        ("200 mg IV x5", "x", "add 'q12h' for doses, or 'every 28 days' for cycles"),
        ("200 mg IV QD days 1-3 x5 doses", "x", "the days say how many doses"),
        ("200 mg IV once days 1-5", "once", "write QD, or one day"),
        ("200 mg IV once daily once", "once", "how often is stated twice"),
        ("200 mg PO over 2 h", "over", "PO is given at once"),
        ("200 mg IM at 2 mg/h", "at", "IM is given at once"),
        ("200 mg PO bolus", "bolus", "a bolus is given IV"),
        ("200 mg IV over 2 h at 2 mg/h", "at", "how fast it is given is stated twice"),
        ("200 mg IV at 2 IU/h", "IU", "write mg/h"),
        ("200 mg IV at 0 mg/h", "0", "above zero"),
        ("0 mg IV at 2 mg/h", "at", "a dose of 0 has no rate"),
        ("0 mg PO BID at steady state", "at steady state", "a dose of 0"),
        ("200 mg PO at steady state", "at steady state", "say how often: 'q12h' or 'every 14 days'"),
        ("200 mg PO once day 3 at steady state", "at steady state", "say how often"),
        ("200 mg PO BID days 1,3 at steady state", "at steady state", "doses with a gap"),
        ("200 mg PO BID for 2 days every 7 days x3 at steady state", "at steady state", "cycles have no steady state"),
        ("2 mg/h CIV at steady state", "CIV", "add 'days 1-5'"),
        ("2 mg PO once then 2 mg PO BID at steady state", "at steady state", "write it first"),
        ("2 mg PO BID at steady state from day 3 plus 2 mg IV", "2", "comes before the steady state"),
        ("3 MIU SC days 1-5 and 100 mg IV", "mg", "'and' joins days: for another dose write 'plus'"),
        ("3 MIU SC once and 100 mg IV", "and", "did you mean 'plus'"),
        ("3 MIU SC plsu 100 mg IV", "plsu", "did you mean 'plus'"),
    ],
)
def test_a_slip_is_named_in_one_line(text, at, message):
    with pytest.raises(BadValue, match=message) as caught:
        prescribe(text)
    said = str(caught.value)
    begin, _, rest = said.partition(": ")
    again = re.fullmatch(re.escape(f"cannot read the prescription '{text}' at '{at}'") + r"( \(letter (\d+)\))?", begin)
    assert again
    assert (again[1] is not None) == (text.count(at) > 1)
    assert again[1] is None or text[int(again[2]) - 1 :].startswith(at)
    assert "\n" not in said
    assert not any(name in rest for name in ("NUMBER", "UNIT", "$END", "LIST"))  # clinician's words, no token names


def test_a_sentence_that_stops_early_is_refused_at_its_end():
    with pytest.raises(BadValue, match=r"^cannot read the prescription '3 MIU' at its end: expected a route \(SC, IV"):
        prescribe("3 MIU")


def test_of_a_long_sentence_the_error_shows_what_is_near_the_slip():
    days = ",".join(map(str, range(1, 200)))
    with pytest.raises(BadValue) as caught:
        prescribe(f"3 MIU SC QD\n days {days} dialy x5")
    assert re.search(r"^cannot read the prescription '\.\.\.[0-9,]+ dialy x5' at 'dialy': expected", str(caught.value))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("word", NOT_READ)
def test_what_is_written_for_an_abbreviation_is_read(word):
    cure = re.search(r"'(days? .*)'$", NOT_READ[word])
    assert cure is None or prescribe(f"3 MIU SC QD {cure[1]}").doses
