"""The library's models, and one of them: equations, parameters with units and sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunode.model.declaration import Model
from immunode.model.equations import latex, latex_triggers, plain, plain_triggers, readable
from immunode.models import row_of
from immunode.report.cells import new_table
from immunode.virtual_trials.defaults import spread_words

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class ModelsReport:
    """Hold the models of a listing."""

    models: Sequence[Model]

    def json(self) -> list[dict[str, Any]]:
        """Return the name and meaning of each model."""
        return [{"name": model.name, "meaning": model.meaning} for model in self.models]

    def table(self) -> list[Any]:
        """Return a table of one row a model."""
        table = new_table("models", "name", "meaning", "outputs", "routes", whole=["name"])
        for row in map(row_of, self.models):
            table.add_row(row["name"], row["meaning"], row["outputs"], row["routes"])
        return [table, "one of them: immunode models il2_sc; one of your own: immunode models my_model.py"]


@dataclass(frozen=True)
class ModelReport:
    """Hold one model."""

    model: Model

    def json(self) -> dict[str, Any]:
        """Return the model as plain data: equations, triggers, states, parameters, inputs, outputs and so on."""
        model, traced = self.model, self.model.trace()
        return {
            **_fields(model, "name", "meaning", "reference", "time"),
            "routes": dict(model.routes),
            "states": [_fields(state, "name", "unit", "meaning") for state in model.states],
            "equations": plain(traced),
            "latex": [*latex(traced, [output.name for output in model.outputs]), *latex_triggers(traced)],
            "triggers": plain_triggers(traced),
            "parameters": [
                _fields(parameter, "name", "value", "unit", "low", "high", "meaning", "source")
                for parameter in model.parameters
            ],
            "inputs": [_fields(one, "name", "unit", "default", "meaning") for one in model.inputs],
            "outputs": [_fields(output, "name", "unit", "meaning") for output in model.outputs],
            "patients": _patients_json(model),
        }

    def table(self) -> list[Any]:
        """Return equations, states, parameters with units and sources, inputs and outputs, for the terminal."""
        model = self.model
        routes = ", ".join(f"{route} into {state}" for route, state in model.routes.items())
        return [
            ": ".join(part for part in (model.name, model.meaning) if part),
            *readable(model.trace(), [output.name for output in model.outputs]),
            *plain_triggers(model.trace()),
            f"routes: {routes}" if routes else "no dosing routes",
            _states_table(model),
            _parameters_table(model),
            _inputs_and_outputs_table(model),
            *_patients_lines(model),
            *([f"reference: {model.reference}"] if model.reference else []),
        ]


def _patients_json(model: Model) -> dict[str, Any]:
    """Return the words in which the model's patients are described, and how they differ by default."""
    terms = model.patients
    return {
        "groups": [
            _fields(g, "name", "of", "meaning", "values", "set", "also", "default", "source") for g in terms.groups
        ],
        "covariates": [
            _fields(c, "name", "parameter", "meaning", "observable", "at_most", "at_least", "log_sd", "also", "source")
            for c in terms.covariates
        ],
        **_fields(terms, "omega", "noise", "source"),
    }


def _patients_lines(model: Model) -> list[Any]:
    """Return tables of groups and covariates, and the default spread in a line, for the terminal."""
    terms = model.patients
    parts: list[Any] = []
    if terms.groups or terms.covariates:
        table = new_table("patients in words", "say", "kind", "meaning", "what it does", "source")
        for g in terms.groups:
            does = [f"{name} = {value:g}" for name, value in g.values.items()]
            does += [f"sets {name} to {value:g}" for name, value in g.set.items() if value]
            kind = f"group: {g.of}{', default' if g.default else ''}"
            table.add_row(", ".join(g.names), kind, g.meaning, ", ".join(does), g.source)
        for c in terms.covariates:
            bound = f", at most {c.at_most}" if c.at_most else f", at least {c.at_least}" if c.at_least else ""
            does = [f"{'finds' if c.observable else 'sets'} {c.parameter}{bound}"]
            does += [] if c.log_sd is None else [f"SD of the log {c.log_sd:g}"]
            table.add_row(", ".join(c.names), "covariate", c.meaning, ", ".join(does), c.source)
        parts.append(table)
    return [*parts, spread_words(model)]


def _fields(part: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(part, name) for name in names}


def _states_table(model: Model) -> "Table":
    table = new_table("states", "name", "unit", "meaning", whole=["name"])
    for s in model.states:
        table.add_row(s.name, s.unit, s.meaning)
    return table


def _parameters_table(model: Model) -> "Table":
    table = new_table("parameters", "name", "value", "unit", "bounds", "meaning", "source", whole=["name", "value"])
    for p in model.parameters:
        table.add_row(p.name, f"{p.value:g}", p.unit, f"{p.low:g} to {p.high:g}", p.meaning, p.source)
    return table


def _inputs_and_outputs_table(model: Model) -> "Table":
    table = new_table("inputs and outputs", "kind", "name", "unit", "default", "meaning", whole=["name"])
    for i in model.inputs:
        table.add_row("input", i.name, i.unit, "" if i.default is None else f"{i.default:g}", i.meaning)
    for o in model.outputs:
        table.add_row("output", o.name, o.unit, "", o.meaning)
    return table
