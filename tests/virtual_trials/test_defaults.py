"""The spread that a model declares is the default one, and what declares none says so."""

from immunode.models import model
from immunode.virtual_trials.defaults import population, spread_words


def test_the_population_of_a_model_has_its_declared_spread():
    il2 = model("il2_cd4_hiv")
    assert population(il2).omega == il2.patients.omega
    assert spread_words(il2).startswith("spread between patients, SD of the log: ")
    assert "cd4 is counted with a CV of 18 %" in spread_words(il2)


def test_a_model_without_a_spread_has_patients_who_are_alike_and_says_so():
    receptors = model("aids_hazard")
    assert population(receptors).omega == {}
    assert spread_words(receptors) == "no spread between patients: aids_hazard declares none, and nobody gave one"
