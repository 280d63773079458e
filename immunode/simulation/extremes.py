"""The highest and lowest value of a course and when they are, exact from the solver, whatever times are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from immunode.evidence.endpoint import Endpoint
from immunode.internal.arguments import thread_count
from immunode.model.declaration import Model
from immunode.regimen import Regimen
from immunode.simulation.ensemble import Ensemble, SolveOptions
from immunode.simulation.measuring import Asked, measure_each
from immunode.simulation.parameters import matrix, parameters_by_name
from immunode.simulation.request import from_lists
from immunode.simulation.simulation import longest
from immunode.simulation.ties import PRE

_MEASURES = ("cmax", "tmax", "cmin", "tmin")
_DECIMALS = 7  # of a day: what comes just behind a dose is at its time


@dataclass(frozen=True, eq=False)
class Extremes:
    """Hold the highest and lowest values, (names, regimens), and when each is [the model's time unit]; nan where they
    cannot be solved for."""

    highest: np.ndarray
    highest_at: np.ndarray
    lowest: np.ndarray
    lowest_at: np.ndarray


def extremes(
    model: Model,
    regimens: Sequence[Regimen],
    first: float,
    last: float,
    names: Sequence[str],
    *,
    parameters: Mapping[str, Any] | None = None,
    max_step: Any = None,
    threads: int | None = None,
) -> Extremes:
    """Return the extremes of states and outputs from after what is given on day `first` to before what is on `last`.

    Each regimen is of one patient; `parameters`, `max_step` and `threads` are those of `simulate`.
    """
    values = parameters_by_name(parameters, model)
    request = from_lists(model, list(regimens), [f"{first!r} d", f"{last!r} d"], values, None, None, (PRE,))
    patients = matrix(model, request.parameters, request.n)
    ensemble = Ensemble(model, patients, request.regimens, request.which, request.start)
    asked = [
        Asked(Endpoint(signal=name, measure=measure), first, last, np.nan, np.nan, "", "")
        for measure in _MEASURES
        for name in names
    ]
    options = SolveOptions(max_step=longest(model, max_step), threads=thread_count(threads))
    each = measure_each(ensemble, asked, options).values.reshape(len(_MEASURES), len(names), request.n)
    highest, after_first, lowest, low_after = each
    when = [np.round(first + after, _DECIMALS) * model.per_day for after in (after_first, low_after)]
    return Extremes(highest, when[0], lowest, when[1])
