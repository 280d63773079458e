"""Run a declared fit: fit.toml in; result.json, report.md and a figure out; re-evaluate a committed result."""

import contextlib
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from immunode.calibration import report as fitreport
from immunode.calibration.cohorts import data_hash
from immunode.calibration.fit import Fit, calibrate, table
from immunode.calibration.identifiability import LOG
from immunode.calibration.predict import predict
from immunode.calibration.problem import fit_problem
from immunode.errors import BadValue, UnknownName, nearest
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence
from immunode.evidence.readings import other_readings
from immunode.internal.progress import bar
from immunode.models import model as find_model
from immunode.virtual_trials.population import Population

# of a committed prediction (or of its sigma, near zero): a hundred times the solver's rtol, so that platforms agree
AGREE = 1e-6

PATIENTS = 1000  # virtual patients per arm behind a population's median


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Free(_Part):
    """State where a free parameter starts, its bounds, and whether it is fitted on the log scale."""

    value: float | None = None
    min: float | None = None
    max: float | None = None
    log: bool = False

    def options(self) -> dict[str, Any]:
        """Return what was stated."""
        return {key: value for key, value in self.model_dump().items() if value is not None}


class Variant(_Part):
    """Name another reading of the fit: other values, parameters fixed instead of free, another spread, evidence left
    out."""

    label: str
    values: dict[str, float] = {}
    fixed: dict[str, float] = {}
    spread: dict[str, float] = {}
    without: tuple[str, ...] = ()


class Assumed(_Part):
    """State an assumption of the fit or its model, and the readings reported beside it."""

    name: str
    alternatives: tuple[Variant, ...]


class FitFile(_Part):
    """Hold a fit's declaration."""

    title: str
    model: str
    evidence: tuple[str, ...]
    vary: dict[str, Free]
    derived: dict[str, str] = {}
    spread: dict[str, float] = {}
    population: dict[str, float] = {}
    seed: int = 0
    starts: int = 1
    assumptions: tuple[Assumed, ...] = ()


def folder() -> Path:
    """Return the folder of the library's fits: in the package when installed, at the root of a checkout."""
    installed = Path(__file__).parent.parent / "fits"
    return installed if installed.is_dir() else Path(__file__).parent.parent.parent / "fits"


def fit_names() -> list[str]:
    """Return the names of the library's fits, sorted."""
    return sorted(path.parent.name for path in folder().glob("*/fit.toml"))


def find_fit(name: str) -> Path:
    """Return the folder of a library fit, or of a user's (a folder with a fit.toml, or that file); raise UnknownName
    otherwise."""
    if name in fit_names():
        return folder() / name
    path = Path(name)
    path = path.parent if path.name == "fit.toml" else path
    if (path / "fit.toml").is_file():
        return path
    raise UnknownName(f"there is no fit '{name}'{nearest(name, fit_names())}")


def load_fit(name: str) -> FitFile:
    """Read a fit's declaration; raise BadValue with the field that is wrong, UnknownName when there is none."""
    path = find_fit(name) / "fit.toml"
    try:
        return FitFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadValue(f"cannot read '{path}': {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise BadValue(f"'{path}', field '{'.'.join(map(str, first['loc']))}': {first['msg']}") from error


def run_fit(
    name: str,
    *,
    check: bool = False,
    out: str | Path | None = None,
    threads: int = 1,
    progress: bool = True,
) -> dict[str, Any]:
    """Run a declared fit and return the result; write its files into the existing folder `out`.

    With `check` the committed result is evaluated again instead, and result["check"] says whether all predictions
    agree to 1e-6. Where the declaration has a `population` (SD of the log of parameters), the report shows the
    population's median of every row at the estimates.
    """
    home = find_fit(name)
    declared = load_fit(name)
    if check:
        return _check(home, declared, threads)
    variants = [*_readings(declared)]
    with bar("fits") if progress else contextlib.nullcontext(lambda done, total: None) as step:
        fit = _run(declared, [load_evidence(one) for one in declared.evidence], threads, starts=declared.starts)
        step(1, 1 + len(variants))
        estimates = {name: float(fit.params[name].value) for name in declared.vary}
        refits = []
        for done, (source, what, assumed, variant, sources) in enumerate(variants):
            other = _run(declared, sources, threads, at=estimates, variant=variant)
            moves = fitreport.moved(fit, other, list(estimates))
            refits.append({"source": source, "name": what, "assumed": assumed, "label": variant.label} | moves)
            step(done + 2, 1 + len(variants))
    result = _result(home.name, declared, fit, refits)
    if declared.population:
        medians = population_medians(declared, _values(declared, estimates, result), threads)
        for row, median in zip(result["predicted"], medians, strict=True):
            row["population_median"] = median
    if out is not None:
        _write(Path(out), result)
    return result


def population_medians(declared: FitFile, values: Mapping[str, float], threads: int) -> list[float]:
    """Return the median over virtual patients of every row, at the given parameter values."""
    model = find_model(declared.model)
    patients = Population(model, omega=declared.population).sample(PATIENTS, declared.seed)
    factors = {name: patients.parameter(name) / model.typical[name] for name in declared.population}
    draws = [{name: float(column[i]) for name, column in factors.items()} for i in range(PATIENTS)]
    sources = [load_evidence(one) for one in declared.evidence]
    this = fit_problem(sources, model, draws=draws, rtol=1e-6, threads=threads)
    return [float(median) for median in predict(this, [values])[0]]


def _run(
    declared: FitFile,
    sources: Sequence[Evidence],
    threads: int,
    *,
    starts: int = 1,
    at: Mapping[str, float] | None = None,
    variant: Variant | None = None,
) -> Fit:
    variant = variant or Variant(label="")
    vary = {key: free.options() for key, free in declared.vary.items() if key not in variant.fixed}
    for key, value in (at or {}).items():
        if key in vary:
            vary[key]["value"] = value
    kept = [one for one in sources if one.name not in variant.without]
    return calibrate(
        kept,
        declared.model,
        vary,
        derived=declared.derived,
        values=variant.values | variant.fixed,
        spread=declared.spread | variant.spread,
        seed=declared.seed,
        starts=starts,
        threads=threads,
    )


def _readings(declared: FitFile) -> Iterator[tuple[str, str, str, Variant, list[Evidence]]]:
    """Yield every declared reading: whose, which assumption, what is assumed, the variant and its evidence."""
    base = {name: load_evidence(name) for name in declared.evidence}
    for name in base:
        for other in other_readings(name, load_evidence):
            sources = base | {name: other.source}
            yield name, other.assumption, other.assumed, Variant(label=other.label), list(sources.values())
    for extra in declared.assumptions:
        for variant in extra.alternatives:
            yield "the fit", extra.name, "", variant, list(base.values())


def _result(name: str, declared: FitFile, fit: Fit, refits: list[dict[str, Any]]) -> dict[str, Any]:
    scale = math.sqrt(max(1.0, fit.redchi))

    def entry(key: str) -> dict[str, Any]:
        varied = f"{LOG}{key}" if f"{LOG}{key}" in fit.params else key
        own, free = fit.params[varied], fit.params[key]
        at_bound = bool(own.vary and min(own.value - own.min, own.max - own.value) < 1e-6 * (1 + abs(own.value)))
        stderr = float(free.stderr) if free.stderr is not None else None
        out = {
            "value": float(free.value),
            "stderr": stderr,
            "stderr_scaled": None if stderr is None else stderr * scale,
        }
        return out | {"log_stderr": own.stderr if varied != key else None, "at_bound": at_bound}

    objective = {key: getattr(fit, key) for key in ("chisqr", "nfree", "redchi", "aic")}
    return {
        "name": name,
        "title": declared.title,
        "model": declared.model,
        "evidence": list(declared.evidence),
        "estimates": {key: entry(key) for key in declared.vary},
        "derived": {key: entry(key) for key in declared.derived},
        "objective": objective | {"ndata": int(fit.result.ndata), "nvarys": int(fit.result.nvarys)},
        "starts": list(fit.starts),
        "status": fit.status,
        "weak": list(fit.weak),
        "predicted": fit.table.to_dict("records"),
        "assumptions": refits,
        "seed": declared.seed,
        "versions": dict(fit.versions),
        "data_hash": fit.data_hash,
    }


def _values(declared: FitFile, estimates: Mapping[str, float], result: Mapping[str, Any]) -> dict[str, float]:
    """Return the model's parameters at the estimates."""
    known = find_model(declared.model).typical
    derived = {key: entry["value"] for key, entry in result["derived"].items()}
    return {key: value for key, value in (dict(estimates) | derived).items() if key in known}


def committed(name: str) -> dict[str, Any]:
    """Return the committed result of a fit; raise BadValue when it was never run."""
    path = find_fit(name) / "result.json"
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadValue(f"fit '{name}' has no readable result ({path}); run 'immunode fit {name}'") from error
    return result


def _check(home: Path, declared: FitFile, threads: int) -> dict[str, Any]:
    result = committed(str(home / "fit.toml"))
    sources = [load_evidence(one) for one in declared.evidence]
    this = fit_problem(sources, find_model(declared.model), spread=declared.spread, threads=threads)
    estimates = {key: entry["value"] for key, entry in result["estimates"].items()}
    now = table(this, _values(declared, estimates, result))
    before = {row["label"]: row for row in result["predicted"]}
    changes = {}
    for row in now.to_dict("records"):
        old = before.get(row["label"], {}).get("predicted", math.nan)
        changes[row["label"]] = abs(row["predicted"] - old) / max(abs(old), row["sigma"])
    same = result["data_hash"] == data_hash(sources) and set(before) == set(changes)
    worst = max(changes, key=lambda label: math.inf if math.isnan(changes[label]) else changes[label])
    outcome = {
        "ok": bool(same and changes[worst] <= AGREE),
        "same_data": same,
        "largest_change": changes[worst],
        "at": worst,
    }
    return result | {"check": outcome}


def _write(out: Path, result: Mapping[str, Any]) -> None:
    (out / "result.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (out / "report.md").write_text(fitreport.report(result), encoding="utf-8")
    fitreport.figure(result).savefig(out / "residuals.png", dpi=100)


def write_overview() -> None:
    """Write the README of the library's fits from their committed results."""
    (folder() / "README.md").write_text(fitreport.overview([committed(name) for name in fit_names()]), encoding="utf-8")
