"""Simulate and fit what a cytokine schedule does to immune cells, in a trial. Public names load on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from immunode.internal.gc_pause import paused

if TYPE_CHECKING:
    from immunode import plot as plot
    from immunode.calibration.fit import calibrate
    from immunode.evidence.printed import Evidence
    from immunode.model.composition import compose
    from immunode.model.declaration import Input, Model, Output, Parameter, State
    from immunode.noncompartmental import nca
    from immunode.nonmem import read as read_events
    from immunode.nonmem import table as event_table
    from immunode.regimen import Dose, Regimen, dose, multiply, prescribe, replace, reset
    from immunode.simulation import days, simulate
    from immunode.virtual_trials.arm import Arm
    from immunode.virtual_trials.population import Population
    from immunode.virtual_trials.trial import Trial
    from immunode.virtual_trials.trial_run import run_trial

__version__ = "0.1.0"

__all__ = [
    "Arm",
    "Dose",
    "Evidence",
    "Input",
    "Model",
    "Output",
    "Parameter",
    "Population",
    "Regimen",
    "State",
    "Trial",
    "calibrate",
    "compose",
    "days",
    "dose",
    "event_table",
    "multiply",
    "nca",
    "plot",
    "prescribe",
    "read_events",
    "replace",
    "reset",
    "run_trial",
    "simulate",
]
_HOME = {
    "virtual_trials.arm": ("Arm",),
    "virtual_trials.trial": ("Trial",),
    "calibration.fit": ("calibrate",),
    "model.composition": ("compose",),
    "evidence.printed": ("Evidence",),
    "model.declaration": ("Input", "Model", "Output", "Parameter", "State"),
    "noncompartmental": ("nca",),
    "nonmem": ("event_table", "read_events"),
    "virtual_trials.population": ("Population",),
    "regimen": ("Dose", "Regimen", "dose", "multiply", "prescribe", "replace", "reset"),
    "simulation": ("days", "simulate"),
    "virtual_trials.trial_run": ("run_trial",),
}
_ELSEWHERE = {"event_table": "table", "read_events": "read"}  # the names that they have in their own module


def __getattr__(name: str) -> Any:
    with paused():
        if name == "plot":
            return import_module("immunode.plot")
        for module, names in _HOME.items():
            if name in names:
                own = _ELSEWHERE.get(name, name)
                globals()[name] = found = getattr(import_module(f"immunode.{module}"), own)
                return found
    raise AttributeError(f"module 'immunode' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
