"""Patients of an arm have the baselines that are said: of several observables at once, and of covariates."""

import numpy as np
import pytest

import immunode as im
from immunode.models import model
from immunode.regimen import Regimen, replace
from immunode.simulation import run
from immunode.virtual_trials.arm_patients import drawn_patients, patients_in_words
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.defaults import population
from immunode.virtual_trials.patient_words import read_patients
from immunode.virtual_trials.protocol import Assay

IL2 = model("il2_cd4_hiv")


def drawn(text, n=64, regimen=None, start=0.0, **assay):
    said = read_patients(text, IL2)
    return drawn_patients(
        population(IL2), n, Assay(seed=5, **assay), baselines=said.baseline, values=said.values,
        regimen=regimen or Regimen(), start=start,
    )  # fmt: skip


def cd4(patients, regimen=None, day=0.0, start=0.0):
    which = np.zeros(len(patients), dtype=int)
    return run(
        IL2, patients.parameters, [regimen or Regimen()], which, times=np.array([day]), observe=["cd4"], start=start
    ).values[:, 0, 0]


def test_a_range_is_met_by_every_patient():
    patients = drawn("cd4 200-500, suppressed")
    assert (patients.status == 0).all()
    assert cd4(patients).min() >= 200
    assert cd4(patients).max() <= 500


def test_a_parameter_and_a_baseline_are_met_together():
    patients = drawn("cd4 200-500, suppressed, CL 100-200")
    assert patients.parameter("CL").min() >= 100
    assert patients.parameter("CL").max() <= 200
    assert (patients.status == 0).all()


def test_a_nadir_is_never_above_the_count_and_enters_as_it_is():
    patients = drawn("cd4 100-500, suppressed, nadir 50-150")
    nadir = patients.parameter("nadir")
    assert (nadir <= cd4(patients) * (1 + 1e-6)).all()
    assert (nadir >= 50 * (1 - 1e-9)).all()
    assert (nadir <= 150 * (1 + 1e-9)).all()


def test_two_solved_baselines_are_both_met():
    therapy = replace("art", 1, time=-14.0)
    baselines = [
        im.Baseline(observable="cd4", range=[100, 300], source="test"),
        im.Baseline(observable="rna", solve="setpoint_rna", range=[2000, 9000], source="test"),
    ]
    patients = drawn_patients(
        population(IL2), 16, Assay(seed=5), baselines=baselines, regimen=therapy, start=-14.0
    )  # fmt: skip
    good = patients.status == 0
    assert good.sum() >= 12
    which = np.zeros(16, dtype=int)
    both = run(
        IL2, patients.parameters, [therapy], which, times=np.array([0.0]), observe=["cd4", "rna"], start=-14.0
    ).values[good, 0]
    assert both[:, 0].min() >= 100 * (1 - 1e-6)
    assert both[:, 0].max() <= 300 * (1 + 1e-6)
    assert both[:, 1].min() >= 2000 * (1 - 1e-5)
    assert both[:, 1].max() <= 9000 * (1 + 1e-5)


@pytest.mark.parametrize("nadir", ["50-100", "50-150", "median 90 (60-150)"])
def test_patient_17_is_the_same_alone(nadir):
    text = f"cd4 median 250 (150-350), above 60, suppressed, nadir {nadir}"
    alone = drawn(text, 1, first=17)
    assert np.array_equal(alone.parameters[0], drawn(text, 20).parameters[17])


def test_two_baselines_of_one_parameter_are_refused():
    count = im.Baseline(observable="cd4", range=[100, 300], source="test")
    start = im.Baseline(observable="cd4_start", range=[100, 300], source="test")
    with pytest.raises(im.errors.BadValue, match="arm 'a': the baselines 'cd4' and 'cd4_start' both decide cd4_start"):
        im.Trial("t", population(IL2), [0, 10], [im.Arm("a", 5, baseline=[count, start])])


def test_patients_in_words_are_those_of_a_trial_without_noise():
    text = "cd4 below 200, on HAART from day -14"
    patients, said = patients_in_words(IL2, text, 20, 5)
    assert said.start == -14
    trial = im.Trial("t", population(IL2), [0, 10], [im.Arm("a", 5, patients=text)], start=-14, same_patients=True)
    seen = im.run_trial(trial, n=20, seed=5).cd4_patient.sel(arm="a", visit=0).values
    good = patients.status == 0
    assert np.array_equal(good, np.isfinite(seen))
    therapy = replace("art", 1, time=-14.0)
    assert cd4(patients, therapy, start=-14.0)[good] == pytest.approx(seen[good], rel=1e-6)


@pytest.mark.parametrize("noise", [{}, {"cd4": 0.18}], ids=["exact", "noise"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("cd4 below 200, nadir 150-300", lambda nadir, _: (nadir < 150) | (nadir > 300)),
        ("nadir 150-300", lambda nadir, _: nadir < 150),  # beside the counts of the population
        ("nadir median 70, log SD 1", lambda nadir, count: nadir >= count),
        ("cd4 200-500, nadir 100-200", lambda nadir, _: nadir < 100),
        ("cd4 median 350 (220-480), nadir median 200 (100-300)", None),  # paired so that both hold
    ],
)
def test_more_than_one_in_a_hundred_with_another_nadir_than_said_are_told(words, said, noise):
    arm = im.Arm("a", 5, patients=f"{words}, suppressed")
    trial = im.Trial("t", im.Population(IL2, omega={"CL": 0.3}), [0, 10], [arm], noise=noise)
    done = run_arm(trial, trial.arms[0], 200, 3)
    count = done.patients.parameter("cd4_start")
    nadir = np.minimum(done.patients.parameter("nadir"), count)
    other = np.zeros(200, dtype=bool) if said is None else said(nadir * (1 + 1e-9), count)
    expected = f"{100 * other.mean():.3g} % of the patients ({other.sum()}) have another nadir than said (nadir "
    assert done.unmet.startswith(expected) if other.mean() > 0.01 else done.unmet == ""
    if done.unmet:
        assert (
            f"the median nadir of all is {np.median(nadir):.3g} cells/uL, that of cd4 {np.median(count):.3g}"
            in done.unmet
        )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("nadir 100-200, pretherapy cd4 150-400", True),
        ("nadir 100-200, pretherapy cd4 200-400", False),
        ("pretherapy cd4 150-400", False),  # nobody said a nadir: it is that count
    ],
)
def test_more_than_one_in_a_hundred_with_a_count_before_therapy_below_the_nadir_are_told(words, told):
    arm = im.Arm("a", 5, patients=f"cd4 400-600, {words}, suppressed")
    trial = im.Trial("t", im.Population(IL2), [0, 10], [arm])
    done = run_arm(trial, trial.arms[0], 200, 3)
    low = (done.patients.parameter("pretherapy_cd4") < done.patients.parameter("nadir")).sum()
    expected = (
        f"{low / 2:.3g} % of the patients ({low}) have a pretherapy cd4 (pretherapy cd4 150-400) below their nadir"
    )
    assert done.unmet.startswith(expected) if told else done.unmet == ""
