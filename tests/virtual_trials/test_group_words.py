"""Who was simulated: the group by values and states that are set, and what nobody said."""

import numpy as np

import immunode as im
from immunode.models import model
from immunode.virtual_trials.group_words import baseline_words, default_words, group_words
from immunode.virtual_trials.patient_words import read_patients

IL2 = model("il2_cd4_hiv")


def words(values=None, regimen=None):
    (text,) = group_words(IL2, values, regimen)
    return text


def test_nobody_is_untreated_unknowingly():
    assert words().startswith("untreated: ")
    assert words().endswith("(the default: nobody said otherwise)")
    assert words({"cd4_start": 200}, im.prescribe("3 MIU SC QD days 1-5")).endswith("nobody said otherwise)")
    assert "default" not in words({"suppressed": 0})


def test_the_group_follows_values_and_what_is_set():
    assert words({"suppressed": 1}).startswith("suppressed: ")
    haart = words(regimen=im.replace("art", 1, time=-14))
    assert haart.startswith("on HAART: ")
    assert haart.endswith("(art = 1 from day -14)")
    stopped = words({"suppressed": 1}, im.replace("art", 0, time=30))
    assert "art = 0 from day 30" in stopped
    assert words({"suppressed": 0.5}) == "no named group: suppressed = 0.5"


def test_patients_of_several_groups_are_told_apart():
    both = words({"suppressed": np.array([0.0, 1.0, 1.0])})
    assert both.split(" / ")[0].startswith("untreated")
    assert both.split(" / ")[1].startswith("suppressed")


def test_a_baseline_says_its_numbers_unit_day_and_what_is_assumed():
    (baseline,) = read_patients("cd4 200-500", IL2).baseline
    assert baseline_words(IL2, baseline) == "cd4 200-500 cells/uL on day 0 (uniform between them: assumed)"


def test_covariates_that_nobody_said_are_the_typical_patients():
    assert default_words(IL2, (), {}) == (
        "setpoint_rna = 100000 copies/mL (default)",
        "cd4_start = 61 cells/uL (default)",
        "nadir = cd4_start (default)",
    )
    said = read_patients("cd4 200-500, rna 1e4-1e5", IL2).baseline
    assert default_words(IL2, said, {"nadir": 50, "pretherapy_cd4": 60}) == ()
