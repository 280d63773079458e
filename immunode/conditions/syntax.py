"""The parts of a condition: comparisons of a measured signal, joined by "and" and "or"; each writes itself in words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from immunode.regimen.sentence.parsing import plain

CHANGES = ("change", "percent change")  # since baseline where nothing else is said
TURNED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True)
class Bound:
    """Hold what it is compared with: `factor` times a reference (where there is one) plus `offset` [unit].

    A reference is "baseline", "nadir" (the lowest measured before), "best" (the highest), or "day N".
    """

    offset: float = 0.0
    unit: str = ""  # of the offset; none is the signal's own
    factor: float = 0.0
    reference: str = ""

    def __str__(self) -> str:
        """Return the bound in the words that are read."""
        unit = self.unit.replace("/", " per ", 1) if self.unit.startswith("/") else f" {self.unit}".rstrip()
        if not self.reference:
            return plain(self.offset) + unit
        times = "" if self.factor == 1 else f"{plain(self.factor)} x "
        more = f" {'-' if self.offset < 0 else '+'} {plain(abs(self.offset))}{unit}" if self.offset else ""
        return times + self.reference + more


@dataclass(frozen=True)
class Quantity:
    """Hold what is compared: the value of a signal, a measure of its values at visits, or what was given so far.

    `kind` is "value", the name of a measure ("percent change", "auc"), or "doses", "cycles" or "given", which have no
    signal. A measure is over the last `visits` at which the signal was measured, or `since` "baseline" or "day N"; what
    was given since the first dose, where neither is said. A time above or below is that of a `level`.
    """

    kind: str
    signal: str = ""
    visits: int = 0
    since: str = ""
    level: Bound | None = None

    def __str__(self) -> str:
        """Return the quantity in the words that are read."""
        if self.kind == "value":
            return self.signal
        what = self.kind if self.level is None else f"{self.kind} {self.level}"
        what = f"{what} of {self.signal}" if self.signal else what
        if self.visits:
            return f"{what} over {self.visits} visits"
        usual = self.kind in CHANGES and self.since == "baseline"
        return what if usual or not self.since else f"{what} since {self.since}"


@dataclass(frozen=True)
class Comparison:
    """Hold that a quantity is below or above a bound, at each of the last `visits` at which it was measured.

    One that is `negated` holds where it was measured and that is not so.
    """

    quantity: Quantity
    sign: str
    bound: Bound
    visits: int = 1
    negated: bool = False

    def __str__(self) -> str:
        """Return the comparison in the words that are read."""
        lasting = f" for {self.visits} visits" if self.visits > 1 else ""
        words = f"{self.quantity} {self.sign} {self.bound}{lasting}"
        return f"not ({words})" if self.negated else words

    def turned(self) -> "Comparison":
        """Return the comparison that holds where this one does not, of what was measured."""
        if self.visits > 1:
            return replace(self, negated=not self.negated)
        return replace(self, sign=TURNED[self.sign])


@dataclass(frozen=True)
class Both:
    """Hold conditions of which all hold; of none, always."""

    parts: tuple["Condition", ...] = ()

    def __str__(self) -> str:
        """Return the condition in the words that are read."""
        texts = [f"({part})" if isinstance(part, Either) and len(part.parts) > 1 else str(part) for part in self.parts]
        return " and ".join(texts) or "always"

    def turned(self) -> "Either":
        """Return the condition that holds where this one does not."""
        return Either(tuple(part.turned() for part in self.parts))


@dataclass(frozen=True)
class Either:
    """Hold conditions of which one at least holds; of none, never."""

    parts: tuple["Condition", ...] = ()

    def __str__(self) -> str:
        """Return the condition in the words that are read."""
        return " or ".join(map(str, self.parts)) or "not always"

    def turned(self) -> "Both":
        """Return the condition that holds where this one does not."""
        return Both(tuple(part.turned() for part in self.parts))


Condition = Comparison | Both | Either


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """Yield the comparisons of a condition in their order."""
    if isinstance(condition, Comparison):
        yield condition
        return
    for part in condition.parts:
        yield from comparisons(part)
