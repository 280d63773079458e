"""The one simulator of an arm: legs between decisions add up to what each patient gets in one run."""

import numpy as np
import pytest

from immunode.evidence.design import Action, Rule, When
from immunode.models import model
from immunode.simulation import run
from immunode.virtual_trials.arm import Arm, planned
from immunode.virtual_trials.legs import follow

IL2 = model("il2_sc")
RULE = Rule(
    name="low",
    day=4,
    when=When(signal="il2", baseline_day=0.1, days=(1, 3), above=1e-3),
    then=Action(label="slow"),
    otherwise=Action(label="fast", regimen="3 MIU SC QD days 1-2"),
)
PLAN = planned(IL2, Arm("a", 3, "1 MIU IV bolus", rules=[RULE]))
DAYS, ONE = np.array([0.0, 0.1, 1.0, 3.0, 4.0, 4.5, 6.0]), np.zeros(3, dtype=np.int64)


def patients():
    """Return three patients, who clear IL-2 at different speeds."""
    values = np.tile(list(IL2.typical.values()), (3, 1))
    values[:, list(IL2.typical).index("CL")] *= [0.01, 1.0, 3.0]
    return values


def test_without_a_stop_it_is_one_run():
    options = {"observe": ["il2"], "start": 0.0}
    followed = follow(IL2, patients(), [PLAN.regimen], ONE, days=DAYS, **options)
    alone = run(IL2, patients(), [PLAN.regimen], ONE, times=DAYS, **options)
    assert np.array_equal(followed.values, alone.values)
    assert followed.decisions == ()


@pytest.mark.parametrize("days", [DAYS, DAYS[:5]])  # with days after the decision, and with none
def test_a_rule_gives_each_patient_what_a_run_with_both_regimens_gives(days):
    options = {"observe": ["il2"], "start": 0.0}
    followed = follow(IL2, patients(), [PLAN.regimen], ONE, days=days, rules=PLAN.rules, **options)
    (decision,) = followed.decisions
    assert decision.met.tolist() == [True, False, False]
    both = [PLAN.regimen, PLAN.regimen + PLAN.rules[0].otherwise]
    alone = run(IL2, patients(), both, (~decision.met).astype(int), times=days, stops=[4.0], **options)
    assert np.array_equal(followed.values, alone.values)


def test_a_day_that_is_the_start_alone_is_shown():
    followed = follow(IL2, patients(), [PLAN.regimen], ONE, days=np.array([0.0]), observe=["il2"], start=0.0)
    assert followed.values.tolist() == [[[0.0]]] * 3
