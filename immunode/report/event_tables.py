"""A checked event table: what each patient gets, and every problem in it."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from immunode.nonmem import Finding, Reading
from immunode.report.cells import new_table

if TYPE_CHECKING:
    from rich.table import Table

_MOST_ROWS = 6  # numbers of rows that are listed for one kind of problem


@dataclass(frozen=True)
class CheckReport:
    """Hold what was read of an event table, the path of its file and the name of the model that it is for."""

    file: str
    model: str | None
    reading: Reading

    @property
    def errors(self) -> int:
        """Return how many problems keep the table from being simulated."""
        return sum(problem.error for problem in self.reading.problems)

    @property
    def warnings(self) -> int:
        """Return how many problems are only odd."""
        return len(self.reading.problems) - self.errors

    def json(self) -> dict[str, Any]:
        """Return what was read as plain data with documented keys (docs/json.md)."""
        return {
            "file": self.file,
            "model": self.model,
            "errors": self.errors,
            "warnings": self.warnings,
            "problems": [asdict(problem) for problem in self.reading.problems],
            "patients": self.reading.patients,
            "covariates": self.reading.covariates,
            "unused": self.reading.unused,
            "notes": self.reading.notes,
        }

    def table(self) -> list[Any]:
        """Return what each patient gets, notes, and a table of the problems."""
        problems = [_problems_table(self.reading)] if self.reading.problems else []
        count = f"{self.errors} errors, {self.warnings} warnings"
        return [*self.reading.patients, *self.reading.notes, *problems, count]


def _problems_table(reading: Reading) -> "Table":
    """Return one row for each kind of problem, errors first, with the rows of the table where it is."""
    table = new_table("problems", "", "column", "value", "rows", "what is wrong", "cure")
    alike: dict[Finding, list[int]] = {}
    for problem in reading.problems:
        alike.setdefault(replace(problem, row=None), []).append(problem.row or 0)
    for kind, rows in sorted(alike.items(), key=lambda item: not item[0].error):
        more = f" and {len(rows) - _MOST_ROWS} more" if len(rows) > _MOST_ROWS else ""
        where = ", ".join(map(str, rows[:_MOST_ROWS])) + more if any(rows) else "all"
        table.add_row("error" if kind.error else "warning", kind.column, kind.value, where, kind.message, kind.cure)
    return table
