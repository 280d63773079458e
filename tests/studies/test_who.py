"""Who is compared: in words, or as in a trial."""

import numpy as np
import pytest

import immunode as im
from immunode.errors import BadValue, UnknownName
from immunode.evidence.library import load
from immunode.models import model
from immunode.studies.who import who
from immunode.virtual_trials.arm_run import run_arm
from immunode.virtual_trials.trial_run import from_file

JOINT = model("il2_cd4_hiv")


def test_patients_as_in_a_trial_have_its_population_baseline_and_therapy():
    trial = from_file(load("tincati_2008"))
    people = who("as in tincati_2008", JOINT)
    assert people.population.omega == trial.population.omega
    assert people.population.subgroups == trial.population.subgroups
    assert people.said.baseline == trial.arms[0].baselines
    assert (people.said.start, people.noise) == (-14, {"cd4": 0.18})
    assert "as in tincati_2008, arm IL-2+HAART, 20 % HAART-discordant" in people.words(JOINT, {})
    assert who("as in tincati_2008: HAART", JOINT).said.baseline == trial.arms[1].baselines


def test_as_in_an_arm_with_its_own_shares_they_have_these(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        'name = "own"\ntitle = "t"\nreference = "r"\nmodel = "il2_cd4_hiv"\nvisits = [0, 28]\n'
        '[[arms]]\nname = "all"\nn = 5\n[[arms]]\nname = "failures"\nn = 5\nshares = { discordant = 0.9 }\n'
        '[population]\nsource = "assumed"\n'
        'subgroups = [{ name = "discordant", share = 0.2, scale = { supply = 0.5 }, source = "assumed" }]\n'
    )
    for arm, share in (("all", 0.2), ("failures", 0.9)):
        people = who(f"as in {path}: {arm}", JOINT)
        assert [group.share for group in people.population.subgroups] == [share]
        assert f"arm {arm}, {100 * share:g} % discordant" in people.words(JOINT, {})


def test_their_own_schedule_gives_them_what_the_trial_gives():
    trial = from_file(load("tincati_2008"))
    sentence = trial.arms[0].regimen
    result = im.compare("il2_cd4_hiv", [sentence], patients="as in tincati_2008", until="3 mo", n=300, seed=1)
    done = run_arm(trial, trial.arms[0], 300, 1)
    column = int(np.flatnonzero(done.days == 91)[0])
    trial_median = np.nanmedian(done.values[:, column, list(done.observables).index("cd4")])
    compared = float(result.cd4.sel(arm=sentence, day=91, statistic="median"))
    # other patients of the same population: the median of 300 has an SD of 5 %
    assert compared == pytest.approx(trial_median, rel=0.2)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("as in tincati_2009", UnknownName, "tincati_2009"),
        ("as in tincati_2008: none", UnknownName, "no arm 'none'"),
        ("as in fox_2007", BadValue, "evidence for fits, not a trial to run"),
    ],
)
def test_a_trial_or_arm_that_there_is_not_is_refused(text, error, said):
    with pytest.raises(error, match=said):
        who(text, JOINT)


def test_a_trial_of_another_model_is_refused():
    with pytest.raises(BadValue, match="that trial is of il2_cd4_hiv, not of il2_sc"):
        who("as in tincati_2008", model("il2_sc"))
