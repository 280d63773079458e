"""Patients in words: "cd4 200-500, suppressed" read into baselines, states, values, and what an output repeats."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from immunode.errors import BadValue, ImmunodeError, UnknownName, nearest
from immunode.evidence.baseline import Baseline
from immunode.evidence.design import SetState
from immunode.internal.arguments import one
from immunode.model.declaration import Model
from immunode.model.patients import PatientGroup
from immunode.regimen import Regimen
from immunode.units import convert, in_days
from immunode.virtual_trials.arm import Arm, settings
from immunode.virtual_trials.baseline import parameter_of, units_of
from immunode.virtual_trials.group_words import SAID, baseline_words, default_words, group_words

_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_UNIT = r"(?:\s*[A-Za-zµμ][\wµμ^*/.-]*)?"
_TO = r"\s*(?:-|–|to)\s*"
_DAY = re.compile(r"\s*(?:,?\s*(?:on|from|at|since)\s+)?day\s+(?P<day>[-+−]?[0-9.]+)\s*$", re.I)
_AGO = re.compile(r"\s*(?:for|since)\s+(?P<time>[0-9.]+\s*[A-Za-z]+)(?:\s+ago)?\s*$", re.I)
_TABLE = r"""\s*(?:from|in)\s+(?:"([^"]+)"|'([^']+)'|(\S+\.csv))(?:\s*,?\s*\(?column\s+(?P<column>\w+)\)?)?\s*"""
_BELOW, _ABOVE = r"(?:below|under|less than|at most|up to|<=?|≤)", r"(?:above|over|more than|at least|>=?|≥)"
_EXAMPLE = "'cd4 200-500, suppressed'"


@dataclass(frozen=True, eq=False)
class PatientsSaid:
    """Hold patients as they were said: what an arm takes, and the groups and words that an output repeats.

    `baseline`, `set` and `values` are fields of an im.Arm; `start` is the first day that they need, 0 or before.
    """

    text: str = ""
    groups: tuple[PatientGroup, ...] = ()
    baseline: tuple[Baseline, ...] = ()
    set: tuple[SetState, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    start: float = 0.0

    def words(self, model: Model, values: Mapping[str, Any] | None = None, regimen: Regimen | None = None) -> list[str]:
        """Return in words who is simulated: what was said, the groups they are in, and what is default.

        `values` are further parameters that somebody said, `regimen` all that is given and set in an arm, with what
        the patients' own words set.
        """
        values = {**self.values, **(values or {})}
        own_settings = Regimen(tuple(settings(model, self.set, "patients")))
        return [
            *(baseline_words(model, baseline) for baseline in self.baseline),
            *group_words(model, values, own_settings if regimen is None else regimen),
            *default_words(model, self.baseline, values),
        ]


def read_patients(text: str, model: Model, *, start: float = 0.0) -> PatientsSaid:
    """Return the patients that a text describes: groups and covariates of the model, and parameters, between commas.

    A group that sets a state does so on the day that is said ("on HAART from day -14"), else on day `start`. Of a
    covariate are said a range ("cd4 200-500"), a cut ("cd4 below 200"), a median with quartiles ("cd4 median 350
    (220-480)"), a mean with an SD ("cd4 300 +- 100"), one value, or a file ("cd4 from patients.csv"); of a parameter
    the same, or its value ("CL = 100 L/day"). Raise UnknownName for a word that the model does not declare, BadValue
    for what contradicts another clause or cannot be read.
    """
    said = PatientsSaid(one(text, str, "patients", f"a text, such as {_EXAMPLE}"))
    fields: dict[str, dict[str, Any]] = {}
    last = ""
    for clause in _clauses(text):
        group, day = _group(clause, model)
        if group is not None:
            said = _in_group(said, group, start if day is None else day, clause)
            continue
        name, rest = _name(clause, model, last)
        value = re.fullmatch(r"\s*=\s*(.+)", rest)
        if value and model.patients.covariate(name) is None:
            said = _with_value(said, model, name, value[1])
            continue
        last = name
        _merge(fields.setdefault(name, {}), _numbers(rest.removeprefix("=").strip(), name, model, clause), clause)
    baseline = tuple(_baseline(model, name, numbers) for name, numbers in fields.items())
    early = min([0.0, start, *(b.day for b in baseline), *(s.day for s in said.set)])
    said = replace(said, baseline=baseline, start=early)
    for drawn in baseline:
        if (decided := parameter_of(drawn, model)) in said.values:
            raise BadValue(
                f"patients '{text}': '{drawn.observable}' decides {decided}, which is also said; leave one out"
            )
    return said


def with_patients(arm: Arm, model: Model, start: float) -> Arm:
    """Return an arm whose patients in words are read into its baselines, states that are set, and values.

    Raise UnknownName or BadValue, naming the arm, for what cannot be read or contradicts its other fields.
    """
    if not arm.patients:
        return arm
    where = f"arm '{arm.name}'"
    try:
        said = read_patients(arm.patients, model, start=start)
    except ImmunodeError as error:
        raise type(error)(f"{where}: {error}") from error
    for name, value in said.values.items():
        if name in arm.values and model.values({name: arm.values[name]})[name] != value:
            raise BadValue(
                f"{where}: its patients say {name} = {value:g} and its values {arm.values[name]}; leave one out"
            )
    return replace(
        arm,
        patients="",
        baseline=(*said.baseline, *arm.baselines),
        set=(*said.set, *arm.set),
        values={**said.values, **arm.values},
    )


def arm_words(arm: Arm, model: Model, regimen: Regimen) -> list[str]:
    """Return in words who the patients of an arm of a trial are, and what of it nobody said."""
    extra = [part.words for part in (arm.adherence, arm.dropout) if part is not None]
    return [*PatientsSaid(baseline=arm.baselines, values=arm.values).words(model, regimen=regimen), *extra]


def _clauses(text: str) -> list[str]:
    """Return what stands between commas and semicolons outside of brackets."""
    clauses = [clause.strip() for clause in re.split(r"[,;](?![^(\[]*[)\]])", text)]
    if not any(clauses):
        raise BadValue(f"patients = '{text}': expected who they are, such as {_EXAMPLE}")
    return [clause for clause in clauses if clause]


def _group(clause: str, model: Model) -> tuple[PatientGroup | None, float | None]:
    """Return the group that a clause names, and the day that it says."""
    day: float | None = None
    name = clause
    if said := _DAY.search(clause):
        name, day = clause[: said.start()], float(said["day"].replace("−", "-"))
    elif said := _AGO.search(clause):
        name, day = clause[: said.start()], -in_days(said["time"])
    group = model.patients.group(" ".join(name.split()))
    if group is None:
        return None, None
    if day is not None and not any(group.set.values()):
        raise BadValue(f"patients '{clause}': nothing is set for '{group.name}', so it has no day; leave the day out")
    return group, day


def _in_group(said: PatientsSaid, group: PatientGroup, day: float, clause: str) -> PatientsSaid:
    """Return the patients in one more group; raise BadValue for a second one of a kind."""
    for other in said.groups:
        if other.of == group.of:
            raise BadValue(
                f"patients '{said.text}': '{other.name}' and '{group.name}' both say the {group.of} of a patient; "
                "leave one out"
            )
    states = [SetState(state=name, value=value, day=day) for name, value in group.set.items() if value]
    return replace(
        said,
        groups=(*said.groups, group),
        set=(*said.set, *states),
        values=_united(said, said.values, group.values, clause),
    )


def _united(
    said: PatientsSaid, values: Mapping[str, float], more: Mapping[str, float], clause: str
) -> dict[str, float]:
    for name, value in more.items():
        if values.get(name, value) != value:
            raise BadValue(
                f"patients '{said.text}': {name} is {values[name]:g} before '{clause}', which says {value:g}; leave "
                "one out"
            )
    return {**values, **more}


def _with_value(said: PatientsSaid, model: Model, name: str, text: str) -> PatientsSaid:
    try:
        value = model.values({name: text})[name]
    except ImmunodeError as error:
        raise type(error)(f"patients '{said.text}': {error}") from error
    return replace(said, values=_united(said, said.values, {name: value}, f"{name} = {text}"))


def _name(clause: str, model: Model, last: str) -> tuple[str, str]:
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
    parts: list[Any] = [*groups, *covariates]
    words = [name for part in parts for name in part.names]
    begun = re.match(r"[^0-9<>=(]+", clause)
    near = nearest((begun[0] if begun else clause).strip(), [*words, *model.parameter_units], 0.7)
    listed = "; say a group (" + ", ".join(group.name for group in groups) + ")" if groups else ""
    listed += "; a covariate (" + ", ".join(c.name for c in covariates) + ")" if covariates else ""
    return UnknownName(
        f"patients: '{clause}' says no group, covariate or parameter of {model.name}"
        + (near if near.startswith("; did") else "")
        + f"{listed}; or a parameter, such as {next(iter(model.typical), 'k')} = ..."
    )


def _numbers(rest: str, name: str, model: Model, clause: str) -> dict[str, Any]:
    """Return the fields of a Baseline that a clause says."""
    fields: dict[str, Any] = {}
    if day := _DAY.search(rest):
        fields["day"], rest = float(day["day"].replace("−", "-")), rest[: day.start()]
    unit = units_of(model, name)
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


def _in_unit(texts: Sequence[str], unit: str, clause: str) -> list[float]:
    """Return numbers in the declared unit; a unit after the last holds for those before it that have none."""
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


def _merge(fields: dict[str, Any], more: Mapping[str, Any], clause: str) -> None:
    """Add what a clause says to what is said; raise BadValue for what is said twice."""
    for name, value in more.items():
        if name in fields:
            raise BadValue(f"patients '{clause}': '{name}' is said twice; leave one out")
        fields[name] = value


def _baseline(model: Model, name: str, said: Mapping[str, Any]) -> Baseline:
    """Return the baseline that was said, with what was left open as assumed: uniform, or the declared SD of the log."""
    fields, source = dict(said), SAID
    covariate = model.patients.covariate(name)
    if "range" in fields and {"above", "below"} & set(fields):
        raise BadValue(f"patients: '{name}' has a range and cuts; leave one out")
    if "median" in fields and not {"log_sd", "quartiles", "range"} & set(fields):
        if covariate is None or covariate.log_sd is None:
            raise BadValue(
                f"patients: '{name}' has a median and no spread; write quartiles, such as median 350 (220-480)"
            )
        fields["log_sd"], source = covariate.log_sd, f"SD of the log {covariate.log_sd:g}: {covariate.source}"
    elif {"above", "below"} & set(fields) and not {"median", "mean", "quartiles"} & set(fields):
        low, high = fields.pop("above", _lowest(model, name)), fields.pop("below", None)
        if high is None:
            raise BadValue(
                f"patients: '{name}' is above {low:g} and up to what? write a range, such as {name} {low:g}-{2 * low:g}"
            )
        fields["range"] = (low, high)
    if "range" in fields:
        source = "uniform between them: assumed" if "median" not in fields else "uniform on either side: assumed"
    shown = covariate.observable or covariate.name if covariate is not None else name
    try:
        return Baseline(observable=shown, source=source, **fields)
    except BadValue as error:
        raise BadValue(f"patients: '{name}': {str(error).removeprefix('Baseline: ')}") from error


def _lowest(model: Model, name: str) -> float:
    """Return the least value that somebody can have of whom only an upper cut is said."""
    covariate = model.patients.covariate(name)
    parameter = (covariate.over or covariate.parameter) if covariate is not None else name
    low = next((p.low for p in model.parameters if p.name == parameter), 0.0)
    if low > 0:
        return low
    raise BadValue(f"patients: '{name}' is below a value and above which? write a range, such as {name} 100-200")
