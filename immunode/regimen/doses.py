"""One dose, or action on a state: what is given, where, when and how; refused at once if it makes no sense."""

import math
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from immunode import units
from immunode.errors import BadValue
from immunode.internal.arguments import flag, number, one, only_fields, refuse

ACTIONS = ("add", "replace", "multiply", "reset")
MODELLED = ("", "duration", "rate")
STEADY = ("", "replace", "add")


@only_fields()
@dataclass(frozen=True)
class Dose:
    """Hold one dose: `amount` in `unit` into a route or state, at `time`; most are made by im.dose() or a sentence.

    The unit is kept as given: it is converted, or refused, against the state's own when simulated.

    Main arguments
        amount: how much is given, 0 or more [`unit`]
        unit: text of a unit, such as "MIU"
        into: a route or state of the model, such as "sc"
        time: when it is given, a number or "12 h" [day]

    Other arguments
        duration: of an infusion, whose rate bioavailability changes, a number or "2 h", default 0: at once [day]
        action: "add" is a dose; "replace" sets a state to `amount`, "multiply" scales it, "reset" puts every state back
            to its initial value and ends what is being given or on its way, default "add"
        rate: of an infusion, whose duration bioavailability changes, default 0: none [`unit`/day]
        modelled: "duration" or "rate" where the state's own, of the model, is meant, default none
        steady_state: "replace" puts the patient into the steady state of that dose given every `every` for ever, "add"
            adds that steady state to what is there; then the dose itself follows, default none
        every: the interval of a steady state, a number or "12 h"; 0 and a `rate`: that of an infusion that ends now,
            default 0 [day]
        bare: whether a time or rate was given without a unit: a model that does not count days refuses it; False where
            days are meant, default whether any of them is not 0

    Raises
        BadValue: for a negative or infinite number, an unknown word, what does not go together, such as a duration and
            a rate, or a steady state without its interval.
        UnitError: for a unit that does not exist.

    Example
        >>> import immunode as im
        >>> im.Regimen((im.Dose(3, "MIU", "sc", time=0), im.Dose(3, "MIU", "sc", time=1))).total()
        '6 MIU'
    """

    amount: float
    unit: str
    into: str
    time: Any
    duration: Any = 0.0
    action: str = "add"
    rate: Any = 0.0
    modelled: str = ""
    steady_state: str = ""
    every: Any = 0.0
    bare: bool | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_dose(self)

    @property
    def kind(self) -> tuple[Any, ...]:
        """What is given, and how: all but the time, and how that was said."""
        return tuple(value for name, value in vars(self).items() if name not in ("time", "bare"))


def is_bare(dose: Dose) -> bool:
    """Return whether a time or rate of a dose was given without a unit."""
    return any((dose.time, dose.duration, dose.rate, dose.every)) if dose.bare is None else dose.bare


def at_times(dose: Dose, times: Iterable[float]) -> tuple[Dose, ...]:
    """Return the dose once at each of `times` [day]."""
    return tuple(_moved(dose, time) for time in times)


def marked(doses: Iterable[Dose], *, bare: bool) -> tuple[Dose, ...]:
    """Return the doses, marked as timed without a unit, or with one."""
    return tuple(dose if dose.bare == bare else replace(dose, bare=bare) for dose in doses)


def delayed(doses: Iterable[Dose], delays: Iterable[float]) -> tuple[Dose, ...]:
    """Return all doses once for each delay [day], that much later; a negative delay is earlier."""
    return tuple(_moved(dose, dose.time + delay) for delay in delays for dose in doses)


def _moved(dose: Dose, time: float) -> Dose:
    """Return the dose at another time.

    The rest was checked when the dose was made, and a trial moves thousands of doses: so this copies the dose, where
    Dose(...) or dataclasses.replace would check all of it again.
    """
    if not math.isfinite(time):
        raise BadValue(f"time of a dose = {time!r}: expected a finite number")
    moved = copy(dose)
    object.__setattr__(moved, "time", time)  # doses are frozen, but this one is nobody else's yet
    object.__setattr__(moved, "bare", is_bare(dose))  # who moves it has a unit, or marks it
    return moved


def _read_units(dose: Dose) -> None:
    """Put numbers for times and a rate that were said with a unit, "12 h"; only those without one are bare."""
    names = ("time", "duration", "rate", "every")
    said = [name for name in names if isinstance(getattr(dose, name), str)]
    for name in said:
        text = getattr(dose, name)
        try:
            value = units.convert(text, f"{dose.unit}/day") if name == "rate" else units.in_days(text)
        except (BadValue, units.UnitError) as error:
            raise type(error)(
                f"{name} of a dose = {text!r}: expected a number, or one with a unit ({error})"
            ) from error
        if not units.is_bare(text):
            object.__setattr__(dose, name, value)
    if said and dose.bare is None:
        alone = [getattr(dose, name) for name in names if name not in said]
        object.__setattr__(dose, "bare", any(alone))


def _check_dose(dose: Dose) -> None:
    _read_units(dose)
    for name in ("amount", "time", "duration", "rate", "every"):
        value = number(getattr(dose, name))
        if value is None or not math.isfinite(value):
            refuse(f"{name} of a dose", getattr(dose, name), "a finite number")
        object.__setattr__(dose, name, value)
        if name != "time" and value < 0:
            raise BadValue(f"{name} of a dose = {value:g} is negative; expected 0 or more")
    if dose.bare is not None:
        flag(dose.bare, "bare of a dose")
    for name, known in (("action", ACTIONS), ("modelled", MODELLED), ("steady_state", STEADY)):
        value = getattr(dose, name)
        if not isinstance(value, str) or value not in known:
            refuse(name, value, f"one of {', '.join(map(repr, known))}")
    infused = [bool(dose.duration), bool(dose.rate), bool(dose.modelled)]
    if dose.action != "add" and (any(infused) or dose.steady_state):
        raise BadValue(f"'{dose.action}' happens at once: it has no duration, rate or steady state")
    if sum(infused) > 1:
        raise BadValue("a dose has a duration, or a rate, or one of them from the model; give one")
    if dose.action == "reset" and (dose.amount or dose.into):
        raise BadValue("a reset is of the whole patient: it has no amount and goes into no state; see replace()")
    _check_steady_state(dose)
    if dose.action != "reset" and (not isinstance(dose.into, str) or not dose.into.strip()):
        raise BadValue(f"into = {dose.into!r}: expected a route such as 'sc' or 'iv', or the name of a state")
    units.check(one(dose.unit, str, "unit of a dose", "the text of a unit, such as 'MIU'"))


def _check_steady_state(dose: Dose) -> None:
    if not dose.steady_state and dose.every:
        raise BadValue("every = ... is the interval of a steady state; to give a dose again use repeat(every=, times=)")
    if dose.steady_state and not dose.every and (dose.amount or not (dose.rate or dose.modelled == "rate")):
        raise BadValue(
            "a steady state needs the interval of its doses, every='12 h'; only an infusion of amount 0 at a rate, "
            "which has no end, has none"
        )
    if dose.steady_state and dose.every and not dose.amount:
        raise BadValue(f"amount = 0 every {dose.every:g} days has no steady state; expected more than 0")
    if dose.rate and not dose.amount and not dose.steady_state:
        raise BadValue("amount = 0 at a rate gives nothing; expected more than 0")
