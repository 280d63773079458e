"""Fit models to what papers print; the only place that knows lmfit."""
