"""Run a trial again as its log of decisions says, without deciding."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from immunode.errors import BadValue
from immunode.evidence.trial_file import TrialFile
from immunode.internal.arguments import refuse
from immunode.virtual_trials.logged import replay_of
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import simulated, the_trial
from immunode.virtual_trials.variables import DECISION, columns

if TYPE_CHECKING:
    import xarray


def replay_trial(
    trial: str | TrialFile | Trial, result: "xarray.Dataset | str | Path", *, threads: int | None = None
) -> "xarray.Dataset":
    """Run a trial again as the log of a result says: nothing is decided, and the same doses come on the same days.

    It is bit for bit the result that it repeats. With a changed log, what other decisions would have done: of a row of
    a recurring rule the columns `decision_action` and `decision_reason` count ("none", "changed": nothing is done; the
    rule's action, "changed": it acts), of a rule that decides once `decision_met` (with its action and label). A log
    whose columns contradict each other is refused.

    Main arguments
        trial: the trial of the result: a library name, path of a trial file, or im.Trial
        result: what im.run_trial returned, with its log in the variables `decision_...`, or the path of the NetCDF that
            holds it, such as "results/result.nc"

    Other arguments
        threads: number of threads, default all cores

    Returns
        one labelled xarray.Dataset, as im.run_trial

    Raises
        BadValue: for what is no result, a file that cannot be read, a result of another trial, a log with arms, rules,
            days or patients that the trial does not have, or with columns that contradict each other.
        UnknownName: for a reason that no log has.

    Example
        >>> import immunode as im
        >>> result = im.run_trial("tincati_2008", n=20, seed=1)
        >>> im.replay_trial("tincati_2008", result).identical(result)
        True
    """
    trial, result = the_trial(trial), _result(result)
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


def _result(result: Any) -> "xarray.Dataset":
    """Return a result of a trial, read from its file where it is a path."""
    import xarray

    expected = "what im.run_trial returned, or the path of its result.nc"
    if isinstance(result, str | Path):
        try:
            result = xarray.load_dataset(result, engine="scipy")
        except (OSError, ValueError, TypeError) as error:
            why = getattr(error, "strerror", None) or "it is no NetCDF of a result"
            raise BadValue(f"cannot read result '{result}': {why}; expected {expected}") from error
    if not isinstance(result, xarray.Dataset):
        refuse("result", result, expected)
    if missing := [name for name in ("trial", "n", "seed") if name not in result.attrs]:
        raise BadValue(f"result has no '{missing[0]}', so it is no result of a trial: expected {expected}")
    return result
