"""Simulate a model under regimens."""

from immunode.simulation.ensemble_run import run as run
from immunode.simulation.extremes import Extremes as Extremes
from immunode.simulation.extremes import extremes as extremes
from immunode.simulation.sampling import STEPS as STEPS
from immunode.simulation.sampling import default_end as default_end
from immunode.simulation.sampling import default_times as default_times
from immunode.simulation.simulation import simulate as simulate
from immunode.simulation.times import days as days
