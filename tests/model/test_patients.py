"""The terms of patients: groups and covariates of a user's own model, and what a model does not have is refused."""

import pytest

import immunode as im
from immunode.errors import BadValue, ModelError, UnknownName


def declared(**terms):
    return im.Model(
        "mine",
        [im.State("c", "mg/L", initial="k")],
        lambda t, x, p: {"c": -p.k * x.c / 1.0 * p.one},
        [im.Parameter("k", 1.0, "mg/L", low=0.1, high=10), im.Parameter("one", 1.0, "L/mg/day")],
        patients=im.PatientTerms(**terms),
    )


SICK = im.PatientGroup("sick", "health", "has a high level", values={"k": 5}, also=["ill"])


def test_groups_and_covariates_are_found_by_any_of_their_names():
    level = im.Covariate("level", "k", "level at the start", also=["start level"])
    terms = declared(groups=[SICK], covariates=[level]).patients
    assert terms.group("ILL") is SICK
    assert terms.group("well") is None
    assert terms.covariate("Start level") is level


@pytest.mark.parametrize(
    ("terms", "error", "message"),
    [
        (
            {"groups": [im.PatientGroup("a", "b", "c", values={"kk": 1})]},
            UnknownName,
            "group 'a' of mine has no parameter",
        ),
        ({"groups": [im.PatientGroup("a", "b", "c", set={"d": 1})]}, UnknownName, "group 'a' of mine has no state 'd'"),
        ({"covariates": [im.Covariate("a", "kk", "c")]}, UnknownName, "covariate 'a' of mine has no parameter 'kk'"),
        ({"covariates": [im.Covariate("a", "k", "c", observable="d")]}, UnknownName, "no output or state 'd'"),
        ({"covariates": [im.Covariate("a", "k", "c", at_most="d")]}, UnknownName, "no parameter 'd'"),
        ({"covariates": [im.Covariate("a", "k", "c", at_least="d")]}, UnknownName, "no parameter 'd'"),
        ({"omega": {"kk": 0.1}}, UnknownName, "omega of the patients of mine has no parameter 'kk'"),
        ({"noise": {"d": 0.1}}, UnknownName, "noise of the patients of mine has no output or state 'd'"),
        ({"better": {"d": "less"}}, UnknownName, "better of the patients of mine has no output or state 'd'"),
        ({"groups": [SICK, SICK]}, ModelError, "'sick' is declared more than once"),
        (
            {"groups": [im.PatientGroup(name, "b", "c", default=True) for name in "xy"]},
            ModelError,
            "two groups of 'b' are the default",
        ),
    ],
)
def test_what_the_model_does_not_have_is_refused_by_name(terms, error, message):
    with pytest.raises(error, match=message):
        declared(**terms)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: im.PatientGroup("", "a", "b"), "name of a group of patients = ''"),
        (lambda: im.PatientGroup("a", "b", "c", values={"k": "much"}), "group 'a': k = 'much'"),
        (lambda: im.PatientGroup("a", "b", "c", also="ill"), "group 'a': also = 'ill': expected a list"),
        (lambda: im.Covariate("a", "k", "c", log_sd=-1), "covariate 'a': log_sd = -1: expected a number above 0"),
        (lambda: im.Covariate("a", "k", "c", observable="c", at_most="k"), "leave out all but one of"),
        (lambda: im.Covariate("a", "k", "c", at_most="k", at_least="l"), "leave out all but one of"),
        (lambda: im.PatientTerms(omega={"k": -1}), "omega of patients of 'k'|omega of 'k' = -1"),
        (lambda: im.PatientTerms(better={"k": "fewer"}), "better of 'k' = 'fewer': expected more or less"),
        (lambda: im.PatientTerms(better="less"), "better of patients = 'less'"),
        (lambda: im.PatientTerms(groups=["sick"]), "groups of patients"),
    ],
)
def test_what_cannot_be_declared_is_refused_at_once(make, message):
    with pytest.raises(BadValue, match=message):
        make()


def test_a_composition_has_the_terms_of_its_parts_and_its_own():
    drug = im.Model(
        "drug", [im.State("d", "mg/L")], lambda t, x, p: {"d": -p.ke * x.d}, [im.Parameter("ke", 1.0, "1/day")],
        patients=im.PatientTerms(omega={"ke": 0.3}, source="assumed", better={"d": "less"}),
    )  # fmt: skip
    whole = im.compose("whole", declared(groups=[SICK]), drug, patients=im.PatientTerms(noise={"d": 0.1}))
    assert whole.patients.omega == {"ke": 0.3}
    assert whole.patients.noise == {"d": 0.1}
    assert whole.patients.better == {"d": "less"}
    assert whole.patients.group("sick") is SICK
    with pytest.raises(ModelError, match="whole: omega of 'ke' is declared by two parts"):
        im.compose("whole", declared(), drug, patients=im.PatientTerms(omega={"ke": 0.4}))
