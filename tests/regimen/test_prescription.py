"""What a prescription sentence means, as Python calls and as its page of the docs says."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import immunode
from immunode.errors import BadValue
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


@pytest.mark.parametrize("text", ["", "  ", None, 3])
def test_what_is_no_sentence_is_refused_with_an_example(text):
    with pytest.raises(BadValue, match="3 MIU SC QD days 1-5 every 28 days x3"):
        prescribe(text)


def test_lark_is_loaded_only_by_who_reads_a_sentence():
    code = "import sys, immunode.regimen; sys.exit('lark' in sys.modules or 'pint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
