"""The result of a declared fit, as result.json keeps it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from immunode.calibration.fit_file import find_fit
from immunode.errors import BadValue


@dataclass(frozen=True)
class FitResult:
    """Hold the result of a declared fit; its fields are the keys of result.json (docs/json.md).

    `estimates` and `derived` have an entry a parameter; `predicted` one a printed number; `assumptions` one a refit
    under another reading.
    """

    name: str
    title: str
    model: str
    evidence: list[str]
    estimates: Mapping[str, Mapping[str, Any]]
    derived: Mapping[str, Mapping[str, Any]]
    objective: Mapping[str, Any]
    starts: list[float]
    status: str
    weak: list[str]
    predicted: list[dict[str, Any]]
    assumptions: list[dict[str, Any]]
    seed: int
    versions: Mapping[str, str]
    data_hash: str

    def json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def committed(name: str) -> FitResult:
    """Return the committed result of a fit; raise BadValue when it was never run, or is no result of this version."""
    path = find_fit(name) / "result.json"
    try:
        return FitResult(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BadValue(f"fit '{name}' has no readable result ({path}); run 'immunode fit {name}'") from error
