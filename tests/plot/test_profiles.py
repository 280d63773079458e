"""Every parameter's profile has a picture of its own, on a log axis where it spans decades."""

from immunode.plot.profiles import profiles


def test_each_parameter_has_its_curve_and_the_others_are_empty():
    tables = {name: {"value": [1.0, 2.0, 3.0], "rise": [4.0, 0.0, 5.0]} for name in "abcde"}
    tables["e"] = {"value": [0.01, 0.1, 1.0], "rise": [4.0, 0.0, 5.0]}
    axes = profiles(tables).axes
    drawn = [ax for ax in axes if ax.lines]
    assert [ax.get_title() for ax in drawn] == list("abcde")
    assert list(drawn[0].lines[0].get_ydata()) == [4.0, 0.0, 5.0]
    assert [ax.get_xscale() for ax in drawn] == ["linear"] * 4 + ["log"]
    assert not any(ax.axison for ax in axes if not ax.lines)
