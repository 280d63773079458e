"""The schema of a trial file."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from immunode.errors import BadValue
from immunode.evidence.design import ArmDefaults, ArmFile, PopulationFile
from immunode.evidence.printed import Assumption, Figure
from immunode.evidence.printed_checks import check_covariances, check_rows, check_visits
from immunode.evidence.printed_matrix import PrintedCovariance
from immunode.evidence.printed_rows import Rows
from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import ADDED, FilePart, Finite, Text
from immunode.evidence.visit_words import visit_days
from immunode.internal.arguments import is_list


def _visits(value: Any) -> Any:
    """Return the visits as days where they are said in words, or some of them are; what is wrong is said by field."""
    texts = isinstance(value, str) or (is_list(value) and any(isinstance(day, str) for day in value))
    if not texts:
        return value
    try:
        return visit_days(value)
    except BadValue as error:
        raise ValueError(str(error).removeprefix("visits = ")) from error


VISITS = BeforeValidator(_visits, json_schema_input_type=list[float | str] | str)


class TrialFile(FilePart):
    """Hold one trial file: `immunode trial PATH.toml` runs it when it has a population, fits read its evidence."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: Text
    reference: Text
    doi: str | None = None
    model: Annotated[Text, Field(examples=["il2_cd4_hiv"])]
    start: Days = 0.0
    visits: Annotated[tuple[Days, ...], VISITS] = ()
    arm_defaults: Annotated[ArmDefaults | None, ADDED] = None
    visit_window: Annotated[Days, ADDED] = 0.0
    missed_visits: Annotated[Finite, ADDED] = 0.0
    arms: Annotated[tuple[ArmFile, ...], Field(min_length=1)]
    population: PopulationFile | None = None
    figures: tuple[Figure, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    events: Text | None = None
    same_patients: Annotated[bool, ADDED] = False
    covariances: Annotated[tuple[PrintedCovariance, ...], ADDED] = ()
    rows: Annotated[Rows, ADDED] = ()

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, fields: Any) -> Any:
        """Give each arm what it does not say itself; of parameter values and shares each that it does not."""
        if not isinstance(fields, Mapping) or not isinstance(defaults := fields.get("arm_defaults"), Mapping):
            return fields
        arms = fields.get("arms")
        if not isinstance(arms, list | tuple) or not all(isinstance(arm, Mapping) for arm in arms):
            return fields
        return {**fields, "arms": [_with_defaults(arm, defaults) for arm in arms]}

    @model_validator(mode="after")
    def _consistent(self) -> "TrialFile":
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"arms: two arms share a name ({', '.join(names)})")
        if list(self.visits) != sorted(set(self.visits)) or (self.visits and self.visits[0] < self.start):
            raise ValueError("visits: days must rise, and none may lie before 'start'")
        check_covariances(self.name, self.covariances, self.arms, self.start)
        check_rows(self.name, self.rows, self.arms, self.start)
        check_visits(self.rows, self.covariances, self.visits, self.start)
        return self


def _with_defaults(arm: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    filled = {**defaults, **arm}
    # who they are is said by the arm, not in part by all arms; so is what they are called
    for said, other in (("patients", "baseline"), ("baseline", "patients"), ("label", "rules"), ("rules", "label")):
        if said in arm and other not in arm:
            filled.pop(other, None)
    for table in ("values", "shares"):
        of_all, of_arm = defaults.get(table), arm.get(table)
        if isinstance(of_all, Mapping) and isinstance(of_arm, Mapping):
            filled[table] = {**of_all, **of_arm}
    return filled


def trial_schema() -> str:
    """Return the JSON Schema of a trial file, as text."""
    return json.dumps(TrialFile.model_json_schema(), indent=1)
