"""The table of printed numbers: what Windows and spreadsheets add is taken off, the rest is refused by row."""

import shutil

import pytest

from immunode.errors import BadValue
from immunode.evidence.csv_file import read_rows
from immunode.evidence.library import find, load_evidence
from immunode.evidence.toml_file import read_toml

TABLE = "arm,observable,value\na,il2,1.5\nb,,2\n"
ROWS = [{"arm": "a", "observable": "il2", "value": "1.5"}, {"arm": "b", "value": "2"}]


def read(tmp_path, content):
    path = tmp_path / "evidence.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_rows(path)


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        "\ufeff" + TABLE,
        TABLE.replace("\n", "\r\n"),
        TABLE.replace(",", ", "),
        TABLE.replace("arm,observable", "ARM, Observable "),
        TABLE.replace("2\n", "2,,\n\n,,\n"),
        TABLE.replace("a,il2", '"a","il2"'),
        TABLE.rstrip("\n"),
    ],
)
def test_what_spreadsheets_add_is_taken_off(tmp_path, content):
    assert read(tmp_path, content) == ROWS


def test_a_label_that_was_guarded_comes_back_as_it_was(tmp_path):
    assert read(tmp_path, TABLE.replace("a,il2", "'=a,il2"))[0]["arm"] == "=a"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (TABLE.replace(",", ";"), "the header is 'arm;observable;value', with semicolons: expected commas"),
        (TABLE.replace(",", "\t"), "with tabs: expected commas"),
        (TABLE.replace("b,,2", "b,c,d,2"), "row 2: it has 4 cells, the header 3"),
        (TABLE.replace("observable", "arm"), "names 'arm' twice"),
        (TABLE.replace("observable", ""), "row 1: 'il2' stands in a column without a name"),
        ("", "is empty; expected a header"),
        ("\n\n", "is empty; expected a header"),
        (b"arm,value\nb\xe9,1\n", "line 2 is not text in UTF-8"),
        (TABLE.encode("utf-16"), "line 1 is not text in UTF-8"),
        ("arm\n" + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_what_is_no_such_table_is_refused_in_one_line(tmp_path, content, says):
    with pytest.raises(BadValue, match=says) as refused:
        read(tmp_path, content)
    assert "\n" not in str(refused.value)


def test_evidence_from_windows_is_the_same(tmp_path):
    home = shutil.copytree(find("piscitelli_1996").parent, tmp_path / "t")
    for name in ("trial.toml", "evidence.csv"):
        text = (home / name).read_text(encoding="utf-8")
        (home / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_evidence(str(home / "trial.toml")) == load_evidence("piscitelli_1996")
    (home / "evidence.csv").unlink()
    with pytest.raises(BadValue, match="has no printed numbers to fit"):
        load_evidence(str(home / "trial.toml"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"title = 'Universit\xe9'\n", "line 1 is not text in UTF-8; save the file in UTF-8"),
        (b"a = " + b"[" * 100_000, "brackets are nested too deep"),
        (b"# " + bytes(10_000_000), "has 10 MB: expected a file of at most 10 MB"),
        (b"a = 1\na = 2", "is not valid TOML"),
    ],
)
def test_a_toml_file_that_cannot_be_read_is_refused_in_one_line(tmp_path, content, says):
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(BadValue, match=says) as refused:
        read_toml(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(BadValue, match="cannot read"):
        read_toml(tmp_path)
