"""Virtual patients: who patient 17 is never depends on the company, and the distributions are the declared ones."""

import numpy as np
import pytest

from immunode.errors import BadValue, UnknownName
from immunode.evidence.design import Subgroup
from immunode.models import model
from immunode.regimen import Regimen
from immunode.simulation import run
from immunode.virtual_trials.population import Population, with_shares

IL2 = Population("il2_sc", omega={"CL": 0.3, "V": 0.2}, correlation={("CL", "V"): 0.5})


def test_patient_17_is_the_same_alone_and_in_a_crowd():
    crowd = IL2.sample(3000, seed=5)
    for i in (17, 1023, 1024, 2999):
        assert np.array_equal(IL2.sample(1, seed=5, first=i).parameters[0], crowd.parameters[i])


def test_making_another_parameter_vary_shifts_nobody():
    more = Population("il2_sc", omega={"CL": 0.3, "ka": 0.4})
    less = Population("il2_sc", omega={"CL": 0.3})
    assert np.array_equal(more.sample(50, seed=1).parameter("CL"), less.sample(50, seed=1).parameter("CL"))


def test_logs_have_the_declared_spread_and_correlation():
    n = 40_000
    patients = IL2.sample(n, seed=2)
    logs = np.log([patients.parameter("CL"), patients.parameter("V")])
    assert logs.std(axis=1) == pytest.approx([0.3, 0.2], rel=4 / np.sqrt(2 * n))  # 4 standard errors
    assert np.corrcoef(logs)[0, 1] == pytest.approx(0.5, abs=4 * 0.75 / np.sqrt(n))
    assert np.median(patients.parameter("CL")) == pytest.approx(
        model("il2_sc").typical["CL"], rel=4 * 1.25 * 0.3 / np.sqrt(n)
    )


def test_a_fraction_varies_on_the_logit_scale_and_stays_one():
    patients = Population("il2_sc", omega={"F": 1.5}).sample(20_000, seed=3)
    f = patients.parameter("F")
    assert 0 < f.min() < f.max() < 1
    odds = np.log(f / (1 - f))
    typical = model("il2_sc").typical["F"]
    assert odds.mean() == pytest.approx(np.log(typical / (1 - typical)), abs=4 * 1.5 / np.sqrt(20_000))
    assert odds.std() == pytest.approx(1.5, rel=4 / np.sqrt(40_000))


def test_a_subgroup_has_its_share_and_scale():
    group = Subgroup(name="slow", share=0.25, scale={"CL": 0.5}, source="test")
    patients = Population("il2_sc", subgroups=[group]).sample(20_000, seed=3)
    assert (patients.subgroup == 0).mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 20_000))
    typical = model("il2_sc").typical["CL"]
    assert set(patients.parameter("CL")) == {typical, 0.5 * typical}


FAST = Subgroup(name="fast", share=0.1, scale={"CL": 2.0}, source="test")
SLOW = Subgroup(name="slow", share=0.2, scale={"CL": 0.5}, source="test")


@pytest.mark.parametrize(("name", "index"), [("fast", 0), ("slow", 1)])
def test_a_larger_share_of_an_arm_only_adds_members_whose_other_draws_stay(name, index):
    population = Population("il2_sc", omega={"CL": 0.3, "V": 0.2}, subgroups=[FAST, SLOW])
    more = with_shares(population, {name: 0.6}, "arm 'a'")
    before, after = (one.sample(20_000, seed=3, arm="a") for one in (population, more))
    assert set(np.flatnonzero(before.subgroup == index)) < set(np.flatnonzero(after.subgroup == index))
    assert (after.subgroup == index).mean() == pytest.approx(0.6, abs=4 * np.sqrt(0.6 * 0.4 / 20_000))
    same = before.subgroup == after.subgroup
    assert np.array_equal(before.parameters[same], after.parameters[same])
    assert np.array_equal(before.parameter("V"), after.parameter("V"))


def test_an_arm_without_shares_has_the_population_itself():
    population = Population("il2_sc", subgroups=[FAST])
    assert with_shares(population, {}, "arm 'a'") is population


def test_bad_populations_are_refused():
    with pytest.raises(UnknownName, match="did you mean 'CL'"):
        Population("il2_sc", omega={"Cl": 0.3})
    with pytest.raises(BadValue, match="zero or more"):
        Population("il2_sc", omega={"CL": -0.3})
    with pytest.raises(BadValue, match="does not vary"):
        Population("il2_sc", omega={"CL": 0.3}, correlation={("CL", "V"): 0.5})
    pairs = {("CL", "V"): 0.9, ("CL", "ka"): 0.9, ("V", "ka"): -0.9}
    with pytest.raises(BadValue, match="correlation matrix"):
        Population("il2_sc", omega={"CL": 0.3, "V": 0.3, "ka": 0.3}, correlation=pairs)
    with pytest.raises(BadValue, match="at least one"):
        IL2.sample(0, seed=1)


def test_an_empty_regimen_is_no_treatment():
    values = np.array([list(model("il2_sc").typical.values())])
    which = np.zeros(1, dtype=int)
    course = run(model("il2_sc"), values, [Regimen(())], which, times=np.array([0.0, 5.0]), observe=["il2"], start=0.0)
    assert np.array_equal(course.values, np.zeros((1, 2, 1)))


def test_patients_of_several_blocks_are_those_of_each_alone():
    crowd = IL2.sample(21_000, seed=5)
    for i in (0, 10_239, 10_240, 20_999):
        assert np.array_equal(IL2.sample(1, seed=5, first=i).parameters[0], crowd.parameters[i])
    assert np.array_equal(IL2.sample(15_000, seed=5, first=6000).parameters, crowd.parameters[6000:])
