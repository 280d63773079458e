"""Read published trials.

One TOML file a trial (arms, regimens, rules, printed figures, assumptions) and its table of printed numbers.
"""

import csv
import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from immunode.errors import BadValue, UnknownName, nearest

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SetState(_Part):
    """Set a state to a value on a day, such as therapy on (art = 1)."""

    state: Text
    value: Finite
    day: Finite


class Baseline(_Part):
    """State the distribution of an observable on a day: log-normal with the printed median, cut at `below`.

    `solve` names the parameter that is found per patient so that the model gives the drawn value.
    """

    observable: Text = "cd4"
    median: Positive
    below: Positive | None = None
    log_sd: Positive
    day: Finite = 0.0
    solve: Text = "cd4_start"
    source: Text


class When(_Part):
    """State a condition: the signal over its value on `baseline_day` is above `above` on every one of `days`."""

    signal: Text = "cd4"
    baseline_day: Finite = 0.0
    days: Annotated[tuple[Finite, ...], Field(min_length=1)]
    above: Positive


class Action(_Part):
    """State what follows a decision: a label for the patient, and a regimen to add from the day of the decision."""

    label: Text
    regimen: Text | None = None


class Rule(_Part):
    """State a decision of the protocol: on `day`, when the condition holds then one action, otherwise the other."""

    name: Text
    day: Finite
    when: When
    then: Action
    otherwise: Action


class ArmFile(_Part):
    """Describe an arm: its size, regimen sentence, states set on a day, parameter values, baseline and rules."""

    name: Text
    n: Annotated[int, Field(gt=0)] | None = None
    regimen: Text | None = None
    set: tuple[SetState, ...] = ()
    values: dict[str, Finite | str] = {}
    baseline: Baseline | None = None
    rules: tuple[Rule, ...] = ()
    label: Text | None = None


class Correlation(_Part):
    """State the correlation between the logarithms of two parameters."""

    between: tuple[str, str]
    value: Annotated[float, Field(gt=-1, lt=1)]


class Subgroup(_Part):
    """Describe a class of patients: its share, and factors on typical values."""

    name: Text
    share: Share
    scale: dict[str, Positive]
    source: Text


class PopulationFile(_Part):
    """Describe variability: SD of the log of parameters, correlations, subgroups, and noise of an observed count."""

    omega: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    correlations: tuple[Correlation, ...] = ()
    subgroups: tuple[Subgroup, ...] = ()
    noise: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    source: Text


class Alternative(_Part):
    """Name another reading of an assumption, as changes of fields of the file by path, such as
    "arms.0.baseline.log_sd".
    """

    label: Text
    changes: dict[str, Any]


class Assumption(_Part):
    """State what the paper leaves open, what is assumed, and the readings that are reported beside it."""

    name: Text
    assumed: Text
    alternatives: tuple[Alternative, ...] = ()


class Figure(_Part):
    """Describe one printed figure and how it is predicted.

    `kind`: given (it enters the simulation; `what` says how it is read back), median (of `observable` on `day`), below
    (percent of patients under `below` on `day`), rebound (percent with a visit above `below` after the first under it),
    events (patients with an event by `day`), responders (percent with the label `groups[0]`), test (a p-value between
    `groups`, arms or labels), gain (what the regimen that a rule added gave those who got it), not_modelled. A figure
    with a `short` name is shown again under every alternative reading of the assumptions.
    """

    label: Text
    kind: Literal["given", "median", "below", "rebound", "events", "responders", "test", "gain", "not_modelled"]
    published: Finite | str
    groups: tuple[str, ...] = ()
    what: Literal["n", "cut", "rise", "lead_in", "dose", "doses", "last_dose", "follow_up"] | None = None
    observable: Text = "cd4"
    day: Finite = 0.0
    from_day: Finite | None = None
    test: Literal["mann_whitney", "fisher", "wilcoxon"] | None = None
    below: Positive = 50.0
    short: str = ""
    note: str = ""


class TrialFile(_Part):
    """Hold one trial file: `immunode trial PATH.toml` runs it when it has a population, fits read its evidence."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: Text
    reference: Text
    doi: str | None = None
    model: Text = "il2_cd4_hiv"
    start: Finite = 0.0
    visits: tuple[Finite, ...] = ()
    arms: Annotated[tuple[ArmFile, ...], Field(min_length=1)]
    population: PopulationFile | None = None
    figures: tuple[Figure, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    events: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "TrialFile":
        for figure in self.figures:
            needed = 2 if figure.test in ("mann_whitney", "fisher") else 1
            if figure.kind not in ("given", "not_modelled") and len(figure.groups) < needed:
                raise ValueError(f"figure '{figure.label}' needs {needed} name(s) of arms or labels in 'groups'")
            if (figure.kind == "test" and figure.test is None) or (figure.kind == "given" and figure.what is None):
                raise ValueError(f"figure '{figure.label}' needs '{'test' if figure.kind == 'test' else 'what'}'")
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"arms: two arms share a name ({', '.join(names)})")
        if list(self.visits) != sorted(set(self.visits)) or (self.visits and self.visits[0] < self.start):
            raise ValueError("visits: days must rise, and none may lie before 'start'")
        return self


def folder() -> Path:
    """Return the folder of the library's trials."""
    return Path(__file__).parent.parent / "trials"


def trial_names() -> list[str]:
    """Return the names of the library's trials, sorted."""
    return sorted(path.parent.name for path in folder().glob("*/trial.toml"))


def find(name: str) -> Path:
    """Return the path of a library trial or of a user's file.

    Raise UnknownName with the nearest name, BadValue when unreadable.
    """
    if name in trial_names():
        return folder() / name / "trial.toml"
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        if path.is_file():
            return path
        raise BadValue(f"there is no trial file '{name}'")
    raise UnknownName(f"there is no trial '{name}'{nearest(name, trial_names())}")


def load(name: str, changes: dict[str, Any] | None = None) -> TrialFile:
    """Read a trial by name or path, with `changes` of fields by path.

    Raise BadValue with the line and the field that are wrong.
    """
    path = find(name)
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise BadValue(f"cannot read '{path}': {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadValue(f"'{path}' is not valid TOML: {error}") from error
    for where, value in (changes or {}).items():
        _change(raw, where, value)
    try:
        return TrialFile.model_validate(raw)
    except ValidationError as error:
        first = min(
            error.errors(), key=lambda found: found["type"] != "extra_forbidden"
        )  # a slip before what it leaves out
        where = ".".join(str(key) for key in first["loc"])
        place = f"line {line_of(text, first['loc'])}, field '{where}': " if where else ""
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            what = "there is no such field" + nearest(str(first["loc"][-1]), _fields(first["loc"]))
        raise BadValue(f"'{path}' {place}{what}") from error


def _fields(loc: tuple[str | int, ...]) -> list[str]:
    """Return the names of the fields beside the one at `loc`."""
    part: Any = TrialFile
    for key in loc[:-1]:
        if isinstance(key, str):
            found = part.model_fields[key].annotation
            inner = [x for x in (found, *get_args(found)) if isinstance(x, type) and issubclass(x, BaseModel)]
            if not inner:
                return []
            part = inner[0]
    return list(part.model_fields)


def _change(raw: Any, where: str, value: Any) -> None:
    *outer, last = where.split(".")
    try:
        for key in outer:
            raw = raw[int(key)] if isinstance(raw, list) else raw.setdefault(key, {})
        raw[int(last) if isinstance(raw, list) else last] = value
    except (AttributeError, TypeError, IndexError, ValueError) as error:
        raise BadValue(f"the trial has no field '{where}' to change") from error


def line_of(text: str, loc: tuple[str | int, ...]) -> int:
    """Return the line of the deepest part of a field's path that the TOML text shows."""
    tables: list[str] = []
    count, line = 0, 1
    wanted = [str(key) for key in loc if not isinstance(key, int)]
    index = next((key for key in loc if isinstance(key, int)), 0)
    for number, row in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\]]+)\]+", row):
            tables = [part.strip() for part in header[1].split(".")]
            if row.lstrip().startswith("[[") and tables == wanted[:1]:
                count += 1
            inside = tables == wanted[: len(tables)] and (count == index + 1 or count == 0)
            line = number if inside else line
        elif key := re.match(r"\s*([\w-]+)\s*=", row):
            inside = tables == wanted[: len(tables)] and (count == index + 1 or count == 0)
            line = number if inside and wanted[len(tables) : len(tables) + 1] == [key[1]] else line
    return line


class Row(_Part):
    """Hold one printed number: what was measured in `arm`, on which day, its value and the error that a fit gives it.

    With `versus` the number is compared with that arm's, as a difference or a ratio: `versus_value` is what the paper
    prints for it, or empty when the paper prints the comparison itself. `measure` names what is made of the course
    (immunode.measures), from `from_day` to `day`. `unit` and `sigma` are those of the value; on the log `scale` sigma
    is taken relative to it. A `check` is reported, never fitted.
    """

    arm: Text
    versus: str = ""
    compare: Literal["difference", "ratio"] = "difference"
    observable: Text = "cd4"
    statistic: Literal["mean", "median"] = "median"
    measure: Text = "value"
    day: Finite
    from_day: Finite = 0.0
    unit: str = ""
    value: Finite
    versus_value: Finite | None = None
    sigma: Positive
    sigma_source: str = ""
    scale: Literal["linear", "log"] = "linear"
    use: Literal["fit", "check"] = "fit"
    cohort: str = ""
    note: str = ""

    @property
    def observed(self) -> float:
        """Return the printed number, less (or over) the one printed for the arm it is compared with."""
        if self.versus_value is None:
            return self.value
        return self.value - self.versus_value if self.compare == "difference" else self.value / self.versus_value


class Evidence(_Part):
    """Hold what a fit reads of a trial: arms and printed numbers; `arms` may be given as {name: regimen sentence}."""

    name: Text
    arms: tuple[ArmFile, ...]
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    start: Finite = 0.0
    assumptions: tuple[Assumption, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("arms"), dict):
            raw = raw | {"arms": [{"name": key, "regimen": value} for key, value in raw["arms"].items()]}
        return raw

    @model_validator(mode="after")
    def _known_arms(self) -> "Evidence":
        names = [arm.name for arm in self.arms]
        for number, row in enumerate(self.rows, start=1):
            for arm in filter(None, (row.arm, row.versus)):
                if arm not in names:
                    raise ValueError(f"row {number}: {self.name} has no arm '{arm}'{nearest(arm, names)}")
            if row.scale == "log" and row.observed <= 0:
                raise ValueError(f"row {number}: a fit on the log scale needs a positive number, not {row.observed:g}")
        return self


def evidence(name: str, changes: dict[str, Any] | None = None) -> Evidence:
    """Read a trial's printed numbers (evidence.csv beside its file), with `changes` of fields by path ("rows.0.day"
    for the table)."""
    changes = changes or {}
    trial = load(name, {key: value for key, value in changes.items() if not key.startswith("rows.")})
    path = find(name).with_name("evidence.csv")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            raw: dict[str, Any] = {"rows": [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]}
    except OSError as error:
        raise BadValue(f"'{name}' has no printed numbers to fit: cannot read '{path}'") from error
    for where, value in changes.items():
        if where.startswith("rows."):
            _change(raw, where, value)
    try:
        return Evidence(
            name=trial.name, arms=trial.arms, start=trial.start, assumptions=trial.assumptions, rows=raw["rows"]
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"])
        raise BadValue(f"'{path}', field '{where or 'top'}' (rows count from 0): {first['msg']}") from error


def schema() -> str:
    """Return the JSON Schema of a trial file."""
    return json.dumps(TrialFile.model_json_schema(), indent=1)
