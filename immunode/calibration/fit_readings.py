"""Other readings of a declared fit: those that its trials leave open, and its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from immunode import models
from immunode.calibration.fit_file import FitFile, Variant
from immunode.calibration.population.values import CORRELATION, OMEGA
from immunode.errors import BadValue, unknown
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence
from immunode.evidence.readings import other_readings


@dataclass(frozen=True)
class FitReading:
    """Hold another reading of a fit: the trial (or "the fit") that leaves it open, what is assumed, the variant and
    the evidence that it is fitted to."""

    source: str
    assumption: str
    assumed: str
    variant: Variant
    evidence: list[Evidence]

    def words(self) -> dict[str, Any]:
        """Return what the result says of it."""
        return {
            "source": self.source,
            "name": self.assumption,
            "assumed": self.assumed,
            "label": self.variant.label,
        }


def fit_readings(file: FitFile) -> list[FitReading]:
    """Return every other reading that the trials or the fit declare; raise UnknownName and BadValue for one that cannot
    be, before anything is fitted."""
    readings = list(_readings(file))
    for reading in readings:
        _check_variant(file, reading.variant)
    for assumption in file.assumptions:
        labels = [variant.label for variant in assumption.alternatives]
        for label, variant in zip(labels, assumption.alternatives, strict=True):
            if variant == Variant(label=label):
                raise BadValue(f"reading '{label}': it changes nothing; say values, fixed, spread or without")
            if labels.count(label) > 1:
                raise BadValue(f"assumption '{assumption.name}': two readings are called '{label}'; name one otherwise")
    return readings


def _readings(file: FitFile) -> Iterator[FitReading]:
    base = {name: load_evidence(name) for name in file.evidence}
    for name in base:
        for other in other_readings(name, load_evidence):
            evidence = list((base | {name: other.source}).values())
            yield FitReading(base[name].name, other.assumption, other.assumed, Variant(label=other.label), evidence)
    for assumption in file.assumptions:
        for variant in assumption.alternatives:
            yield FitReading("the fit", assumption.name, "", variant, list(base.values()))


def _check_variant(file: FitFile, variant: Variant) -> None:
    """Check another reading of a fit: raise UnknownName for names that are none, BadValue for values of what is fitted
    or derived."""
    about = f"reading '{variant.label}'"
    known = models.model(file.model)
    fixed = {name: value for name, value in variant.fixed.items() if not name.startswith((OMEGA, CORRELATION))}
    known.values(variant.values | fixed)
    for name in variant.spread:
        if name not in known.typical:
            raise unknown("parameter", name, known.typical, f"{about}, spread: {known.name}")
    for name in variant.fixed:
        if name not in file.vary:
            raise unknown("free parameter", name, file.vary, f"{about}, fixed")
    for name in variant.values:
        if name in file.derived or (name in file.vary and name not in variant.fixed):
            raise BadValue(f"{about}: '{name}' is fitted, so its value has no effect; name it in 'fixed'")
    names = [load_evidence(trial).name for trial in file.evidence] if variant.without else []
    for trial in variant.without:
        if trial not in names:
            raise unknown("evidence", trial, names, f"{about}, without")
    if names and set(variant.without) == set(names):
        raise BadValue(f"{about}, without: that leaves no evidence; leave out less")
