"""What Beam ships to remote workers (`--setup_file`). Metadata is in pyproject.toml."""

from setuptools import setup

setup()
