"""`python -m immunode` is the command line."""

import subprocess
import sys

import immunode


def test_the_package_can_be_run():
    done = subprocess.run([sys.executable, "-m", "immunode", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"immunode {immunode.__version__}\n", "")
