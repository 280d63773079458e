"""The check of a committed fit: its predictions evaluated again by the code and the evidence as they are now."""

import math
from dataclasses import dataclass
from typing import Any

from immunode import models
from immunode.calibration.cohorts import data_hash
from immunode.calibration.fit_file import load_fit
from immunode.calibration.fit_result import FitResult, committed
from immunode.calibration.objective import table
from immunode.calibration.problem import fit_problem
from immunode.calibration.typical import typical
from immunode.evidence.library import load_evidence
from immunode.internal.arguments import thread_count
from immunode.internal.defaults import THREADS

# of a committed prediction (or of its sigma, near zero): a hundred times the solver's rtol, so that platforms agree
AGREE = 1e-6


@dataclass(frozen=True)
class FitCheck:
    """Hold a committed result, and whether it is still what the code and the evidence say.

    `ok` when all predictions agree and the evidence is the `same_data`; the `largest_change` of a prediction is in
    parts of it (or of its sigma, near zero), of the printed number `at`.
    """

    result: FitResult
    ok: bool
    same_data: bool
    largest_change: float
    at: str

    def json(self) -> dict[str, Any]:
        """Return the committed result as plain data, with what the check found under "check"."""
        return self.result.json() | {
            "check": {key: getattr(self, key) for key in ("ok", "same_data", "largest_change", "at")}
        }


def check_fit(name: str, *, threads: int | None = THREADS) -> FitCheck:
    """Evaluate the committed result of a fit again; `ok` says whether all predictions agree to 1e-6.

    Raise BadValue when the fit was never run.
    """
    file, result = load_fit(name), committed(name)
    sources = [load_evidence(trial) for trial in file.evidence]
    model = models.model(file.model)
    problem = fit_problem(typical(sources), model, spread=file.spread, threads=thread_count(threads))
    entries = {**result.estimates, **result.derived}
    now = table(problem, {key: entry["value"] for key, entry in entries.items() if key in model.typical})
    before = {row["label"]: row for row in result.predicted}
    changes = {}
    for row in now.to_dict("records"):
        old = before.get(row["label"], {}).get("predicted", math.nan)
        changes[row["label"]] = abs(row["predicted"] - old) / max(abs(old), row["sigma"])
    same = result.data_hash == data_hash(sources) and set(before) == set(changes)
    worst = max(changes, key=lambda label: math.inf if math.isnan(changes[label]) else changes[label])
    return FitCheck(result, bool(same and changes[worst] <= AGREE), same, changes[worst], worst)
