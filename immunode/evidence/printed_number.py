"""One number that a paper prints of an arm: what it is of, which statistic, and where in the paper it stands."""

import math
import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, TypeAdapter, ValidationError, field_validator, model_validator

from immunode.errors import unknown
from immunode.evidence.printed_cells import NUMBER, is_missing
from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import ADDED, Count, FilePart, Finite, NumberOrText, Positive, Text, no_text
from immunode.measures import MEASURES, measure, statistic
from immunode.measures.p_values import P_VALUES

_NUMBER = TypeAdapter(Finite)
_BEYOND = re.compile(rf"([<>≤≥])\s*([-+]?{NUMBER})")
_UNSAID = Field(exclude_if=lambda value: value is None)  # a later field of which 0 is something that is said
_DIRECT = Field(exclude_if=lambda value: value == "direct")


def _printed(value: Any) -> Any:
    """Return a printed number, or the text of one beyond a limit ("<50"); raise ValueError for another text."""
    if isinstance(value, str):
        text = value.strip().replace("−", "-")
        if beyond := _BEYOND.fullmatch(text):
            return f"{beyond[1]}{beyond[2].replace(',', '')}"
        if text[:1] in ("<", ">", "≤", "≥"):
            raise ValueError(f"expected a number, or one beyond a limit such as '{text[0]}50'")
        if is_missing(text):
            raise ValueError("nothing is printed there; leave the row out")
        if not re.search(r"\d", text):
            raise ValueError("expected a number, one beyond a limit such as '<50', or '-' where nothing is printed")
        return float(text.replace(",", "")) if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", text) else no_text(value)
    return _NUMBER.validate_python(value)


PrintedValue = Annotated[float | str, BeforeValidator(_printed, json_schema_input_type=float | str)]


class PrintedNumber(FilePart):
    """Hold one printed number: the statistic of which measure, of which patients, on which day, and its value.

    With `versus` the number is compared with that arm's, as a difference or a ratio: `versus_value` is what the paper
    prints for it, or empty when the paper prints the comparison itself.

    Main arguments
        arm: name of an arm of the evidence, or several pooled, "low + high"
        observable: name of an output or state of the model, such as "cd4"; none for the measures "doses", "given" and
            "event", default none
        day: when it was measured, or the end of the window: before what is given then; a number, or "24 h" [day]
        value: the printed number [`unit`], or a text for one beyond a limit of detection: "<50", "> 100000". In rows
            of evidence also the cell as it is printed, with a statistic such as "median (q1-q3)": "61 (40-100)"
            (docs/trial-files.md); one that is empty, "-", "NA" or "n.r." is missing, and makes no number
        statistic: any statistic of docs/measures.md, such as "median", "q1", "p90", "mean", "sd", "percent_above" or
            "count"; or a p-value, "p_mann_whitney", "p_t_test" or "p_fisher", of a comparison with `versus`, as a
            check; "se", "ci_low" and "ci_high" of a comparison are of the difference of means, default "median"

    Other arguments
        sigma: its error [`unit`], which least squares on the typical patient needs and a fit of a population does not
            read; on the log `scale` it is taken relative to the number, default none
        versus: name of the arm that it is compared with, or several pooled, default none
        compare: with `versus`, "difference" or "ratio", default "difference"
        measure: what is made of the course (docs/measures.md lists them), such as "cmax"; "event" is 1 of who has an
            event from `from_day` to `day`, default "value"
        from_day: the begin of the window of a measure: after what is given then; a number, or "24 h", default 0 [day]
        level: what the measures "time_above", "time_below", "time_to_above", "time_to_below" and "rebound" count by, a
            number [unit of the observable] or a text ("1 IU/mL"), default none
        limit: what the statistics "percent_above", "percent_below", "count_above" and "count_below" count by, a number
            [unit of the measure] or a text, default none
        n: patients behind this number where they are not all of the arm's (evaluable ones), of pooled arms the total;
            with `versus` it is refused, as it may be of either, default those of the arms
        unit: unit of the number and its errors, default that of the measure in the model
        versus_value: what is printed of the arm `versus`, default none [`unit`]
        sigma_source: where the error is from, default none
        scale: "linear" or "log", default "linear"
        use: "fit", or "check" for a number that is reported and never fitted, default "fit"
        cohort: name of the cohort, which may enter a fit once over all trials, default the evidence's name
        source: where in the paper it stands, such as "Table 2", default none
        provenance: what it was read from there: "table", "figure" or "text", default none
        derivation: "direct" for a number as it is printed, "digitised" from a picture, "derived" from other numbers,
            default "direct"
        note: what is to be said beside it, default none

    Raises
        BadValue: for a field that is left out, unknown or of another kind, an error that is not above 0, n = 0, and a
            measure or statistic that does not exist. What contradicts itself or another number (a limit that the
            statistic does not count by, quartiles out of order, a percentage above 100) is refused by im.Evidence.

    Example
        >>> import immunode as im
        >>> row = im.PrintedNumber(
        ...     arm="il2", versus="control", observable="cd4", day=365, value=450, versus_value=300, sigma=40
        ... )
        >>> row.observed
        150.0
        >>> below = im.PrintedNumber(arm="low + high", observable="virus", statistic="q1", day=365, value="<50")
        >>> below.groups, below.censored, below.number
        (('low', 'high'), 'below', 50.0)
    """

    arm: Text
    versus: str = ""
    compare: Literal["difference", "ratio"] = "difference"
    observable: Annotated[str, Field(examples=["cd4"])] = ""
    statistic: Text = "median"
    measure: Text = "value"
    day: Days
    from_day: Days = 0.0
    level: Annotated[NumberOrText | None, Field(examples=[1.0])] = None
    limit: Annotated[NumberOrText | None, _UNSAID] = None
    n: Annotated[Count | None, ADDED] = None
    unit: str = ""
    value: Annotated[PrintedValue, Field(examples=[1.0])]
    versus_value: Finite | None = None
    sigma: Annotated[Positive | None, _UNSAID] = None
    sigma_source: str = ""
    scale: Literal["linear", "log"] = "linear"
    use: Literal["fit", "check"] = "fit"
    cohort: str = ""
    source: Annotated[str, ADDED] = ""
    provenance: Annotated[Literal["", "table", "figure", "text"], ADDED] = ""
    derivation: Annotated[Literal["direct", "digitised", "derived"], _DIRECT] = "direct"
    note: str = ""

    _place: int = PrivateAttr(0)  # of its row in the table, from 1; 0 for one that is in none
    _names: tuple[str, ...] = PrivateAttr(())  # of the arms of its evidence

    @model_validator(mode="before")
    @classmethod
    def _of_something(cls, fields: Any) -> Any:
        """Refuse a row that names no observable, where its measure is of one, as a field that is left out."""
        if isinstance(fields, dict) and isinstance(said := fields.get("observable", ""), str) and not said:
            what = MEASURES.get(str(fields.get("measure", "value")))
            if what is not None and what.of_course:
                missing: Any = [{"type": "missing", "loc": ("observable",), "input": fields}]
                raise ValidationError.from_exception_data(cls.__name__, missing)
        return fields

    @field_validator("measure")
    @classmethod
    def _known_measure(cls, name: str) -> str:
        measure(name)
        return name

    @field_validator("statistic")
    @classmethod
    def _known_statistic(cls, name: str) -> str:
        if name.startswith("p_") and name not in P_VALUES:
            raise unknown("test", name, P_VALUES)
        if name not in P_VALUES:
            statistic(name)
        return name

    @property
    def number(self) -> float:
        """Return the printed number; of one beyond a limit the limit."""
        return float(self.value[1:]) if isinstance(self.value, str) else self.value

    @property
    def censored(self) -> Literal["", "below", "above"]:
        """Return "below" or "above" for a number that is printed as beyond a limit ("<50"), "" for another."""
        if not isinstance(self.value, str):
            return ""
        return "below" if self.value[0] in "<≤" else "above"

    @property
    def said(self) -> str:
        """Return the value as messages and labels say it."""
        return self.value if isinstance(self.value, str) else f"{self.value:.12g}"

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the names of the arms, pooled, that the number is of."""
        return split(self.arm, self._names)

    @property
    def versus_groups(self) -> tuple[str, ...]:
        """Return the names of the arms, pooled, that it is compared with; () for none."""
        return split(self.versus, self._names) if self.versus else ()

    @property
    def observed(self) -> float:
        """Return the printed number (or its limit), less (or over) the one printed for the arm it is compared with."""
        if self.versus_value is None:
            return self.number
        return self.number - self.versus_value if self.compare == "difference" else self.number / self.versus_value

    def __eq__(self, other: object) -> bool:
        """Return whether another number says the same, wherever it stands."""
        return isinstance(other, PrintedNumber) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        """Return the hash of what it says."""
        return hash(tuple(self.__dict__.values()))

    def within(self, place: int, names: tuple[str, ...]) -> "PrintedNumber":
        """Return the number as that of a table: in row `place`, of arms that are called by `names`."""
        row = self.model_copy()
        row._place, row._names = place, names
        return row

    @property
    def place(self) -> int:
        """Return the row of the table that it stands in, from 1; 0 for a number of no table."""
        return self._place


def half_unit(row: PrintedNumber) -> float:
    """Return half of a unit in the last digit in which a number is said: by so much it may be rounded."""
    return 0.5 * 10.0 ** min(int(Decimal(row.said.lstrip("<>≤≥")).as_tuple().exponent), 0)


def whole_patients(row: PrintedNumber, n: int) -> tuple[int, int] | None:
    """Return the whole numbers of n patients around a percentage of them; None where it is one, to its digits."""
    count = row.number * n / 100
    around = math.floor(count), math.ceil(count)
    off = min(abs(100 * whole / n - row.number) for whole in around)
    return None if off <= half_unit(row) * (1 + 1e-9) else around


def last_count(row: PrintedNumber, n: int) -> int:
    """Return the greatest count of n patients that is as printed, of one above a limit the least: of "<5" that is 4, of
    "<=5" 5, of "<10%" of 30 it is 2; it may be one that no n patients have."""
    limit = row.number if row.statistic.startswith("count") else row.number * n / 100
    strict, slip = row.said[0] in "<>", 1e-9 * (1 + limit)
    if row.censored == "below":
        return math.ceil(limit - slip) - 1 if strict else math.floor(limit + slip)
    return math.floor(limit + slip) + 1 if strict else math.ceil(limit - slip)


def split(said: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the arms of "a + b": of parts those joined again, the longest first, that are the name of one arm."""
    parts = [part.strip() for part in re.split(r"\s\+\s", said)]
    out, at = [], 0
    while at < len(parts):
        ends = range(len(parts), at, -1)
        end = next((end for end in ends if " + ".join(parts[at:end]) in names), at + 1)
        out.append(" + ".join(parts[at:end]))
        at = end
    return tuple(out)
