"""A fit as a JSON file: plain numbers and texts, nothing that runs when it is read."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from immunode.calibration.expressions import arithmetic
from immunode.errors import BadValue
from immunode.internal.arguments import short
from immunode.units import SaidDays

FORMAT = "immunode fit 1"
OF_PARAMETER = ("value", "vary", "min", "max", "expr", "init_value", "stderr", "correl")
OF_RESULT = (
    "chisqr", "redchi", "aic", "bic", "nfree", "ndata", "nvarys", "nfev", "success", "aborted", "errorbars", "message",
    "method", "var_names", "init_vals", "residual", "covar", "lifted",
)  # fmt: skip
TEXTS = ("seed", "data_hash", "failed", "deviance")
FRAMES = ("intervals", "tau", "draws", "tau_draws")  # of a population


def write_fit(fit: Any, path: str | Path) -> None:
    """Write a Fit into a JSON file; raise BadValue where it cannot be written."""
    if not isinstance(path, str | Path):
        raise BadValue(f"path = {short(path)}: expected a text such as 'fit.json'")
    text = json.dumps(plain(as_data(fit)), indent=1, allow_nan=False)
    try:
        Path(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise BadValue(f"cannot write {path}: {error.strerror or error}") from error


def as_data(fit: Any) -> dict[str, Any]:
    """Return a Fit as plain data."""
    return (
        result_data(fit.result)
        | {
            "format": FORMAT,
            "table": fit.table.to_dict("list"),
            "optima": fit.optima.to_dict("list"),
            **{key: getattr(fit, key).to_dict("split") for key in FRAMES},
            "weak": list(fit.weak),
            "warnings": list(fit.warnings),
            "starts": list(fit.starts),
            "versions": dict(fit.versions),
            "scale_covar": bool(fit.minimizer.scale_covar) if fit.minimizer is not None else None,
            "recipe": None if fit.recipe is None else dict(fit.recipe),
        }
        | {key: getattr(fit, key) for key in TEXTS}
    )


def result_data(result: Any) -> dict[str, Any]:
    """Return lmfit's result as plain data, as far as it is kept."""
    params = {name: {key: getattr(p, key, None) for key in OF_PARAMETER} for name, p in result.params.items()}
    return {"params": params, "result": {key: getattr(result, key) for key in OF_RESULT if hasattr(result, key)}}


def result_of(data: Mapping[str, Any]) -> Any:
    """Return lmfit's result of what `result_data` returned."""
    return _result(data["result"], _params(data["params"]))


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: numbers that are none finite as their names."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, SaidDays):
        return f"{float(value)!r} d"  # said with a unit, which a model that does not count days asks for
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}  # nan, inf, -inf
    return value


def read(value: Any) -> Any:
    """Return what `plain` returned with its numbers again."""
    if isinstance(value, dict):
        return float(value["number"]) if set(value) == {"number"} else {key: read(one) for key, one in value.items()}
    return [read(one) for one in value] if isinstance(value, list) else value


@dataclass(frozen=True, eq=False)
class Saved:
    """Hold what a file says of a fit, and its `recipe`, from which its minimiser is made again."""

    fields: Mapping[str, Any]
    recipe: Mapping[str, Any] | None
    scale_covar: bool | None


def read_fit(path: str | Path) -> Saved:
    """Return what a file of `write_fit` holds; raise BadValue for another."""
    if not isinstance(path, str | Path):
        raise BadValue(f"path = {short(path)}: expected a text such as 'fit.json'")
    try:
        data = read(json.loads(Path(path).read_text(encoding="utf-8")))
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise BadValue(f"{path} is no saved fit: expected a file that fit.save wrote, of format '{FORMAT}'")
        return Saved(fields_of(data), data["recipe"], data["scale_covar"])
    except OSError as error:
        raise BadValue(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, BadValue):
            raise
        raise BadValue(f"{path} is no saved fit: {type(error).__name__} {short(error)}") from error


def fields_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a Fit, but its minimiser."""
    result = result_of(data)
    optima = pd.DataFrame(data["optima"])
    optima.index = pd.RangeIndex(1, len(optima) + 1, name="optimum")
    return {
        "params": result.params,
        "result": result,
        "table": pd.DataFrame(data["table"]),
        "optima": optima,
        "weak": tuple(data["weak"]),
        "warnings": tuple(data["warnings"]),
        "starts": tuple(data["starts"]),
        "versions": dict(data["versions"]),
        "recipe": data["recipe"],
        **{key: pd.DataFrame(**data[key]) for key in FRAMES},
    } | {key: data[key] for key in TEXTS}


def _params(entries: Mapping[str, Any]) -> lmfit.Parameters:
    """Return lmfit's parameters; expressions are checked by the recipe's reader, who knows what they may name."""
    params = lmfit.Parameters()
    for name, entry in entries.items():
        said = {key: entry[key] for key in ("value", "vary", "min", "max", "expr")}
        if said["expr"]:
            said = {"value": said["value"], "vary": False, "min": said["min"], "max": said["max"]}
        params.add(name, **said)
    for name, entry in entries.items():
        if entry["expr"]:
            params[name].set(expr=arithmetic(name, entry["expr"], entries))
    for name, entry in entries.items():
        params[name].init_value = entry["init_value"]
        params[name].stderr = entry["stderr"]
        params[name].correl = entry["correl"]
    return params


def _result(entries: Mapping[str, Any], params: lmfit.Parameters) -> Any:
    """Return lmfit's result as far as it was kept."""
    result = lmfit.minimizer.MinimizerResult(params=params, **entries)
    for key in ("residual", "covar"):
        if key in entries:
            setattr(result, key, np.array(entries[key], float))
    result.init_values = dict(zip(entries["var_names"], entries["init_vals"], strict=True))
    return result
