"""What is taken where nothing is said, in Python and on the command line alike.

When a course ends and at which times it is seen is in simulation/sampling.py.
"""

PATIENTS = 10_000  # virtual patients per arm
COMPARED = 1_000  # of a comparison, whose schedules are given to the same patients
SEED = 1
THREADS: int | None = None  # all cores: no result changes
ASSAY_LIMIT, ASSAY_UNIT = (
    50.0,
    "copies/mL",
)  # below it an assay of viral load sees nothing (assumed: that of the trials)
