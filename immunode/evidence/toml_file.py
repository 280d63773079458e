"""The reader of the library's TOML files (trials, fits), whose errors name the line and the field."""

import json
import re
import tomllib
from collections.abc import Iterator
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
    """Hold a part of a library file: its fields cannot change, and a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Schema = TypeVar("Schema", bound=FilePart)


@dataclass(frozen=True)
class TomlText:
    """Hold a TOML file as read: its path, its text (for the lines of errors) and its fields."""

    path: Path
    text: str
    fields: dict[str, Any]


def read_toml(path: Path) -> TomlText:
    """Return the text and fields of a TOML file; raise BadValue when it cannot be read, with the line if not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
        return TomlText(path, text, tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise BadValue(f"cannot read '{path}': {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadValue(f"'{path}' is not valid TOML: {error}") from error


def validated(schema: type[Schema], toml: TomlText) -> Schema:
    """Return the fields of a TOML file as what `schema` says they are. Raise BadValue with the line and field that are
    wrong."""
    try:
        return schema.model_validate(toml.fields)
    except ValidationError as error:
        wrong = first_error(error)
        field = ".".join(str(key) for key in wrong["loc"])
        place = f"line {line_of(toml.text, wrong['loc'])}, field '{field}': " if field else ""
        raise BadValue(f"'{toml.path}' {place}{message(schema, wrong)}") from error


def first_error(error: ValidationError) -> ErrorDetails:
    """Return the error to show: a misspelt field before the fields that it leaves out."""
    return min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")


def message(schema: type[FilePart], wrong: ErrorDetails) -> str:
    """Return what is wrong in words: an unknown field with the nearest name, one that is left out with the line to
    add."""
    part, field = _part(schema, wrong["loc"]), str(wrong["loc"][-1]) if wrong["loc"] else ""
    if wrong["type"] == "extra_forbidden":
        return "there is no such field" + nearest(field, part.model_fields if part else ())
    if wrong["type"] == "missing" and part:
        return left_out(part, field)
    return wrong["msg"].removeprefix("Value error, ")


def left_out(part: type[BaseModel], field: str) -> str:
    """Return the line to add for a field that a file leaves out, with the field's example."""
    example = (part.model_fields[field].examples or ["..."])[0]
    return f"'{field}' is left out; add a line such as {field} = {json.dumps(example)}"


def _part(schema: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """Return the part of a file that holds the field at `loc`; None inside a table of free names."""
    for key in loc[:-1]:
        if isinstance(key, str) and key in schema.model_fields:
            parts = [kind for kind in _kinds(schema.model_fields[key].annotation) if issubclass(kind, BaseModel)]
            if not parts:
                return None
            schema = parts[0]
    return schema


def _kinds(annotation: Any) -> list[type]:
    """Return the classes that a type is made of, at any depth."""
    inner = [kind for one in get_args(annotation) for kind in _kinds(one)]
    return [annotation, *inner] if isinstance(annotation, type) and not get_args(annotation) else inner


def line_of(text: str, loc: Loc) -> int:
    """Return the line of the deepest part of a field's path that the TOML text shows; line 1 when it shows none."""
    line, depth = 1, 0
    for number, path in _paths(text):
        if len(path) > depth and path == loc[: len(path)]:
            line, depth = number, len(path)
    return line


def _paths(text: str) -> Iterator[tuple[int, Loc]]:
    """Yield every line that begins a table or a field, with the path that begins there."""
    table: Loc = ()
    last: dict[Loc, int] = {}  # the number of the last element so far of every array of tables
    for number, row in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[\[?)([^\[\]]+)\]", row):
            table, keys = (), _keys(header[2])
            for depth, key in enumerate(keys, start=1):
                table += (key,)
                if header[1] == "[[" and depth == len(keys):
                    last[table] = last.get(table, -1) + 1
                if table in last:
                    table += (last[table],)
            yield number, table
        elif field := re.match(r"\s*([\w.\"'-]+)\s*=", row):
            yield number, (*table, *_keys(field[1]))


def _keys(text: str) -> list[str]:
    return [key.strip().strip("\"'") for key in text.split(".")]
