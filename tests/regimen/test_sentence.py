"""What the prescription sentence means, that it reads back as itself, and how it points at a slip."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import immunode
from immunode.errors import BadValue, ImmunodeError
from immunode.regimen import Dose, dose, prescribe
from immunode.regimen.sentence.parsing import plain

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


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("1 mg IV q12h x4 then 2 mg IV q24h x2", [48, 72]),  # the next dose of the phase before
        ("1 mg IV QD days 1-3 then 2 mg IV q12h x2", [72, 84]),
        ("1 mg IV then 2 mg IV q12h x2", [12, 24]),  # after a single dose: one interval of the new phase
        ("1 mg IV then 2 mg IV for 2 days", [24, 48]),
        ("1 mg IV then 2 mg IV every 2 weeks x2", [336, 672]),
        ("1 mg IV day 1 then 2 mg IV q12h x2", [24, 36]),  # a stated day is a whole day
        ("1 mg IV over 2 h then 2 mg/day CIV for 2 days", [2]),  # an infusion goes on where the loading dose ends
        ("1 mg IV then 2 mg/day CIV days 1-2", [0]),
        ("9 mg/day CIV days 1-2 then 2 mg IV q12h x2", [48, 60]),
        ("1 mg IV from hour 6 then 2 mg IV 18 h later", [24]),
        ("1 mg IV then 2 mg IV QD days 4-5", [72, 96]),
        ("1 mg IV QD days 1-3 then 1 mg IV QD for 2 days then 2 mg IV QD days 9,11", [192, 240]),
        ("1 mg IV every 7 days x2 then 1 mg IV q24h x2 then 2 mg IV QD x1", [384]),
        ("1 mg IV q12h x4 plus 2 mg IV QD x2", [0, 24]),  # another course begins on day 1
        ("1 mg IV every 7 days x2 plus 1 mg IV QD x3 then 2 mg IV QD x1", [72]),
    ],
)
def test_then_and_plus_say_when_a_phase_begins(text, starts):
    found = [item.time * 24 for item in prescribe(text) if item.amount in (2, 4)]
    assert found == pytest.approx(starts, rel=1e-12)  # hours to days and back: rounding only
    assert prescribe(str(prescribe(text))) == prescribe(text)


def documented():
    """Return every row of the tables in docs/prescriptions.md that has a sentence and the call that it stands for."""
    page = (Path(__file__).parents[2] / "docs/prescriptions.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", page, re.M)


@pytest.mark.parametrize(("text", "call"), documented())
def test_the_page_of_prescriptions_says_what_a_sentence_means(text, call):
    expected = eval(call, {name: getattr(immunode, name) for name in ("dose", "Regimen")})
    course = prescribe(text)
    assert [replace(item, time=0.0) for item in course] == [replace(item, time=0.0) for item in expected]
    # k * 8 / 24 and k * (8 / 24) differ by a rounding
    assert [item.time for item in course] == pytest.approx([item.time for item in expected], rel=1e-14)
    assert prescribe(str(course)) == course


def test_the_page_of_prescriptions_has_its_tables():
    assert len(documented()) > 40


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
def day_lists(draw, from_one):
    """Return a list of days in ascending runs, and the last of them."""
    last, pieces = 0, []
    for gap, length in draw(st.lists(spans, min_size=1, max_size=3)):
        first = last + (1 if from_one and not last else gap)
        last = first + length
        pieces.append(f"{first}{draw(st.sampled_from(['-', ' to ', '–']))}{last}" if length else f"{first}")
    joined = draw(st.sampled_from([",", ", ", " and "])).join(pieces)
    return draw(st.sampled_from(["days ", "day ", "on days "])) + joined, last


def cycled(draw, least):
    """Return an interval of at least so many days with its number of cycles."""
    count = draw(st.sampled_from(["x{}", "x {}", "×{}", "for {} cycles", "{} times"]))
    return f"every {draw(st.integers(least, least + 60))} days {count.format(draw(st.integers(1, 4)))}"


@st.composite
def phases(draw, follows=False):
    """Return a legal phase, its clauses in any order and case; one that follows another says when it begins."""
    begins = [f"from day {draw(st.integers(1, 500))}", f"from hour {draw(positive)}"]
    begin = draw(st.sampled_from(begins if follows else ["", *begins]))
    per = draw(st.sampled_from(["", "/m2", " per kg"]))
    unit = draw(st.sampled_from(["MIU", "IU", "mg", "cells"]))
    kind = draw(st.sampled_from(["days", "continuous", "counted", "single"]))
    speeds = ["SC", "PO", "oral", "IM", "IV bolus", "IV", f"IV over {draw(positive)} h", "SC over 30 min"]
    amount = draw(numbers)
    speeds += [f"IV at {draw(positive)} {unit}/{draw(st.sampled_from(['min', 'h', 'day']))}"] if float(amount) else []
    clauses, least, rate, again = [draw(st.sampled_from(speeds)), begin], 1, "", draw(st.booleans())
    if kind == "continuous":
        clauses[0], rate = draw(st.sampled_from(["CIV", "continuous IV"])), draw(st.sampled_from(["/day", " per h"]))
    if kind in ("days", "continuous"):
        days, least = draw(day_lists(bool(begin)))
        clauses.append(days)
    if kind == "days":
        clauses.append(draw(st.sampled_from(["", "QD", "BID", "TID", "QID", "q4h", "every 12 hours", "twice daily"])))
    if kind == "counted":
        count = draw(st.integers(1, 9))
        least = 2 * count
        clauses.append(draw(st.sampled_from(["QD", "TID", "q5h", "q36h"])))
        clauses.append(draw(st.sampled_from(["x{} doses", "{} doses"] if again else ["x{}", "x {}"])).format(count))
    if kind == "single":
        clauses.append(draw(st.sampled_from(["once", ""])))
    clauses.append(cycled(draw, least) if again else "")
    text = f"{amount} {unit}{per}{rate} " + " ".join(draw(st.permutations([clause for clause in clauses if clause])))
    return draw(st.sampled_from([text, text.lower(), text.upper()])), per


steady = st.sampled_from(
    [
        "40 mg SC every 2 weeks at steady state",
        "9 mg PO q8h x4 at steady state",
        "9 mg PO BID days 1-3 at steady state",
        "9 mg/h CIV for 5 days, steady-state",
    ]
)


@st.composite
def sentences(draw):
    """Return phases joined by then and plus; the first may find its steady state."""
    first = draw(st.one_of(phases(), steady.map(lambda text: (text, ""))))
    found = [first] + [draw(phases(follows=True)) for _ in range(draw(st.integers(0, 2)))]
    text = first[0]
    for piece, _ in found[1:]:
        text += draw(st.sampled_from([" then ", " plus ", " + "])) + piece
    text += " for 1.85 m2" if any(per == "/m2" for _, per in found) else ""
    return text + (" for 71.3 kg" if any(per == " per kg" for _, per in found) else "")


@settings(deadline=None, max_examples=150)  # no deadline: the first example builds the parser
@given(sentences())
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
    "PO",
    "once",
    "at",
    "steady state",
    "plus",
    "later",
    "doses",
    "q12h",
    "x10",
    "mg",
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
        ("3 MIU SQ QD days 1-5", "SQ", r"expected a route \(SC, IV, CIV, PO or IM\).*did you mean 'SC'"),
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
    with pytest.raises(BadValue, match=r"at its end: expected a route \(SC, IV, CIV, PO or IM\)") as caught:
        prescribe("3 MIU")
    assert str(caught.value).splitlines()[2] == "  " + " " * len("3 MIU") + "^"


@pytest.mark.parametrize("text", ["", "  ", None, 3])
def test_what_is_no_sentence_is_refused_with_an_example(text):
    with pytest.raises(BadValue, match="3 MIU SC QD days 1-5 every 28 days x3"):
        prescribe(text)


def test_lark_is_loaded_only_by_who_reads_a_sentence():
    code = "import sys, immunode.regimen; sys.exit('lark' in sys.modules or 'pint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
