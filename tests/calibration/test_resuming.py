"""A fit that was stopped goes on where it was, with the same bits."""

import pytest

from immunode.calibration.declared import run_fit
from immunode.calibration.fit import calibrate
from immunode.errors import BadValue, Interrupted
from tests.calibration.made_up import BOLUS
from tests.calibration.noisy import noisy

FREE = {"CL": {"log": True, "min": 1, "max": 100}, "V": {}}


def stop_at(number):
    def stop(done, total):
        if done == number:
            raise KeyboardInterrupt

    return stop


def test_a_fit_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    kept, whole = tmp_path / "starts.json", calibrate(noisy(), BOLUS, FREE, starts=4)
    with pytest.raises(Interrupted):
        calibrate(noisy(), BOLUS, FREE, starts=4, resume=kept, progress=stop_at(2))
    tried = []
    fit = calibrate(noisy(), BOLUS, FREE, starts=4, resume=kept, progress=lambda done, total: tried.append(done))
    assert fit.starts == whole.starts
    assert fit.fit_report() == whole.fit_report()
    assert fit.table.equals(whole.table)
    assert fit.conf_interval([1], ["V"]).equals(whole.conf_interval([1], ["V"]))
    again = calibrate(noisy(), BOLUS, FREE, starts=4, resume=kept)  # every start is finished
    assert again.fit_report() == whole.fit_report()


def test_the_file_of_another_fit_is_refused(tmp_path):
    kept = tmp_path / "starts.json"
    calibrate(noisy(), BOLUS, FREE, resume=kept)
    for changes in ({"seed": 1}, {"ftol": 1e-9}, {"evidence": noisy(2)}, {"vary": ["CL"]}, {"values": {}}):
        arguments = {"evidence": noisy(), "model": BOLUS, "vary": FREE} | changes
        if changes == {"values": {}}:
            calibrate(**arguments, resume=kept)
            continue
        with pytest.raises(BadValue, match="is of another fit"):
            calibrate(**arguments, resume=kept)
    kept.write_text("{}", encoding="utf-8")
    with pytest.raises(BadValue, match="no file of a fit's starts"):
        calibrate(noisy(), BOLUS, FREE, resume=kept)
    with pytest.raises(BadValue, match="resume = 3"):
        calibrate(noisy(), BOLUS, FREE, resume=3)
    with pytest.raises(BadValue, match="cannot write"):
        calibrate(noisy(), BOLUS, FREE, resume=tmp_path / "none" / "starts.json")


def test_a_declared_fit_keeps_what_is_finished_in_a_folder(tmp_path):
    first = run_fit("piscitelli_1996", progress=False, resume=tmp_path / "kept")
    names = {path.name for path in (tmp_path / "kept").iterdir()}
    assert "fit.json" in names
    assert sum(name.startswith("reading_") for name in names) == len(first.assumptions)
    assert run_fit("piscitelli_1996", progress=False, resume=tmp_path / "kept").json() == first.json()
