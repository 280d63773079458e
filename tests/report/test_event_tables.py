"""A checked event table: problems of one kind are one row, errors first."""

from immunode.nonmem import Finding, Reading
from immunode.report.event_tables import CheckReport


def finding(row, *, error):
    return Finding(row, "TIME", "-1", "is before the start", "write a later time", error)


def test_problems_of_one_kind_are_one_row_with_the_first_rows_and_errors_come_first():
    odd = [finding(row, error=False) for row in (1, 2)]
    wrong = [finding(row, error=True) for row in range(3, 11)]
    report = CheckReport("data.csv", None, Reading([*odd, *wrong], ["patient 1: nothing"], None, None))
    assert (report.errors, report.warnings) == (8, 2)
    table = report.table()[-2]
    assert list(table.columns[0].cells) == ["error", "warning"]
    assert list(table.columns[3].cells) == ["3, 4, 5, 6, 7, 8 and 2 more", "1, 2"]
    assert report.table()[-1] == "8 errors, 2 warnings"


def test_a_problem_of_the_whole_table_is_of_all_rows():
    table = CheckReport("data.csv", None, Reading([finding(None, error=True)], [], None, None)).table()[-2]
    assert list(table.columns[3].cells) == ["all"]
