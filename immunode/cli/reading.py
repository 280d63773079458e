"""What the texts of options say: times with units, values of parameters, states that are set at a time."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from immunode.errors import BadValue, ImmunodeError, unknown

if TYPE_CHECKING:
    import numpy as np

    from immunode.model.declaration import Model
    from immunode.regimen import Regimen

MOST_ROWS = 1_000_000  # more are a slip, and would fill files and screens
_AT = re.compile(r"\s*(\w+)\s*=\s*(.+?)\s+(?:(?:at|on)\s+)?(?:(day|hour|week|month|year)\s+(\S+)|(?<=at )(\S.*?))\s*")
_FIELD = re.compile(r"""\s*([^\s=,]+)\s*=\s*("[^"]*"|'[^']*'|[^,"'=]*?)\s*(?:,|$)""")
_EXAMPLE = 'expected a state, its value and when, such as "art=1 day 0" or "virus=1000 copies/mL at 36 h"'


def days_of(option: str, text: str | None, model: "Model") -> float | None:
    """Return the days that an option says as a number, or as a time with its unit; None where it is left out."""
    from immunode.model.clock import days_of as read

    if text is None:
        return None
    try:
        days = read(text, model, option)
    except ImmunodeError as error:
        if "a number alone" in str(error):
            raise
        raise BadValue(f"{option} {text}: expected days, or a time such as '12 wk'; {error}") from error
    if days < 0 or (days == 0 and option == "--every"):
        raise BadValue(f"{option} {text}: expected a time above zero, in days, or such as '12 wk'")
    return days


def rows_of(regimens: "Sequence[Regimen]", until: float | None, every: str | None) -> "np.ndarray":
    """Return the days of the rows, with `every` as it is said; raise BadValue with the options to change when they are
    too many."""
    from immunode import simulation
    from immunode.units import in_days

    if every is None:
        return simulation.default_times(regimens, until)
    last, step = simulation.default_end(regimens) if until is None else until, in_days(every)
    if last / step > MOST_ROWS:
        raise BadValue(
            f"--until {last:g} --every {step:g}: {last / step:,.0f} rows are more than {MOST_ROWS:,}; "
            "take a longer --every, or an earlier --until"
        )
    return simulation.days(0.0, last, every)


def parameters_of(texts: Sequence[str], option: str = "--set") -> dict[str, str]:
    """Return the values that an option such as --set gives to names, each said once."""
    values: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name:
            example = "cd4=350 or il2='5 IU/mL'" if option == "--level" else "CL=170 or CL='7 L/h'"
            raise BadValue(f"{option} {text}: expected NAME=VALUE, such as {example}")
        if name in values:
            raise BadValue(f"{option} {name}={value}: {name} is set to {values[name]} already; leave one out")
        values[name] = value
    return values


Part = TypeVar("Part")


def part_of(option: str, text: str, kind: type[Part], **default: Any) -> Part:
    """Return a part of a file, such as an Endpoint, that an option says in the fields of the file, FIELD=VALUE with
    commas between them; `default` are fields that may be left out here."""
    fields: dict[str, Any] = {}
    place = 0
    while place < len(text):
        match = _FIELD.match(text, place)
        if match is None or not match[2]:
            listed = ", ".join(getattr(kind, "model_fields", ()))
            raise BadValue(f"{option} {text}: expected FIELD=VALUE with commas between them; fields: {listed}")
        name, value = match[1], match[2]
        if name in fields:
            raise BadValue(f"{option} {text}: {name} is said twice; leave one out")
        fields[name] = _value(value)
        place = match.end()
    try:
        return kind(**{**default, **fields})
    except ImmunodeError as error:
        raise type(error)(f"{option} {text}: {str(error).removeprefix(f'{kind.__name__}: ')}") from error


def _value(text: str) -> float | str:
    """Return a number, or a text, which may stand in quotes."""
    if text[:1] in ("'", '"'):
        return text[1:-1]
    try:
        return float(text)
    except ValueError:
        return text


def settings_of(texts: Sequence[str], model: "Model") -> "tuple[Regimen, dict[str, str | float]]":
    """Return the states that are set on day 0, and the values of parameters, that --set says: NAME=VALUE, or a named
    group of the model's patients, such as "suppressed"."""
    from immunode.regimen import Regimen

    groups = [text for text in texts if "=" not in text and model.patients.groups]
    values: dict[str, str | float] = dict(parameters_of([text for text in texts if text not in groups]))
    for name in (state.name for state in model.states if state.name in values):
        wanted = f"{name}={values[name]}"
        raise BadValue(f"--set {wanted}: '{name}' is a state of {model.name}; set it on a day: --at \"{wanted} day 0\"")
    settings = Regimen()
    for text in groups:
        from immunode.virtual_trials.arm import settings as set_states
        from immunode.virtual_trials.patient_words import read_patients

        said = read_patients(text, model)
        if said.baseline or not said.groups:
            listed = ", ".join(group.name for group in model.patients.groups)
            raise BadValue(f"--set {text}: expected NAME=VALUE, or a group of {model.name}: {listed}")
        if twice := [name for name in said.values if name in values]:
            raise BadValue(f"--set {text}: {twice[0]} is set to {values[twice[0]]} already; leave one out")
        values |= said.values
        settings += Regimen(tuple(set_states(model, said.set, f"--set {text}")))
    return settings, values


def states_of(texts: Sequence[str], model: "Model") -> "Regimen":
    """Return the states that --at sets, each once at a time, as a regimen; a number alone is in the state's unit."""
    from immunode.regimen import Regimen

    settings = Regimen()
    for text in texts:
        setting = _setting(text, model)
        same = [each for each in settings if (each.into, each.time) == (setting.doses[0].into, setting.doses[0].time)]
        if same:
            raise BadValue(f"--at {text}: {same[0].into} is set at that time already; leave one out")
        settings += setting
    return settings


def _setting(text: str, model: "Model") -> "Regimen":
    from immunode.regimen import replace
    from immunode.units import parse

    match = _AT.fullmatch(text)
    if match is None:
        raise BadValue(f"--at {text}: {_EXAMPLE}")
    name, value, word, number, time = match.groups()
    states = {state.name: state for state in model.states}
    if name in model.typical and name not in states:
        raise BadValue(f"--at {text}: {name} is a parameter, not a state; change it with --set {name}={value}")
    if name not in states:
        raise unknown("state", name, states, model.name)
    try:
        amount, unit = parse(value)
        said = f"{amount!r} {states[name].unit if unit == '1' else unit}"
        return replace(name, said, time=f"{number} {word}" if word else time)
    except ImmunodeError as error:
        raise BadValue(f"--at {text}: {error}; {_EXAMPLE}") from error
