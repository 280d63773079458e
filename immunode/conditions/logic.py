"""Whether conditions can hold at all, and whether one holds wherever another does; from their bounds alone.

A reference is taken to be 0 or more, as counts and amounts are; nadir <= baseline <= best.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from immunode.conditions.measured import GIVEN, is_level, points
from immunode.conditions.syntax import CHANGES, Both, Bound, Comparison, Condition, Quantity, comparisons

_MOST = 4096  # ways in which a condition may hold that are looked at
_RANK = {"nadir": 0, "best": 2}
_ORDER = {"cmin": 0, "nadir": 0, "cmax": 2}  # of levels, over the same visits


def ways(condition: Condition) -> list[tuple[Comparison, ...]] | None:
    """Return the ways in which a condition may hold, each as comparisons that hold together; None for too many."""
    if isinstance(condition, Comparison):
        return [(condition,)]
    parts = [ways(part) for part in condition.parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if not isinstance(condition, Both):
        joined = [way for part in known for way in part]
        return joined if len(joined) <= _MOST else None
    count = 1
    for part in known:
        count *= len(part)
    if count > _MOST:
        return None
    return [tuple(one for way in chosen for one in way) for chosen in product(*known)]


def contradiction(condition: Condition) -> tuple[Comparison, Comparison] | None:
    """Return two comparisons that can never hold together in a condition that therefore never holds, or None."""
    found_ways = ways(condition)
    if not found_ways:
        return None
    clashes = [_clash(way) for way in found_ways]
    return clashes[0] if all(clash is not None for clash in clashes) else None


def is_never(condition: Condition) -> bool:
    """Return whether a condition holds in no way at all."""
    known = ways(condition)
    return known is not None and all(_clash(way) is not None for way in known)


def implies(first: Condition, second: Condition) -> bool:
    """Return whether the second condition holds wherever the first does."""
    has = {_needs(one) for one in comparisons(first)}
    if any(_needs(one) not in has for one in comparisons(second) if _may_lack(one)):
        return False
    return is_never(Both((first, second.turned())))


def _needs(one: Comparison) -> tuple[Quantity, str]:
    return one.quantity, one.bound.reference


def _may_lack(one: Comparison) -> bool:
    """Return whether a comparison may lack what it needs on a day on which its signal is measured."""
    quantity, based = one.quantity, ("", "baseline")
    if quantity.kind in GIVEN:
        return False
    window = bool(quantity.visits) or quantity.since not in based
    few = points(quantity.kind) > 1 and quantity.kind not in CHANGES  # of these the baseline itself is 0
    referred = quantity.level is not None and quantity.level.reference not in based
    return window or few or referred or one.bound.reference not in based


def _clash(way: Sequence[Comparison]) -> tuple[Comparison, Comparison] | None:
    """Return two comparisons of a way that cannot hold together, or None."""
    for i, one in enumerate(way):
        for other in way[i + 1 :]:
            if _apart(one, other):
                return one, other
    return None


def _apart(one: Comparison, other: Comparison) -> bool:
    if one.negated or other.negated:
        plain, negated = (other, one) if one.negated else (one, other)
        lasts = plain.visits >= negated.visits and not plain.negated
        return lasts and replace(plain, visits=1) == replace(negated, visits=1, negated=False)
    one, other = _as_value(one), _as_value(other)
    if one.sign[0] == other.sign[0]:
        return False
    low, high = (one, other) if one.sign[0] == ">" else (other, one)
    if not _never_above(low.quantity, high.quantity) or not _at_least(low.bound, high.bound):
        return False
    both_inclusive = low.sign == ">=" and high.sign == "<="
    return not (both_inclusive and _at_least(high.bound, low.bound))


def _never_above(one: Quantity, other: Quantity) -> bool:
    """Return whether a quantity is never above another: the lowest of visits, a mean or the last value, the highest."""
    if one == other:
        return True
    if one.signal != other.signal or not (is_level(one.kind) and is_level(other.kind)):
        return False
    same = (one.visits, one.since) == (other.visits, other.since)
    return (same or "value" in (one.kind, other.kind)) and _order(one.kind) < _order(other.kind)


def _order(kind: str) -> int:
    return _ORDER.get(kind, 1)


def _as_value(one: Comparison) -> Comparison:
    """Return a comparison of a change as one of the value with its baseline."""
    bound = one.bound
    if one.quantity.since != "baseline":
        return one
    if one.quantity.kind == "change":
        bound = Bound(bound.offset, bound.unit, 1.0, "baseline")
    elif one.quantity.kind == "percent change":
        bound = Bound(0.0, "", 1 + bound.offset / 100, "baseline")
    else:
        return one
    return replace(one, quantity=Quantity("value", one.quantity.signal), bound=bound)


def _at_least(low: Bound, high: Bound) -> bool:
    """Return whether one bound is never below another, whatever their references are."""
    if low.unit != high.unit:
        return False
    if not high.reference:  # that of `low` may be 0
        return low.offset >= high.offset and low.factor >= 0
    if not low.reference or low.factor < high.factor or low.offset < high.offset:
        return False
    ranks = [_RANK.get(bound.reference, 1) for bound in (low, high)]
    return low.reference == high.reference or ranks[0] > ranks[1]
