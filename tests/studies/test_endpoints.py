"""What schedules are compared by where nobody says: counts, drugs, events, doses, as the model declares them."""

from dataclasses import replace

import immunode as im
from immunode.models import model
from immunode.studies.endpoints import compared_by, default_endpoints, signals


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


def test_what_is_said_to_be_better_comes_first_and_stands_for_the_usual_one():
    joint, plan = model("il2_cd4_hiv"), [im.prescribe("3 MIU SC")]
    less = im.Endpoint(signal="cd4", measure="change", better="less", label="loss")
    beside = im.Endpoint(signal="cd4", measure="cmin")
    by = compared_by(joint, plan, further=[beside, less])
    assert [(one.endpoint.words, one.kind, one.better) for one in by[:3]] == [
        ("loss", "benefit", "less"),
        ("cd4 > 500", "benefit", "more"),
        ("events", "benefit", "less"),
    ]
    assert [(one.kind, one.better) for one in by[3:]] == [("burden", "less")] * 5 + [("other", "")]


def test_a_model_says_of_what_less_is_better():
    joint = model("il2_cd4_hiv")
    worse = replace(joint, patients=replace(joint.patients, better={"cd4": "less"}))
    assert [one.better for one in default_endpoints(worse, [im.prescribe("3 MIU SC")])][:3] == ["less"] * 3
