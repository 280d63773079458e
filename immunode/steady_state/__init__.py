"""Solve where a patient starts and where repeated doses settle."""
