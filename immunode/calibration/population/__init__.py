"""Fit a virtual population to what papers print of arms: simulated once, reweighted, compared by its sampling law."""
