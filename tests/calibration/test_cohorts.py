"""The evidence of a fit: a cohort enters once, checks are not fitted, and the hash is of what is read."""

import pytest

from immunode.calibration.cohorts import check_cohorts, data_hash, fitted, unread
from immunode.calibration.fit import calibrate
from immunode.errors import BadValue
from immunode.evidence.printed import Evidence
from tests.calibration.made_up import BOLUS, evidence, row, study


def test_a_cohort_enters_once():
    one, again = (
        study(),
        study().model_copy(
            update={
                "name": "second paper",
                "rows": tuple(r.model_copy(update={"cohort": "study"}) for r in study().rows),
            }
        ),
    )
    with pytest.raises(BadValue, match=r"enters twice|enters from"):
        calibrate([one, again], BOLUS, vary=["CL"])
    other = again.model_copy(update={"rows": tuple(r.model_copy(update={"day": r.day + 0.01}) for r in again.rows)})
    with pytest.raises(BadValue, match="a cohort enters once"):
        check_cohorts([one, other])


def test_evidence_of_checks_alone_is_refused():
    with pytest.raises(BadValue, match="every row is a check"):
        fitted([evidence([row(use="check")])])


def test_the_hash_is_of_numbers_and_names_and_not_of_words_of_explanation():
    plain = data_hash([evidence([row()])])
    assert data_hash([evidence([row(note="explained", sigma_source="printed")])]) == plain
    assert data_hash([evidence([row(value=2)])]) != plain
    assert data_hash([evidence([row()], "2 MIU IV bolus")]) != plain


def test_what_a_fit_does_not_read_of_its_evidence_is_said():
    matrix = {"arm": "a", "observable": "level", "days": [1], "mean": [2.5], "variances": [1.7], "n": 20}
    rows = [{"arm": "a", "observable": "level", "day": 1, "value": 2.5, "use": use} for use in ("fit", "check")]
    both = Evidence(name="e", arms={"a": "10 mg IV bolus"}, rows=rows, covariances=[matrix])
    assert unread([both], covariances=True) == ["e: its 'rows' are not read; likelihood = 'summaries' reads them"]
    assert unread([both], covariances=False) == ["e: its 'covariances' are not read; likelihood = 'normal' reads them"]
    alone = Evidence(name="e", arms={"a": "10 mg IV bolus"}, rows=rows)
    assert unread([alone], covariances=False) == []
