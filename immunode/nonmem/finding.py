"""What is wrong or odd in an event table, with its row, column, value and cure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Name what is wrong with a cell: its row (None: the whole table), column and value, what was expected, the cure.

    With an `error` the table cannot be simulated; others are warnings.
    """

    row: int | None
    column: str
    value: str
    message: str
    cure: str
    error: bool = True

    def __str__(self) -> str:
        where = self.column if self.row is None else f"row {self.row}, {self.column}"
        value = f" = {self.value}" if self.value else ""
        return f"{where.rstrip(', ')}{value}: {self.message}; {self.cure}"
