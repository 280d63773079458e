"""Times of a trial that were said as a number alone, refused where its model counts another time than days."""

from collections.abc import Iterable, Iterator

from immunode.conditions import Condition, read
from immunode.conditions.measured import GIVEN, is_level, row
from immunode.conditions.syntax import comparisons
from immunode.errors import BadValue
from immunode.evidence.time_fields import times_of
from immunode.evidence.toml_file import FilePart
from immunode.model.clock import check_regimens, check_said
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.virtual_trials.arm import Arm, recurring


def check_arms(arms: Iterable[Arm], model: Model) -> None:
    """Raise BadValue, naming the arm and what is timed, for a time that was said as a number alone."""
    for arm in arms:
        check_parts(_parts(arm), model)
        if isinstance(arm.regimen, Regimen):
            try:
                check_regimens([arm.regimen], model)
            except BadValue as error:
                raise BadValue(f"arm '{arm.name}': {error}") from error
        for rule in recurring(arm):
            for condition in filter(None, (rule.when, rule.then.hold_until)):
                _check_condition(read(condition), model, f"arm '{arm.name}', rule '{rule.name}'")


def _check_condition(condition: Condition, model: Model, where: str) -> None:
    """Raise BadValue for a time above or below a level that is compared with a number alone."""
    for one in comparisons(condition) if model.per_day != 1.0 else ():
        kind = one.quantity.kind
        if kind not in GIVEN and not is_level(kind) and not one.bound.unit and row(kind).unit == "day":
            check_said(one.bound.offset, model, f"{where}: '{one}': {kind}")


def check_parts(parts: Iterable[tuple[str, FilePart]], model: Model) -> None:
    """Raise BadValue for a time of one of the parts, each with its name, that was said as a number alone."""
    for where, part in parts if model.per_day != 1.0 else ():
        for field, time, unit in times_of(part):
            check_said(time, model, f"{where}: {field}", unit)


def _parts(arm: Arm) -> Iterator[tuple[str, FilePart]]:
    """Yield what an arm is made of that has times, with its name."""
    where = f"arm '{arm.name}'"
    yield from ((f"{where}, set '{one.state}'", one) for one in arm.set)
    yield from ((f"{where}, baseline '{one.observable}'", one) for one in arm.baselines)
    yield from ((f"{where}, rule '{one.name}'", one) for one in arm.rules)
    yield from ((f"{where}, {name}", one) for name in ("adherence", "dropout") if (one := getattr(arm, name)))
