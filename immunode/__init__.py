"""Simulate and fit what a cytokine schedule does to immune cells, in a trial. Public names load on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from immunode.collector import paused

if TYPE_CHECKING:
    from immunode import plot as plot
    from immunode.arms import Arm, Trial
    from immunode.calibration import calibrate
    from immunode.composition import compose
    from immunode.evidence import Evidence
    from immunode.model import Input, Model, Output, Parameter, State
    from immunode.noncompartmental import nca
    from immunode.population import Population
    from immunode.regimen import Dose, Regimen, dose, multiply, prescribe, replace, reset
    from immunode.simulation import days, simulate
    from immunode.trial import run_trial

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
    "multiply",
    "nca",
    "plot",
    "prescribe",
    "replace",
    "reset",
    "run_trial",
    "simulate",
]
_HOME = {
    "arms": ("Arm", "Trial"),
    "calibration": ("calibrate",),
    "composition": ("compose",),
    "evidence": ("Evidence",),
    "model": ("Input", "Model", "Output", "Parameter", "State"),
    "noncompartmental": ("nca",),
    "population": ("Population",),
    "regimen": ("Dose", "Regimen", "dose", "multiply", "prescribe", "replace", "reset"),
    "simulation": ("days", "simulate"),
    "trial": ("run_trial",),
}


def __getattr__(name: str) -> Any:
    with paused():
        if name == "plot":
            return import_module("immunode.plot")
        for module, names in _HOME.items():
            if name in names:
                globals()[name] = found = getattr(import_module(f"immunode.{module}"), name)
                return found
    raise AttributeError(f"module 'immunode' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
