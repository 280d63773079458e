"""The terms in which patients of a model are described: named groups, covariates, and how patients differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from immunode.errors import BadValue, ModelError, unknown
from immunode.internal.arguments import by_name, choice, finite, flag, named, one, only_fields, refuse, several
from immunode.model.checks import check_texts


@only_fields()
@dataclass(frozen=True)
class PatientGroup:
    """Declare a named group of a model's patients: what they have, and states that are set for them.

    Main arguments
        name: what people say, such as "suppressed" or "on HAART"
        of: what it tells about a patient, such as "therapy"; a patient is in one group of each
        meaning: what it is, in words

    Other arguments
        values: parameters that these patients have, by name, default none [declared unit]
        set: states that are set for them, by name, on the day that is said with the group or at the start, default
            none [unit of the state]
        also: other names of the same group, default none
        default: whether a patient of whom nothing is said is in this group, default False
        source: where it is from, or "assumed", default none

    Raises
        BadValue: for what is no text, number or name. That the model has the parameters and states is checked when the
            group is put into an im.PatientTerms of an im.Model.

    Example
        >>> import immunode as im
        >>> group = im.PatientGroup("suppressed", "therapy", "the virus is suppressed", values={"suppressed": 1})
        >>> group.of
        'therapy'
    """

    name: str
    of: str
    meaning: str
    values: Mapping[str, float] = field(default_factory=dict)
    set: Mapping[str, float] = field(default_factory=dict)
    also: Sequence[str] = ()
    default: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        check_texts(self, "a group of patients")
        named(self.name, "a group of patients", "'suppressed'")
        where = f"group '{self.name}'"
        for part in ("values", "set"):
            numbers = by_name(getattr(self, part), f"{where}: {part}", "{'suppressed': 1}")
            object.__setattr__(self, part, {name: finite(v, f"{where}: {name}") for name, v in numbers.items()})
        object.__setattr__(self, "also", several(self.also, str, f"{where}: also", "['on ART']"))
        object.__setattr__(self, "default", flag(self.default, f"{where}: default"))

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name of the group."""
        return (self.name, *self.also)


@only_fields()
@dataclass(frozen=True)
class Covariate:
    """Declare what is said of a patient by a number, and the parameter that it decides.

    Main arguments
        name: what people say, such as "cd4" or "nadir"
        parameter: name of the parameter that it decides
        meaning: what it is, in words

    Other arguments
        observable: name of the output or state that has the number said; the parameter is then found per patient so
            that it does, default none: the number itself enters
        at_most: name of a parameter that the number is never above, such as the count of a nadir, default none. The
            model itself takes the lesser of the two
        at_least: name of a parameter that the number is never below, default none. Of either, a default at the upper
            bound of `parameter` stands for the other parameter: nobody said the number
        log_sd: SD of its logarithm between patients where none is said, default none [1]
        also: other names of the same covariate, default none
        source: where these are from, or "assumed", default none

    Raises
        BadValue: for what is no text or number. Names are checked when it is put into an im.PatientTerms of an
            im.Model.

    Example
        >>> import immunode as im
        >>> im.Covariate("cd4", "cd4_start", "CD4 count", observable="cd4").parameter
        'cd4_start'
    """

    name: str
    parameter: str
    meaning: str
    observable: str = ""
    at_most: str = ""
    at_least: str = ""
    log_sd: float | None = None
    also: Sequence[str] = ()
    source: str = ""

    def __post_init__(self) -> None:
        check_texts(self, "a covariate")
        named(self.name, "a covariate", "'cd4'")
        where = f"covariate '{self.name}'"
        object.__setattr__(self, "also", several(self.also, str, f"{where}: also", "['CD4 count']"))
        if self.log_sd is not None and finite(self.log_sd, f"{where}: log_sd") <= 0:
            refuse(f"{where}: log_sd", self.log_sd, "a number above 0")
        bounds = [name for name in ("at_most", "at_least") if getattr(self, name)]
        if bounds and (self.observable or len(bounds) > 1):
            raise BadValue(
                f"{where}: it is observed, or never above or never below a parameter; leave out all but one of "
                "'observable', 'at_most' and 'at_least'"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name of the covariate."""
        return (self.name, *self.also)


@only_fields()
@dataclass(frozen=True)
class PatientTerms:
    """Declare with a model how its patients are described, and how they differ where nobody says otherwise.

    Main arguments
        groups: im.PatientGroup, named groups, default none
        covariates: im.Covariate, what is said by a number, default none
        omega: SD of the logarithm between patients by parameter, such as {"CL": 0.3}, default none: all are alike [1]
        noise: CV of the noise of a count by observable, such as {"cd4": 0.18}, default none [1]
        levels: levels of interest by output or state, such as {"cd4": 500}, above which comparisons of schedules count
            patients (counts) or days (drugs), default none [unit of the output or state]
        events: name of the state that accumulates the hazard of events, default none
        source: where these numbers are from, or "assumed", default none
        better: "more" or "less" by output or state, such as {"tumour": "less"}: which way is better of what patients
            have, for comparisons of schedules, default "more" of each

    Raises
        BadValue: for what is of another kind. What the model does not have is refused by im.Model.

    Example
        >>> import immunode as im
        >>> terms = im.PatientTerms(omega={"CL": 0.3}, source="assumed")
        >>> terms.omega
        {'CL': 0.3}
    """

    groups: Sequence[PatientGroup] = ()
    covariates: Sequence[Covariate] = ()
    omega: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    events: str = ""
    source: str = ""
    better: Mapping[str, Literal["more", "less"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_texts(self, "the terms of patients")
        for part, kind in (("groups", PatientGroup), ("covariates", Covariate)):
            object.__setattr__(self, part, several(getattr(self, part), kind, f"{part} of patients"))
        for part, example in (("omega", "{'CL': 0.3}"), ("noise", "{'cd4': 0.18}"), ("levels", "{'cd4': 500}")):
            numbers = by_name(getattr(self, part), f"{part} of patients", example)
            for name, value in numbers.items():
                if finite(value, f"{part} of '{name}'") < 0 and part != "levels":
                    refuse(f"{part} of '{name}'", value, "a number of 0 or more")
            object.__setattr__(self, part, {name: float(value) for name, value in numbers.items()})
        said = by_name(self.better, "better of patients", "{'tumour': 'less'}")
        ways = {name: choice(way, f"better of '{name}'", ("more", "less")) for name, way in said.items()}
        object.__setattr__(self, "better", ways)

    def covariate(self, name: str) -> Covariate | None:
        """Return the covariate of a name, said in any case, or None."""
        return next((c for c in self.covariates if name.lower() in [one.lower() for one in c.names]), None)

    def group(self, name: str) -> PatientGroup | None:
        """Return the group of a name, said in any case, or None."""
        return next((g for g in self.groups if name.lower() in [one.lower() for one in g.names]), None)


def joined(name: str, terms: Sequence[PatientTerms]) -> PatientTerms:
    """Return the terms of all parts of a composition; raise ModelError where two say the same."""
    groups = [group for one in terms for group in one.groups]
    covariates = [covariate for one in terms for covariate in one.covariates]
    parts = ("omega", "noise", "levels", "better")
    for part in parts:
        said = [key for one in terms for key in getattr(one, part)]
        if twice := [key for key in said if said.count(key) > 1]:
            raise ModelError(f"{name}: {part} of '{twice[0]}' is declared by two parts; leave one out")
    events = [one.events for one in terms if one.events]
    if len(events) > 1:
        raise ModelError(f"{name}: events are declared by two parts, '{events[0]}' and '{events[1]}'; leave one out")
    omega, noise, levels, better = (
        {key: value for one in terms for key, value in getattr(one, part).items()} for part in parts
    )
    source = "; ".join(dict.fromkeys(part for one in terms for part in one.source.split("; ") if part))
    return PatientTerms(groups, covariates, omega, noise, levels, "".join(events), source, better)


def check_terms(model: Any) -> PatientTerms:
    """Return the terms of a model's patients; raise UnknownName or ModelError for what the model does not have."""
    terms = one(model.patients, PatientTerms, f"patients of {model.name}", "a PatientTerms, such as PatientTerms()")
    parameters = [item.name for item in (*model.parameters, *model.inputs)]
    states = [state.name for state in model.states]
    shown = [*states, *(output.name for output in model.outputs)]
    for group in terms.groups:
        where = f"group '{group.name}' of {model.name}"
        _known("parameter", group.values, parameters, where)
        _known("state", group.set, states, where)
    for covariate in terms.covariates:
        where = f"covariate '{covariate.name}' of {model.name}"
        _known("parameter", [covariate.parameter], parameters, where)
        _known("parameter", [name for name in (covariate.at_most, covariate.at_least) if name], parameters, where)
        _known("output or state", [covariate.observable] if covariate.observable else (), shown, where)
    _known("parameter", terms.omega, parameters, f"omega of the patients of {model.name}")
    _known("output or state", terms.noise, shown, f"noise of the patients of {model.name}")
    _known("output or state", terms.levels, shown, f"levels of the patients of {model.name}")
    _known("output or state", terms.better, shown, f"better of the patients of {model.name}")
    _known("state", [terms.events] if terms.events else (), states, f"events of the patients of {model.name}")
    items: list[Any] = [*terms.groups, *terms.covariates]
    names = [said.lower() for item in items for said in item.names]
    if twice := [said for said in names if names.count(said) > 1]:
        raise ModelError(f"{model.name}: '{twice[0]}' is declared more than once among its groups and covariates")
    kinds = [group.of for group in terms.groups if group.default]
    if twice := [kind for kind in kinds if kinds.count(kind) > 1]:
        raise ModelError(f"{model.name}: two groups of '{twice[0]}' are the default; one can be")
    return terms


def _known(kind: str, names: Any, choices: Sequence[str], where: str) -> None:
    for name in names:
        if name not in choices:
            raise unknown(kind, name, choices, where)
