"""What schedules are compared by where nobody says: counts, drugs, events, doses, as the model declares them."""

import immunode as im
from immunode.models import model
from immunode.studies.endpoints import default_endpoints, signals


def labels(name, regimen, **levels):
    return [(one.endpoint.words, one.kind) for one in default_endpoints(model(name), [im.prescribe(regimen)], levels)]


def test_the_joint_model_is_compared_by_counts_events_il2_and_doses():
    assert labels("il2_cd4_hiv", "3 MIU SC") == [
        ("cd4 gain", "benefit"),
        ("cd4 > 500", "benefit"),
        ("events", "benefit"),
        ("il2 peak", "burden"),
        ("il2 AUC", "burden"),
        ("days il2 > 1", "burden"),
        ("doses", "burden"),
        ("MIU", "burden"),
    ]


def test_drugs_are_what_is_zero_untreated():
    assert signals(model("il2_cd4_hiv")) == (["cd4"], ["il2"])
    assert signals(model("il2_sc")) == ([], ["il2"])


def test_other_levels_take_the_place_of_declared_ones():
    assert ("cd4 > 350", "benefit") in labels("il2_cd4_hiv", "3 MIU SC", cd4=350)
    assert ("days il2 > 5 IU/mL", "burden") in labels("il2_sc", "3 MIU SC", il2="5 IU/mL")
