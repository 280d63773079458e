"""VARIANTS.toml: what it says is what the call says, and a wrong field is named with its line."""

import pytest

from immunode.errors import BadValue
from immunode.studies.comparison import compare

FILE = """
model = "il2_sc"
until = "7 d"
n = 5
seed = 3
versus = "low"
levels = { il2 = "5 IU/mL" }

[schedules]
low = "1.5 MIU SC BID days 1-5"
high = "4.5 MIU SC BID days 1-5"

[[endpoints]]
signal = "il2"
measure = "tmax"
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "variants.toml"
    file.write_text(FILE, encoding="utf-8")
    return str(file)


def test_a_file_says_what_a_call_says(path):
    from immunode import Endpoint

    file = compare(path)
    call = compare(
        "il2_sc",
        {"low": "1.5 MIU SC BID days 1-5", "high": "4.5 MIU SC BID days 1-5"},
        until="7 d", n=5, seed=3, versus="low", levels={"il2": "5 IU/mL"},
        endpoints=[Endpoint(signal="il2", measure="tmax")],
    )  # fmt: skip
    assert file.identical(call)


def test_the_call_changes_what_the_file_says(path):
    assert compare(path, n=3, until=5).attrs["n"] == 3
    assert compare(path, n=3, until=5).visit.values[-1] == 5


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('low = "1.5 MIU SC BID days 1-5"', "low = 3", "line 10.*schedules.low"),
        ("n = 5", "n = 0", "line 4.*n"),
        ("n = 5", "size = 5", "line 4.*size"),
        ('model = "il2_sc"', "", "model"),
        ('measure = "tmax"', 'measure = "tmaxx"', "line 15.*did you mean 'tmax'"),
    ],
)
def test_a_wrong_field_is_refused_with_its_line(path, old, new, said, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(FILE.replace(old, new), encoding="utf-8")
    with pytest.raises(BadValue, match=said):
        compare(str(wrong))
