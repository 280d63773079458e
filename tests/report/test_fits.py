"""A fit's report is Markdown that a terminal lays out and a file keeps as it is."""

import io

from rich.console import Console

from immunode.calibration.fit_result import committed
from immunode.calibration.report import markdown
from immunode.report.fits import FitReport


def printed(report, terminal):
    file = io.StringIO()
    Console(file=file, width=150, force_terminal=terminal).print(*report.table())
    return file.getvalue()


def test_a_terminal_lays_the_report_out_and_a_file_keeps_its_source():
    report = FitReport(committed("piscitelli_1996"))
    head = markdown(report.result).splitlines()[0]
    assert head.startswith("# ")
    assert printed(report, terminal=False).startswith(head)
    assert head not in printed(report, terminal=True)
