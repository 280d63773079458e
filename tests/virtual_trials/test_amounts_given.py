"""What was given within a trial is counted of each patient, in the unit of each dosed state."""

import numpy as np

import immunode as im
from immunode.models import model
from immunode.virtual_trials.amounts_given import amounts_given
from immunode.virtual_trials.prescribed import cycle_starts, prescribed
from immunode.virtual_trials.recurring import Histories

IL2 = model("il2_sc")


def given(histories, last):
    """Return what patients were given who took all that they were prescribed."""
    plans = [one.regimen for one in histories.every]
    return amounts_given(IL2, plans, histories.which, histories, np.full(len(histories.which), np.inf), last)


def test_doses_cycles_and_amounts_are_those_before_the_last_visit():
    plans = [im.prescribe("300000 IU SC BID days 1-5 every 28 days x3"), im.prescribe("2 MIU IV bolus"), im.Regimen()]
    every = [prescribed(plan, cycle_starts(plan), 0) for plan in plans]
    amounts = given(Histories(every, np.array([1, 0, 2, 0])), last=57.0)
    assert amounts.doses.tolist() == [1, 22, 0, 22]
    assert amounts.cycles.tolist() == [1, 3, 0, 3]
    assert {name: values.round(9).tolist() for name, values in amounts.amount.items()} == {
        "depot": [0.0, 6.6, 0.0, 6.6],
        "central": [2.0, 0.0, 0.0, 0.0],
    }


def test_what_is_set_in_a_state_is_not_given():
    plan = im.prescribe("2 MIU IV bolus") + im.replace("central", "1 MIU", day=3)
    amounts = given(Histories([prescribed(plan, (0.0,), 0)], np.zeros(1, int)), last=9.0)
    assert (amounts.doses[0], amounts.amount["central"][0]) == (1, 2.0)
