"""Distributions of baselines: what is printed holds after the cuts, by closed forms; what nobody can be is refused."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

import immunode as im
from immunode.errors import BadValue
from immunode.evidence.baseline import Baseline
from immunode.virtual_trials.distribution import distribution

EVENLY = (np.arange(2000) + 0.5) / 2000
CUTS = [{}, {"below": 600}, {"above": 120}, {"above": 120, "below": 600}]


def said(**fields):
    return distribution(Baseline(observable="cd4", source="test", **fields))


@pytest.mark.parametrize("cuts", CUTS, ids=str)
@pytest.mark.parametrize("way", [{"log_sd": 0.6}, {"quartiles": [200, 480]}], ids=str)
def test_the_printed_median_and_quartiles_hold_after_the_cuts(cuts, way):
    spread = said(median=300, **way, **cuts)
    assert spread.cdf(np.array([300.0]))[0] == pytest.approx(0.5, abs=1e-12)
    assert spread.quantile(np.array([0.5]))[0] == pytest.approx(300, rel=1e-11)
    if "quartiles" in way:
        assert spread.quantile(np.array([0.25, 0.75])) == pytest.approx([200, 480], rel=1e-11)
    drawn = spread.quantile(EVENLY)
    assert drawn.min() >= cuts.get("above", 0)
    assert drawn.max() <= cuts.get("below", np.inf)
    assert spread.cdf(drawn) == pytest.approx(EVENLY, abs=1e-9)


@pytest.mark.parametrize("cuts", CUTS, ids=str)
def test_a_cut_log_normal_is_that_of_scipy(cuts):
    spread = said(median=300, log_sd=0.6, **cuts)
    low, high = np.log(cuts.get("above", 1e-300)), np.log(cuts.get("below", 1e300))
    # independent: the log of a quantile is a truncated normal's, its centre found from two quantiles far apart
    ends = np.log(spread.quantile(np.array([1e-9, 1 - 1e-9])))

    def off(centre):
        known = stats.truncnorm((low - centre) / 0.6, (high - centre) / 0.6, loc=centre, scale=0.6)
        return np.abs(known.ppf([1e-9, 1 - 1e-9]) - ends).max()

    best = min(np.linspace(4.5, 6.5, 2001), key=off)
    known = stats.truncnorm((low - best) / 0.6, (high - best) / 0.6, loc=best, scale=0.6)
    # the centre is on a grid of 0.001
    assert np.log(spread.quantile(EVENLY)) == pytest.approx(known.ppf(EVENLY), abs=2e-3)


@pytest.mark.parametrize("cuts", CUTS, ids=str)
def test_the_printed_mean_and_sd_hold_after_the_cuts(cuts):
    spread = said(mean=300, sd=90, **cuts)
    first, second = (
        integrate.quad(lambda u, k=k: float(spread.quantile(np.array([u]))[0] ** k), 0, 1)[0] for k in (1, 2)
    )
    # to the accuracy of the quadrature in the tails
    assert first == pytest.approx(300, rel=1e-4)
    assert np.sqrt(second - first**2) == pytest.approx(90, rel=2e-3)


def test_without_cuts_a_mean_and_an_sd_are_the_log_normals_closed_form():
    log_sd = np.sqrt(np.log1p(0.3**2))
    known = stats.lognorm(log_sd, scale=300 * np.exp(-0.5 * log_sd**2))
    assert said(mean=300, sd=90).quantile(EVENLY) == pytest.approx(known.ppf(EVENLY), rel=1e-12)


def test_a_range_is_uniform_and_with_a_median_uniform_on_either_side():
    assert said(range=[200, 500]).quantile(EVENLY) == pytest.approx(200 + 300 * EVENLY)
    spread = said(range=[200, 500], median=260)
    assert spread.quantile(np.array([0, 0.25, 0.5, 0.75, 1])) == pytest.approx([200, 230, 260, 380, 500])


def test_quartiles_too_far_from_the_median_for_a_log_normal_are_met_within_the_cut():
    spread = said(median=350, quartiles=[220, 480], above=200, below=500)
    drawn = spread.quantile(EVENLY)
    assert (drawn < 220).mean() == pytest.approx(0.25, abs=1 / 2000)
    assert (drawn > 480).mean() == pytest.approx(0.25, abs=1 / 2000)
    assert (drawn.min(), drawn.max()) == (pytest.approx(200, rel=1e-2), pytest.approx(500, rel=1e-2))


def test_values_are_each_as_likely_from_a_list_and_from_a_table(tmp_path):
    table = tmp_path / "patients.csv"
    table.write_text("id,CD4\n1,100\n2,300\n3,200\n")
    for spread in (said(values=[100, 300, 200]), said(table=str(table))):
        assert spread.quantile(np.array([0, 0.3, 0.4, 0.6, 0.7, 0.999])).tolist() == [100, 100, 200, 200, 300, 300]
        assert spread.cdf(np.array([99, 100, 250, 300])).tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,cd8\n1,3\n", "has no column 'cd4'; did you mean 'cd8'"),
        ("id,cd4\n1,100\n2,\n", "row 2, column 'cd4': '' is no number above 0; leave out the row"),
        ("id,cd4\n1,-100\n", "row 1, column 'cd4': '-100' is no number above 0"),
        ("id,cd4\n", "has a header and no rows; expected one for each patient"),
        ("id,cd8\n", "has no column 'cd4'; did you mean 'cd8'"),
        ("id,cd4\n1,\n", "row 1, column 'cd4': '' is no number above 0"),
        ("", r"is empty; expected a header \(cd4\) and rows"),
    ],
)
def test_a_table_without_a_number_is_refused_by_row_and_column(tmp_path, text, message):
    table = tmp_path / "patients.csv"
    table.write_text(text)
    with pytest.raises(Exception, match=message):
        said(table=str(table))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"median": 450, "log_sd": 0.01, "above": 200, "below": 500}, None),
        ({"median": 499.99, "log_sd": 0.01, "above": 200, "below": 500}, "cannot be reached above 200 and below 500"),
        (
            {"mean": 300, "sd": 300, "above": 200, "below": 500},
            "no log-normal distribution between its cuts has a mean",
        ),
    ],
)
def test_what_no_distribution_of_its_kind_has_is_refused(fields, message):
    if message is None:
        assert said(**fields).quantile(np.array([0.5]))[0] == pytest.approx(450)
        return
    with pytest.raises(BadValue, match=message):
        said(**fields)


@pytest.mark.parametrize("cuts", [{"above": 350}, {"above": 350, "below": 400}, {"above": 200}], ids=str)
@pytest.mark.parametrize("log_sd", [0.3, 0.8, 1.5])
def test_a_lower_cut_close_to_the_median_leaves_a_distribution_above_it(cuts, log_sd):
    spread = said(median=370, log_sd=log_sd, **cuts)
    drawn = spread.quantile(EVENLY)
    assert len(np.unique(drawn)) == len(EVENLY)
    assert cuts["above"] < drawn.min() < drawn.max() < cuts.get("below", np.inf)
    assert spread.quantile(np.array([0.5])) == pytest.approx(370, rel=1e-11)
    assert spread.cdf(drawn) == pytest.approx(EVENLY, abs=1e-9)
    # independent: a normal's upper tail is all but exponential, and SciPy's truncated normal knows its logs; the centre
    # is that of which the median is 370
    low, high = np.log(cuts["above"]), np.log(cuts.get("below", np.inf))

    def off(centre):
        ends = (low - centre) / log_sd, (high - centre) / log_sd
        return stats.truncnorm.ppf(0.5, *ends, loc=centre, scale=log_sd) - np.log(370)

    centre = optimize.brentq(off, np.log(370) - 19 * log_sd**2, np.log(370) + 19 * log_sd**2)
    ends = (low - centre) / log_sd, (high - centre) / log_sd
    scipys = np.exp(stats.truncnorm.ppf(EVENLY[::100], *ends, loc=centre, scale=log_sd))
    assert drawn[::100] == pytest.approx(scipys, rel=1e-7)


def test_patients_with_a_lower_cut_close_to_their_median_have_that_median():
    made = im.compare(
        "il2_cd4_hiv", "3 MIU SC QD days 1-5", patients="cd4 median 370, above 350, suppressed", n=400, until="30 d"
    )
    first = made.cd4_patient.sel(arm="no doses").isel(visit=0).values
    assert (first > 350).all()
    assert np.median(first) == pytest.approx(370, rel=0.01)
