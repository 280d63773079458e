"""Studies: what schedules do beside each other in the same patients."""

from immunode.studies.comparison import compare as compare
