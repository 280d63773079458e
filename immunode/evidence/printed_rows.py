"""The table of printed numbers: rows as they are printed are made rows of one number each, and know their place."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError, ValidationInfo, WrapValidator

from immunode.evidence.design import ArmFile
from immunode.evidence.printed_cells import CellError, expanded
from immunode.evidence.printed_number import PrintedNumber, split


def _made(row: Any, handler: Callable[[Any], PrintedNumber], info: ValidationInfo) -> Any:
    """Return the numbers of a row as printed; one that is a number already is itself."""
    if not isinstance(row, Mapping):
        return (handler(row),)
    n = size(str(row.get("arm", "")), (info.data or {}).get("arms", ()))
    try:
        numbers, _ = expanded(row, n)
    except CellError as error:
        wrong: Any = {"type": "value_error", "loc": (error.field,), "input": row[error.field], "ctx": {"error": error}}
        raise ValidationError.from_exception_data("PrintedNumber", [wrong]) from error
    return tuple(handler(one) for one in numbers)


def _flat(rows: Any, info: ValidationInfo) -> tuple[PrintedNumber, ...]:
    """Return all numbers, each with the place of the row that it is from and the names of the arms about it."""
    names = tuple(arm.name for arm in (info.data or {}).get("arms", ()))
    numbers = tuple(number.within(place, names) for place, row in enumerate(rows, start=1) for number in row)
    if rows and not numbers:
        raise ValueError("every cell of the table is missing; expected at least one printed number")
    return numbers


Rows = Annotated[tuple[Annotated[PrintedNumber, WrapValidator(_made)], ...], AfterValidator(_flat)]


def size(said: str, arms: tuple[ArmFile, ...]) -> int | None:
    """Return the number of patients of an arm, or of several pooled; None where one does not say it."""
    sizes = {arm.name: arm.n for arm in arms}
    each = [sizes.get(name) for name in split(said, tuple(sizes))]
    return None if None in each else sum(filter(None, each))


def missing_cells(rows: Any) -> int:
    """Return how many cells, or parts of cells, of a table that was read are missing."""
    each = [row for row in rows if isinstance(row, Mapping)]
    return sum(expanded(row, None)[1] for row in each)
