"""A printed covariance matrix is refused where it is none, and says when it is of few patients."""

import numpy as np
import pytest

import immunode as im
from immunode.errors import BadValue

TWO = {"arm": "a", "observable": "level", "days": [1, 4], "mean": [3.0, 1.6], "n": 40}
GOOD = [[0.8, 0.2], [0.2, 0.3]]


def printed(**changes):
    return im.PrintedCovariance(**(TWO | {"matrix": GOOD} | changes))


def test_evidence_of_covariances_needs_no_other_rows():
    evidence = im.Evidence(name="e", arms={"a": "1 MIU IV bolus"}, covariances=[TWO | {"matrix": GOOD}])
    assert evidence.rows == ()
    assert evidence.covariances == (printed(),)


def test_evidence_of_neither_is_refused():
    with pytest.raises(BadValue, match="expected a list of at least 1"):
        im.Evidence(name="e", arms={"a": "1 MIU IV bolus"}, rows=[])


def test_a_covariance_of_an_arm_that_there_is_none_of_is_refused():
    with pytest.raises(BadValue, match="covariance 1: e has no arm 'b'"):
        im.Evidence(name="e", arms={"a": "1 MIU IV bolus"}, covariances=[TWO | {"matrix": GOOD, "arm": "b"}])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"n": 0}, "n = 0: expected a whole number, 1 or more"),
        ({"n": 2.5}, "n = 2.5: expected a whole number"),
        ({"n": 1}, "n = 1: one patient has no variance"),
        ({"n": [20, 18]}, "of the same patients on all days"),
        ({"matrix": None, "variances": [0.8, 0.3], "n": [20]}, "n has 1 numbers for 2 days"),
        ({"matrix": [[0.8, 0.2], [0.3, 0.3]]}, "0.2 in row 1, column 2, and 0.3 in row 2, column 1"),
        ({"matrix": [[0.8, 0.2]]}, "1 rows of 2 for 2 days"),
        ({"matrix": [[0.8, 0.6], [0.6, 0.3]]}, "0.6 in row 1, column 2 is beyond 0.4899"),
        ({"matrix": [[-0.8, 0.2], [0.2, 0.3]]}, "-0.8 in row 1, column 1 is no variance"),
        ({"matrix": None}, "one of the two"),
        ({"variances": [0.8, 0.3]}, "one of the two"),
        ({"mean": [1.0]}, "mean has 1 numbers for 2 days"),
        ({"days": [4, 1]}, "days must rise"),
        ({"days": [1, 1]}, "days must rise"),
        ({"divisor": "n+1"}, "divisor"),
        ({"mean": [1.0, "<2"]}, "beyond a limit"),
    ],
)
def test_what_is_no_printed_covariance_is_refused_by_name(changes, expected):
    with pytest.raises(BadValue, match=expected):
        printed(**changes)


def test_correlations_that_contradict_each_other_are_refused():
    matrix = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    with pytest.raises(BadValue, match="contradict each other"):
        printed(days=[1, 2, 3], mean=[1, 1, 1], matrix=matrix.tolist())


def test_a_matrix_of_few_patients_rounded_as_papers_print_is_accepted():
    patients = np.random.default_rng(0).standard_normal((4, 6))  # singular, and rounding makes eigenvalues negative
    matrix = np.round(np.cov(patients.T), 3)
    assert np.linalg.eigvalsh(matrix)[0] < 0
    assert printed(days=range(1, 7), mean=[0] * 6, matrix=matrix.tolist(), n=4).few


def test_a_quantity_that_is_the_same_in_all_patients_has_no_variance():
    assert printed(matrix=[[0, 0], [0, 0.3]]).matrix == ((0, 0), (0, 0.3))


@pytest.mark.parametrize(("n", "few"), [(2, True), (6, True), (7, False), (500, False)])
def test_few_are_three_patients_a_visit(n, few):
    assert bool(printed(n=n).few) == few
    assert not printed(n=n, matrix=None, variances=[0.8, 0.3]).few


def test_evidence_warns_of_a_matrix_of_few_patients():
    arms = [{"name": "a", "regimen": "1 MIU IV bolus", "n": 40}]
    with pytest.warns(UserWarning, match=r"^e, covariance 1: arm 'a', level: a covariance matrix of 2 days from n = 5"):
        im.Evidence(name="e", arms=arms, covariances=[TWO | {"matrix": GOOD, "n": 5}])


def test_why_few_are_too_few():
    """The smallest eigenvalue of a sample covariance of three patients a visit is far too small (0.18 of the true one
    in the limit of many visits: (1 - 1 / sqrt(3))^2; Marchenko and Pastur)."""
    patients = np.random.default_rng(1).standard_normal((200, 36, 12))
    least = np.array([np.linalg.eigvalsh(np.cov(one.T))[0] for one in patients])
    assert 0.15 < np.median(least) < 0.3


def test_a_trial_file_may_print_a_covariance(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        """
name = "own"
title = "t"
reference = "r"
model = "il2_sc"
[[arms]]
name = "a"
regimen = "3 MIU SC"
[[covariances]]
arm = "a"
observable = "il2"
days = ["2 h", "6 h"]
mean = [20, 10]
variances = [30, 12]
n = [12, 11]
source = "table 2"
"""
    )
    from immunode.evidence.library import load_evidence

    assert load_evidence(str(path)).covariances[0].sizes == (12, 11)
