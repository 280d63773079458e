"""Make an array of the parameters of n patients from what is said of them by name."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeGuard

import numpy as np

from immunode.errors import BadValue, ImmunodeError, UnitError, unknown
from immunode.internal.arguments import by_name, refuse, short
from immunode.internal.memory import need
from immunode.model.declaration import Model
from immunode.units import factor, with_unit

_BY_NAME = "{'CL': 10.0}, {'CL': '10 L/h'} or {'CL': [10.0, 12.0]}"
_WITH_PATIENTS = "simulate(patients, regimen)"


class VirtualPatients(Protocol):
    """Say what virtual patients are, which lie above this package: a model, and parameters (n, k) of each."""

    @property
    def model(self) -> Model:
        """Return the model of all of them."""

    @property
    def parameters(self) -> np.ndarray:
        """Return their parameters, in the order of `model.typical`."""


def parameters_by_name(parameters: Any, model: Model) -> dict[str, Any]:
    """Return parameters by name, those of virtual patients too; raise BadValue, with the cure, for anything else."""
    if is_patients(parameters):
        if parameters.model is not model:
            other = ", another" if parameters.model.name == model.name else ""
            drawn = f"patients of {parameters.model.name}{other}"
            raise BadValue(f"parameters = {drawn}: expected patients of the {model.name} that is simulated")
        return dict(zip(model.typical, parameters.parameters.T, strict=True))
    cure = ""
    if _is_population(parameters):
        cure = "; draw patients: parameters=population.sample(1000, seed=1)"
    elif hasattr(parameters, "columns"):
        cure = "; of a DataFrame of one row a patient give dict(frame)"
    elif getattr(parameters, "ndim", 0) > 0:
        cure = "; of virtual patients give themselves, parameters=patients"
    return by_name(parameters, "parameters", _BY_NAME + cure)


def of_patients(model: Any, regimen: Any, parameters: Any) -> tuple[Any, Any]:
    """Return the model and the parameters of a call: those of virtual patients where these stand for the model.

    Raise BadValue where patients stand for the regimen, or bring parameters beside others, or are a population.
    """
    for what, value in (("model", model), ("regimen", regimen)):
        if _is_population(value):
            raise BadValue(f"{what} = {short(value)}: draw patients, population.sample(1000, seed=1); {_WITH_PATIENTS}")
    if is_patients(regimen):
        raise BadValue(f"regimen = {short(regimen)}: write {_WITH_PATIENTS}")
    if not is_patients(model):
        return model, parameters
    if parameters is not None:
        raise BadValue(
            f"parameters = {short(parameters)}: the patients in place of the model have their own; leave it out, "
            "or change the parameters of the model before patients are drawn"
        )
    return model.model, model


def is_patients(value: Any) -> TypeGuard[VirtualPatients]:
    """Return whether a value is virtual patients."""
    return all(hasattr(value, name) for name in ("model", "parameters", "subgroup", "status"))


def _is_population(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("sample", "omega", "of"))


def matrix(
    model: Model, changes: Mapping[str, Any] | None, n: int | None = None, *, bounded: bool = True
) -> np.ndarray:
    """Return parameters (n, parameters) from values or arrays of n values by name.

    Numbers are taken in the declared unit. Without `n` the arrays say how many patients there are. Arrays that are not
    `bounded` may leave the bounds of a parameter, as draws do.
    """
    single = {k: v for k, v in (changes or {}).items() if not is_listed(v)}
    many = {k: _values(model, k, v) for k, v in (changes or {}).items() if is_listed(v)}
    lengths = {v.shape for v in many.values()} | ({(n,)} if n is not None else set())
    if len(lengths) > 1 or any(len(shape) > 1 or shape == (0,) for shape in lengths):
        raise BadValue(
            f"parameters given as arrays differ in length, or are no rows of numbers: shapes {sorted(lengths)}"
            + (f"; there are {n} patients" if n is not None else "")
        )
    count = lengths.pop()[0] if lengths else 1
    need(8 * count * len(model.typical), f"{count} patients of {model.name}", "simulate fewer patients at a time")
    out = np.tile(list(model.values(single).values()), (count, 1))
    for name, values in many.items():
        if not np.isfinite(values).all():
            i = int(np.flatnonzero(~np.isfinite(values))[0])
            raise BadValue(f"parameter '{name}' of patient {i} is {values[i]}: expected a finite number")
        for extreme in (values.min(), values.max()) if bounded else ():
            model.values({name: extreme})
        out[:, list(model.typical).index(name)] = values
    return out


def is_listed(value: Any) -> bool:
    """Return whether a value is a list, one a patient: a list, tuple, array or Series, but no text."""
    return isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) > 0


def _values(model: Model, name: str, listed: Any) -> np.ndarray:
    """Return values of a parameter, one a patient, each a number in the declared unit or "10 L/h"."""
    if name not in model.typical:
        raise unknown("parameter", name, model.typical, model.name)
    plain, unit = with_unit(listed)
    array = np.asarray(plain) if getattr(plain, "ndim", 0) else None
    if array is not None and array.dtype.kind in "iuf":
        return array.astype(float) * (1.0 if unit is None else factor_of(model, name, unit))
    if array is not None and array.ndim > 1:
        refuse(f"parameter '{name}'", listed, "one value a patient")
    return np.array([_value(model, name, i, value) for i, value in enumerate(listed if array is None else array)])


def factor_of(model: Model, name: str, unit: str) -> float:
    """Return what values of a parameter in a unit are multiplied by to be in the declared one."""
    declared = model.parameter_units[name]
    try:
        return factor(unit, declared)
    except UnitError as error:
        raise UnitError(f"parameter '{name}' of {model.name} is in {declared}: {error}") from error


def _value(model: Model, name: str, patient: int, value: Any) -> float:
    try:
        return model.values({name: value})[name]
    except ImmunodeError as error:
        raise type(error)(f"patient {patient}: {error}") from error
