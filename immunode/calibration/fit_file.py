"""The file of a declared fit, fit.toml, and where fits lie."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from immunode.errors import UnknownName, nearest
from immunode.evidence.toml_file import NO_TEXT, Count, FilePart, Finite, NotNegative, read_toml, validated
from immunode.internal.arguments import MOST_SEED
from immunode.model.model_file import beside


class Free(FilePart):
    """Hold where a free parameter starts, its bounds, and whether it is fitted on the log scale."""

    value: Finite | None = None
    min: Finite | None = None
    max: Finite | None = None
    log: Annotated[bool, Field(strict=True)] = False

    def options(self) -> dict[str, Any]:
        """Return what was stated."""
        return {key: value for key, value in self.model_dump().items() if value is not None}


class Variant(FilePart):
    """Hold another reading of the fit: other values, parameters fixed instead of free, another spread, evidence left
    out."""

    label: str
    values: dict[str, Finite] = Field(default_factory=dict)
    fixed: dict[str, Finite] = Field(default_factory=dict)
    spread: dict[str, NotNegative] = Field(default_factory=dict)
    without: tuple[str, ...] = ()


class Assumed(FilePart):
    """Hold an assumption of the fit or its model, and the readings reported beside it."""

    name: str
    alternatives: tuple[Variant, ...]


class FitFile(FilePart):
    """Hold a fit's declaration."""

    title: str
    model: str
    evidence: Annotated[tuple[str, ...], Field(min_length=1)]
    vary: Annotated[dict[str, Free], Field(min_length=1)]
    derived: dict[str, str] = Field(default_factory=dict)
    spread: dict[str, NotNegative] = Field(default_factory=dict)
    population: dict[str, NotNegative] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0, le=MOST_SEED), NO_TEXT] = 0
    starts: Count = 1
    assumptions: tuple[Assumed, ...] = ()


def fits_folder() -> Path:
    """Return the folder of the library's fits: in the package when installed, at the root of a checkout."""
    installed = Path(__file__).parent.parent / "fits"
    return installed if installed.is_dir() else Path(__file__).parent.parent.parent / "fits"


def fit_names() -> list[str]:
    """Return the names of the library's fits, sorted."""
    return sorted(path.parent.name for path in fits_folder().glob("*/fit.toml"))


def find_fit(name: str) -> Path:
    """Return the folder of a library fit, or of a user's (a folder with a fit.toml, or that file); raise UnknownName
    otherwise."""
    if name in fit_names():
        return fits_folder() / name
    path = Path(name)
    path = path.parent if path.name == "fit.toml" else path
    if os.path.isfile(path / "fit.toml"):  # false for a name too long, of which Path.is_file complains
        return path
    if name and os.path.exists(name):
        raise UnknownName(f"'{name}' is no fit: expected a folder with a fit.toml, or that file")
    raise UnknownName(f"there is no fit '{name}'{nearest(name, fit_names())}")


def load_fit(name: str) -> FitFile:
    """Read a fit's declaration; raise BadValue with the line and field that are wrong, UnknownName when there is
    none."""
    path = find_fit(name) / "fit.toml"
    file = validated(FitFile, read_toml(path))
    return file.model_copy(update={"model": beside(file.model, path)})  # a Python file of the user's
