"""What is measured of a course: one vocabulary for evidence, trials, fits and comparisons."""

from immunode.measures.course import MEASURES as MEASURES
from immunode.measures.course import Measure as Measure
from immunode.measures.course import measure as measure
from immunode.measures.statistics import STATISTICS as STATISTICS
from immunode.measures.statistics import Statistic as Statistic
from immunode.measures.statistics import statistic as statistic
from immunode.measures.window import Window as Window
