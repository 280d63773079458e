"""Write regimens as event tables that NONMEM reads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode import models
from immunode.errors import BadValue
from immunode.internal.arguments import short
from immunode.internal.per_patient import one_each
from immunode.model.clock import check_regimens, list_in_days
from immunode.model.declaration import Model
from immunode.nonmem.cells import DOSE, OBSERVATION, RESET
from immunode.regimen import STEADY, Dose, regimens_of
from immunode.units import factor

if TYPE_CHECKING:
    import pandas


def table(regimen: Any, model: Model | str, *, times: Any = None) -> "pandas.DataFrame":
    """Return regimens as an event table that NONMEM reads, for `model`.

    What im.read_events makes of the table does exactly what the regimens do.

    Main arguments
        regimen: an im.Regimen or sentence, or a sequence of them, one a patient (ID 1, 2, ...)
        model: an im.Model, the name of one of the library, or a file such as "my_model.py"

    Other arguments
        times: days or "36 h" as in im.simulate, one list for all or one a patient: rows with EVID 0 that stand before
            the doses of the same time, default none

    Returns
        a DataFrame with one row a dose, and one a time: ID, TIME [time unit of the model], EVID, AMT [unit of the
            state], CMT (the state's number, from 1), RATE [unit of the state/time unit], DUR [time unit], SS, II [time
            unit], MDV. Resets are EVID 3, `replace` and `multiply` their words. DUR, a fixed duration, is not NONMEM's:
            bioavailability changes the rate of such an infusion.

    Raises
        UnitError: for a dose in a unit that does not fit.
        UnknownName: for a model, route or state that does not exist.
        BadValue: for what is no regimen or time, and for lists of times that are not one a patient.

    Example
        >>> import immunode as im
        >>> table = im.event_table("3 MIU SC QD days 1-2", "il2_sc", times=["6 h"])
        >>> print(table[["ID", "TIME", "EVID", "AMT", "CMT"]].to_string(index=False))
         ID  TIME EVID  AMT  CMT
          1  0.00    1  3.0    1
          1  0.25    0  0.0    0
          1  1.00    1  3.0    1
    """
    import pandas

    model = models.model(model)
    regimens, _ = regimens_of(regimen)
    check_regimens(regimens, model)
    seen, clock = _times_of_each(times, len(regimens)), model.per_day
    rows: list[dict[str, Any]] = []
    for i, plan in enumerate(regimens):
        records = [_row(dose, model) for dose in plan]
        at = list_in_days(seen[i], model)
        if not np.isfinite(at).all():
            raise BadValue(f"times = {short(seen[i])}: expected finite times")
        records += [{"TIME": time * clock, "EVID": OBSERVATION} for time in at.tolist()]
        records.sort(key=lambda row: (row["TIME"], row["EVID"] != OBSERVATION))
        rows += [{"ID": i + 1} | row for row in records]
    frame = pandas.DataFrame(rows, columns=["ID", "TIME", "EVID", "AMT", "CMT", "RATE", "DUR", "SS", "II"])
    frame["MDV"] = (frame["EVID"] != OBSERVATION).astype(int)
    return frame.fillna({"AMT": 0.0, "CMT": 0, "RATE": 0.0, "DUR": 0.0, "SS": 0, "II": 0.0}).astype(
        {"CMT": int, "SS": int}
    )


def _times_of_each(times: Any, count: int) -> Sequence[Any]:
    listed: Any = np.zeros(0) if times is None else times
    if not one_each(listed):
        return [listed] * count
    if len(listed) != count:
        raise BadValue(f"times holds {len(listed)} lists for {count} patients; give one list for all, or one a patient")
    return listed


def _row(dose: Dose, model: Model) -> dict[str, Any]:
    clock = model.per_day
    row: dict[str, Any] = {"TIME": dose.time * clock, "EVID": RESET}
    if dose.action == "reset":
        return row
    state = model.target(dose.into)
    scale = 1.0 if dose.action == "multiply" else factor(dose.unit, state.unit)
    row |= {
        "EVID": DOSE if dose.action == "add" else dose.action,
        "AMT": dose.amount * scale,
        "CMT": [s.name for s in model.states].index(state.name) + 1,
        "DUR": dose.duration * clock,
        "SS": STEADY.index(dose.steady_state),
        "II": dose.every * clock,
        "RATE": {"rate": -1.0, "duration": -2.0}.get(dose.modelled, dose.rate * scale / clock),
    }
    return row
