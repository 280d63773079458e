"""The reader of TOML files: the line of a field, and what is refused."""

import pytest

from immunode.errors import BadValue
from immunode.evidence.toml_file import FilePart, line_of, read_toml, validated

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
