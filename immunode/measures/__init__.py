"""What is measured of a course: one vocabulary for evidence, trials, fits and comparisons."""

from immunode.measures.course import MEASURES as MEASURES
from immunode.measures.course import Measure as Measure
from immunode.measures.course import measure as measure
