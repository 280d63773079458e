"""The schema of a trial file."""

import json
from typing import Annotated

from pydantic import Field, model_validator

from immunode.evidence.design import ArmFile, PopulationFile
from immunode.evidence.printed import Assumption, Figure
from immunode.evidence.toml_file import Days, FilePart, Finite, Text


class TrialFile(FilePart):
    """Hold one trial file: `immunode trial PATH.toml` runs it when it has a population, fits read its evidence."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: Text
    reference: Text
    doi: str | None = None
    model: Annotated[Text, Field(examples=["il2_cd4_hiv"])]
    start: Days = 0.0
    visits: tuple[Finite, ...] = ()
    visit_window: Days = 0.0
    missed_visits: Finite = 0.0
    arms: Annotated[tuple[ArmFile, ...], Field(min_length=1)]
    population: PopulationFile | None = None
    figures: tuple[Figure, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    events: Text | None = None
    same_patients: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> "TrialFile":
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"arms: two arms share a name ({', '.join(names)})")
        if list(self.visits) != sorted(set(self.visits)) or (self.visits and self.visits[0] < self.start):
            raise ValueError("visits: days must rise, and none may lie before 'start'")
        return self


def trial_schema() -> str:
    """Return the JSON Schema of a trial file, as text."""
    return json.dumps(TrialFile.model_json_schema(), indent=1)
