"""Analyse concentrations without a model (NCA): areas, moments, terminal slope, clearance, defined as in WinNonlin."""

from immunode.noncompartmental.analysis import nca as nca
