"""The result of a declared fit, as result.json keeps it."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from immunode.calibration.fit_file import find_fit
from immunode.errors import BadValue


@dataclass(frozen=True)
class FitResult:
    """Hold the result of a declared fit of the typical patient; its fields are the keys of result.json (docs/json.md).

    `estimates` and `derived` have an entry a parameter; `predicted` one a printed number; `assumptions` one a refit
    under another reading; `left_out` one a printed number of a trial that was left out; `notes` say what is to be known
    before an estimate is used.
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
    left_out: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return _json(self)


@dataclass(frozen=True)
class PopulationResult:
    """Hold the result of a declared fit of a population; its fields are the keys of result.json (docs/json.md).

    `estimates` have an entry a parameter: value (less its bias), low and high (calibrated), and raw ones; `tau` one an
    effect of trials; `predicted` one a printed number, where what was varied is `at`; `notes` say what is to be
    known before an estimate is used; `draws` and `tau_draws` have a list a parameter; `drawn_from` are the populations
    of the virtual patients, by which a check draws the same ones again.
    `weak` says in words what the evidence cannot tell apart; `priors` and what is `scored`, labels of printed numbers
    by the name of their group, are as fit.toml says them; `profiles` have a parameter's values and the rise of
    -2 log L at each. Of trials with effects `foretold` has a row a printed number, by the fit to all other trials, and
    `foretold_summary` how well that is.
    """

    likelihood: str
    name: str
    title: str
    model: str
    evidence: list[str]
    estimates: Mapping[str, Mapping[str, Any]]
    derived: Mapping[str, float]
    trial_effects: Mapping[str, float]
    tau: Mapping[str, Mapping[str, float]]
    objective: Mapping[str, Any]
    predicted: list[dict[str, Any]]
    assumptions: list[dict[str, Any]]
    notes: list[str]
    at: Mapping[str, float]
    anchored: Mapping[str, float]
    draws: Mapping[str, list[float]]
    tau_draws: Mapping[str, list[float]]
    drawn_from: list[dict[str, Any]]
    patients: int
    seed: int
    versions: Mapping[str, str]
    data_hash: str
    left_out: list[dict[str, Any]] = field(default_factory=list)
    weak: list[str] = field(default_factory=list)
    scored: Mapping[str, list[str]] = field(default_factory=dict)
    priors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict)
    foretold: list[dict[str, Any]] = field(default_factory=list)
    foretold_summary: dict[str, float] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return _json(self)


def _json(result: FitResult | PopulationResult) -> dict[str, Any]:
    """Return every field; one that a later version added, which has a default, where there is something in it."""
    every = [(one, getattr(result, one.name)) for one in fields(result)]
    return {one.name: value for one, value in every if value or one.default_factory is MISSING}


def committed(name: str) -> FitResult | PopulationResult:
    """Return the committed result of a fit; raise BadValue when it was never run, or is no result of this version."""
    folder = find_fit(name)
    path = folder / "result.json"
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return (PopulationResult if "likelihood" in read else FitResult)(**read)
    except (OSError, ValueError, TypeError) as error:
        raise BadValue(
            f"fit '{name}' has no readable result ({path}); run 'immunode fit {name} --out {folder}'"
        ) from error
