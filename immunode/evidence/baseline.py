"""What a trial says of its patients' baselines: a distribution, said in one way, or a table of values."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, WrapValidator, model_validator

from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import ADDED, FilePart, Positive, Text

_WAYS = (
    "say it one way: median and log_sd, median and quartiles, mean and sd, range (and median), values, or table and "
    "column"
)


class Baseline(FilePart):
    """Hold the distribution of an observable or a covariate of the patients, said in one way.

    A log-normal one with the printed median, mean or quartiles after the cuts at `above` and `below`; a range, uniform;
    or values, of which each patient has one. `solve` names the parameter that is found per patient so that the model
    gives the drawn value.

    Main arguments
        observable: name of an output or state, such as "cd4"; of a covariate that the model declares, such as "nadir";
            or of a parameter, which then is the number drawn
        source: where the numbers are from, or "assumed"

    Other arguments
        median: its printed median, after the cuts, default none [unit of the observable]
        log_sd: SD of its logarithm before the cuts, beside `median`, default none [1]
        below: no patient has more than this, default none [unit of the observable]
        above: no patient has less than this, default none [unit of the observable]
        quartiles: the lower and the upper quartile, after the cuts, beside `median`, default none [unit of the
            observable]
        mean: the mean, after the cuts, beside `sd`, default none [unit of the observable]
        sd: the SD between patients, after the cuts, default none [unit of the observable]
        range: the lowest and highest value; uniform between them, or between each and `median`, default none [unit of
            the observable]
        values: a list, of which each patient has one, drawn by the seed, default none [unit of the observable]
        table: path of a CSV file whose `column` holds such values, default none
        column: name of that column, default the observable's
        day: the day on which the observable has the drawn value, default 0 [day]
        solve: name of the parameter that is found per patient; it needs a lower bound; default the one that the model
            declares for the observable

    Raises
        BadValue: for a field that is left out, unknown, or a number that is not above 0, for what is said in two ways,
            and for numbers out of order. Names that the model does not have, a day before the start, and what the cuts
            forbid are refused by im.Trial.

    Example
        >>> import immunode as im
        >>> count = im.Baseline(
        ...     observable="cd4", solve="cd4_start", median=150, below=350, log_sd=0.6, source="assumed"
        ... )
        >>> count.day
        0.0
        >>> entry = im.Baseline(observable="cd4", range=[200, 500], source="assumed: uniform")
        >>> entry.solve is None
        True
    """

    observable: Annotated[Text, Field(examples=["cd4"])]
    median: Positive | None = None
    below: Positive | None = None
    above: Annotated[Positive | None, ADDED] = None
    log_sd: Positive | None = None
    quartiles: Annotated[tuple[Positive, Positive] | None, ADDED] = None
    mean: Annotated[Positive | None, ADDED] = None
    sd: Annotated[Positive | None, ADDED] = None
    range: Annotated[tuple[Positive, Positive] | None, ADDED] = None
    values: Annotated[Annotated[tuple[Positive, ...], Field(min_length=1)] | None, ADDED] = None
    table: Annotated[Text | None, ADDED] = None
    column: Annotated[Text | None, ADDED] = None
    day: Days = 0.0
    solve: Annotated[Text, Field(examples=["cd4_start"])] | None = None
    source: Text

    @property
    def way(self) -> str:
        """Return the name of the way in which it is said: 'log_sd', 'quartiles', 'mean', 'range' or 'values'."""
        ways = {
            "log_sd": self.log_sd, "quartiles": self.quartiles, "mean": self.mean, "range": self.range,
            "values": self.values or self.table,
        }  # fmt: skip
        return next((name for name, number in ways.items() if number is not None), "")

    @property
    def numbers(self) -> str:
        """Return the observable and what is said of it in words, such as "cd4 median 61, below 200"."""
        cuts = [f"{name} {cut:g}" for name, cut in (("above", self.above), ("below", self.below)) if cut is not None]
        low, high = self.range or self.quartiles or (0.0, 0.0)
        between = f"{low:.4g}-{high:.4g}"
        if self.way == "values":
            numbers = f"from column {self.column or self.observable} of {self.table}" if self.table else ""
            if self.values:
                numbers = f"{self.values[0]:g}" if len(self.values) == 1 else f"one of {len(self.values)} values"
        elif self.way == "mean":
            numbers = f"mean {self.mean:g} (SD {self.sd:g})"
        elif self.median is None:
            numbers = between
        else:
            kind = {"range": f" (range {between})", "quartiles": f" (quartiles {between})"}.get(self.way, "")
            numbers = f"median {self.median:g}{kind}"
        return f"{self.observable} {', '.join([numbers, *cuts])}"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        said = {name for name in _NUMBERS if getattr(self, name) is not None}
        way = self.way
        if not way:
            lacks = (
                "'log_sd' is left out beside 'median'; add a line such as log_sd = 0.6"
                if "median" in said
                else "'mean' is left out beside 'sd'"
                if "sd" in said
                else "'median' is left out; " + _WAYS
            )
            raise ValueError(lacks)
        for name in sorted(_NEEDS[way] - said):
            raise ValueError(f"'{name}' is left out beside '{way}'; {_WAYS}")
        if surplus := sorted(said - _NEEDS[way] - _TAKES[way] - {way}):
            raise ValueError(f"'{surplus[0]}' does not go with '{way}'; {_WAYS}")
        if self.values is not None and self.table is not None:
            raise ValueError("'values' and 'table' say the same; leave one out")
        if self.column is not None and self.table is None:
            raise ValueError("'column' is of a 'table', which is left out")
        self._in_order()
        return self

    def _in_order(self) -> None:
        """Raise ValueError for numbers that do not rise, such as a median outside its range."""
        low, high = self.range or (None, None)
        lower, upper = self.quartiles or (None, None)
        middle = self.median if self.median is not None else self.mean
        names = {"above": self.above, "range.0": low, "quartiles.0": lower, "mean" if self.mean else "median": middle}
        names |= {"quartiles.1": upper, "range.1": high, "below": self.below}
        rising = [(name, number) for name, number in names.items() if number is not None]
        for (name, number), (after, larger) in itertools.pairwise(rising):
            if number >= larger:
                raise ValueError(f"{name} = {number:g} is not below {after} = {larger:g}; nobody can be so")


_NUMBERS = ("median", "below", "above", "log_sd", "quartiles", "mean", "sd", "range", "values", "table")
_NEEDS: dict[str, set[str]] = {
    "log_sd": {"median"}, "quartiles": {"median"}, "mean": {"sd"}, "range": set(), "values": set()
}  # fmt: skip
_TAKES: dict[str, set[str]] = {
    "log_sd": {"above", "below"}, "quartiles": {"above", "below"}, "mean": {"above", "below"}, "range": {"median"},
    "values": {"table"},
}  # fmt: skip


def listed(baseline: Baseline | Sequence[Baseline] | None) -> tuple[Baseline, ...]:
    """Return the baselines of an arm as a list: none, one, or several."""
    return () if baseline is None else (baseline,) if isinstance(baseline, Baseline) else tuple(baseline)


@cache
def _several() -> TypeAdapter[tuple[Baseline, ...]]:
    return TypeAdapter(tuple[Baseline, ...])


def _read(value: Any, _: Callable[[Any], Any]) -> Any:
    """Return one baseline or several, so that an error names the field of the kind that was written."""
    if value is None:
        return None
    return (
        Baseline.model_validate(value) if isinstance(value, Mapping | Baseline) else _several().validate_python(value)
    )


Baselines = Annotated[Baseline | tuple[Baseline, ...] | None, WrapValidator(_read)]
