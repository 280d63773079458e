"""What Tab completes: names of models, trials, fits, parameters and states (`immunode --install-completion`)."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any

from immunode.errors import ImmunodeError

_NO_SPACE = """[[ "${COMPREPLY[0]}" == *= ]] && compopt -o nospace 2>/dev/null"""
_WITH_VALUE = re.compile(r"--(?:set|level)[\s=]+[\w.]+\s*=")
_WITH_FIELDS = re.compile(
    r"""--(?:endpoint|adherence|dropout)[\s=]+(?:"[^"]*"|'[^']*'|\w+\s*=\s*[^\s,]*(?:,\s*\w+\s*=\s*[^\s,]*)*)"""
)
_LAST_FIELD = re.compile(r"(.*,\s*)([^,]*)")
_NAMED = re.compile(r"""(?<![\w-])([A-Za-z]\w*(?:-\w+)*)\s*=""")


def model_names(incomplete: str) -> list[str]:
    """Return the models of the library that begin so; files are completed by the shell."""
    from immunode.models import NAMES

    return _beginning(NAMES, incomplete)


def trial_names(incomplete: str) -> list[str]:
    """Return the trials of the library that begin so."""
    from immunode.evidence.library import trial_names as names

    return _beginning(names(), incomplete)


def runnable_trial_names(incomplete: str) -> list[str]:
    """Return the trials of the library that begin so and can be run: the others are evidence for fits."""
    from immunode.evidence.library import runnable_names

    return _beginning(runnable_names(), incomplete)


def fit_names(incomplete: str) -> list[str]:
    """Return the fits of the library that begin so."""
    from immunode.calibration.fit_file import fit_names as names

    return _beginning(names(), incomplete)


def evidence_names(ctx: Any, incomplete: str) -> list[str]:
    """Return the trials that the fit on the line is fitted to and that begin so."""
    from immunode.calibration.fit_file import load_fit

    with suppress(ImmunodeError, TypeError):
        return _beginning(load_fit(ctx.params.get("name")).evidence, incomplete)
    return []


def picture_formats(incomplete: str) -> list[str]:
    """Return the formats of pictures that begin so."""
    from immunode.plot.saving import FORMATS

    return _beginning(FORMATS, incomplete)


def parameter_settings(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return NAME= for the parameters of the model on the line, with the value and meaning of each, and the names of
    its groups of patients."""

    def names(model: Any) -> list[tuple[str, str]]:
        parameters = [(f"{p.name}=", f"{p.value:g} {p.unit}: {p.meaning}") for p in model.parameters]
        return [*parameters, *((group.name, group.meaning) for group in model.patients.groups)]

    return _of_model(ctx, incomplete, names)


def patients_words(ctx: Any, incomplete: str) -> list[str]:
    """Return what may follow in patients, behind the last comma: groups and covariates of the model on the line, or
    whose patients of a trial they are."""
    from immunode.evidence.library import runnable_names

    match = _LAST_FIELD.match(incomplete)
    before, last = (match[1], match[2]) if match else ("", incomplete)
    said = {part.strip() for part in before.split(",")}

    def names(model: Any) -> list[tuple[str, str]]:
        return [(one.name, one.meaning) for one in (*model.patients.groups, *model.patients.covariates)]

    known = [name for name, _ in _of_model(ctx, "", names) if name not in said]
    trials = [] if before else [f"as in {name}" for name in runnable_names()]
    return [f"{before}{name}" for name in _beginning([*known, *trials], last)]


def state_settings(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return NAME= for the states of the model on the line, with the unit and meaning of each."""
    return _of_model(ctx, incomplete, lambda model: [(f"{s.name}=", f"{s.unit}: {s.meaning}") for s in model.states])


def output_settings(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return NAME= for the outputs of the model on the line, with the unit and meaning of each."""
    return _of_model(
        ctx, incomplete, lambda model: [(f"{o.name}=", f"{o.unit}: {o.meaning}") for o in model.outputs if not o.part]
    )


def schedule_names(ctx: Any, incomplete: str) -> list[str]:
    """Return the names of the schedules on the line, NAME=SENTENCE, or in the file of a comparison."""
    said = _variants(_model_on_line(ctx)).get("schedules", {})
    rest = _WITH_FIELDS.sub(" ", _WITH_VALUE.sub(" ", _line()))
    return _beginning([name for name in dict.fromkeys([*said, *_NAMED.findall(rest)]) if " " not in name], incomplete)


def endpoint_fields(ctx: Any, incomplete: str) -> list[str]:
    """Return what may follow in an endpoint: its fields, names of measures and statistics, signals of the model on the
    line."""
    from immunode.evidence.endpoint import Endpoint
    from immunode.measures import MEASURES, STATISTICS

    def signals() -> list[str]:
        shown = _of_model(ctx, "", lambda model: [(one.name, "") for one in (*model.outputs, *model.states)])
        return [name for name, _ in shown]

    values = {"signal": signals, "measure": lambda: MEASURES, "statistic": lambda: STATISTICS}
    return _fields(incomplete, Endpoint.model_fields, values | {"better": lambda: ("more", "less")})


def adherence_fields(incomplete: str) -> list[str]:
    """Return the fields that may follow of how doses are taken."""
    from immunode.evidence.adherence import Adherence

    return _fields(incomplete, Adherence.model_fields, {"source": lambda: ("assumed",)})


def dropout_fields(incomplete: str) -> list[str]:
    """Return the fields that may follow of how patients leave."""
    from immunode.evidence.adherence import Dropout

    return _fields(incomplete, Dropout.model_fields, {"source": lambda: ("assumed",)})


def _fields(incomplete: str, names: Iterable[str], values: Mapping[str, Callable[[], Iterable[str]]]) -> list[str]:
    """Return FIELD= for what has not been said, behind the last comma, or the values of the field there."""
    match = _LAST_FIELD.match(incomplete)
    before, last = (match[1], match[2]) if match else ("", incomplete)
    said = {part.partition("=")[0].strip() for part in before.split(",")}
    name, sign, begun = last.partition("=")
    if sign:
        known = values[name]() if name in values else ()
        return [f"{before}{name}={value}" for value in known if value.startswith(begun)]
    return [f"{before}{field}=" for field in names if field not in said and field.startswith(name)]


def _variants(name: str) -> dict[str, Any]:
    """Return what a file of a comparison says; nothing of another name."""
    from immunode.studies.variants_file import is_variants_file, read_variants

    with suppress(ImmunodeError):
        return read_variants(name) if is_variants_file(name) else {}
    return {}


def _of_model(ctx: Any, incomplete: str, names: Callable[[Any], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Return what the model on the line has of those that begin so; nothing where there is no such model."""
    from immunode import models

    name = _model_on_line(ctx)
    name = _variants(name).get("model", name)
    with suppress(ImmunodeError):
        return [each for each in names(models.model(name)) if each[0].startswith(incomplete)]
    return []


def _model_on_line(ctx: Any) -> str:
    return str(ctx.params.get("model") or _word_after(ctx.info_name))


def _word_after(command: str) -> str:
    """Return the word behind a command on the unfinished line, of which click reads none where an option's value is
    still missing."""
    return next((word for before, word in pairwise(_line().split()) if before == command), "")


def _line() -> str:
    """Return the unfinished line as the shell hands it over; bash sets blanks or breaks around each "="."""
    return " ".join(os.environ.get(name, "") for name in ("COMP_WORDS", "_TYPER_COMPLETE_ARGS"))


def no_space_after_equals() -> None:
    """Let bash write no blank behind a completion that ends with "=", where a value follows: typer's script does."""
    from typer import _completion_classes, _completion_shared

    bash = _completion_shared._completion_scripts["bash"]
    bash = bash.replace("    return 0\n", f"    {_NO_SPACE}\n    return 0\n", 1)
    _completion_shared._completion_scripts["bash"] = _completion_classes.BashComplete.source_template = bash


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
