"""Read a saved fit, and make its minimiser again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from immunode import models
from immunode.calibration.cohorts import data_hash, fitted
from immunode.calibration.finished import Fit, population_of
from immunode.calibration.fit import minimizer_of
from immunode.calibration.normal_fit import minimiser_at, steps_of
from immunode.calibration.population.recipe import KIND, minimiser_of, population_from
from immunode.calibration.population_result import NORMAL
from immunode.calibration.problem import fit_problem
from immunode.calibration.saving import read_fit
from immunode.errors import BadValue, ImmunodeError
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import thread_count
from immunode.internal.defaults import THREADS
from immunode.model.declaration import Model


def load_fit(path: str | Path, *, model: str | Model | None = None, threads: int | None = THREADS) -> Fit:
    """Return a fit that Fit.save wrote.

    Main arguments
        path: of the JSON file

    Other arguments
        model: the im.Model of the fit, needed for conf_interval, profile and emcee where the fit was given a Model
            instead of a name of the library or a file, default none
        threads: number of threads, default all cores

    Returns
        the fit, with all that was printed of it. Its minimiser is made again from the evidence in the file and the
        model; where that cannot be, `minimizer` is None, and `warnings` say so.

    Raises
        BadValue: for a file that is none, and a model of which the fit is not.

    Example
        >>> import immunode as im, tempfile, pathlib
        >>> line = im.Model("line", [im.State("y", "mg")], lambda t, x, p: {"y": p.k}, [im.Parameter("k", 1, "mg/day")])
        >>> rows = [{"arm": "a", "observable": "y", "day": 1, "value": 2.0, "sigma": 0.1}]
        >>> fit = im.calibrate(im.Evidence(name="assay", arms=[{"name": "a"}], rows=rows), line, ["k"])
        >>> path = pathlib.Path(tempfile.mkdtemp(), "fit.json")
        >>> fit.save(path)
        >>> again = im.load_fit(path, model=line)
        >>> again.stderr == fit.stderr
        True
    """
    saved, cores = read_fit(path), thread_count(threads)
    try:
        minimizer, reason = _minimizer(saved.recipe, saved.fields, saved.scale_covar, model, cores)
    except (ImmunodeError, KeyError, TypeError, AttributeError) as error:
        if model is not None:
            raise BadValue(f"{path}: its minimiser cannot be made again: {error}") from error
        minimizer, reason = None, str(error)
    fields = dict(saved.fields)
    if minimizer is None:
        fields["warnings"] = (*fields["warnings"], f"loaded without its minimiser: {reason}")
    return Fit(**fields, minimizer=minimizer, population=population_of(minimizer))


def _minimizer(
    recipe: Mapping[str, Any] | None,
    fields: Mapping[str, Any],
    scale_covar: bool | None,
    model: str | Model | None,
    threads: int,
) -> tuple[Any, str]:
    """Return lmfit's minimiser of a recipe, or None and why there is none."""
    if recipe is None or recipe.get("kind") not in ("typical patient", KIND, NORMAL):
        return None, "its file does not say what it was made of"
    named = model if model is not None else recipe["model"]
    if named is None:
        return None, "its model has no name to be found by; give im.load_fit(path, model=...)"
    sources = [Evidence(**one) for one in recipe["evidence"]]
    if data_hash(sources) != fields["data_hash"]:
        raise BadValue("the evidence in the file is not that of the fit")
    if recipe["kind"] == KIND:
        return minimiser_of(recipe, named, fields["params"], threads), ""
    if recipe["kind"] == NORMAL:
        population = population_from(recipe["population"], named)
        tried = steps_of(sources, population, seed=recipe["seed"], threads=threads)
        return minimiser_at(tried, fields["params"]), ""
    problem = fit_problem(
        fitted(sources), models.model(named), spread=recipe["spread"], rtol=recipe["rtol"], threads=threads
    )
    minimizer = minimizer_of(problem, fields["params"], recipe["held"], scale_covar=bool(scale_covar))
    again = minimizer.userfcn(fields["params"])
    if abs(float(again @ again) - fields["result"].chisqr) > 1e-6 * (1.0 + fields["result"].chisqr):
        raise BadValue("the model is another: chi-square at the estimates is not that of the fit")
    return minimizer, ""
