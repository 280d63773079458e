"""The check of committed fits: results evaluate to the same numbers, and a change of data or of a number is seen."""

import json
import shutil

import pytest

from immunode.calibration.fit_check import AGREE, check_fit
from immunode.calibration.fit_file import find_fit, fit_names
from immunode.errors import BadValue


@pytest.mark.parametrize("name", fit_names())
def test_committed_result_evaluates_to_its_predictions(name):
    check = check_fit(name)
    assert check.same_data
    assert check.ok, f"{check.at}: {check.largest_change:.1e} > {AGREE:g}"


def test_a_result_of_other_data_or_another_number_does_not_agree(tmp_path):
    home = shutil.copytree(find_fit("piscitelli_1996"), tmp_path / "fit")
    result = json.loads((home / "result.json").read_text(encoding="utf-8"))
    (home / "result.json").write_text(json.dumps(result | {"data_hash": "0"}), encoding="utf-8")
    assert not check_fit(str(home)).ok
    assert not check_fit(str(home)).same_data
    last = result["predicted"][-1]
    last["predicted"] *= 1 + 1e-4
    (home / "result.json").write_text(json.dumps(result), encoding="utf-8")
    check = check_fit(str(home))
    assert (check.ok, check.same_data, check.at) == (False, True, last["label"])
    assert check.json() == result | {
        "check": {"ok": False, "same_data": True, "largest_change": check.largest_change, "at": last["label"]}
    }


def test_a_fit_that_was_never_run_cannot_be_checked(tmp_path):
    shutil.copy(find_fit("piscitelli_1996") / "fit.toml", tmp_path)
    with pytest.raises(BadValue, match="has no readable result"):
        check_fit(str(tmp_path))
    (tmp_path / "result.json").write_text('{"other": 1}', encoding="utf-8")
    with pytest.raises(BadValue, match="has no readable result"):
        check_fit(str(tmp_path))


def test_a_result_that_lacks_what_the_file_fits_cannot_be_checked(tmp_path):
    home = shutil.copytree(find_fit("il2_cd4"), tmp_path / "fit")
    text = (home / "fit.toml").read_text(encoding="utf-8")
    (home / "fit.toml").write_text(text.replace("[vary]\n", "[vary]\nkr = {}\n"), encoding="utf-8")
    with pytest.raises(BadValue, match=r"'kr' is fitted by fit\.toml and not by its result; fit it again"):
        check_fit(str(home))
