"""Cells as a paper prints them, "61 (40-100)" with the statistic "median (q1-q3)": a row a number is made of each."""

import re
from collections.abc import Mapping
from typing import Any


class CellError(ValueError):
    """Say what is wrong with a cell, and of which `field` of its row it is."""

    def __init__(self, message: str, field: str = "value") -> None:
        super().__init__(message)
        self.field = field


MISSING = ("", "-", "–", "—", "na", "n.a.", "n/a", "nr", "n.r.", "ne", "n.e.")  # of a cell: nothing is printed there
NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_PART = rf"(?:[<>≤≥]\s*)?[-+]?{NUMBER}\s*%?"
_CELL = re.compile(rf"({_PART})\s*(?:±\s*({_PART})|\(\s*(?:±\s*)?(.*?)\s*\)|\[\s*(?:±\s*)?(.*?)\s*\])")
_PAIR = re.compile(rf"({_PART})\s*(?:to|and|-|,|;|…|\.\.+)\s*({_PART})")
_NONE = r"n\.?a\.?|n/a|n\.?[re]\.?|-"
_HALF = re.compile(rf"({_PART}|{_NONE})\s*(?:to|and|-|,|;|…|\.\.+)\s*({_PART}|{_NONE}|)", re.I)
_NTH = r"(?:p\s*)?(\d+(?:\.\d+)?)(?:st|nd|rd|th|\s*%)?"
_PERCENTILES = re.compile(rf"{_NTH}-{_NTH}\s*(?:(?:per)?centiles?|%)?")
_QUARTILES = {"p25": "q1", "p50": "median", "p75": "q3"}
_BEYOND = r"(?:[<>≤≥]\s*)?"
_COUNT = re.compile(
    rf"({_BEYOND}\d[\d,]*)(?:\s*(?:/|of)\s*(\d[\d,]*))?\s*(?:[(\[]\s*{_BEYOND}(\d+(?:\.\d*)?)\s*%?\s*[)\]])?"
)

SPREADS = {  # what stands in the brackets of a statistic, and the statistics that it is
    "q1-q3": ("q1", "q3"),
    "iqr": ("q1", "q3"),
    "range": ("min", "max"),
    "min-max": ("min", "max"),
    "sd": ("sd",),
    "se": ("se",),
    "sem": ("se",),
    "95% ci": ("ci_low", "ci_high"),
    "cv%": ("cv",),
}
CENTRES = {  # what stands before the brackets, and what may stand in them
    "median": ("q1-q3", "iqr", "range", "min-max", "95% ci"),
    "mean": ("sd", "se", "sem", "95% ci", "cv%", "range", "min-max", "q1-q3", "iqr"),
    "geometric mean": ("cv%", "sd", "95% ci", "range", "min-max", "q1-q3", "iqr"),
}
_NAMED = {  # what is called otherwise beside a centre
    "median": {"ci_low": "median_ci_low", "ci_high": "median_ci_high"},
    "geometric mean": {
        "cv": "geometric_cv",
        "sd": "geometric_sd",
        "ci_low": "geometric_ci_low",
        "ci_high": "geometric_ci_high",
    },
}
_BARE = ("cv", "geometric_cv", "geometric_sd")  # in a unit of their own
_OF_DIFFERENCES = ("mean (se)", "mean (sem)", "mean (95% ci)")  # forms that a comparison of two arms may have
COUNTS = {"n (%)": "count", "n (%) above": "count_above", "n (%) below": "count_below"}
_CURES = {  # of a cell whose statistic names one number alone
    "median": "'median (q1-q3)' or 'median (range)'",
    "mean": "'mean (sd)', 'mean (se)' or 'mean (95% ci)'",
    "geometric_mean": "'geometric mean (cv%)' or 'geometric mean (sd)'",
    "count": "'n (%)'",
    "count_above": "'n (%) above'",
    "count_below": "'n (%) below'",
}


def is_missing(value: Any) -> bool:
    """Return whether a cell says that nothing is printed there."""
    return value is None or (isinstance(value, str) and value.strip().lower() in MISSING)


def expanded(row: Mapping[str, Any], n: int | None) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of single numbers that a row as printed makes, and how many cells or parts of it are missing.

    `n` is the number of patients of its arms. Raise CellError for a cell that is not what its statistic says.
    """
    fields, said = dict(row), row.get("statistic", "median")
    if "value" in fields and is_missing(fields["value"]):
        return [], 1
    name = _form(said) if isinstance(said, str) else said
    if name in COUNTS:
        return [_counted(fields, name, n)], 0
    if not isinstance(name, str) or not name.endswith(")"):
        return [_alone(fields, name)], 0
    if name not in _OF_DIFFERENCES:
        _check_compared(fields, said)
    centre, within = name[:-1].split(" (")
    numbers = _numbers(fields, said, SPREADS.get(within) or _percentiles(within), alone=within == "iqr")
    names = _NAMED.get(centre, {})
    kept = {names.get(key, key): value for key, value in numbers.items() if not is_missing(value)}
    first = {**fields, "statistic": centre.replace(" ", "_"), "value": kept.pop("")}
    plain = {key: value for key, value in fields.items() if key not in ("sigma", "sigma_source", "scale")}
    bare = {key: value for key, value in plain.items() if key != "unit"}  # the unit is that of what stands first
    others = [{**(bare if key in _BARE else plain), "statistic": key, "value": value} for key, value in kept.items()]
    return [first, *others], int(len(kept) + 1 < len(numbers))


def _percentiles(within: str) -> tuple[str, ...]:
    """Return the statistics of "p5-p95"; quartiles by their names."""
    return tuple(_QUARTILES.get(name, name) for name in within.split("-"))


def _form(said: str) -> str:
    """Return a statistic as the tables above have it; raise CellError for one in brackets that is none of them."""
    text = " ".join(re.sub(r"[−–—]", "-", said).lower().replace("[", "(").replace("]", ")").split())
    text = re.sub(r"^(.*?) ?± ?(\w+)$", r"\1 (\2)", text.replace("+/-", "±").replace("(±", "("))
    text = re.sub(r"^(?:no\.?|number|n/n) \(", "n (", text)
    text = re.sub(r"\s*(?:\bto\b|-|,|;)\s*", "-", text).replace("( ", "(").replace("95 %", "95%")
    if text.startswith("geometric mean"):
        text = re.sub(r"\((?:geometric |g)(cv|sd)", r"(\1", text)
    text = text.replace("interquartile range", "iqr").replace("(cv)", "(cv%)")
    if text in COUNTS or "(" not in text:
        return text if text in COUNTS else said
    centre, _, within = text.partition("(")
    known, within = CENTRES.get(centre := centre.strip(), ()), within.rstrip(") ")
    if within in known:
        return f"{centre} ({within})"
    if known and (shares := _PERCENTILES.fullmatch(within)) and re.search(r"[a-z%]", within):
        return f"{centre} (p{shares[1]}-p{shares[2]})"
    forms = [f"{name} ({spread})" for name, spreads in CENTRES.items() for spread in spreads if spread != "min-max"]
    raise CellError(f"'{said}' is none; expected {', '.join([*forms, *COUNTS])}, or one number's", "statistic")


def _alone(fields: dict[str, Any], name: Any) -> dict[str, Any]:
    """Return a row of one number; raise CellError for a cell of several."""
    value = fields.get("value")
    if not isinstance(value, str):
        return fields
    text = _plain(value)
    if str(name).startswith("percent") and re.fullmatch(rf"[<>≤≥]?\s*{NUMBER}\s*%", text):
        return {**fields, "value": _read(text, {**fields, "unit": "%"}, "")}
    if str(name).startswith("p_") and (p := re.fullmatch(rf"[pP]?\s*(?:=\s*)?((?:[<>≤≥]\s*)?{NUMBER})", text)):
        return {**fields, "value": _read(p[1], fields, "")}
    count = _COUNT.fullmatch(text)
    if _CELL.fullmatch(text) is None and (count is None or not (count[2] or count[3])):
        return fields
    cure = _CURES.get(str(name), "that of all its numbers, such as 'median (q1-q3)'")
    if count is not None and (count[2] or name == "percent"):
        cure = "'n (%)'"
    raise CellError(f"'{value}' is of several numbers, and statistic = '{name}' of one; say statistic = {cure}")


def _check_compared(fields: Mapping[str, Any], said: str) -> None:
    if isinstance(fields.get("versus"), str) and fields["versus"]:
        raise CellError(
            f"'{said}' with versus = '{fields['versus']}': a comparison is one number; state its statistic ('median') "
            "and value alone, or the difference of means with its error or interval, 'mean (95% ci)'",
            "statistic",
        )


def _plain(text: str) -> str:
    return re.sub(r"[−–—]", "-", re.sub(r"\+/[-−–]", "±", text.strip()))


def _numbers(fields: Mapping[str, Any], said: str, spread: tuple[str, ...], alone: bool) -> dict[str, Any]:
    """Return the numbers of a cell by statistic, "" being the centre's."""
    value = fields.get("value")
    text = _plain(str(value))
    example = f"61 {'(40-100)' if len(spread) > 1 else '(12)'}"
    wrong = CellError(f"'{value}' is no {said}; expected one such as '{example}'{_comma(text)}")
    cell = _CELL.fullmatch(text)
    if cell is None:
        raise wrong
    inner = next(part for part in cell.groups()[1:] if part is not None)
    if is_missing(inner):
        return {"": _read(cell[1], fields, "")} | dict.fromkeys(spread)
    if alone and re.fullmatch(_PART, inner):
        spread = ("iqr",)
    pair = _PAIR.fullmatch(inner) or _HALF.fullmatch(inner) if len(spread) > 1 else re.fullmatch(f"({_PART})", inner)
    if pair is None:
        raise wrong
    return {"": _read(cell[1], fields, "")} | {
        key: None if is_missing(part) else _read(part, fields, key)
        for key, part in zip(spread, pair.groups(), strict=True)
    }


def _comma(text: str) -> str:
    return "; decimals are written with points" if re.search(r"\d,\d{1,2}(?!\d)", text) else ""


def _read(part: str, fields: Mapping[str, Any], key: str) -> float | str:
    """Return a number of a cell, or the text of one beyond a limit."""
    percent = key == "cv" or fields.get("measure") == "percent_change" or fields.get("unit") in ("%", "percent")
    if part.endswith("%") and not percent:
        raise CellError(f"'{part}' is a percentage, and the row is of none; leave % out")
    text = re.sub(r"[\s,%]", "", part)
    return text if text[0] in "<>≤≥" else float(text)


def _counted(fields: dict[str, Any], name: str, n: int | None) -> dict[str, Any]:
    """Return the row of a count of patients, "6/40 (15%)"; its percentage is the same number, and is checked alone."""
    value = fields.get("value")
    _check_compared(fields, str(fields["statistic"]))
    cell = _COUNT.fullmatch(_plain(f"{value:.12g}" if isinstance(value, float) else str(value)))
    if cell is None:
        raise CellError(f"'{value}' is no count of patients; expected one such as '6/40 (15%)', '6 (15%)' or '6/40'")
    count = _read(cell[1], fields, "")
    if cell[2]:
        of = int(cell[2].replace(",", ""))
        if isinstance(fields.get("n"), int | float) and fields["n"] != of:
            raise CellError(f"'{value}' is of {of} patients, and n = {fields['n']}; leave n out")
        fields["n"] = of
    total = fields.get("n") or n
    if cell[3] and isinstance(total, int | float) and total > 0 and isinstance(count, float):
        share, digits = 100 * count / total, len(cell[3].partition(".")[2])
        if abs(share - float(cell[3])) > 0.5 * 10**-digits * (1 + 1e-9):
            raise CellError(
                f"'{value}': {count:g} of {total:g} patients are {share:.4g} %, not {cell[3]} %; mend one of them, or "
                "say the n that it is of"
            )
    return {**fields, "statistic": COUNTS[name], "value": count}
