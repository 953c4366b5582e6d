"""Package definition that Beam sends to remote workers (`--setup_file`); the metadata are in pyproject.toml."""

from setuptools import setup

setup()
