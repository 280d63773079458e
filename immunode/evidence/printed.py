"""What a paper prints of a trial: figures to predict, numbers to fit, and what it leaves open."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, PrivateAttr, ValidationInfo, model_validator

from immunode.evidence.design import ArmFile
from immunode.evidence.endpoint import Endpoint
from immunode.evidence.printed_checks import check_covariances, check_rows, check_visits
from immunode.evidence.printed_matrix import PrintedCovariance, warn_of_few
from immunode.evidence.printed_number import PrintedNumber as PrintedNumber
from immunode.evidence.printed_rows import Rows, missing_cells
from immunode.evidence.printed_spreads import warn_of_intervals, warn_of_percentages, warn_of_spreads
from immunode.evidence.time_fields import Days
from immunode.evidence.toml_file import ADDED, FilePart, Finite, NotNegative, NumberOrText, Positive, Text, left_out


@dataclass(frozen=True)
class Needs:
    """Say what a kind of figure, or a test, needs: how many groups, which fields (an observable, a limit, what is read
    back, a test, visits as days), and of a trial events, a rule's label, a regimen that a rule adds."""

    groups: int = 1
    observable: bool = False
    below: bool = False
    what: bool = False
    test: bool = False
    day: bool = False
    from_day: bool = False
    events: bool = False
    label: bool = False
    added: bool = False
    endpoint: bool = False


NEEDS = {
    "given": Needs(groups=0, what=True),
    "not_modelled": Needs(groups=0),
    "median": Needs(observable=True, day=True),
    "below": Needs(observable=True, below=True, day=True),
    "rebound": Needs(observable=True, below=True),
    "events": Needs(events=True),
    "responders": Needs(label=True),
    "gain": Needs(observable=True, day=True, added=True),
    "test": Needs(test=True),
    "endpoint": Needs(endpoint=True),
    "mann_whitney": Needs(groups=2, observable=True, day=True),
    "wilcoxon": Needs(observable=True, day=True, from_day=True),
    "fisher": Needs(groups=2, events=True),
}


class Alternative(FilePart):
    """Hold another reading of an assumption: changes of fields of the file by path ("arms.0.baseline.log_sd").

    Main arguments
        label: what the reading is called in tables
        changes: new values by path; parts of a path are names of fields, and places in lists, counted from 0

    Raises
        BadValue: for a field that is left out, unknown or of another kind. A path that leads nowhere is refused when
            the file of the trial is read with these changes.

    Example
        >>> import immunode as im
        >>> im.Alternative(label="narrow", changes={"arms.0.baseline.log_sd": 0.3})
        Alternative(label='narrow', changes={'arms.0.baseline.log_sd': 0.3})
    """

    label: Text
    changes: dict[str, Any]


class Assumption(FilePart):
    """Hold what the paper leaves open, what is assumed, and the readings that are reported beside it.

    Main arguments
        name: what is left open
        assumed: what is assumed, in words

    Other arguments
        alternatives: im.Alternative, one for each other reading, default none. They are run for trials of a file, by
            `immunode trial`, and refitted for declared fits; im.run_trial and im.calibrate take the trial as it is.

    Raises
        BadValue: for a field that is left out, unknown or of another kind.

    Example
        >>> import immunode as im
        >>> narrow = im.Alternative(label="narrow", changes={"arms.0.baseline.log_sd": 0.3})
        >>> im.Assumption(name="spread of counts", assumed="0.6", alternatives=[narrow]).assumed
        '0.6'
    """

    name: Text
    assumed: Text
    alternatives: tuple[Alternative, ...] = ()


class Figure(FilePart):
    """Hold one printed figure and how it is predicted.

    `kind`: given (it enters the simulation; `what` says how it is read back), median (of `observable` on `day`), below
    (percent of patients under `below` on `day`), rebound (percent with a visit above `below` after the first under it),
    events (patients with an event by `day`), responders (percent with the label `groups[0]`), test (a p-value between
    `groups`, arms or labels), gain (what the regimen that a rule added gave those who got it), endpoint (any measure
    and statistic, of `groups` pooled, less or over that of `versus`), not_modelled. Kinds that read an observable name
    it. A figure with a `short` name is shown again under other readings of the assumptions.

    Main arguments
        label: what the figure is called in tables
        kind: what is predicted, one of the words above
        groups: names of arms, or of labels that the last rule of one arm gives: two for the tests "mann_whitney" and
            "fisher", none for "not_modelled", arms for "given" (none: all), one or several pooled for "endpoint", else
            one, default none
        observable: name of an output of the model, or of a state where it has none, for kinds that read one, default
            none
        day: the visit on which it is read, or up to which events count, a number or "6 mo", default 0 [day]

    Other arguments
        published: the printed number [that of its kind], or words, with which nothing is compared; default none: the
            trial is planned, and nothing is printed yet
        what: for "given": "n", "cut", "rise", "lead_in", "dose", "doses", "last_dose" or "follow_up", default none
        from_day: for the test "wilcoxon", the visit that `day` is compared with, default none [day]
        test: for "test": "mann_whitney", "fisher" (of events) or "wilcoxon", default none
        below: for "below" and "rebound", the limit, default none [unit of the observable]
        endpoint: for "endpoint": an im.Endpoint, or a dict with its fields, default none
        versus: for "endpoint": arms or labels, pooled, that the groups are compared with, default none
        compare: with `versus`, "difference" or "ratio", default "difference"
        short: a short name, default none
        note: what is to be said beside it, default none

    Raises
        BadValue: for a field that is left out, unknown or of another kind; for what the kind needs and does not have,
            or has and does not need; for a number in quotes or with a sign ("<50") and a p-value outside 0 to 1.
            Groups, observables and days that the trial does not have are refused by im.Trial.

    Example
        >>> import immunode as im
        >>> figure = im.Figure(
        ...     label="CD4 at month 6", kind="median", published=280, groups=["low"], observable="cd4", day=183
        ... )
        >>> figure.groups
        ('low',)
    """

    label: Text
    kind: Literal[
        "given", "median", "below", "rebound", "events", "responders", "test", "gain", "endpoint", "not_modelled"
    ]
    published: NumberOrText = ""
    groups: tuple[str, ...] = ()
    what: Annotated[
        Literal["n", "cut", "rise", "lead_in", "dose", "doses", "last_dose", "follow_up"] | None, Field(examples=["n"])
    ] = None
    observable: Annotated[str, Field(examples=["cd4"])] = ""
    day: Days = 0.0
    from_day: Days | None = None
    test: Annotated[Literal["mann_whitney", "fisher", "wilcoxon"] | None, Field(examples=["mann_whitney"])] = None
    below: Annotated[Positive | None, Field(examples=[50])] = None
    endpoint: Annotated[Endpoint | None, Field(examples=[{"signal": "cd4", "measure": "change"}])] = None
    versus: tuple[str, ...] = ()
    compare: Literal["difference", "ratio"] = "difference"
    short: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "Figure":
        figure = f"figure '{self.label}' of kind '{self.kind}'"
        kinds = [self.kind, self.test] if self.kind == "test" and self.test else [self.kind]
        for kind in kinds:
            for field in ("what", "observable", "below", "test", "endpoint"):
                if getattr(NEEDS[kind], field) and getattr(self, field) in (None, ""):
                    raise ValueError(f"{figure}: {left_out(Figure, field)}")
        for field in ("what", "below", "test", "endpoint"):
            if getattr(self, field) is not None and not any(getattr(NEEDS[kind], field) for kind in kinds):
                raise ValueError(f"{figure} has no use for '{field}' = {getattr(self, field)!r}; leave it out")
        if len(self.groups) < NEEDS[kinds[-1]].groups:
            raise ValueError(f"{figure} needs {NEEDS[kinds[-1]].groups} name(s) of arms or labels in 'groups'")
        if self.kind != "endpoint" and (self.versus or self.compare == "ratio"):
            raise ValueError(f"{figure} has no use for 'versus' and 'compare'; leave them out")
        if self.kind == "endpoint" and self.compare == "ratio" and not self.versus:
            raise ValueError(f"{figure}: a ratio needs arms or labels that it is to; name them as 'versus'")
        if self.endpoint is not None and self.endpoint.better is not None:
            raise ValueError(f"{figure} has no use for 'better' of its endpoint, which is of comparisons; leave it out")
        self._check_published(figure)
        return self

    def _check_published(self, figure: str) -> None:
        """Raise ValueError for a number in quotes, which would be compared with nothing, and for no p-value."""
        if self.kind in ("given", "not_modelled"):
            return
        if isinstance(self.published, str) and re.fullmatch(r"\s*(p\s*)?[<>≤≥=]*\s*[\d.,]+\s*%?\s*", self.published):
            raise ValueError(
                f"{figure}: published = '{self.published}' is a text, which is compared with nothing; "
                "state a number without signs and quotes, or say it in words"
            )
        if self.kind == "test" and not isinstance(self.published, str) and not 0 <= self.published <= 1:
            raise ValueError(f"{figure}: published = {self.published:g}: expected a p-value, from 0 to 1")

    @property
    def limit(self) -> float:
        """Return the limit that the kinds "below" and "rebound" count by."""
        assert self.below is not None, "checked when the figure was made"
        return self.below


def _some(rows: Any, read: ValidationInfo) -> Any:
    """Return the rows of evidence; raise ValueError for none, unless it has covariances."""
    if isinstance(rows, list | tuple) and not rows and not read.data.get("covariances"):
        raise ValueError("expected a list of at least 1")
    return rows


class Evidence(FilePart):
    """Hold what a fit reads of a trial: arms and printed numbers; `arms` may be given as {name: regimen sentence}.

    Main arguments
        name: what the evidence is called
        arms: {name: regimen sentence}, or a list of dicts with the fields of an arm of a trial file: `name`, and
            `regimen`, `set`, `values`, `n`, `baseline`, `rules`, `label`; a fit of the typical patient follows the
            regimen, `set` and `values`, and no rule
        rows: printed numbers, at least one: im.PrintedNumber, or dicts with its fields. The value of a dict may be a
            cell as it is printed, "61 (40-100)" with the statistic "median (q1-q3)" (docs/trial-files.md): a number is
            made of each. A cell that is empty (None), "-", "NA" or "n.r." is missing: `missing` counts them. Where an
            SD looks like a standard error, by the quartiles, the range or the interval of the same patients, by the
            SDs of other arms or by their own on other days, and where a percentage is no whole number of patients, a
            warning names its row

    Other arguments
        covariances: im.PrintedCovariance, means with their covariance matrix or variances, which a fit by the normal
            law reads, default none; with them `rows` may be empty; a matrix of few patients is warned of
        start: the first simulated day; a number, or "-24 h", default 0 [day]
        assumptions: im.Assumption, what the paper leaves open, default none
        visits: days on which patients are seen beside those of the numbers, none of which may come after the last of
            them; fits of a population read them, and what follows, as im.Trial does, default none [day]
        noise: CV of the noise of a count by observable, default none [1]
        events: name of the state that accumulates hazard, default none
        visit_window: how far from its planned day a visit may be, a number or "36 h", default 0 [day]
        missed_visits: share of the visits that are missed, default 0 [1]

    Raises
        BadValue: for a field that is left out, unknown or of another kind, two arms of one name, a row of an arm that
            there is none of, a row that contradicts itself (a ratio to nothing, a window for a "value", a percentage
            above 100, an SD that is not above 0, a window without a span) or another (quartiles out of order,
            min = max), a day before `start` or after the last of `visits`, more patients than the arm has, and a number
            on the log scale that is not above 0. Observables and units are checked against the model by im.calibrate.

    Example
        >>> import immunode as im
        >>> row = {"arm": "a", "observable": "il2", "measure": "cmax", "day": 1, "value": 30, "sigma": 5}
        >>> evidence = im.Evidence(name="one dose", arms={"a": "3 MIU SC"}, rows=[row])
        >>> evidence.rows[0].observed
        30.0
        >>> cell = row | {"statistic": "median (q1-q3)", "value": "30 (21-44)"}
        >>> [(r.statistic, r.value) for r in im.Evidence(name="two", arms={"a": "3 MIU SC"}, rows=[cell]).rows]
        [('median', 30.0), ('q1', 21.0), ('q3', 44.0)]
    """

    name: Text
    arms: tuple[ArmFile, ...]
    covariances: Annotated[tuple[PrintedCovariance, ...], ADDED] = ()
    rows: Annotated[Rows, BeforeValidator(_some)]
    start: Days = 0.0
    assumptions: tuple[Assumption, ...] = ()
    visits: Annotated[tuple[Days, ...], ADDED] = ()
    noise: Annotated[dict[str, NotNegative], ADDED] = Field(default_factory=dict)
    events: Annotated[Text | None, ADDED] = None
    visit_window: Annotated[Days, ADDED] = 0.0
    missed_visits: Annotated[Finite, ADDED] = 0.0

    _missing: int = PrivateAttr(0)

    @model_validator(mode="after")
    def _known_arms(self) -> "Evidence":
        names = [arm.name for arm in self.arms]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two arms are called '{twice[0]}'; give each a name of its own")
        check_covariances(self.name, self.covariances, self.arms, self.start)
        check_rows(self.name, self.rows, self.arms, self.start)
        check_visits(self.rows, self.covariances, self.visits, self.start)
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _counted(cls, raw: Any, handler: ModelWrapValidatorHandler["Evidence"]) -> "Evidence":
        """Read the short way of saying arms, count the cells of the table that are missing, and warn of what is read:
        the last of the validators is the outermost."""
        if isinstance(raw, dict) and isinstance(raw.get("arms"), dict):
            raw = raw | {"arms": [{"name": key, "regimen": value} for key, value in raw["arms"].items()]}
        if isinstance(raw, dict) and "covariances" in raw:
            raw = {"rows": ()} | raw
        made = handler(raw)
        if isinstance(raw, dict):
            made._missing = missing_cells(raw.get("rows", ()))
            warn_of_spreads(made.name, made.rows, made.arms)
            warn_of_intervals(made.name, made.rows)
            warn_of_percentages(made.name, made.rows, made.arms)
            warn_of_few(made.name, made.covariances)
        return made

    @property
    def missing(self) -> int:
        """Return how many cells of the table say that nothing is printed there; they are no rows."""
        return self._missing
