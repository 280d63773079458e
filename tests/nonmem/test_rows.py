"""Rows of files: whatever NONMEM reads is read, what two programs would read differently is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from immunode.errors import BadValue
from immunode.nonmem import read
from immunode.nonmem.rows import plain_cells, rows_of
from tests.support.event_tables import ORAL

HEAD = "ID,TIME,AMT,EVID,CMT"


def of(tmp_path, text):
    file = tmp_path / "data.csv"
    file.write_text(text, encoding="utf-8", newline="")
    return read(file, ORAL)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\n1,0,100,1,2\n1,1,.,0,2\n",
        f"{HEAD},,\n1,0,100,1,2,,\n1,1,.,0,2,,\n",  # columns without a name
        f"{HEAD}\n1,0,100,1,2,\n1,1,.,0,2,,\n",  # a comma too many
        f"{HEAD}\n1,0,1.0D+02,1,2\n1,1,.,0,2\n",
        f"{HEAD}\n1,0,1d2,1,2\n1,1,.,0\n",  # a cell too few
        "ID TIME\tAMT EVID CMT\n1 0\t100 1 2\n1 1\t. 0 2\n",
        " ID  TIME AMT EVID CMT \n  1 0 100 1 2 \n\t\n 1 1 . 0 2\n",
        f"\ufeff{HEAD}\r\n1,0,100,1,2\r\n# lost the sample, twice\r\n   \r\n,,,,\r\n1,1,.,0,2\r\n",
        f'{HEAD}\n"1", 0, "100", 1, 2\n1, 1, ., 0, 2\n',
        f"{HEAD}\n1,0,100,1,CENTRAL\n1,1,.,0,2\n",
        f",{HEAD}\n1,1,0,100,1,2\n2,1,1,.,0,2\n",  # names of rows, as R writes them
    ],
)
def test_what_nonmem_reads_is_read(tmp_path, text):
    events = of(tmp_path, text)
    assert events.ids == (1,)
    assert [(dose.amount, dose.time) for dose in events.regimens[0]] == [(100.0, 0.0)]
    assert events.times[0].tolist() == [1.0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ID;TIME;AMT;EVID;CMT\n1,0,100,1,2\n", "line 2 has commas, the header semicolons"),
        (f"{HEAD}\n1 0 100 1 2\n", "line 2 has blanks, the header commas"),
        (f"{HEAD}\n1,0,100,5,1,2\n", "a number takes a decimal point"),
        ("ID;TIME;AMT;EVID;CMT\n1;0,5;100;1;2\n", "TIME = 0,5: a decimal comma is not read; write 0.5"),
        ("ID TIME AMT EVID CMT\n1 0 100 1\n", "line 2 has 4 cells, the header 5; .*write . for a missing one"),
        (f'{HEAD}\n1,0,100,1,"2\n1,1,.,0,2\n', "line 2: .*close every quote"),
    ],
)
def test_what_is_written_in_two_ways_is_refused_with_the_cure(tmp_path, text, told):
    with pytest.raises(BadValue, match=told):
        of(tmp_path, text)


def test_identifiers_too_long_for_a_number_stay_apart(tmp_path):
    events = of(tmp_path, f"{HEAD}\n90071992547409931,0,100,1,2\n90071992547409932,0,100,1,2\n")
    assert list(map(str, events.ids)) == ["90071992547409931", "90071992547409932"]


CELLS = st.lists(st.lists(st.sampled_from(["1", "2.5", "", ".", "C", "-3", "1D2", "a", " 4", "5\t", "#", '"6"', "é"]),
                          min_size=1, max_size=4), min_size=1, max_size=5)  # fmt: skip


@given(CELLS, st.sampled_from(",;"), st.integers(0, 2))
def test_a_plain_file_is_read_at_once_and_as_row_by_row(rows, mark, ends):
    lines = ["ID,TIME,AMT".replace(",", mark), *(mark.join(row) for row in rows), *[""] * ends]
    at_once = plain_cells(lines, 0)
    if at_once is not None:
        (_, header), *below = rows_of("file", lines, 0)
        assert [line for line, _ in below] == list(range(2, 2 + len(below)))
        assert [list(row) for row in zip(*at_once, strict=True)] == [header, *(cells for _, cells in below)]


@pytest.mark.parametrize("odd", ["1,2", "1,2,3,4", ",,", "#1,2,3", "1, 2,3", '1,"2",3', "1,'2,3", ""])
def test_what_is_not_plain_is_read_row_by_row(odd):
    lines = ["ID,TIME,AMT", "1,2,3", odd, "1,2,3", ""]
    assert plain_cells(lines, 0) is None
    assert plain_cells([*lines[:2], "7,8,9", ""], 0) == [["ID", "1", "7"], ["TIME", "2", "8"], ["AMT", "3", "9"]]
