"""Run the gate by parts: `nox -s tests lint types docs bench lowest newest sdist`; .ci/run runs the same sessions.

Each session has an environment of its own and keeps it. `nox --no-venv --no-install -s ...` uses the current one, as CI
does with what the README's own line has installed.
"""

import tarfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

# what leans most on others' packages: commands, a trial, units, pictures, fits, what SymPy prints, every model
SUFFICIENT = (
    "tests/calibration", "tests/cli", "tests/docs", "tests/evidence", "tests/internal", "tests/laws/test_registry.py",
    "tests/models", "tests/plot", "tests/test_units.py",
)  # fmt: skip
# what reads files beside the package
READERS = ("tests/benchmarks", "tests/docs", "tests/evidence", "tests/laws/test_registry.py", "tests/regimen")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; `-- -m slow --dist load` runs the slow ones, `-- tests/nonmem` those of one package."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling and ends of files as a commit does, and who imports whom."""
    session.install("-e", ".[dev]")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Run the examples, sentences and pictures of the pages, slow ones included."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", "-m", "slow or not slow", *(session.posargs or ["tests/docs"]))


@nox.session(venv_backend="virtualenv")
def bench(session: nox.Session) -> None:
    """Run small benchmarks and their peers; fail where an error has grown, never on time. `-- NAME` is a whole one."""
    session.install("-e", ".")
    session.run("python", "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")  # the first that knows groups
    # a peer that cannot be had is reported as missing: numbalsoda has no wheel and wants a Fortran compiler
    session.run("python", "-m", "pip", "install", "--quiet", "--group", "benchmarks", success_codes=[0, 1])
    session.run("python", "-m", "benchmarks", *(session.posargs or ["--smoke"]))


@nox.session(venv_backend="virtualenv")
def lowest(session: nox.Session) -> None:
    """Run what leans on others' packages with the lowest versions that pyproject.toml allows; `-- tests` runs all."""
    session.install("uv")  # pip has no such resolution
    session.run("uv", "pip", "install", "--quiet", "--resolution", "lowest-direct", "-e", ".[test]")
    session.run("uv", "pip", "list")
    session.run("python", "-m", "pytest", *(session.posargs or SUFFICIENT))


@nox.session(venv_backend="virtualenv")
def newest(session: nox.Session) -> None:
    """Run the tests with the newest versions of all packages, as CI does first of all."""
    session.install("--upgrade", "--upgrade-strategy", "eager", "-e", ".[test]")
    session.run("python", "-m", "pip", "list")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def sdist(session: nox.Session) -> None:
    """Build the source archive, compare it with what git keeps, and run from it the tests that read files."""
    session.install("build", "-e", ".[test]")
    folder = Path(session.create_tmp())
    session.run("python", "-m", "build", "--sdist", "--outdir", str(folder), ".")
    archive = max(folder.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    with tarfile.open(archive) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # not yet in 3.11.3
        tar.extractall(folder, **safe)
    kept = str(session.run("git", "ls-files", external=True, silent=True)).split()
    if missing := sorted(set(kept) - packed):
        session.error(f"MANIFEST.in leaves out {', '.join(missing)}")
    session.chdir(folder / archive.name.removesuffix(".tar.gz"))
    session.run("python", "-m", "pytest", *(session.posargs or READERS))
