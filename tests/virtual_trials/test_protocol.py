"""The protocol's decision core: what is measured, decided and logged."""

import numpy as np
import pytest

from immunode.evidence.design import Action, Rule, When
from immunode.models import model
from immunode.virtual_trials.arm import Arm, planned
from immunode.virtual_trials.protocol import Assay, decide, noise_factors

RULE = Rule(
    name="sustained",
    day=183,
    when=When(signal="cd4", baseline_day=0, days=(91, 183), above=1.3),
    then=Action(label="responder"),
    otherwise=Action(label="non-responder", regimen="3 MIU SC QD days 1-5"),
)
(PLANNED,) = planned(model("il2_cd4_hiv"), Arm("a", 5, rules=[RULE])).rules


def test_sustained_means_above_at_every_day_of_the_condition():
    values = np.array([[50, 66, 66], [50, 66, 64], [50, 64, 66], [50, 65, 66]], dtype=float)
    decision = decide(PLANNED, values)
    assert decision.met.tolist() == [True, False, False, False]  # exactly 1.3 times is not above
    assert decision.label.tolist() == ["responder", "non-responder", "non-responder", "non-responder"]
    assert decision.treated().tolist() == [False, True, True, True]


def test_the_log_has_every_decision_and_holds_too():
    log = decide(PLANNED, np.array([[50, 66, 66], [50, 50, 50]], dtype=float)).log()
    assert log["action"].tolist() == ["none", "3 MIU SC QD days 1-5"]
    assert log["day"].tolist() == [183, 183]
    assert log["lowest"].tolist() == [66, 50]
    assert log["condition"][0] == "cd4 above 1.3 times day 0 on days 91, 183"


def test_a_failed_patient_is_not_a_responder():
    assert not decide(PLANNED, np.array([[50, np.nan, np.nan]])).met[0]


def test_assay_noise_has_the_declared_cv_and_belongs_to_patient_and_day():
    noise, days = {"cd4": 0.18}, np.array([0.0, 91.0])
    factors = noise_factors(Assay(noise, seed=1, arm="a"), 40_000, "cd4", days)
    assert factors.mean() == pytest.approx(1, rel=4 * 0.18 / np.sqrt(factors.size))
    assert factors[:, 0].std() == pytest.approx(0.18, rel=0.02)
    assert abs(np.corrcoef(factors.T)[0, 1]) < 4 / np.sqrt(40_000)
    alone = noise_factors(Assay(noise, seed=1, arm="a", first=17), 1, "cd4", days[1:])
    assert alone[0, 0] == factors[17, 1]
    assert (noise_factors(Assay({"cd4": 0.0}, seed=1, arm="a"), 3, "cd4", days) == 1).all()
