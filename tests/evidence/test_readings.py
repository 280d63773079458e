"""Other readings: each assumption's alternatives in the order of the file, each the changed trial or its evidence."""

import pytest

from immunode.errors import BadValue
from immunode.evidence.library import find, load, load_evidence, trial_names
from immunode.evidence.readings import other_readings


def test_other_readings_are_the_file_with_their_changes_in_the_order_of_the_file():
    readings = list(other_readings("tincati_2008", load))
    stated = [(a.name, a.assumed, o) for a in load("tincati_2008").assumptions for o in a.alternatives]
    assert [(r.assumption, r.assumed, r.label) for r in readings] == [(name, text, o.label) for name, text, o in stated]
    for reading, (_, _, other) in zip(readings, stated, strict=True):
        assert reading.source == load("tincati_2008", other.changes)


@pytest.mark.parametrize("name", [name for name in trial_names() if find(name).with_name("evidence.csv").exists()])
def test_every_other_reading_of_the_evidence_changes_it(name):
    assumed = load_evidence(name)
    assert all(reading.source != assumed for reading in other_readings(name, load_evidence))


def test_a_reading_that_changes_what_is_not_there_is_refused(tmp_path):
    path = tmp_path / "trial.toml"
    path.write_text(
        'name = "t"\ntitle = "t"\nreference = "r"\n'
        'model = "il2_sc"\n[[arms]]\nname = "a"\n[[assumptions]]\nname = "x"\n'
        'assumed = "y"\nalternatives = [{ label = "z", changes = { "arms.1.n" = 3 } }]\n',
        encoding="utf-8",
    )
    with pytest.raises(BadValue, match=r"no field 'arms\.1\.n'"):
        list(other_readings(str(path), load))
