"""A trial holds what is made of its parts: plans, what is measured, the day from which events count."""

from dataclasses import replace

import pytest

from immunode.evidence.design import SetState
from immunode.model import PatientTerms
from immunode.models import model
from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial


def test_the_plans_are_by_the_names_of_the_arms():
    arms = [Arm("il2", 5, "3 MIU SC"), Arm("art", 5, set=[SetState(state="art", value=1, day=-14)])]
    trial = Trial("t", Population("il2_cd4_hiv"), visits=[0], arms=arms, start=-14)
    assert [dose.into for name in ("il2", "art") for dose in trial.plans[name].regimen] == ["sc", "art"]


def test_outputs_are_measured_or_states_where_there_are_none():
    whole = model("il2_sc")
    bare = replace(whole, name="bare", outputs=(), patients=PatientTerms())
    measured = [output.name for output in whole.outputs if not output.part]
    for one, names in ((whole, measured), (bare, [s.name for s in bare.states])):
        assert list(Trial("t", Population(one), visits=[0], arms=[Arm("a", 5)]).observables) == names


@pytest.mark.parametrize(("start", "day"), [(-14.0, 0.0), (0.0, 0.0), (7.0, 7.0)])
def test_events_count_from_day_0_or_the_start_when_that_is_later(start, day):
    trial = Trial("t", Population("il2_sc"), visits=[10], arms=[Arm("a", 5)], start=start)
    assert trial.counted_from == day
