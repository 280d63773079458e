"""The file of a declared fit, fit.toml, and where fits lie."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from immunode.errors import UnknownName, nearest
from immunode.evidence.design import Correlation, Subgroup
from immunode.evidence.library import trial_names
from immunode.evidence.toml_file import NO_TEXT, Count, FilePart, Finite, NotNegative, Positive, read_toml, validated
from immunode.internal.arguments import MOST_SEED
from immunode.model.model_file import beside


class Prior(FilePart):
    """Hold what is known of a parameter before the fit: a log-normal law, and who says so."""

    median: Positive
    log_sd: Positive
    source: str


class Free(FilePart):
    """Hold where a free parameter starts, its bounds, whether it is fitted on the log scale, and its prior."""

    value: Finite | None = None
    min: Finite | None = None
    max: Finite | None = None
    log: Annotated[bool, Field(strict=True)] = False
    prior: Prior | None = None

    def options(self) -> dict[str, Any]:
        """Return what was stated."""
        return {key: value for key, value in self.model_dump(exclude_unset=True).items() if value is not None}


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


class FitPopulation(FilePart):
    """Hold how patients differ: SD of the log of parameters, correlations and subgroups, as in a trial file."""

    omega: dict[str, NotNegative] = Field(default_factory=dict)
    correlations: tuple[Correlation, ...] = ()
    subgroups: tuple[Subgroup, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, said: Any) -> Any:
        """Read the short way, {CL = 0.3}, in which nothing but SDs is said."""
        parts = ("omega", "correlations", "subgroups")
        if isinstance(said, Mapping) and not any(isinstance(said.get(part), Mapping | list) for part in parts):
            return {"omega": said}
        return said


class FitFile(FilePart):
    """Hold a fit's declaration.

    With the `likelihood` "typical", least squares on the typical patient, `population` tells the population's median at
    the estimates; with "summaries" it is what is fitted, `trial_effects` the scale of the prior of the SD of each
    trial's own shift, and `patients` how many virtual ones stand for an arm at least;
    `values` are what parameters of the model are held at where it is not their default. The report tells of groups of
    printed numbers, `scored` by their labels, fitted or not, how well each is met and foretold; trials that are of the
    `same_patients` are left out together where each trial is foretold by the others.
    """

    title: str
    model: str
    evidence: Annotated[tuple[str, ...], Field(min_length=1)]
    vary: Annotated[dict[str, Free], Field(min_length=1)]
    values: dict[str, Finite] = Field(default_factory=dict)
    derived: dict[str, str] = Field(default_factory=dict)
    spread: dict[str, NotNegative] = Field(default_factory=dict)
    likelihood: Literal["typical", "summaries"] = "typical"
    population: FitPopulation = Field(default_factory=FitPopulation)
    trial_effects: dict[str, Positive] = Field(default_factory=dict)
    patients: Count | None = None
    scored: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    same_patients: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()
    seed: Annotated[int, Field(ge=0, le=MOST_SEED), NO_TEXT] = 0
    starts: Count = 1
    assumptions: tuple[Assumed, ...] = ()

    @model_validator(mode="after")
    def _of_its_likelihood(self) -> "FitFile":
        of_populations = ("trial_effects", "patients", "values", "scored", "same_patients")
        other = {"typical": of_populations, "summaries": ("spread",)}[self.likelihood]
        if self.likelihood == "typical" and (known := [name for name, free in self.vary.items() if free.prior]):
            raise ValueError(f"likelihood = 'typical' has no use for the prior of '{known[0]}'; leave it out")
        for field in other:
            if field in self.model_fields_set:
                raise ValueError(f"likelihood = '{self.likelihood}' has no use for '{field}'; leave it out")
        if self.likelihood == "typical" and (self.population.correlations or self.population.subgroups):
            raise ValueError("correlations and subgroups are fitted with likelihood = 'summaries'; add that line")
        self._check_same_patients()
        for name in self.values:
            if name in self.vary or name in self.derived:
                what = "fitted" if name in self.vary else "derived"
                raise ValueError(f"values: '{name}' is {what}, so that its value has no effect; leave it out")
        if self.likelihood == "summaries" and not self.population.omega:
            raise ValueError(
                "likelihood = 'summaries' fits patients who differ; say how, such as [population] with "
                "omega = { CL = 0.3 }"
            )
        return self

    def _check_same_patients(self) -> None:
        if self.same_patients and not self.trial_effects:
            raise ValueError(
                "same_patients: trials are foretold by each other where a fit has trial_effects alone; say these, or "
                "leave it out"
            )
        for group in self.same_patients:
            for trial in group:
                if trial not in self.evidence:
                    raise ValueError(f"same_patients: '{trial}' is not in evidence = {list(self.evidence)}")
            if len(set(group)) < len(group):
                raise ValueError(f"same_patients: {list(group)} has a trial twice")


def fits_folder() -> Path:
    """Return the folder of the library's fits: in the package when installed, at the root of a checkout."""
    installed = Path(__file__).parent.parent / "fits"
    return installed if installed.is_dir() else Path(__file__).parent.parent.parent / "fits"


def fit_names() -> list[str]:
    """Return the names of the library's fits, sorted."""
    return sorted(path.parent.name for path in fits_folder().glob("*/fit.toml"))


def find_fit(name: str) -> Path:
    """Return the folder of a library fit, or of a user's (a folder with a fit.toml, or such a file); raise UnknownName
    otherwise."""
    return fit_path(name).parent


def fit_path(name: str) -> Path:
    """Return the file of a library fit, or of a user's: a folder with a fit.toml, or a TOML file that has `vary`; raise
    UnknownName otherwise."""
    if name in fit_names():
        return fits_folder() / name / "fit.toml"
    path = Path(name)
    if path.suffix == ".toml" and os.path.isfile(path):  # false for a name too long, of which Path.is_file complains
        if path.name == "fit.toml" or "vary" in read_toml(path).fields:
            return path
        if "arms" in read_toml(path).fields:
            raise UnknownName(
                f"'{name}' is a trial file, not a fit; write a fit.toml with evidence = ['{path.name}'] beside it, or "
                "run it: immunode trial"
            )
    elif os.path.isfile(path / "fit.toml"):
        return path / "fit.toml"
    if name and os.path.exists(name):
        raise UnknownName(f"'{name}' is no fit: expected a folder with a fit.toml, or that file")
    raise UnknownName(f"there is no fit '{name}'{nearest(name, fit_names())}")


def load_fit(name: str) -> FitFile:
    """Read a fit's declaration; raise BadValue with the line and field that are wrong, UnknownName when there is
    none."""
    path = fit_path(name)
    file = validated(FitFile, read_toml(path))
    evidence = tuple(_beside(trial, path) for trial in file.evidence)
    same = tuple(tuple(_beside(trial, path) for trial in group) for group in file.same_patients)
    places = {"model": beside(file.model, path), "evidence": evidence, "same_patients": same}
    return file.model_copy(update=places)  # files of the user's


def fit_name(name: str) -> str:
    """Return what a fit is called: its folder, or its file where that is called otherwise than fit.toml."""
    path = fit_path(name).resolve()
    return path.parent.name if path.name == "fit.toml" else path.stem


def _beside(trial: str, path: Path) -> str:
    """Return a trial of the library, or the path of a trial file seen from here, not from the fit's file."""
    return trial if trial in trial_names() or not trial.endswith(".toml") else str(path.parent / trial)
