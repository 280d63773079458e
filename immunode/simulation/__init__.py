"""Simulate a model under regimens."""

from immunode.simulation.ensemble_run import run as run
from immunode.simulation.simulation import simulate as simulate
from immunode.simulation.times import days as days
