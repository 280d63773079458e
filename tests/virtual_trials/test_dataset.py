"""The labelled dataset: variables by dimension, pictures' included, whatever the trial leaves out."""

import pytest
import xarray

from immunode.virtual_trials.arm import Arm
from immunode.virtual_trials.population import Population
from immunode.virtual_trials.trial import Trial
from immunode.virtual_trials.trial_run import run_trial


@pytest.fixture(scope="module")
def result():
    arms = [Arm("a", 5, "1 MIU SC QD days 1-2"), Arm("b", 4)]
    return run_trial(Trial("t", Population("il2_sc"), visits=[0, 1, 3], arms=arms), n=3, seed=1)


def test_statistics_are_over_arms_days_and_visits(result):
    assert result["il2"].dims == ("arm", "day", "statistic")
    assert result["il2_visit"].dims == ("arm", "visit", "statistic")
    assert result["il2_patient"].shape == (2, 3, 3)
    assert result["il2"].attrs["units"] == "IU/mL"
    assert result["size"].values.tolist() == [5, 4]


def test_a_trial_without_doses_rules_and_figures_has_no_columns_for_them():
    bare = run_trial(Trial("t", Population("il2_sc"), visits=[0, 1], arms=[Arm("a", 5)]), n=2, seed=1)
    assert not [
        name for name in bare if str(name).startswith(("figure_", "decision_")) or str(name).endswith("_typical")
    ]


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1, 2**31, 2**63, 2**64 - 1])
def test_a_result_is_read_back_from_its_file_without_doses_and_with_any_seed(tmp_path, seed):
    bare = run_trial(Trial("t", Population("il2_sc"), visits=[0, 1], arms=[Arm("a", 5)]), n=2, seed=seed)
    for name, options in (("a.nc", {"engine": "scipy"}), ("b.nc", {})):
        bare.to_netcdf(tmp_path / name, **options)
        with xarray.open_dataset(tmp_path / name) as again:
            assert again.sizes["dose"] == 1
            assert int(again.attrs["seed"]) == seed
            assert again["dose_day"].isnull().all()
