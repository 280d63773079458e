"""The reader of TOML files: the line of a field, and what is refused."""

import tomllib

import pytest
from pydantic import TypeAdapter

import immunode as im
from immunode.errors import BadValue
from immunode.evidence.design import Correlation, Rule, Subgroup
from immunode.evidence.printed import Figure
from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import FilePart, left_out, line_of, read_toml, validated
from immunode.evidence.trial_file import TrialFile

TEXT = """name = "a"

[[arms]]
n = 1

[[arms.rules]]
day = 1
[[arms.rules]]
day = 2

[[arms]]
n = 2
[[arms.rules]]
day = 3
[population]
share = 3
fixed.EC50 = 2
"""


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("name",), 1),
        (("arms", 0, "n"), 4),
        (("arms", 1, "n"), 12),
        (("arms", 0, "rules", 1, "day"), 9),
        (("arms", 1, "rules", 0, "day"), 14),
        (("arms", 1, "rules", 0, "when", "signal"), 13),
        (("population", "share"), 16),
        (("population", "fixed", "EC50"), 17),
        (("elsewhere",), 1),
    ],
)
def test_the_line_of_a_field_is_the_deepest_that_the_text_shows(loc, line):
    assert line_of(TEXT, loc) == line


class Inner(FilePart):
    size: int


class Timed(FilePart):
    window: Days


class Outer(FilePart):
    parts: dict[str, Inner]
    title: str


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = t\n", r"is not valid TOML: .*line 1"),
        ('title = "t"\n[parts.a]\nsise = 3\n', r"line 3, field 'parts\.a\.sise': there is no such field; .*'size'"),
        ('title = "t"\n[parts]\na = { size = "x" }\n', r"line 3, field 'parts\.a\.size': .*integer"),
        ("[parts]\n", r"line 1, field 'title': 'title' is left out; add a line such as title = "),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_field(tmp_path, text, message):
    path = tmp_path / "file.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadValue, match=message):
        validated(Outer, read_toml(path))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(BadValue, match="cannot read"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"title = '\xe9'")
    with pytest.raises(BadValue, match="cannot read"):
        read_toml(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("part", "field", "line"),
    [
        (TrialFile, "title", 'title = "..."'),
        (TrialFile, "arms", 'arms = [{ name = "..." }]'),
        (Rule, "then", 'then = { label = "..." }'),
        (Rule, "day", "day = 1"),
        (Rule, "when", 'when = { signal = "cd4", days = [1], above = 1 }'),
        (Subgroup, "scale", "scale = { CL = 0.5 }"),
        (Correlation, "between", 'between = ["...", "..."]'),
        (Figure, "kind", 'kind = "given"'),
    ],
)
def test_the_line_to_add_is_toml_that_the_field_takes(part, field, line):
    assert left_out(part, field) == f"'{field}' is left out; add a line such as {line}"
    TypeAdapter(part.model_fields[field].annotation).validate_python(tomllib.loads(line)[field])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: im.When(signal="cd4", days=[1], above=-1), "When: above = -1: .*greater than 0"),
        (lambda: im.When(signal="cd4", days=[], above=1), r"When: days = \[\]: .*at least 1"),
        (lambda: im.When(sigal="cd4", days=[1], above=1), "When: sigal = 'cd4': there is no such field; .*'signal'"),
        (lambda: im.Action(label=" \n"), r"Action: label = ' .n': expected a text, not blanks alone"),
        (lambda: im.Action(), "Action: 'label' is left out; give one such as label='...'"),
        (
            lambda: im.SetState(state="art", value=1, day="noon"),
            r"SetState: day = 'noon': expected a time, such as '24 h' or a number of days \('noon' is not a number",
        ),
        (
            lambda: im.SetState(state="art", value=1, day="3 mg"),
            r"SetState: day = '3 mg': expected a time, such as '24 h' or a number of days \('mg' cannot",
        ),
        (lambda: im.SetState(state="art", value=float("nan"), day=0), "SetState: value = nan: .*finite"),
        (
            lambda: im.Subgroup(name="x", share=2, scale={}, source="s"),
            "Subgroup: share = 2: .*or equal to 1",
        ),
        (
            lambda: im.Baseline(observable="cd4", median=1),
            "Baseline: 'source' is left out; give one",
        ),
        (lambda: im.Baseline(observable="cd4", median=1, source="s"), "Baseline: 'log_sd' is left out beside 'median'"),
        (
            lambda: im.Rule(name="x", day=1, when={"signal": "a"}, then={}, otherwise={}),
            r"Rule: 'when\.days' is left out",
        ),
        (lambda: im.Evidence(name="x", arms={"a": "3 MIU SC"}, rows=[]), r"Evidence: rows = \[\]: .*at least 1"),
    ],
)
def test_a_part_made_in_python_is_refused_with_field_value_and_cure(make, message):
    with pytest.raises(BadValue, match=message):
        make()


UNKNOWN = """name = "a"
nam = 2

[[endpoint]]
signal = "cd4"
[[endpoint]]
signal = "rna"

[populatoin.sub.deep]
share = 3
[arms."x.y"]
n = 1
[arms.z]
q.r = 4
"""


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("nam",), 2),
        (("endpoint",), 4),
        (("endpoint", 1, "signal"), 7),
        (("endpoint", 1, "signa"), 6),
        (("populatoin",), 9),
        (("populatoin", "sub"), 9),
        (("arms",), 11),
        (("arms", "x.y", "n"), 12),
        (("arms", "z", "q"), 14),
        (("none",), 1),
    ],
)
def test_the_line_of_a_table_or_an_array_of_tables_is_that_of_its_first_header(loc, line):
    assert line_of(UNKNOWN, loc) == line


def test_an_unknown_table_of_a_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "file.toml"
    path.write_text('title = "t"\n[parts.a]\nsize = 3\n\n[[part]]\nsize = 2\n')
    with pytest.raises(BadValue, match=r"line 5, field 'part': there is no such field; did you mean 'parts'"):
        validated(Outer, read_toml(path))


@pytest.mark.parametrize(("said", "cure"), [("+-3 days", "3 d"), ("± 3 d", "3 d"), ("+/-2 wk", "2 wk")])
def test_days_either_way_are_said_without_a_sign(said, cure):
    with pytest.raises(BadValue, match=f"write '{cure}': it is either way"):
        Timed(window=said)
