"""What a paper prints: figures say all that their kind needs, numbers belong to an arm and can be fitted."""

import re
from pathlib import Path

import pytest

from immunode.errors import BadValue
from immunode.evidence.printed import Evidence, Figure, PrintedNumber

ROW = {"arm": "a", "observable": "level", "day": 1, "value": 1, "sigma": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "median"}, "'observable' is left out; add a line such as observable = \"cd4\""),
        ({"kind": "gain"}, "'observable' is left out"),
        ({"kind": "below", "observable": "rna"}, "'below' is left out; add a line such as below = 50"),
        ({"kind": "rebound", "observable": "rna"}, "'below' is left out"),
        ({"kind": "given"}, "'what' is left out"),
        ({"kind": "test"}, "'test' is left out"),
        ({"kind": "test", "test": "wilcoxon"}, "'observable' is left out"),
        ({"kind": "test", "test": "fisher"}, r"needs 2 name\(s\)"),
        ({"kind": "events", "groups": ()}, r"needs 1 name\(s\)"),
    ],
)
def test_a_figure_that_leaves_out_what_its_kind_needs_is_refused_by_name(changes, message):
    with pytest.raises(BadValue, match=f"figure 'x' of kind '{changes['kind']}'.*{message}"):
        Figure(**({"label": "x", "published": 1, "groups": ("a",)} | changes))


@pytest.mark.parametrize("kind", ["events", "responders", "not_modelled"])
def test_a_figure_that_reads_no_observable_names_none(kind):
    assert Figure(label="x", kind=kind, published=1, groups=("a",)).observable == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arm": "b"}, "row 1: e has no arm 'b'"),
        ({"versus": "b"}, "row 1: e has no arm 'b'"),
        ({"measure": "halflife"}, "no measure 'halflife'; did you mean 'half_life'"),
        ({"scale": "log", "value": -1}, "a fit on the log scale needs a positive number, not -1"),
    ],
)
def test_bad_numbers_are_refused(changes, message):
    with pytest.raises(BadValue, match=message):
        Evidence(name="e", arms={"a": "1 MIU IV bolus"}, rows=[ROW | changes])


def test_the_observed_number_is_what_the_comparison_prints():
    pair = {"versus": "a", "value": 9, "versus_value": 3}
    assert PrintedNumber(**ROW | pair).observed == 6
    assert PrintedNumber(**ROW | pair | {"compare": "ratio"}).observed == 3
    assert PrintedNumber(**ROW | {"versus": "a", "value": 9}).observed == 9


def test_the_documented_columns_are_those_in_force():
    page = (Path(__file__).parents[2] / "docs" / "trial-files.md").read_text(encoding="utf-8")
    rows = page[page.index("| column |") :].partition("\n\n")[0].splitlines()[2:]
    documented = [name for line in rows if line for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(documented) == sorted(PrintedNumber.model_fields)
