"""Conditions on what is measured, "cd4 < 1.3 x baseline for 2 visits and rna < 50", as data."""

from immunode.conditions.reading import read as read
from immunode.conditions.syntax import Comparison as Comparison
from immunode.conditions.syntax import Condition as Condition
