"""What a variable of a result says about its times: that it reaches more between them than they show.

`simulate` says it in attributes of the variable, `plot` and `nca` read it there.
"""

from typing import Any

import numpy as np

BETWEEN, BETWEEN_TIME = "between_times", "between_times_at"  # what it reaches there [its unit], and when [time unit]
# of the time: when doses are given; of a list of regimens also of which, by their names in lines
DOSES, DOSES_OF, DOSES_NAMES = "doses", "doses_of", "doses_names"
SETS, SETS_WORDS = "sets", "sets_words"  # when states are set, and what to ("art = 0"), in lines
MOST_NAMED = 12  # regimens of which each is a course of its own
_STEPS = (1, 2, 3, 4, 6, 8, 12, 24, 48, 96, 288, 1440)  # parts of a day


def coarse(values: Any) -> str:
    """Return in words that a DataArray's times miss what it reaches between them, and the cure; "" where not."""
    peak, at = values.attrs.get(BETWEEN), values.attrs.get(BETWEEN_TIME)
    if peak is None or at is None or "time" not in values.coords or values["time"].size < 2:
        return ""
    time, clock = values["time"].values, values["time"].attrs.get("units", "1")
    apart, unit = float(np.median(np.diff(time))), values.attrs.get("units", "1")
    numbers = values.values[np.isfinite(values.values)]
    highest, lowest = (float(numbers.max()), float(numbers.min())) if numbers.size else (np.nan, np.nan)
    seen = f"no more than {highest:.3g}" if peak > highest else f"no less than {lowest:.3g}"
    reached = "at least" if peak > highest else "at most"  # it is looked for at some times alone
    reach = f"{peak:.3g}{'' if unit == '1' else f' {unit}'} ({clock} {at:.3g})"
    return (
        f"'{values.name}' reaches {reached} {reach} between the times, {apart:.3g} {clock} apart, which show {seen}: "
        f"simulate with {_cure(values, at, apart)}"
    )


def _cure(values: Any, at: float, apart: float) -> str:
    """Return the times to simulate with: a third of that from the last dose to what is missed, which may be at once."""
    time, clock = values["time"], values["time"].attrs.get("units", "1")
    doses = np.atleast_1d(np.asarray(time.attrs.get(DOSES, []), dtype=float))
    before = doses[doses <= at]
    wanted = (at - before.max()) / 3 if before.size else float(np.median(np.diff(time.values))) / 8
    if before.size and at - before.max() < 1e-3 * apart:
        return "at_dose='post'"
    if clock != "day":
        return f"times {wanted:.1g} {clock} apart"
    parts = next((parts for parts in _STEPS if 1 / parts <= wanted), _STEPS[-1])
    return f"times=im.days({time.values[0]:g}, {time.values[-1]:g}, every=1/{parts})"
