"""Simulate and fit what a cytokine schedule does to immune cells, in a trial. Public names load on first use."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Model": "model",
    "State": "model",
    "Parameter": "model",
    "Input": "model",
    "Output": "model",
    "compose": "compose",
    "dose": "regimen",
    "replace": "regimen",
    "multiply": "regimen",
    "prescribe": "regimen",
    "Regimen": "regimen",
    "simulate": "simulate",
    "days": "simulate",
    "Population": "population",
    "Arm": "arms",
    "Trial": "arms",
    "run_trial": "trial",
    "calibrate": "calibrate",
    "plot": "plot",
}
__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'immunode' has no attribute '{name}'")
    return getattr(import_module(f"immunode.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
