"""The parts of the library's TOML files (trials, fits), read from a file or made in Python, and how a wrong one is
refused: with the line and the field, or the value."""

import inspect
import json
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial, reduce
from numbers import Real
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from immunode.errors import BadValue, nearest
from immunode.internal.arguments import short


def no_text(value: Any) -> Any:
    """Return what a field of a number is told; raise ValueError for text and true, which would be taken for one."""
    if not isinstance(value, bool | str):
        return value
    if isinstance(value, bool):
        raise ValueError("expected a number, not true or false")
    text = value.strip()
    if text[:1] in ("<", ">", "≤", "≥"):
        raise ValueError(
            "a value beyond a limit of detection is not fitted; leave it out, or state a number and a sigma to cover it"
        )
    meant = f", such as {text.replace(',', '.')}" if re.fullmatch(r"[-+]?\d+,\d+", text) else ""
    if re.fullmatch(r"\d+(\.\d*)? ?%", text):
        meant = f", such as {float(text[:-1]) / 100:.12g}"
    raise ValueError(f"expected a number{meant}, not text; write it without quotes")


def _number_or_text(value: Any) -> Any:
    """Return what a field of a number or a text is told; raise ValueError for what is neither."""
    if isinstance(value, bool) or not isinstance(value, str | Real) or value != value or value in (math.inf, -math.inf):
        raise ValueError("expected a finite number or a text")
    return value


NO_TEXT = BeforeValidator(no_text)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), NO_TEXT]
Finite = Annotated[float, Field(allow_inf_nan=False), NO_TEXT]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), NO_TEXT]
Share = Annotated[float, Field(ge=0, le=1), NO_TEXT]
Correlated = Annotated[float, Field(gt=-1, lt=1, examples=[0.5]), NO_TEXT]
Count = Annotated[int, Field(gt=0), NO_TEXT]
NumberOrText = Annotated[float | str, BeforeValidator(_number_or_text)]


def _not_blank(value: str) -> str:
    if value and not value.strip():
        raise ValueError("expected a text, not blanks alone")
    return value


Text = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]

# a field that a later version added: not shown, nor in the hash of a fit's data, where nobody says it
ADDED = Field(exclude_if=lambda value: not value)

Loc = tuple[str | int, ...]
MOST_BYTES = 10_000_000  # of a file of the library's kinds, which a person writes


if TYPE_CHECKING:  # pydantic does not export its metaclass
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _Made(ModelMetaclass):
    """The class of parts: one that is made in Python is refused as one in a file is, by field."""

    def __call__(self, *args: Any, **fields: Any) -> Any:
        if args:
            first = next(iter(self.model_fields))  # type: ignore[attr-defined]  # self is the part
            raise BadValue(f"{self.__name__}: state fields by name, such as {self.__name__}({first}=..., ...)")
        try:
            return super().__call__(**fields)
        except ValidationError as error:
            raise BadValue(_refusal(self, first_error(error))) from error  # type: ignore[arg-type]  # self is the part

    def __dir__(self) -> list[str]:
        """Return what the class adds to pydantic's machinery, which `help` would list by the page."""
        return [name for name in super().__dir__() if not name.startswith("_") and not hasattr(BaseModel, name)]


def _prose(schema: dict[str, Any]) -> None:
    """Keep of a docstring what stands before its headings: the schema says the rest by itself."""
    if "description" in schema:
        schema["description"] = schema["description"].partition("\n\nMain arguments\n")[0]


class FilePart(BaseModel, metaclass=_Made):
    """Hold a part of a library file: its fields cannot change, and a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_prose)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Give the class the signature that people read: fields with plain types, without pydantic's checks."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.__signature__ = inspect.Signature([_argument(*item) for item in cls.model_fields.items()])


def _argument(name: str, info: FieldInfo) -> inspect.Parameter:
    """Return a field as an argument of its class."""
    default = inspect.Parameter.empty if info.is_required() else info.get_default(call_default_factory=True)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=_plain(info.annotation))


def _plain(annotation: Any) -> Any:
    """Return a type without the checks that pydantic makes of it."""
    inner = tuple(one if one is Ellipsis else _plain(one) for one in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return inner[0]
    if get_origin(annotation) in (UnionType, Union):
        return reduce(or_, inner)
    return get_origin(annotation)[inner] if inner and get_origin(annotation) is not Literal else annotation


Schema = TypeVar("Schema", bound=FilePart)


@dataclass(frozen=True)
class TomlText:
    """Hold a TOML file as read: its path, its text (for the lines of errors) and its fields.

    `reading` is where in the text another reading stands whose changes the fields have; () for changes from Python.
    """

    path: Path
    text: str
    fields: dict[str, Any]
    reading: Loc | None = None

    def place(self, loc: Loc) -> str:
        """Return the file, and the line and field of `loc`, or the line of the reading that has changed fields."""
        field = ".".join(str(key) for key in loc)
        if self.reading == ():
            return f"'{self.path}' as changed, field '{field}': " if field else f"'{self.path}' as changed: "
        if not field and self.reading is None:
            return f"'{self.path}' "
        line = f"line {line_of(self.text, loc if self.reading is None else self.reading)}"
        return f"'{self.path}' {line}, field '{field}': " if field else f"'{self.path}' {line}: "


def read_toml(path: Path) -> TomlText:
    """Return the text and fields of a TOML file; raise BadValue when it cannot be read, with the line if not TOML."""
    text = read_text(path)
    try:
        return TomlText(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadValue(f"'{path}' is not valid TOML: {error}") from error
    except RecursionError as error:
        raise BadValue(f"'{path}' is not valid TOML: brackets are nested too deep") from error


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without the mark that Windows puts first; raise BadValue for another
    file."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise BadValue(f"'{path}' has {size / 1e6:.0f} MB: expected a file of at most {MOST_BYTES / 1e6:.0f} MB")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, BadValue):
            raise
        raise BadValue(f"cannot read '{path}': {getattr(error, 'strerror', None) or error}") from error
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadValue(
            f"cannot read '{path}': line {line} is not text in UTF-8; save the file in UTF-8 (editors call others "
            "Latin-1, ANSI or UTF-16)"
        ) from error


def validated(schema: type[Schema], toml: TomlText) -> Schema:
    """Return the fields of a TOML file as what `schema` says they are. Raise BadValue with the line and field that are
    wrong."""
    try:
        return schema.model_validate(toml.fields)
    except ValidationError as error:
        wrong = first_error(error)
        raise BadValue(toml.place(wrong["loc"]) + message(schema, wrong, toml.fields)) from error


def first_error(error: ValidationError) -> ErrorDetails:
    """Return the error to show: a misspelt field before the fields that it leaves out."""
    return min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")


def message(schema: type[BaseModel], wrong: ErrorDetails, fields: Any = None) -> str:
    """Return what is wrong in words: an unknown field with the nearest name, one that is left out with the line to
    add. `fields` are those of the whole, by which a part that may be of several kinds is known."""
    unknown = wrong["type"] == "extra_forbidden"
    part, field = _part(schema, wrong["loc"], fields, unknown=unknown), str(wrong["loc"][-1]) if wrong["loc"] else ""
    if unknown:
        return "there is no such field" + nearest(field, part.model_fields if part else ())
    if wrong["type"] == "missing" and part:
        return left_out(part, field)
    if wrong["type"] == "string_type":
        return "expected a text"
    if wrong["type"] in ("tuple_type", "too_short"):
        return "expected a list" + (" of at least 1" if wrong["type"] == "too_short" else "")
    return re.sub(
        "^(Value error, |Input should be )", lambda met: "" if met[0][0] == "V" else "expected ", wrong["msg"]
    )


def left_out(part: type[BaseModel], field: str) -> str:
    """Return the line to add for a field that a file leaves out, with an example of the field's kind."""
    return f"'{field}' is left out; add a line such as {field} = {_toml(_example(part, field))}"


def _refusal(part: type[BaseModel], wrong: ErrorDetails) -> str:
    """Return what is wrong with a part that is made in Python: field, value, what was expected."""
    name, field = part.__name__, ".".join(str(key) for key in wrong["loc"])
    inner = _part(part, wrong["loc"])
    if wrong["type"] == "missing" and inner:
        example = _example(inner, str(wrong["loc"][-1]))
        return f"{name}: '{field}' is left out; give one such as {wrong['loc'][-1]}={example!r}"
    value = f"{field} = {short(wrong['input'])}: " if field else ""
    return f"{name}: {value}{message(part, wrong)}"


def _example(part: type[BaseModel], field: str) -> Any:
    """Return a value that the field could have: its declared example, or one of its kind."""
    info = part.model_fields[field]
    return info.examples[0] if info.examples else _of_kind(info.annotation)


def _of_kind(annotation: Any) -> Any:
    origin, inner = get_origin(annotation), [one for one in get_args(annotation) if one not in (NoneType, Ellipsis)]
    if origin is tuple:
        return [_of_kind(one) for one in inner]
    if origin is dict:
        return {"NAME": _of_kind(inner[1])}
    if origin is Literal:
        return inner[0]
    if inner:  # a kind with bounds, or one of several
        return _of_kind(inner[0])
    if issubclass(annotation, BaseModel):
        required = [name for name, info in annotation.model_fields.items() if info.is_required()]
        return {name: _example(annotation, name) for name in required}
    return 1 if issubclass(annotation, int | float) else "..."


def _toml(value: Any) -> str:
    """Write a value as TOML does in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else json.dumps(value)


def _part(schema: type[BaseModel], loc: Loc, fields: Any = None, *, unknown: bool = False) -> type[BaseModel] | None:
    """Return the part of a file that holds the field at `loc` (or does not know it); None inside a table of free
    names."""
    parts: list[type[BaseModel]] = [schema]
    for depth, key in enumerate(loc[:-1]):
        fields = _inside(fields, key)
        if isinstance(key, str) and key in schema.model_fields:
            parts = [kind for kind in _kinds(schema.model_fields[key].annotation) if issubclass(kind, BaseModel)]
            if not parts:
                return None
        absent = unknown and depth == len(loc) - 2
        schema = max(parts, key=partial(_likeness, key=loc[depth + 1], fields=fields, absent=absent))
    return schema


def _inside(fields: Any, key: str | int) -> Any:
    """Return what stands at a key of a table or list, None where it is neither."""
    if isinstance(fields, dict):
        return fields.get(str(key))
    return fields[key] if isinstance(fields, list) and isinstance(key, int) and key < len(fields) else None


def _likeness(kind: type[BaseModel], key: str | int, fields: Any, *, absent: bool) -> tuple[bool, int]:
    """Return whether a kind of part has the field `key` (or, `absent`, has it not), and how many of the fields."""
    known = set(kind.model_fields)
    return (key in known) != absent, len(known & set(fields)) if isinstance(fields, dict) else 0


def _kinds(annotation: Any) -> list[type]:
    """Return the classes that a type is made of, at any depth."""
    inner = [kind for one in get_args(annotation) for kind in _kinds(one)]
    return [annotation, *inner] if isinstance(annotation, type) and not get_args(annotation) else inner


def line_of(text: str, loc: Loc) -> int:
    """Return the line of the deepest part of a field's path that the TOML text shows; line 1 when it shows none."""
    line, depth = 1, 0
    for number, path in _paths(text):
        common = next((i for i, (a, b) in enumerate(zip(path, loc)) if a != b), min(len(path), len(loc)))
        # a table is also where its parts begin, and an array of tables where its first one does
        if common > depth and common in (len(path), len(loc)):
            line, depth = number, common
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
    return [key.strip("\"'") for key in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s]+", text)]
