"""Gather the evidence of a fit: read it, keep what is fitted, refuse a cohort that enters twice, hash it."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from immunode.errors import BadValue
from immunode.evidence.library import load_evidence
from immunode.evidence.printed import Evidence
from immunode.internal.arguments import is_list, short

_WORDS = {"note", "sigma_source", "source", "provenance", "derivation"}  # of a row; no fit reads them


def sources_of(evidence: Sequence[str | Evidence] | str | Evidence) -> list[Evidence]:
    """Return evidence as a list; names are read from the library. Raise BadValue for what is neither."""
    one = isinstance(evidence, (str, Evidence))
    if not one and not is_list(evidence):
        raise BadValue(f"evidence = {short(evidence)}: expected Evidence, or names of library trials")
    items: list[Any] = [evidence] if one else list(evidence)
    for item in items:
        if not isinstance(item, str | Evidence):
            raise BadValue(f"evidence: {short(item)} is neither Evidence nor the name of a library trial")
    return [load_evidence(item) if isinstance(item, str) else item for item in items]


def fitted(sources: Sequence[Evidence]) -> list[Evidence]:
    """Return the evidence without its checks, so that a fit does not simulate them."""
    kept = [(one, tuple(row for row in one.rows if row.use == "fit")) for one in sources]
    if not any(rows for _, rows in kept):
        check_rows([one for one in sources if not one.rows], "fit an im.Population, which reads covariances")
        raise BadValue("the evidence has no row to fit: every row is a check")
    return [one.model_copy(update={"rows": rows}) for one, rows in kept if rows]


def covariances_alone(sources: Sequence[Evidence]) -> bool:
    """Return whether evidence prints covariances, and no row to fit beside."""
    rows = any(row.use == "fit" for one in sources for row in one.rows)
    return not rows and any(one.covariances for one in sources)


def check_rows(sources: Sequence[Evidence], cure: str) -> None:
    """Raise BadValue for evidence that prints covariances alone, with the cure, where rows are read."""
    for one in sources:
        if not one.rows:
            raise BadValue(f"{one.name}: it prints 'covariances' alone, and rows are read here; {cure}")


def check_cohorts(sources: Sequence[Evidence]) -> None:
    """Raise BadValue when a number enters twice, or a cohort from two trials."""
    owners: dict[str, set[str]] = {}
    seen = set()
    for one in sources:
        for row in (row for row in one.rows if row.use == "fit"):
            cohort = row.cohort or one.name
            owners.setdefault(cohort, set()).add(one.name)
            arms = tuple(sorted(row.groups)), tuple(sorted(row.versus_groups))
            which = (*arms, row.compare, row.observable, row.statistic, row.measure)
            key = (cohort, which, row.from_day, row.day, row.level, row.limit)
            if key in seen:
                of = f" of {row.observable}" if row.observable else ""
                what = f"the {row.statistic} {row.measure}{of} of cohort '{cohort}', arm '{row.arm}', day {row.day:g}"
                raise BadValue(f"{one.name}: {what} enters twice")
            seen.add(key)
    for cohort, names in owners.items():
        if len(names) > 1:
            both = " and ".join(sorted(names))
            raise BadValue(f"cohort '{cohort}' enters from {both}; a cohort enters once: make one a check")


def unread(sources: Sequence[Evidence], covariances: bool) -> list[str]:
    """Return which printed numbers a fit that reads `covariances` alone does not read, or one that reads rows."""
    out = []
    for one in sources:
        if covariances and any(row.use == "fit" for row in one.rows):
            out.append(f"{one.name}: its 'rows' are not read; likelihood = 'summaries' reads them")
        if not covariances and one.covariances:
            out.append(f"{one.name}: its 'covariances' are not read; likelihood = 'normal' reads them")
    return out


def data_hash(sources: Sequence[Evidence]) -> str:
    """Return a hash of every number and name that a fit reads of its evidence; words of explanation are left out."""
    words: Any = {"assumptions": True, "rows": {"__all__": _WORDS}}
    read = [one.model_dump(mode="json", exclude=words) for one in sources]
    for row in (row for one in read for row in one["rows"] if row["level"] is None):
        del row["level"]  # most measures have none, and hashes are older than it
    text = json.dumps(read, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
