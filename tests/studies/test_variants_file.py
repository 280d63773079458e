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


TABLE = """
[schedules.by_count]
regimen = "1.5 MIU SC"
label = "enough"

[[schedules.by_count.rules]]
name = "more"
when = "il2 < 1000"
days = [2]
then = { add = "3 MIU SC", label = "needed more" }
"""


def test_a_schedule_may_be_a_table_with_rules_and_labels(tmp_path):
    import immunode as im

    file = tmp_path / "v.toml"
    file.write_text('model = "il2_sc"\nuntil = "7 d"\nn = 5\nvisits = "every 2 d to 4 d"\n' + TABLE, encoding="utf-8")
    then = im.RuleAction(add="3 MIU SC", label="needed more")
    rules = [im.RecurringRule(name="more", when="il2 < 1000", days=[2], then=then)]
    said = {"by_count": {"regimen": im.prescribe("1.5 MIU SC"), "rules": rules, "label": "enough"}}
    with pytest.warns(UserWarning, match="sees next to nothing"):
        result = compare(str(file))
    with pytest.warns(UserWarning, match="sees next to nothing"):
        assert result.identical(compare("il2_sc", said, until=7, visits=[0, 2, 4], n=5))
    assert result.labelled_label.values.tolist() == ["needed more"]
    file.write_text('model = "il2_sc"\n' + TABLE.replace("days", "dais"), encoding="utf-8")
    with pytest.raises(BadValue, match=r"line 10.*schedules.by_count.*did you mean 'days'"):
        compare(str(file))


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
