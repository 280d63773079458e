"""Files and frames as event tables: whatever separates their cells, wherever their header stands; else refused."""

import os
import re
from types import SimpleNamespace

import numpy as np
import pandas
import pytest

from immunode.errors import BadValue
from immunode.internal import memory
from immunode.nonmem import check, read, source
from immunode.nonmem.cells import numbers
from immunode.regimen import Dose
from immunode.units import registry
from tests.support.event_tables import ORAL


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_a_file_is_read_whatever_separates_its_cells(tmp_path, separator):
    text = "\n\nid,Time,amt,CMT,evid,dv,wt\n1,0,100,1,1,.,70\n\n1,2,.,.,0,3.5,70\n2,-1,50,iv,1,.,80\n2,1,.,1,0,2,80\n"
    file = tmp_path / "data.csv"
    file.write_text(text.replace(",", separator), encoding="utf-8-sig")
    events = read(file, ORAL)
    assert events.ids == (1, 2)
    assert [plan.doses for plan in events.regimens] == [
        (Dose(100.0, "mg", "oral", 0.0),),
        (Dose(50.0, "mg", "iv", -1 / 24),),
    ]
    assert [rows.tolist() for rows in events.rows] == [[6], [8]]  # as an editor numbers the lines
    assert events.begin == (0.0, -1.0)
    assert events.frame["WT"].tolist() == ["70", "70", "80", "80"]
    assert events.frame["DV"].tolist()[1::2] == [3.5, 2.0]
    assert events.covariates == {}


def test_a_frame_of_numbers_reads_as_the_file_that_it_was_written_to(tmp_path):
    data = pandas.DataFrame({"ID": [7, 7, 7], "TIME": [0, 0.1, 24], "AMT": [100, np.nan, 0.3], "CMT": [2, 2, 1]})
    data.to_csv(tmp_path / "data.csv", index=False)
    one, two = read(data, ORAL), read(tmp_path / "data.csv", ORAL)
    assert one.regimens == two.regimens
    assert one.ids == two.ids == (7,)
    assert one.times[0].tolist() == two.times[0].tolist() == [0.1]
    assert one.rows[0].tolist() == [1]  # the position in a frame
    assert two.rows[0].tolist() == [3]


@pytest.mark.parametrize(
    ("above", "header", "told"),
    [
        ("TABLE NO.  1\n", "ID,TIME,AMT", "line 1, 'TABLE NO.  1', is not the header; line 2 is: remove"),
        ("\nsep=;\n", "ID;TIME;AMT", "line 2, 'sep=;', is not the header; line 3 is: remove"),
        ("# of 2024, by A, B\n# C\n", "ID,TIME,AMT", "is not the header; line 3 is: remove"),
        ("", "#ID,TIME,AMT", "line 1, the header, begins with '#'; write ID,TIME,AMT"),
    ],
)
def test_a_header_that_is_not_the_first_line_is_told(tmp_path, above, header, told):
    file = tmp_path / "data.csv"
    file.write_text(above + header + "\n" + header[-4].join(["1", "0", "3"]) + "\n")
    with pytest.raises(BadValue, match=re.escape(told)):
        check(file, ORAL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("ID,TIME,AMT\n", "has no records"),
        ("ID,TIME,AMT\n1,0,1\n1,0,1,5\n", "line 3 has 4 cells, the header 3; give every row as many cells"),
        (b"\xff\xfe\x00", "is not a text file in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, message):
    file = tmp_path / "data.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadValue, match=message):
        check(file, ORAL)


def test_a_missing_file_and_a_thing_that_is_no_table_are_refused():
    with pytest.raises(BadValue, match=r"cannot read 'nowhere\.csv': No such file"):
        read("nowhere.csv", ORAL)
    with pytest.raises(BadValue, match="the path of a file or a pandas DataFrame, got a list"):
        read([1, 2], ORAL)


def test_an_id_that_was_marked_as_text_for_spreadsheets_is_read_as_it_was(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("ID,TIME,AMT,CMT,EVID\n'=1+1,0,1,1,1\n'=1+1,1,0,0,0\n'@b,0,1,1,1\n'@b,1,0,0,0\n")
    assert list(read(file, ORAL).ids) == ["=1+1", "@b"]


def test_what_has_no_end_or_does_not_fit_into_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    file = tmp_path / "data.csv"
    file.write_text("ID,TIME,AMT,CMT,EVID\n1,0,1,1,1\n" * 1000)
    monkeypatch.setattr(memory, "_memory", lambda: 1e6)
    with pytest.raises(BadValue, match=r"an event table of 0 MB would take .* read its patients in parts"):
        read(file, ORAL)
    if os.path.exists("/dev/zero"):
        with pytest.raises(BadValue, match="cannot read '/dev/zero': it is a device, not a file"):
            read("/dev/zero", ORAL)


@pytest.mark.parametrize("cells", [[1, True, 0], [True, 1, 0], [0, 1.0, False]])
def test_true_is_no_number_also_beside_a_one(cells):
    values, wrong = numbers(pandas.Series(cells, dtype=object))
    assert wrong.tolist() == [isinstance(cell, bool) for cell in cells]
    assert np.isnan(values).tolist() == wrong.tolist()


def test_a_comma_that_may_group_thousands_is_not_said_to_be_a_decimal_one(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text('ID,TIME,AMT,EVID,CMT\n1,0,"1,000",1,1\n1,1,.,0,1\n')
    (error,) = (str(finding) for finding in check(file, ORAL) if finding.error)
    assert "AMT = 1,000: a comma in a number is not read" in error
    assert "write 1.000 or 1000, as is meant" in error


PLAIN = pandas.DataFrame({"ID": [1, 1], "TIME": [0.0, 1.0], "AMT": [100.0, 0.0], "EVID": [1, 0], "CMT": [1, 1]})


@pytest.mark.parametrize(
    ("said", "words"), [({"TIME": "h"}, "TIME in h"), ({"AMT": "g"}, "AMT in g"), ("h", "units of its attrs in h")]
)
def test_a_frame_whose_attrs_say_units_is_refused(said, words):
    frame = PLAIN.copy()
    frame.attrs["units"] = said
    with pytest.raises(BadValue, match=f"^the table: {words}: units of columns are not read; give numbers alone"):
        read(frame, ORAL)
    frame.attrs = {"title": "no unit", "units": {}}
    assert read(frame, ORAL).ids == (1,)


@pytest.mark.parametrize("column", ["TIME", "II", "AMT", "RATE", "ka"])
def test_a_column_whose_kind_has_a_unit_is_refused(column):
    """As those of pint-pandas, which is no part of the tests."""
    frame = SimpleNamespace(attrs={}, dtypes={"ID": np.dtype(int), column: SimpleNamespace(units="hour")})
    with pytest.raises(BadValue, match=f"^the table: {column} in hour: units of columns are not read"):
        source._need_no_units(frame)


@pytest.mark.parametrize("column", ["TIME", "II", "DUR", "AMT", "RATE"])
@pytest.mark.parametrize("cell", ["24 h", "1 g", registry().Quantity(24.0, "hour")])
def test_a_unit_beside_a_number_is_told(column, cell):
    frame = PLAIN.assign(**{column: pandas.Series([0, cell], dtype=object)})
    more = ", or of time_unit=" if column in ("TIME", "II", "DUR") else ""
    cure = f"a unit beside a number is not read; write the number alone, in the unit of the model{more}$"
    with pytest.raises(BadValue, match=f"row 1, {column} = .*: {cure}"):
        read(frame, ORAL)


def test_complex_numbers_are_none():
    with pytest.raises(BadValue, match=r"row 0, AMT = .*: expected a finite number"):
        read(PLAIN.assign(AMT=np.array([100 + 1j, 0j])), ORAL)
