"""Give results their units: clearance and volumes of a dose, and the Dataset of all."""

from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue, UnitError
from immunode.internal import arguments
from immunode.noncompartmental.areas import over
from immunode.noncompartmental.samples import Samples
from immunode.noncompartmental.terminal import FAILED
from immunode.units import factor, parse

if TYPE_CHECKING:
    import xarray

UNITS = {  # of concentrations c, times t and volumes v
    "{c}": "C0 Cmax Cmin Clast Clast_pred Cavg Ctrough",
    "{t}": "Tmax Tmin Tlag Tlast lambda_z_start half_life MRTlast MRTinf_obs MRTinf_pred",
    "{c} * {t}": "AUClast AUCall AUCinf_obs AUCinf_pred AUCtau",
    "{c} * {t}^2": "AUMClast AUMCinf_obs AUMCinf_pred AUMCtau",
    "1/{t}": "lambda_z",
    "{v}/{t}": "CL CL_F",
    "{v}": "Vz Vz_F Vss",
    "percent": "AUC_extrapolated_obs AUC_extrapolated_pred AUMC_extrapolated_obs AUMC_extrapolated_pred "
    "AUC_back_extrapolated_obs AUC_back_extrapolated_pred fluctuation",
    "1": "lambda_z_points R2 R2_adjusted accumulation_index swing",
}


def clearance(amount: np.ndarray, values: dict[str, np.ndarray], route: str, *, steady: bool) -> dict[str, np.ndarray]:
    """Return clearance and volumes, over bioavailability after an extravascular dose."""
    cleared = over(amount, values["AUCtau" if steady else "AUCinf_obs"])
    distributed = cleared / values["lambda_z"]
    if route == "extravascular":
        return {"CL_F": cleared, "Vz_F": distributed}
    return {"CL": cleared, "Vz": distributed, "Vss": cleared * values["MRTinf_obs"]}


def amount(dose: Any, data: Samples) -> tuple[np.ndarray, str | None]:
    """Return the dose of each profile, and the unit of dose over concentration: L where that is a volume."""
    unit, shape = None, data.profiles.shape[:-1]
    plain = dose
    if isinstance(dose, str) or hasattr(dose, "magnitude"):
        plain, unit = parse(dose)
    elif hasattr(dose, "attrs"):
        unit, plain = dose.attrs.get("units"), _aligned(dose, data.profiles)
    try:
        number = np.asarray(plain).astype(float) if not isinstance(plain, bool) else np.array(np.nan)
    except (TypeError, ValueError, OverflowError):
        number = np.array(np.nan)
    if number.shape not in ((), shape) or not (np.isfinite(number) & (number > 0)).all():
        profiles = f"{shape} profiles" if shape else "the one profile"
        raise BadValue(f"dose = {arguments.short(dose)}: expected a positive amount, or one for each of {profiles}")
    if (unit is None) != (data.unit is None):
        raise UnitError(f"dose in {unit}, concentrations in {data.unit}: expected units of both ('3 MIU') or none")
    if unit is None:
        return number.ravel(), None
    ratio = f"({unit}) / ({data.unit})"
    try:
        return number.ravel() * factor(ratio, "L"), "L"
    except UnitError:  # a dose per body weight, or of another kind than what is measured
        return number.ravel(), ratio


def _aligned(dose: Any, profiles: "xarray.DataArray") -> Any:
    """Return doses in the order of the profiles, by the names of both; raise BadValue where these are not the same."""
    dims = profiles.dims[:-1]
    if not getattr(dose, "dims", ()):
        return dose
    if set(dose.dims) != set(dims):
        raise BadValue(f"dose has the dimensions {dose.dims}, the profiles {dims}: expected the same")
    for dim in dims:
        if dim in dose.coords and dim in profiles.coords:
            if set(dose[dim].values.tolist()) != set(profiles[dim].values.tolist()):
                raise BadValue(f"dose is for other {dim}s than the profiles: expected one for each of these")
            dose = dose.sel({dim: profiles[dim].values})
    return dose.transpose(*dims)


def dataset(values: dict[str, np.ndarray], reason: np.ndarray, data: Samples, volume: str | None) -> "xarray.Dataset":
    """Return the results with their dimensions and units; all of a profile that failed are nan."""
    import xarray

    shape, dims = data.profiles.shape[:-1], data.profiles.dims[:-1]
    known = {"c": data.unit, "t": data.clock, "v": volume}
    units = {name: unit.format(**known) for unit, names in UNITS.items() for name in names.split()}
    labels = {name: {"units": units[name]} if data.unit and data.clock else {} for name in values}
    shown = {k: (dims, np.where(reason == FAILED, np.nan, v).reshape(shape), labels[k]) for k, v in values.items()}
    others = {name: value for name, value in data.profiles.coords.items() if "time" not in value.dims}
    return xarray.Dataset(shown | {"reason": (dims, reason.reshape(shape))}, others)
