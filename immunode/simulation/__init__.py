"""Simulate a model under regimens."""

from immunode.simulation.simulation import days as days
from immunode.simulation.simulation import run as run
from immunode.simulation.simulation import simulate as simulate
