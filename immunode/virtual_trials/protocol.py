"""A protocol's decisions: made on a visit day, from what was measured, with a log of every decision, holds too."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from immunode.engine.draws import draws, lognormal
from immunode.evidence.design import Rule
from immunode.regimen import Regimen
from immunode.virtual_trials.arm import PlannedRule

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Assay:
    """Hold how counts are read: the CV of their noise by observable, and whose draws: seed, arm, first patient.

    The true count is read without noise.
    """

    noise: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    arm: str = ""
    first: int = 0


SCALED = ", doses x "  # behind an action of the log, where another rule has scaled what is added


@dataclass(frozen=True, eq=False)
class Decision:
    """Hold one rule's decisions.

    Measured `baseline` (n,), `signal` (n, days of the condition), whether it was `met` (n,). Of recurring rules beside
    it: the `factor` that is on what is added, whose doses are `held`, and whose are `stopped`, who are given nothing.
    """

    planned: PlannedRule
    baseline: np.ndarray
    signal: np.ndarray
    met: np.ndarray
    factor: np.ndarray
    held: np.ndarray
    stopped: np.ndarray

    @property
    def rule(self) -> Rule:
        """Return the rule that decided."""
        return self.planned.rule

    @property
    def label(self) -> np.ndarray:
        """Return each patient's label, shape (n,)."""
        return np.where(self.met, self.rule.then.label, self.rule.otherwise.label)

    def relabelled(self, _: np.ndarray) -> np.ndarray:
        """Return the labels of patients, given those before, shape (n,)."""
        return self.label.astype(object)

    def additions(self) -> list[tuple[Regimen, str, np.ndarray]]:
        """Return the regimens that were added, with the labels of who got them, and to whom (n,)."""
        planned, rule = self.planned, self.rule
        yes, no = self.met & ~self.stopped, ~self.met & ~self.stopped
        ways = ((planned.then, rule.then.label, yes), (planned.otherwise, rule.otherwise.label, no))
        return [(extra, label, chosen) for extra, label, chosen in ways if extra is not None and chosen.any()]

    def treated(self) -> np.ndarray:
        """Return who gets a regimen by this decision, shape (n,)."""
        adds = np.where(self.met, self.planned.then is not None, self.planned.otherwise is not None)
        return adds & ~self.stopped

    def log(self) -> "pandas.DataFrame":
        """Return one row a patient: visit day, condition, the lowest signal, whether it was met, and the action."""
        import pandas

        when = self.rule.when
        days = ", ".join(f"{day:g}" for day in when.days)
        condition = f"{when.signal} above {when.above:g} times day {when.baseline_day:g} on days {days}"
        adds = np.where(self.met, self.rule.then.regimen or "", self.rule.otherwise.regimen or "").astype(object)
        adds[self.stopped] = ""
        by = np.array([f"{SCALED}{x:g}" if x != 1 else "" for x in self.factor], dtype=object)
        reason = np.where(self.stopped, "stopped", np.where(self.held, "on hold", ""))
        return pandas.DataFrame(
            {
                "patient": np.arange(len(self.met)),
                "day": self.rule.day,
                "rule": self.rule.name,
                "condition": condition,
                "baseline": self.baseline,
                "lowest": self.signal.min(axis=1),
                "met": self.met,
                "label": self.label,
                "action": np.where(adds != "", adds + by, "none"),
            }
            | ({"reason": reason} if (reason != "").any() else {})
        )


def noise_factors(assay: Assay, n: int, observable: str, days: np.ndarray) -> np.ndarray:
    """Return the factors (n, days) by which counts are read wrong, log-normal with mean 1.

    They are keyed by seed, arm, patient and day; 1 without noise.
    """
    noise = assay.noise.get(observable, 0.0)
    if noise == 0:
        return np.ones((n, len(days)))
    sd = float(np.sqrt(np.log1p(noise**2)))
    keys = [f"{assay.arm}/noise/{observable}/{day:g}" for day in days]
    z = np.column_stack([draws(assay.seed, key, n, first=assay.first) for key in keys])
    return lognormal(float(np.exp(-0.5 * sd**2)), sd, z.ravel()).reshape(z.shape)


def looked_at(rule: Rule) -> np.ndarray:
    """Return the days that a rule looks at, sorted."""
    return np.array(sorted({rule.when.baseline_day, *rule.when.days}))


def decide(planned: PlannedRule, values: np.ndarray) -> Decision:
    """Apply a rule to measured values (n, days) on the days that it looks at, in their order.

    Met when the signal is above the threshold times baseline on every day of the condition.
    """
    when = planned.rule.when
    column = {float(day): i for i, day in enumerate(looked_at(planned.rule))}
    baseline = values[:, column[float(when.baseline_day)]]
    signal = values[:, [column[float(day)] for day in when.days]]
    met = np.asarray((signal > when.above * baseline[:, None]).all(axis=1))
    nobody = np.zeros(len(met), dtype=bool)
    return Decision(planned, baseline, signal, met, np.ones(len(met)), nobody, nobody)
