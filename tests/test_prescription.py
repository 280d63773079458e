"""What the prescription sentence means, that it reads back as itself, and how it points at a slip."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunode.errors import BadValue, ImmunodeError
from immunode.prescription import plain
from immunode.regimen import Dose, dose, prescribe

FIVE = range(1, 6)


def cycles(amount, route="sc", *, days=FIVE, per_day=1, every, times, **more):
    return dose(amount, route, days=days, per_day=per_day, **more).repeat(every=every, times=times)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 MIU SC", dose("3 MIU", "sc")),
        ("3 MIU SC QD days 1-5,8-12 every 28 days x3", cycles("3 MIU", days=[*FIVE, *range(8, 13)], every=28, times=3)),
        ("7.5 MIU SC BID days 1-5 every 8 weeks x7", cycles("7.5 MIU", per_day=2, every=56, times=7)),
        ("7.5 miu sc twice daily for 5 days q8wk x 7", cycles("7.5 MIU", per_day=2, every=56, times=7)),
        ("7.5 MIU SC q12h x7 days 1 to 5 every 56 days", cycles("7.5 MIU", per_day=2, every=56, times=7)),
        ("1 MIU SC every 8 hours day 3", dose("1 MIU", "sc", days=[3], per_day=3)),
        ("1 MIU SC TID days 1, 3 and 8.", dose("1 MIU", "sc", days=[1, 3, 8], per_day=3)),
        ("1 MIU subcutaneously, four times daily, days 1–2", dose("1 MIU", "sc", days=[1, 2], per_day=4)),
        ("187500 IU SC daily day 1", dose("187500 IU", "sc")),
        ("18 million IU IV over 15 min", dose("18 MIU", "iv", duration="15 min")),
        ("3 MIU IV over 2 h days 1-3", dose("3 MIU", "iv", days=[1, 2, 3], duration="2 h")),
        ("3 MIU IV bolus from day 15", dose("3 MIU", "iv", days=[15])),
        ("3 MIU SC starting on day 15", dose("3 MIU", "sc", days=[15])),
        ("18 MIU/day CIV days 1-5", dose("90 MIU", "iv", duration="5 d")),
        ("0.5 MIU/h continuous IV day 2", dose("12 MIU", "iv", days=[2], duration="24 h")),
        ("3 MIU/m2 SC BID days 1-5 every 56 days x7 for 1.85 m2",
         cycles("3 MIU/m2", per_day=2, every=56, times=7, body="1.85 m2")),
        ("0.1 MIU per kg SC for 70 kg", dose("7 MIU", "sc")),
        ("3 MIU SC every 2 months x2", dose("3 MIU", "sc", days=[1, 62])),
        ("3 MIU SC every 2 days for 4 cycles", dose("3 MIU", "sc", days=[1, 3, 5, 7])),
    ],
)  # fmt: skip
def test_a_sentence_means_the_same_as_the_python_call(text, expected):
    assert prescribe(text) == expected
    assert prescribe(str(prescribe(text))) == expected


def test_contiguous_days_of_a_continuous_infusion_are_one_infusion():
    assert prescribe("9 MIU/m2/day CIV days 1-5,8-12 for 2 m2").doses == (
        Dose(90.0, "MIU", "iv", 0.0, 5.0),
        Dose(90.0, "MIU", "iv", 7.0, 5.0),
    )


def test_then_begins_when_the_next_cycle_would_have_begun():
    # ANRS 079 (Levy 2003): 5 MIU bid for 5 days every 4 weeks x3, then every 8 weeks x7
    course = prescribe("5 MIU SC BID days 1-5 every 4 weeks x3 then 5 MIU SC BID days 1-5 every 8 weeks x7")
    starts = [0, 28, 56, *range(84, 84 + 7 * 56, 56)]
    assert [d.time for d in course] == [start + k / 2 for start in starts for k in range(10)]
    assert course.total() == "500 MIU"


def test_then_from_day_is_absolute_and_a_later_phase_follows_it():
    course = prescribe("1 MIU SC every 7 days x2 then 2 MIU SC from day 60 every 7 days x2 then 3 MIU SC")
    assert [(d.time, d.amount) for d in course] == [(0, 1), (7, 1), (59, 2), (66, 2), (73, 3)]


def test_a_body_size_stated_once_holds_for_every_phase():
    course = prescribe("1 MIU/m2 SC every 7 days x2 then 2 MIU/m2 SC for 1.5 m2")
    assert [d.amount for d in course] == [1.5, 1.5, 3.0]


def test_the_text_is_the_sentence_in_its_normal_form_until_a_verb_changes_the_regimen():
    course = prescribe("3  miu sc once daily\n days 8 to 12, 1-5 x3 q28d")
    assert str(course) == "3 MIU SC QD days 1-5,8-12 every 28 days x3"
    assert "<caption>3 MIU SC QD days" in course._repr_html_()
    assert course.shift("1 d").sentence is None


odd = st.sampled_from([7.5, 0.1, 1e-5, 1e22])
numbers = st.one_of(st.integers(0, 10**7).map(float), st.floats(0, 1e6), odd).map(plain)
positive = st.one_of(st.integers(1, 10**3).map(float), st.floats(1e-3, 1e3)).map(plain)
spans = st.tuples(st.integers(1, 4), st.integers(0, 4))


@st.composite
def day_lists(draw):
    """Return a list of days in ascending runs, and the last of them."""
    last, pieces = 0, []
    for gap, length in draw(st.lists(spans, min_size=1, max_size=3)):
        first, last = last + gap, last + gap + length
        pieces.append(f"{first}{draw(st.sampled_from(['-', ' to ', '–']))}{last}" if length else f"{first}")
    return draw(st.sampled_from(["days ", "day "])) + draw(st.sampled_from([",", ", ", " and "])).join(pieces), last


@st.composite
def phases(draw):
    """Return a legal phase, its clauses in any order and case."""
    days, last = draw(day_lists())
    per = draw(st.sampled_from(["", "/m2", " per kg"]))
    continuous = draw(st.booleans())
    clauses = [draw(st.sampled_from(["CIV", "continuous IV"]))] if continuous else []
    if not continuous:
        clauses.append(draw(st.sampled_from(["SC", "IV bolus", "IV", f"IV over {draw(positive)} h", "SC over 30 min"])))
        clauses.append(draw(st.sampled_from(["", "QD", "BID", "TID", "QID", "q4h", "every 12 hours", "twice daily"])))
    every = draw(st.integers(last, last + 60))
    clauses.append(f"every {every} days {draw(st.sampled_from(['x', 'x ', '×', 'for ']))}{draw(st.integers(1, 4))}")
    clauses[-1] += " cycles" if "for" in clauses[-1] else ""
    clauses += [days, draw(st.sampled_from(["", f"from day {draw(st.integers(1, 500))}"]))]
    rate = draw(st.sampled_from(["/day", " per h"])) if continuous else ""
    unit = draw(st.sampled_from(["MIU", "IU", "mg", "cells"]))
    text = f"{draw(numbers)} {unit}{per}{rate} " + " ".join(draw(st.permutations(clauses)))
    return draw(st.sampled_from([text, text.lower(), text.upper()])), per


sentences = st.lists(phases(), min_size=1, max_size=3).map(
    lambda found: (
        " then ".join(text for text, _ in found)
        + (" for 1.85 m2" if any(per == "/m2" for _, per in found) else "")
        + (" for 71.3 kg" if any(per == " per kg" for _, per in found) else "")
    )
)


@settings(deadline=None, max_examples=150)  # no deadline: the first example builds the parser
@given(sentences)
def test_a_regimen_reads_back_as_itself(text):
    course = prescribe(text)
    again = prescribe(str(course))
    assert again == course
    assert str(again) == str(course)


vocabulary = [
    "3",
    "MIU",
    "-",
    ",",
    "/",
    "h",
    "q",
    "0",
    "SC",
    "IV",
    "CIV",
    "BID",
    "days",
    "day",
    "1-5",
    "every",
    "28",
    "x3",
    "then",
    "for",
    "m2",
    "kg",
    "from",
    "over",
    "weeks",
    "bolus",
]
words = st.sampled_from(vocabulary)


def outcome(text):
    """Return the regimen, or the error, that a text gives; any other exception fails the test."""
    try:
        return prescribe(text)
    except ImmunodeError as error:
        return error


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.text(max_size=40), st.lists(words, max_size=12).map(" ".join)))
def test_any_text_is_read_or_refused_with_an_immunode_error(text):
    found = outcome(text)
    assert str(found)
    assert isinstance(found, ImmunodeError) or prescribe(str(found)) == found


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("3 MIU SQ QD days 1-5", "SQ", r"expected a route \(SC, IV or CIV\).*did you mean 'SC'"),
        ("3 MIU SC BDI days 1-5", "BDI", "did you mean 'BID'"),
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
        ("3 MIU BID days 1-5", "3", "no route; add SC, IV or CIV"),
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
    ],
)
def test_a_slip_is_pointed_at(text, at, message):
    with pytest.raises(BadValue, match=message) as caught:
        prescribe(text)
    first, sentence, caret = str(caught.value).splitlines()
    assert first.startswith(f"cannot read the prescription at '{at}': ")
    assert sentence == f"  {text}"
    assert caret.lstrip() == "^" * len(at)
    assert sentence[caret.index("^") :].startswith(at)
    assert not any(name in first for name in ("NUMBER", "UNIT", "$END", "LIST"))  # clinician's words, no token names


def test_a_sentence_that_stops_early_is_pointed_at_its_end():
    with pytest.raises(BadValue, match=r"at its end: expected a route \(SC, IV or CIV\)") as caught:
        prescribe("3 MIU")
    assert str(caught.value).splitlines()[2] == "  " + " " * len("3 MIU") + "^"


@pytest.mark.parametrize("text", ["", "  ", None, 3])
def test_what_is_no_sentence_is_refused_with_an_example(text):
    with pytest.raises(BadValue, match="3 MIU SC QD days 1-5 every 28 days x3"):
        prescribe(text)


def test_lark_is_loaded_only_by_who_reads_a_sentence():
    code = "import sys, immunode.regimen; sys.exit('lark' in sys.modules or 'pint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
