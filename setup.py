"""Find the packages; one of them, the library's fits, lies at the root of a checkout (pyproject.toml says where)."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["immunode*"]), "immunode.fits"])
