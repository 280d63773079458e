"""Run a trial again as its log of decisions says, without deciding."""

from typing import TYPE_CHECKING

import numpy as np

from immunode.errors import BadValue
from immunode.evidence.trial_file import TrialFile
from immunode.virtual_trials.logged import replay_of
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import simulated, the_trial
from immunode.virtual_trials.variables import DECISION, columns

if TYPE_CHECKING:
    import xarray


def replay_trial(
    trial: str | TrialFile | Trial, result: "xarray.Dataset", *, threads: int | None = None
) -> "xarray.Dataset":
    """Run a trial again as the log of a result says: nothing is decided, and the same doses come on the same days.

    It is bit for bit the result that it repeats. With a changed log, what other decisions would have done: of a row of
    a recurring rule the columns `decision_action` and `decision_reason` count ("none", "changed": nothing is done; the
    rule's action, "changed": it acts), of a rule that decides once `decision_met` (with its action and label). A log
    whose columns contradict each other is refused.

    Main arguments
        trial: the trial of the result: a library name, path of a trial file, or im.Trial
        result: what im.run_trial returned, with its log in the variables `decision_...`

    Other arguments
        threads: number of threads, default all cores

    Returns
        one labelled xarray.Dataset, as im.run_trial

    Raises
        BadValue: for a result of another trial, a log with arms, rules, days or patients that the trial does not
            have, or with columns that contradict each other.
        UnknownName: for a reason that no log has.

    Example
        >>> import immunode as im
        >>> result = im.run_trial("tincati_2008", n=20, seed=1)
        >>> im.replay_trial("tincati_2008", result).identical(result)
        True
    """
    trial = the_trial(trial)
    if result.attrs.get("trial") != trial.name:
        raise BadValue(f"result is of trial '{result.attrs.get('trial')}', not of '{trial.name}'")
    n, seed = int(result.attrs["n"]), int(result.attrs["seed"])
    log = columns(result, DECISION)
    arms = log.get("arm", np.array([], dtype=str)).astype(str)
    replays = {
        arm.name: replay_of(arm, n, trial.clinic[arm.name], {name: of[arms == arm.name] for name, of in log.items()})
        for arm in trial.arms
    }
    return simulated(trial, n, seed, threads=threads, replays=replays)
