"""Simulate and fit what a cytokine schedule does to immune cells, in a trial. Public names load on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from immunode.internal.gc_pause import paused

__version__ = "0.1.0"

# Where each public name lives: "package:name", or a package. To add one, add its line here and its import below.
_HOME = {
    "Action": "evidence:Action",
    "Adherence": "evidence:Adherence",
    "Alternative": "evidence:Alternative",
    "Arm": "virtual_trials.arm:Arm",
    "Assumption": "evidence:Assumption",
    "Baseline": "evidence:Baseline",
    "Covariate": "model:Covariate",
    "Dose": "regimen:Dose",
    "Dropout": "evidence:Dropout",
    "Endpoint": "evidence:Endpoint",
    "Evidence": "evidence:Evidence",
    "Figure": "evidence:Figure",
    "Input": "model:Input",
    "Model": "model:Model",
    "Output": "model:Output",
    "Parameter": "model:Parameter",
    "PatientGroup": "model:PatientGroup",
    "PatientTerms": "model:PatientTerms",
    "Population": "virtual_trials.population:Population",
    "PrintedCovariance": "evidence:PrintedCovariance",
    "PrintedNumber": "evidence:PrintedNumber",
    "RecurringRule": "evidence:RecurringRule",
    "Regimen": "regimen:Regimen",
    "Rule": "evidence:Rule",
    "RuleAction": "evidence:RuleAction",
    "SetState": "evidence:SetState",
    "State": "model:State",
    "Subgroup": "evidence:Subgroup",
    "Trial": "virtual_trials.trial:Trial",
    "Trigger": "model:Trigger",
    "When": "evidence:When",
    "calibrate": "calibration.fit:calibrate",
    "compare": "studies:compare",
    "compose": "model:compose",
    "days": "simulation:days",
    "dose": "regimen:dose",
    "errors": "errors",
    "event_table": "nonmem:table",
    "functions": "functions",
    "identifiability": "calibration.before_fitting:identifiability",
    "load_fit": "calibration.loading:load_fit",
    "models": "models",
    "multiply": "regimen:multiply",
    "nca": "noncompartmental:nca",
    "nonmem": "nonmem",
    "plot": "plot",
    "predict_trial": "calibration.prediction:predict_trial",
    "prescribe": "regimen:prescribe",
    "read_events": "nonmem:read",
    "replace": "regimen:replace",
    "replay_trial": "virtual_trials.replay:replay_trial",
    "reset": "regimen:reset",
    "run_trial": "virtual_trials.trial_run:run_trial",
    "simulate": "simulation:simulate",
    "units": "units",
}
__all__ = [*_HOME]

if TYPE_CHECKING:  # for type checkers and editors, which do not read the table; a test compares the two
    from immunode import errors as errors
    from immunode import functions as functions
    from immunode import models as models
    from immunode import nonmem as nonmem
    from immunode import plot as plot
    from immunode import units as units
    from immunode.calibration.before_fitting import identifiability as identifiability
    from immunode.calibration.fit import calibrate as calibrate
    from immunode.calibration.loading import load_fit as load_fit
    from immunode.calibration.prediction import predict_trial as predict_trial
    from immunode.evidence import Action as Action
    from immunode.evidence import Adherence as Adherence
    from immunode.evidence import Alternative as Alternative
    from immunode.evidence import Assumption as Assumption
    from immunode.evidence import Baseline as Baseline
    from immunode.evidence import Dropout as Dropout
    from immunode.evidence import Endpoint as Endpoint
    from immunode.evidence import Evidence as Evidence
    from immunode.evidence import Figure as Figure
    from immunode.evidence import PrintedCovariance as PrintedCovariance
    from immunode.evidence import PrintedNumber as PrintedNumber
    from immunode.evidence import RecurringRule as RecurringRule
    from immunode.evidence import Rule as Rule
    from immunode.evidence import RuleAction as RuleAction
    from immunode.evidence import SetState as SetState
    from immunode.evidence import Subgroup as Subgroup
    from immunode.evidence import When as When
    from immunode.model import Covariate as Covariate
    from immunode.model import Input as Input
    from immunode.model import Model as Model
    from immunode.model import Output as Output
    from immunode.model import Parameter as Parameter
    from immunode.model import PatientGroup as PatientGroup
    from immunode.model import PatientTerms as PatientTerms
    from immunode.model import State as State
    from immunode.model import Trigger as Trigger
    from immunode.model import compose as compose
    from immunode.noncompartmental import nca as nca
    from immunode.regimen import Dose as Dose
    from immunode.regimen import Regimen as Regimen
    from immunode.regimen import dose as dose
    from immunode.regimen import multiply as multiply
    from immunode.regimen import prescribe as prescribe
    from immunode.regimen import replace as replace
    from immunode.regimen import reset as reset
    from immunode.simulation import days as days
    from immunode.simulation import simulate as simulate
    from immunode.studies import compare as compare
    from immunode.virtual_trials.arm import Arm as Arm
    from immunode.virtual_trials.population import Population as Population
    from immunode.virtual_trials.replay import replay_trial as replay_trial
    from immunode.virtual_trials.trial import Trial as Trial
    from immunode.virtual_trials.trial_run import run_trial as run_trial

    event_table, read_events = nonmem.table, nonmem.read  # an import under another name is not exported


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'immunode' has no attribute '{name}'")
    module, _, attribute = _HOME[name].partition(":")
    with paused():
        home = import_module(f"immunode.{module}")
    globals()[name] = value = getattr(home, attribute) if attribute else home
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
