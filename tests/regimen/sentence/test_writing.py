"""A regimen writes itself as a sentence that reads back as itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from immunode.regimen import prescribe
from immunode.regimen.sentence.parsing import plain


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
    pieces = [first] + [draw(phases(follows=True)) for _ in range(draw(st.integers(0, 2)))]
    text = first[0]
    for piece, _ in pieces[1:]:
        text += draw(st.sampled_from([" then ", " plus ", " + "])) + piece
    text += " for 1.85 m2" if any(per == "/m2" for _, per in pieces) else ""
    return text + (" for 71.3 kg" if any(per == " per kg" for _, per in pieces) else "")


@settings(max_examples=150)
@given(sentences())
def test_a_regimen_reads_back_as_itself(text):
    course = prescribe(text)
    again = prescribe(str(course))
    assert again == course
    assert str(again) == str(course)
