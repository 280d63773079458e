"""The trial of a comparison: its days, its visits, its patients."""

from numpy.testing import assert_allclose

from immunode.studies.comparison import compare
from tests.support.compared import DOSES, effect


def test_months_are_whole_days_as_in_trials():
    assert compare(effect(), DOSES[:1], until="12 mo", n=2).visit.values[-1] == 365
    assert compare(effect(), DOSES[:1], until="60 h", n=2).visit.values.tolist() == [0, 2.5]


def test_rules_see_patients_at_the_visits_that_are_said():
    rule = {"again": "10 mg IV bolus every 7 days while count < 1000, at most 9"}
    result = compare(effect(), rule, visits="every 2 weeks to 8 wk", n=2)
    assert result.visit.values.tolist() == [0, 14, 28, 42, 56]
    later = compare(effect(), rule, visits=[14, 28], until=60, n=2)
    assert later.visit.values.tolist() == [0, 14, 28, 60]


def test_patients_in_words_have_their_baseline_under_each_schedule():
    result = compare("il2_cd4_hiv", ["4.5 MIU SC BID days 1-5"], patients="cd4 200-500, suppressed", until=28, n=40)
    start = result.cd4_patient  # with the noise of the count, as their baseline is
    assert ((start[:, :, 0] >= 200) & (start[:, :, 0] <= 500)).all()
    assert_allclose(start[0, :, 0], start[1, :, 0], rtol=1e-12)
    assert "cd4 200-500" in result.attrs["patients"]
    assert "suppressed" in result.attrs["patients"]
    assert "untreated" in compare("il2_cd4_hiv", ["3 MIU SC"], until=7, n=3).attrs["patients"]
