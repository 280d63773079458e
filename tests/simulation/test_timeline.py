"""Events by name: what they hold, how they are joined, and the engine's table of them."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from immunode.engine import ADD, DRIP, PUT, RATE, REPLACE, RESET, STOP
from immunode.errors import BadValue
from immunode.simulation.ties import LAST
from immunode.simulation.timeline import EventRows, joined, table


def bolus(time, **more):
    return EventRows.boluses(0, [time], 0.0, 1, 3.0, directions=0, **more)


def test_events_of_a_name_have_its_kind():
    assert bolus(1.0).kind[0] == PUT
    assert bolus(1.0, absorbed=False).kind[0] == ADD
    starts = EventRows.infusion_starts(0, [1.0, 1.0], 0.0, 1, 2.0, 0.5, absorbed=np.array([True, False]), directions=0)
    assert_array_equal(starts.kind, [DRIP, RATE])
    assert EventRows.settings(0, [1.0], 0.0, 1, 2.0, directions=0).kind[0] == REPLACE
    assert EventRows.resets(0, [1.0], 0.0, source=0, directions=0).kind[0] == RESET


def test_the_end_of_an_infusion_takes_its_rate_and_the_change_of_it_away():
    ends = EventRows.infusion_ends(0, [1.0], 0.0, 1, 2.0, along=np.array([0.5]), directions=1)
    assert (ends.value[0], ends.along[0, 0]) == (-2.0, -0.5)


def test_stops_are_of_every_segment_after_all_that_happens():
    stops = EventRows.stops(2, [7.0, 14.0], directions=3)
    assert_array_equal(stops.segment, [0, 0, 1, 1])
    assert_array_equal(stops.time, [7.0, 14.0, 7.0, 14.0])
    assert set(stops.order) == {LAST}
    assert set(stops.kind) == {STOP}
    assert stops.along.shape == (4, 3)


def test_rows_are_not_copied_where_only_one_part_has_any():
    rows = bolus(1.0)
    assert joined([EventRows.none(0), rows]) is rows
    assert len(joined([rows, rows]).time) == 2
    assert len(joined([EventRows.none(2), EventRows.none(2)]).time) == 0


def test_a_dose_before_the_start_is_refused_and_has_been_given_where_a_run_resumes():
    rows, start = joined([bolus(1.0), bolus(3.0)]), np.array([2.0])
    arguments = rows, np.arange(2), np.zeros(1, int), start
    with pytest.raises(BadValue, match="a dose at 1 day lies before the start of the simulation, 2 day"):
        table(*arguments, resumed=False, unit="day")
    assert_array_equal(table(*arguments, resumed=True, unit="day").time, [3.0])
