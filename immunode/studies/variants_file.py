"""The file of a comparison, VARIANTS.toml: a model, its patients and schedules by name, in a few lines."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from immunode.evidence.adherence import Adherence, Dropout
from immunode.evidence.endpoint import Endpoint
from immunode.evidence.printed import Figure
from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import NO_TEXT, Count, FilePart, NumberOrText, Text, read_toml, validated
from immunode.evidence.trial_file import VISITS
from immunode.internal.arguments import MOST_SEED
from immunode.model.model_file import beside
from immunode.studies.schedules import ScheduleFile


def _schedule(value: Any) -> Any:
    """Return a schedule of a file, a sentence or a table."""
    if isinstance(value, dict):
        return ScheduleFile.model_validate(value)
    if not isinstance(value, str):
        raise ValueError("expected a sentence, or a table of 'regimen', 'rules' and 'label'")
    return value


class VariantsFile(FilePart):
    """Hold a comparison: the arguments of im.compare; `schedules` are sentences by name, or tables."""

    model: Text
    schedules: Annotated[
        dict[str, Annotated[Text | ScheduleFile, BeforeValidator(_schedule)]],
        Field(min_length=1, examples=[{"low": "1.5 MIU SC BID x 5 days"}]),
    ]
    patients: str = ""
    until: NumberOrText | None = None
    visits: Annotated[tuple[Days, ...] | None, VISITS] = None
    n: Count | None = None
    seed: Annotated[int | None, Field(ge=0, le=MOST_SEED), NO_TEXT] = None
    versus: Text | None = None
    parameters: dict[str, NumberOrText] = Field(default_factory=dict)
    levels: dict[str, NumberOrText] = Field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    figures: tuple[Figure, ...] = ()
    adherence: Adherence | None = None
    dropout: Dropout | None = None


def is_variants_file(name: Any) -> bool:
    """Return whether a name is that of a file of a comparison."""
    return isinstance(name, str) and name.lower().endswith(".toml")


def read_variants(name: str) -> dict[str, Any]:
    """Return the arguments of `compare` that a file says, its own model beside it; raise BadValue with the line and
    the field that are wrong."""
    toml = read_toml(Path(name))
    file = validated(VariantsFile, toml)
    said = {key: getattr(file, key) for key in VariantsFile.model_fields}
    said["model"] = beside(file.model, toml.path)
    return {key: value for key, value in said.items() if value is not None}
