"""What a paper printed, judged: inside or outside, expected or in doubt, not modelled."""

from immunode.report.verdicts import named, verdicts

EMPTY = dict.fromkeys(
    ("simulated", "low", "high", "inside", "test", "p_below_05", "p_at_most_published", "p_direction", "note", "short")
)
NUMBER = EMPTY | {"kind": "median", "simulated": 60.0, "low": 50.0, "high": 70.0, "published": 61.0, "inside": True}
TEST = EMPTY | {"kind": "test", "test": "Wilcoxon signed-rank", "published": 0.01, "p_below_05": 0.7}


def row(base, label, **changes):
    return base | {"label": label} | changes


ROWS = [
    row(EMPTY, "patients", kind="given", published=73.0, simulated=73.0),
    row(NUMBER, "baseline CD4, a (median, cells/uL)"),
    row(NUMBER, "baseline CD4, b (median, cells/uL)"),
    row(NUMBER, "CD4 at month 3 (median)", published=1234.0, inside=False),
    row(TEST, "p of one (p)"),
    row(TEST, "p of two (p)", p_below_05=0.3),
    row(TEST, "p of three (p)", published=0.4, p_below_05=0.3),
    row(TEST, "p in words", published="not significant"),
    row(EMPTY, "opportunistic infections, a (patients)", kind="not_modelled", published=3.0),
    row(EMPTY, "opportunistic infections, b (patients)", kind="not_modelled", published=4.0),
]


def test_each_figure_is_in_its_place():
    judged = verdicts(ROWS)
    assert judged.counted == "the paper: 2 of 3 numbers and 2 of 3 p-values are as simulated trials have them"
    assert judged.outside == ("CD4 at month 3 1230, not 50 to 70",)
    assert judged.agrees == (
        "baseline CD4 (2)",
        "p of one p 0.01 (p < 0.05 in 70 % of trials)",
        "p of three p 0.4 (p < 0.05 in 30 % of trials)",
    )
    assert judged.doubts == ("p of two p 0.01 (p < 0.05 in 30 % of trials)",)
    assert judged.silent == ("opportunistic infections",)


def test_a_p_value_that_hardly_any_trial_reaches_is_in_doubt_though_it_is_not_significant():
    rare = row(TEST, "p of a few (p)", published=0.06, p_below_05=0.03, p_at_most_published=0.036)
    judged = verdicts([rare])
    assert judged.doubts == ("p of a few p 0.06 (p <= 0.06 in 3.6 % of trials)",)
    assert judged.agrees == ()


def test_half_of_the_trials_is_half_as_it_is_shown():
    judged = verdicts([row(TEST, "p of one (p)", p_below_05=0.4985)])
    assert judged.agrees == ("p of one p 0.01 (p < 0.05 in 50 % of trials)",)


def test_a_paper_of_words_alone_is_said_to_have_no_number():
    assert verdicts(ROWS[-3:]).counted == "the paper: no number that is predicted"


def test_a_figure_is_called_by_its_short_name_or_its_label_without_brackets():
    assert named(row(NUMBER, "events, a (patients of 33; 1 is 3 %) late")) == "events, a late"
    assert named(row(NUMBER, "events", short="e")) == "e"
