"""What a fit says of its parameters: estimates with their errors, and how they move in another fit."""

import math
from collections.abc import Sequence
from typing import Any

from immunode.calibration.fit import Fit
from immunode.calibration.free_parameters import varied_name
from immunode.calibration.warned import at_bound


def estimate(fit: Fit, name: str) -> dict[str, Any]:
    """Return the value of a parameter and its errors; the scaled one is larger where the numbers disagree."""
    varied = varied_name(fit.params, name)
    free, p = fit.params[varied], fit.params[name]
    stderr = float(p.stderr) if p.stderr is not None else None
    return {
        "value": float(p.value),
        "stderr": stderr,
        "stderr_scaled": None if stderr is None else stderr * math.sqrt(max(1.0, fit.redchi)),
        "log_stderr": free.stderr if varied != name else None,
        "at_bound": bool(free.vary and at_bound(free, varied != name)),
    }


def moves(fit: Fit, other: Fit, names: Sequence[str]) -> dict[str, Any]:
    """Return what a refit changed: chi-square, and estimates with their move in standard errors of the first fit."""
    estimates = {}
    for name in names:
        varied = varied_name(fit.params, name)
        before, after = fit.params[varied], other.params.get(varied)
        if after is not None and after.vary and before.stderr:
            steps = float((after.value - before.value) / before.stderr)
            estimates[name] = {"value": float(other.params[name].value), "moved": steps}
    return {"chisqr": other.chisqr, "nfree": other.nfree, "estimates": estimates}
