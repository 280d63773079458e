"""Other readings of a fit are those of its trials and its own, checked before anything is fitted."""

import pytest

from immunode.calibration.fit_file import load_fit
from immunode.calibration.fit_readings import fit_readings
from immunode.errors import BadValue, UnknownName
from immunode.evidence.library import load_evidence
from tests.calibration.summaries import FIT, declared


def test_a_library_fit_has_the_readings_of_its_trials_and_its_own():
    file = load_fit("il2_cd4")
    told = [(one.source, one.variant.label) for one in fit_readings(file)]
    of_fit = [("the fit", variant.label) for one in file.assumptions for variant in one.alternatives]
    trials = [
        (name, other.label)
        for name in file.evidence
        for a in load_evidence(name).assumptions
        for other in a.alternatives
    ]
    assert told == trials + of_fit


@pytest.mark.parametrize(
    ("variant", "error", "says"),
    [
        ("fixed = { ka = 5 }", UnknownName, "free parameter"),
        ("values = { CL = 50 }", BadValue, "'CL' is fitted, so its value has no effect"),
        ('without = ["four"]', UnknownName, "four"),
        ("values = { Ka = 5 }", UnknownName, "did you mean 'ka'"),
        ("spread = { Ka = 0.5 }", UnknownName, "did you mean 'ka'"),
        ("values = {}", BadValue, "it changes nothing"),
        ('without = ["one", "two", "three"]', BadValue, "leaves no evidence"),
    ],
)
def test_a_reading_that_cannot_be_is_refused(tmp_path, variant, error, says):
    text = FIT + f'\n[[assumptions]]\nname = "a"\nalternatives = [{{ label = "b", {variant} }}]\n'
    with pytest.raises(error, match=says):
        fit_readings(load_fit(declared(tmp_path, text)))


def test_two_readings_of_one_name_are_refused(tmp_path):
    twice = '{ label = "b", values = { ka = 5 } }, { label = "b", values = { ka = 6 } }'
    text = FIT + f'\n[[assumptions]]\nname = "a"\nalternatives = [{twice}]\n'
    with pytest.raises(BadValue, match="two readings are called 'b'"):
        fit_readings(load_fit(declared(tmp_path, text)))
