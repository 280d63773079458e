"""The clauses of patients in words: which group, covariate or parameter one is about, and the numbers that it says."""

import re
from collections.abc import Sequence
from typing import Any

from immunode.errors import BadValue, ImmunodeError, UnknownName, nearest
from immunode.model.declaration import Model
from immunode.model.patients import PatientGroup
from immunode.units import SaidDays, convert, said_days
from immunode.virtual_trials.baseline import units_of

EXAMPLE = "'cd4 200-500, suppressed'"
_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_UNIT = r"(?:\s*/?[A-Za-zµμ][\wµμ^*/.-]*)?"
_TO = r"\s*(?:-|–|to\s|,\s)\s*"
_TIMES = r"(?:h|hours?|d|days?|wk|weeks?|mo|months?|y|years?)"
_DAY = re.compile(
    rf"\s*(?:(?:on|from|at|since)\s+)?\b(?P<unit>hour|day|week|month|year)\s+(?P<number>[-+−]?{_NUMBER})\s*$"
    rf"|\s+(?:on|from|at)\s+(?P<time>[-+−]?{_NUMBER}\s*{_TIMES})\s*$",
    re.I,
)
_AGO = re.compile(rf"\s*\b(?:for|since)\s+(?P<time>{_NUMBER}\s*{_TIMES})(?:\s+ago)?\s*$", re.I)
_TABLE = r"""\s*(?:from|in)\s+(?:"([^"]+)"|'([^']+)'|(\S+\.csv))(?:\s*,?\s*\(?column\s+(?P<column>\w+)\)?)?\s*"""
_BELOW, _ABOVE = r"(?:below|under|less than|at most|up to|<=?|≤)", r"(?:above|over|more than|at least|>=?|≥)"
_ONE_TEXT = rf"({_NUMBER}{_UNIT})"
_PAIR_TEXT = rf"({_NUMBER}{_UNIT}){_TO}({_NUMBER}{_UNIT})"
# what is written, and the fields that its numbers fill, in order; "x.0" and "x.1" are the ends of x
_SAID: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(?:range\s+|between\s+|of\s+)?PAIR", ("range.0", "range.1")),
    (r"between\s+ONE\s+and\s+ONE", ("range.0", "range.1")),
    (rf"{_BELOW}\s*ONE", ("below",)),
    (rf"{_ABOVE}\s*ONE", ("above",)),
    (r"(?:median\s+)?ONE\s*[(\[]\s*range:?\s+PAIR\s*[)\]]", ("median", "range.0", "range.1")),
    (r"(?:median\s+)?ONE\s*[(\[]\s*(?:IQR:?\s+|quartiles:?\s+)?PAIR\s*[)\]]", ("median", "quartiles.0", "quartiles.1")),
    (r"median\s+ONE\s*[(]?(?:SD of the log|log[- _]?sd)\s*=?\s*ONE[)]?", ("median", "log_sd")),
    (r"median\s+ONE", ("median",)),
    (r"(?:mean\s+)?ONE\s*(?:\+-|\+/-|±)\s*ONE", ("mean", "sd")),
    (r"(?:mean\s+)?ONE\s*[(]?\s*SD:?\s+ONE\s*[)]?", ("mean", "sd")),
    (r"mean\s+ONE", ("mean",)),
    (r"SD\s+ONE", ("sd",)),
    (r"(?:SD of the log|log[- _]?sd)\s*=?\s*ONE", ("log_sd",)),
    (r"(?:IQR|quartiles)\s+PAIR", ("quartiles.0", "quartiles.1")),
    (r"ONE", ("values.0",)),
)


def clauses(text: str, model: Model) -> list[str]:
    """Return what stands between commas, semicolons, and "and" or "with" before a name, outside of brackets."""
    if grouped := re.search(r"[0-9],[0-9]{3}(?![0-9])", text):
        raise BadValue(f"patients '{text}': '{grouped[0]}': write thousands without a comma, and a blank after others")
    known = "|".join(re.escape(name) for name in sorted(_words(model), key=len, reverse=True))
    begins = rf"(?:{known}|below|above|under|over)(?!\w)|[<>≤≥]" if known else "[<>≤≥]"
    between = rf"[,;](?![^(\[]*[)\]])|\s(?:and|with)\s+(?={begins})"
    parts = [clause.strip() for clause in re.split(between, text, flags=re.I)]
    if not any(parts):
        raise BadValue(f"patients = '{text}': expected who they are, such as {EXAMPLE}")
    return [clause for clause in parts if clause]


def _words(model: Model) -> list[str]:
    """Return every name of a group or covariate of a model."""
    parts: list[Any] = [*model.patients.groups, *model.patients.covariates]
    return [name for part in parts for name in part.names]


def with_commas(clause: str, model: Model) -> str:
    """Return a clause that says two things as two clauses; "" for one that says one."""
    words = [*_words(model), *model.parameter_units, *model.observables]
    begin = "|".join(re.escape(name) for name in sorted(words, key=len, reverse=True))
    first = re.match(rf"(?:{begin})(?!\w)", clause, re.I) if begin else None
    if first is None:
        return ""
    more = "|".join(re.escape(name) for name in sorted(_words(model), key=len, reverse=True))
    values = "|".join(re.escape(name) for name in model.parameter_units)
    inside = "|".join(part for part in (rf"(?:{more})(?!\w)" if more else "", rf"(?:{values})(?=\s*=)") if part)
    rest = re.sub(rf"\s+({inside})", r", \1", clause[first.end() :], flags=re.I)
    return clause[: first.end()] + rest if rest != clause[first.end() :] else ""


def _when(clause: str) -> tuple[str, float | None]:
    """Return a clause without the day that it ends with, and that day."""
    if said := _AGO.search(clause):
        return clause[: said.start()], SaidDays(-said_days(said["time"]))
    if said := _DAY.search(clause):
        time = said["time"] or f"{said['number']} {said['unit']}"
        return clause[: said.start()], said_days(time.replace("−", "-"))
    return clause, None


def group_of(clause: str, model: Model) -> tuple[PatientGroup | None, float | None]:
    """Return the group that a clause names, and the day that it says."""
    name, day = _when(clause)
    group = model.patients.group(" ".join(name.split()))
    if group is None:
        return None, None
    if day is not None and not any(group.set.values()):
        raise BadValue(f"patients '{clause}': nothing is set for '{group.name}', so it has no day; leave the day out")
    return group, day


def named(clause: str, model: Model, last: str) -> tuple[str, str]:
    """Return the covariate, parameter or observable that a clause begins with, and what is said of it.

    A clause that begins with a cut goes on about the last one. Raise UnknownName for another word.
    """
    names = {said.lower(): covariate.name for covariate in model.patients.covariates for said in covariate.names}
    names |= {name.lower(): name for name in (*model.parameter_units, *model.observables) if name.lower() not in names}
    for said in sorted(names, key=len, reverse=True):
        if re.match(rf"{re.escape(said)}(?![\w])", clause, re.I):
            return names[said], clause[len(said) :].strip()
    if last and re.match(rf"{_BELOW}|{_ABOVE}|median|mean|sd|log sd|quartiles|iqr|between|range", clause, re.I):
        return last, clause
    raise _unknown(clause, model)


def _unknown(clause: str, model: Model) -> UnknownName:
    """Return the error for a clause that begins with no word of the model: the nearest, and what can be said."""
    groups, covariates = model.patients.groups, model.patients.covariates
    begun = re.match(r"[^0-9<>=(]+", clause)
    near = nearest((begun[0] if begun else clause).strip(), [*_words(model), *model.parameter_units], 0.7)
    listed = "; say a group (" + ", ".join(group.name for group in groups) + ")" if groups else ""
    listed += "; a covariate (" + ", ".join(c.name for c in covariates) + ")" if covariates else ""
    return UnknownName(
        f"patients: '{clause}' says no group, covariate or parameter of {model.name}"
        + (near if near.startswith("; did") else "")
        + f"{listed}; or a parameter, such as {next(iter(model.typical), 'k')} = ..."
    )


def numbers_of(rest: str, name: str, model: Model, clause: str) -> dict[str, Any]:
    """Return the fields of a Baseline that a clause says."""
    fields: dict[str, Any] = {}
    rest, day = _when(rest)
    if day is not None:
        fields["day"] = day
    unit, rest = units_of(model, name), re.sub(r"\s*/\s*", "/", rest)
    rest = re.sub(rf"([)\]])({_UNIT})\s*$", r"\2\1", rest)  # a unit behind the bracket holds in it
    if table := re.fullmatch(_TABLE, rest, re.I):
        path = next(path for path in table.group(1, 2, 3) if path)
        return {**fields, "table": path, **({"column": table["column"]} if table["column"] else {})}
    for words, keys in _SAID:
        pattern = words.replace("PAIR", _PAIR_TEXT).replace("ONE", _ONE_TEXT)
        if met := re.fullmatch(rf"\s*{pattern}\s*", rest, re.I):
            numbers = [text for text in met.groups() if text is not None]
            return {**fields, **_filled(keys, _in_unit(numbers, unit, clause))}
    raise BadValue(
        f"patients '{clause}': what is said of '{name}' cannot be read; write {name} 200-500, below 200, median 350 "
        "(220-480), mean 300 SD 100, or from FILE.csv"
    )


def _in_unit(texts: Sequence[str], unit: str, clause: str) -> list[float]:
    """Return numbers in the declared unit; a unit after the last holds for those before it that have none."""
    counted = unit.partition("/")[0]  # /uL is cells/uL of a count of cells
    texts = [re.sub(r"\s*(?<=[0-9.\s])/", f" {counted}/", text, count=1) for text in texts]
    units = [re.sub(rf"^{_NUMBER}\s*", "", text) for text in texts]
    try:
        return [
            convert(text if own_unit else f"{text} {units[-1]}".strip(), unit)
            for text, own_unit in zip(texts, units, strict=True)
        ]
    except ImmunodeError as error:
        raise type(error)(f"patients '{clause}': {error}") from error


def _filled(keys: Sequence[str], numbers: Sequence[float]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, number in zip(keys, numbers, strict=True):
        name, _, end = key.partition(".")
        fields[name] = (*fields.get(name, ()), number) if end else number
    return fields
