"""Endpoints of an arm made ready, and what they are at visits, as measured."""

from collections.abc import Mapping, Sequence

import numpy as np

from immunode.errors import BadValue, unknown
from immunode.evidence.endpoint import Endpoint
from immunode.measures import Window, measure
from immunode.model.declaration import Model
from immunode.simulation.measuring import Asked, MeasuredEach, asked, reduced, visit_days
from immunode.virtual_trials.arm import Plan

AT_VISITS = ("day", "ends", "visits")  # what such measures need is seen at visits, with the noise of the assay


def ready(
    endpoint: Endpoint, model: Model, plan: Plan, visits: Sequence[float], *, events: bool, observables: Sequence[str]
) -> Asked:
    """Return an endpoint made ready for an arm; raise UnknownName for a signal that is not measured, BadValue for one
    that is read on a day without a visit, and for events where the trial has none."""
    if measure(endpoint.measure).of_course and endpoint.signal not in observables:
        raise unknown("output", endpoint.signal, observables, f"endpoint '{endpoint.words}'")
    one = asked(endpoint, model, plan.regimens, float(visits[-1]))
    if one.needs in AT_VISITS:
        for day in (one.first, one.last):
            if day not in visits:
                days = ", ".join(f"{visit:g}" for visit in visits)
                raise BadValue(f"endpoint '{endpoint.words}' is read on day {day:g}; visits are on days {days}")
    if one.needs == "events" and not events:
        raise BadValue(f"endpoint '{endpoint.words}' counts events; name the state of their hazard with 'events'")
    return one


def at_visits(one: Asked, visits: Sequence[float], seen: Mapping[str, np.ndarray]) -> MeasuredEach:
    """Return an endpoint as its counts were measured at the visits."""
    days = visit_days(one, visits) if one.needs == "visits" else np.array([one.first, one.last])
    counts = seen[one.endpoint.signal][:, np.searchsorted(visits, days)]
    window = Window(one.first, one.last, counts[:, 0], counts[:, -1], visits=days, seen=counts)
    return MeasuredEach(reduced(one, window)[None], counts[None, :, 0], counts[None, :, -1], np.zeros(len(counts), int))
