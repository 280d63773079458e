"""What pictures need: doses planned and added, printed numbers of whole arms, the typical patient's first cycle."""

import numpy as np
import pytest

from immunode.evidence.design import Action, Rule, When
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.arm_run import CYCLE, first_cycle, run_arm
from immunode.virtual_trials.pictured import about, pictured
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial
from tests.virtual_trials.made_up import figure

RULE = Rule(
    name="low",
    day=3,
    when=When(signal="il2", baseline_day=1, days=(3,), above=1.0),
    then=Action(label="R"),
    otherwise=Action(label="N", regimen="1 MIU SC QD days 1-2"),
)
SHOWN = [
    figure("median", observable="il2", day=1.0, published=2.0),
    figure("median", observable="il2", day=1.0, published="high"),
    figure("median", observable="il2", day=1.0, published=3.0, groups=("N",)),
]


def drawn(*arms):
    """Return the variables that pictures read of a trial of three patients in each arm."""
    trial = Trial("t", Population("il2_sc"), visits=[0, 1, 3, 6], arms=arms, figures=SHOWN)
    return pictured(trial, [run_arm(trial, arm, 3, seed=1) for arm in arms], [first_cycle(trial, arm) for arm in arms])


@pytest.fixture(scope="module")
def both():
    return drawn(Arm("a", 5, "1 MIU SC QD days 1-2", rules=[RULE]), Arm("b", 4))


def test_doses_that_a_rule_added_bear_the_label_of_who_got_them(both):
    days, labels = both["dose_day"][1][0].tolist(), both["dose_label"][1][0].tolist()
    assert list(zip(days, labels, strict=True)) == [(0.0, ""), (1.0, ""), (3.0, "N"), (4.0, "N")]
    assert np.isnan(both["dose_day"][1][1]).all()


def test_only_printed_numbers_of_whole_arms_are_drawn(both):
    columns = [both[f"published_{name}"][1].tolist() for name in ("arm", "observable", "day", "value")]
    assert columns == [["a"], ["il2"], [1.0], [2.0]]


def test_the_typical_patient_is_drawn_where_there_are_doses(both):
    dims, values, _ = both["il2_typical"]
    assert dims == ("arm", "cycle_day")
    assert values.shape == (2, len(CYCLE))
    assert values[0].max() > 0
    assert np.isnan(values[1]).all()


def test_a_trial_that_names_nothing_is_about_what_its_models_patients_are_described_by():
    plain = Trial("t", Population("il2_cd4_hiv"), visits=[0, 28], arms=[Arm("a", 5, "3 MIU SC QD days 1-5")])
    names = about(plain).split()
    assert names[0] == "cd4"
    assert "infection" not in " ".join(names)
    assert about(Trial("t", Population("il2_sc"), visits=[0, 28], arms=[Arm("a", 5)])) == ""
