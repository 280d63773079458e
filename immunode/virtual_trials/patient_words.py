"""Patients in words: "cd4 200-500, suppressed" read into baselines, states, values, and what an output repeats."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from immunode.errors import BadValue, ImmunodeError
from immunode.evidence.baseline import Baseline
from immunode.evidence.design import SetState, share_words
from immunode.internal.arguments import one
from immunode.model.declaration import Model
from immunode.model.patients import PatientGroup
from immunode.regimen import Regimen
from immunode.virtual_trials.arm import Arm, settings
from immunode.virtual_trials.baseline import parameter_of
from immunode.virtual_trials.group_words import SAID, baseline_words, default_words, group_words
from immunode.virtual_trials.patient_clauses import EXAMPLE, clauses, group_of, named, numbers_of, with_commas

# what nobody wrote who said patients in words
_FIELDS = {
    "range.0": "the lowest value", "range.1": "the highest value", "quartiles.0": "the lower quartile",
    "quartiles.1": "the upper quartile", "values.0": "the value", "log_sd": "the SD of the log", "sd": "the SD",
}  # fmt: skip


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

    def words(
        self,
        model: Model,
        values: Mapping[str, Any] | None = None,
        regimen: Regimen | None = None,
        *,
        short: bool = False,
    ) -> list[str]:
        """Return in words who is simulated: what was said, the groups they are in (`short`: by name), and what is
        default.

        `values` are further parameters that somebody said, `regimen` all that is given and set in an arm, with what
        the patients' own words set.
        """
        values = {**self.values, **(values or {})}
        own_settings = Regimen(tuple(settings(model, self.set, "patients")))
        return [
            *(baseline_words(model, baseline, short=short) for baseline in self.baseline),
            *group_words(model, values, own_settings if regimen is None else regimen, short=short),
            *default_words(model, self.baseline, values, short=short),
        ]


def read_patients(text: str, model: Model, *, start: float = 0.0) -> PatientsSaid:
    """Return the patients that a text describes: groups and covariates of the model, and parameters, between commas.

    A group that sets a state does so on the day that is said ("on HAART from day -14"), else on day `start`. Of a
    covariate are said a range ("cd4 200-500"), a cut ("cd4 below 200"), a median with quartiles ("cd4 median 350
    (220-480)"), a mean with an SD ("cd4 300 +- 100"), one value, or a file ("cd4 from patients.csv"); of a parameter
    the same, or its value ("CL = 100 L/day"). Raise UnknownName for a word that the model does not declare, BadValue
    for what contradicts another clause or cannot be read.
    """
    said = PatientsSaid(one(text, str, "patients", f"a text, such as {EXAMPLE}"))
    fields: dict[str, dict[str, Any]] = {}
    last = ""
    for clause in clauses(text, model):
        try:
            said, last = _with_clause(said, fields, clause, last, model, start)
        except ImmunodeError as error:
            if better := with_commas(clause, model):
                raise BadValue(f"patients '{text}': a comma is missing; write '{better}'") from error
            raise
    baseline = tuple(_baseline(model, name, numbers) for name, numbers in fields.items())
    early = min([0.0, start, *(b.day for b in baseline), *(s.day for s in said.set)])
    said = replace(said, baseline=baseline, start=early)
    for drawn in baseline:
        if (decided := parameter_of(drawn, model)) in said.values:
            raise BadValue(
                f"patients '{text}': '{drawn.observable}' decides {decided}, which is also said; leave one out"
            )
    return said


def _with_clause(
    said: PatientsSaid, fields: dict[str, dict[str, Any]], clause: str, last: str, model: Model, start: float
) -> tuple[PatientsSaid, str]:
    """Return the patients with one more clause, and the name that it is about; numbers go into `fields` by name."""
    group, day = group_of(clause, model)
    if group is not None:
        return _in_group(said, group, start if day is None else day, clause), last
    name, rest = named(clause, model, last)
    value = re.fullmatch(r"\s*=\s*(.+)", rest)
    if value and model.patients.covariate(name) is None:
        return _with_value(said, model, name, value[1]), last
    _merge(fields.setdefault(name, {}), numbers_of(rest.lstrip(":= "), name, model, clause), clause)
    return said, name


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
    extra = [*share_words(arm.shares), *(part.words for part in (arm.adherence, arm.dropout) if part is not None)]
    return [*PatientsSaid(baseline=arm.baselines, values=arm.values).words(model, regimen=regimen), *extra]


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
    if name in [state.name for state in model.states]:
        groups = ", ".join(group.name for group in model.patients.groups if group.set.get(name)) or "none"
        raise BadValue(
            f"patients '{said.text}': '{name}' is a state of {model.name}, which is set on a day: say a group that "
            f"sets it ({groups}), or set it in the arm"
        )
    try:
        value = model.values({name: text})[name]
    except ImmunodeError as error:
        raise type(error)(f"patients '{said.text}': {error}") from error
    return replace(said, values=_united(said, said.values, {name: value}, f"{name} = {text}"))


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
    if fields.get("range", (1.0,))[0] == 0:
        fields["range"] = (_lowest(model, name, fields["range"][1]), fields["range"][1])
    if "range" in fields and {"above", "below"} & set(fields):
        raise BadValue(f"patients: '{name}' has a range and cuts; leave one out")
    if "median" in fields and not {"log_sd", "quartiles", "range"} & set(fields):
        if covariate is None or covariate.log_sd is None:
            raise BadValue(
                f"patients: '{name}' has a median and no spread; write quartiles, such as median 350 (220-480)"
            )
        declared = covariate.source or "no source declared"
        fields["log_sd"], source = covariate.log_sd, f"SD of the log {covariate.log_sd:g}: {declared}"
    elif {"above", "below"} & set(fields) and not {"median", "mean", "quartiles"} & set(fields):
        high = fields.pop("below", None)
        low = fields.pop("above") if "above" in fields else _lowest(model, name, high)
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
        text = str(error).removeprefix("Baseline: ")
        for field_name, words in _FIELDS.items():
            text = re.sub(rf"(?<!\w){re.escape(field_name)}(?= =)", words, text)
        raise BadValue(f"patients: '{name}': {text}") from error


def _lowest(model: Model, name: str, below: float) -> float:
    """Return the least value that somebody can have of whom only an upper cut is said; raise BadValue where there is
    none under the cut."""
    covariate = model.patients.covariate(name)
    parameter = covariate.parameter if covariate is not None else name
    low = next((p.low for p in model.parameters if p.name == parameter), 0.0)
    if 0 < below <= low:
        raise BadValue(f"patients: '{name}' is below {below:g}, and {model.name} has nobody below {low:g}; say more")
    if low > 0:
        return low
    raise BadValue(f"patients: '{name}' is below a value and above which? write a range, such as {name} 100-200")
