"""The reader of the library's TOML files (trials, fits), whose errors name the line and the field."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from immunode.errors import BadValue, nearest

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]

Loc = tuple[str | int, ...]


class FilePart(BaseModel):
    """A part of a library file: its fields cannot change, and a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Schema = TypeVar("Schema", bound=FilePart)


@dataclass(frozen=True)
class TomlText:
    """A TOML file as read: its path, its text (for the lines of errors) and its fields."""

    path: Path
    text: str
    fields: dict[str, Any]


def read_toml(path: Path) -> TomlText:
    """Text and fields of a TOML file. Raise BadValue when it cannot be read, or with the line that is not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
        return TomlText(path, text, tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise BadValue(f"cannot read '{path}': {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadValue(f"'{path}' is not valid TOML: {error}") from error


def validated(schema: type[Schema], toml: TomlText) -> Schema:
    """The fields of a TOML file as what `schema` says they are. Raise BadValue with the line and field that are
    wrong."""
    try:
        return schema.model_validate(toml.fields)
    except ValidationError as error:
        wrong = first_error(error)
        field = ".".join(str(key) for key in wrong["loc"])
        place = f"line {line_of(toml.text, wrong['loc'])}, field '{field}': " if field else ""
        raise BadValue(f"'{toml.path}' {place}{message(schema, wrong)}") from error


def first_error(error: ValidationError) -> ErrorDetails:
    """The error to show: a misspelt field before the fields that it leaves out."""
    return min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")


def message(schema: type[FilePart], wrong: ErrorDetails) -> str:
    """What is wrong in words; an unknown field gets the nearest name."""
    if wrong["type"] == "extra_forbidden":
        return "there is no such field" + nearest(str(wrong["loc"][-1]), _fields(schema, wrong["loc"]))
    return wrong["msg"].removeprefix("Value error, ")


def _fields(schema: type[BaseModel], loc: Loc) -> list[str]:
    """The names of the fields beside the one at `loc`."""
    for key in loc[:-1]:
        if isinstance(key, str):
            if key not in schema.model_fields:
                continue
            annotation = schema.model_fields[key].annotation
            parts = [part for part in _inside(annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
            if not parts:
                return []
            schema = parts[0]
    return list(schema.model_fields)


def _inside(annotation: Any) -> list[Any]:
    """A type and the types that it is made of, at any depth."""
    return [annotation, *(inner for one in get_args(annotation) for inner in _inside(one))]


def line_of(text: str, loc: Loc) -> int:
    """The line of the deepest part of a field's path that the TOML text shows."""
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
