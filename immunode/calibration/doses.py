"""What is given within a window of an arm: where its course is cut, and the dose that a measure divides by."""

from collections.abc import Sequence

from immunode.errors import BadValue
from immunode.model.declaration import Model
from immunode.regimen import Dose, Regimen
from immunode.units import factor


def breaks(regimens: Sequence[Regimen]) -> list[float]:
    """Return the days on which a course bends: where doses and changes of states are, and where infusions end."""
    doses = [dose for regimen in regimens for dose in regimen]
    return sorted({at for dose in doses for at in (dose.time, dose.time + _length(dose))})


def dose_within(name: str, model: Model, regimen: Regimen, first: float, day: float) -> tuple[float, str]:
    """Return what is given from `first` to before `day`, of infusions the part that is given then, and its unit; where
    nothing is, what is given at the last time before. Raise BadValue where that is nothing, or in several units."""
    added = [dose for dose in regimen if dose.action == "add" and dose.amount > 0]
    parts = [(dose, share) for dose in added if (share := _share(dose, first, day)) > 0]
    if not parts:
        before = [dose for dose in added if dose.time < first]
        latest = max((dose.time for dose in before), default=0.0)
        parts = [(dose, 1.0) for dose in before if dose.time == latest]
    units = sorted({model.target(dose.into).unit for dose, _ in parts})
    if len(units) != 1:
        raise BadValue(
            f"{name}: a measure per dose needs doses in one unit; doses there: {' and '.join(units) or 'none'}"
        )
    amounts = (share * dose.amount * factor(dose.unit, model.target(dose.into).unit) for dose, share in parts)
    return float(sum(amounts)), units[0]


def _length(dose: Dose) -> float:
    """Return how long a dose is given [day]; 0 for one that the model times."""
    return dose.amount / dose.rate if dose.rate else dose.duration


def _share(dose: Dose, first: float, day: float) -> float:
    """Return the share of a dose that is given from `first` to before `day`."""
    near = 1e-10 * max(1.0, abs(first))  # a time that was said in hours, or moved with its trial
    length = _length(dose)
    if length == 0:
        return float(first - near <= dose.time < day - near)
    return max(0.0, min(dose.time + length, day) - max(dose.time, first)) / length
