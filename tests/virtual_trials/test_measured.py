"""What a trial measures of an arm: noise once for a patient and day, labels, what entered."""

import numpy as np
import pytest

from immunode.evidence.library import load
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.measured import measured_arm
from immunode.virtual_trials.trial_run import from_file

TINCATI = from_file(load("tincati_2008"))


@pytest.fixture(scope="module")
def il2():
    return run_arm(TINCATI, TINCATI.arms[0], 60, seed=3)


def test_a_patient_is_misread_alike_with_and_without_what_the_rule_added(il2):
    measured = measured_arm(TINCATI, il2, seed=3)
    same = ~measured.treated & measured.ok
    assert np.array_equal(measured.values["cd4"][same], measured.without["cd4"][same])
    columns, cd4 = np.searchsorted(il2.days, measured.days), il2.observables.index("cd4")
    factors = measured.values["cd4"] / il2.values[:, columns, cd4]
    assert measured.without["cd4"] == pytest.approx(factors * il2.without[:, columns, cd4], nan_ok=True)
    assert np.nanstd(factors) == pytest.approx(0.18, rel=0.2)


def test_labels_are_those_of_the_rule_and_empty_for_who_failed(il2):
    measured = measured_arm(TINCATI, il2, seed=3)
    assert measured.labels == {"IL-2R", "IL-2NR"}
    assert set(measured.label[measured.ok]) <= measured.labels
    assert set(measured.label[~measured.ok]) <= {""}


def test_what_entered_is_read_back(il2):
    entered = measured_arm(TINCATI, il2, seed=3).entered
    assert entered["n"] == 33
    assert (entered["dose"], entered["doses"], entered["last_dose"]) == (3.0, 30, 67.0)
    assert (entered["cut"], entered["lead_in"], entered["follow_up"]) == (200, 14, 548)
    assert entered["rise"] == pytest.approx(30)
