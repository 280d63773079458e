"""Convert a quantity from one unit to another of its kind within an equation."""

from typing import Any

from immunode import units
from immunode.functions.quantity import Units, require_same

Value = Any


def convert(value: Value, source: str, target: str) -> Value:
    """Return `value`, which is in the unit `source`, in the unit `target`: convert(x.il2 / p.V, "MIU/L", "IU/mL").

    Both are written out, so that a reader sees the factor, and `source` is checked against what `value` is.
    Raise UnitError where `value` is in another unit, or the two are of different kinds.
    """
    scale = units.factor(source, target)
    if isinstance(value, Units):
        require_same(Units(units.unit(source)), value, "given to convert() for")
        return Units(units.unit(target))
    return value * scale
