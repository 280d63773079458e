"""Give each worker of the tests one thread of linear algebra: of matrices this small, more only wait for each other."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
