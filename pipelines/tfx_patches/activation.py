"""Applies the patches of TFX in a process that drives runs, after a check of TFX's version."""

from __future__ import annotations

import functools

from tfx import version

from data.errors import InputError
from pipelines.tfx_patches import bounded_queries, portable_keys

TFX_VERSION = "1.21.0"
"""Version of TFX that the patches are written for and tested with."""


@functools.cache
def apply() -> None:
    """Patch TFX in this process; a second call does nothing.

    Raises:
        InputError: the installed TFX is not the version that the patches are written for.
    """
    if version.__version__ != TFX_VERSION:
        raise InputError(
            f"TFX {version.__version__} is installed, but the patches in pipelines/tfx_patches/ need {TFX_VERSION}",
            version.__file__,
            "run `make setup`, which installs the locked version; to use another one, adapt the patches until"
            " tests/pipelines/tfx_patches/ passes, then change TFX_VERSION in pipelines/tfx_patches/activation.py",
        )
    bounded_queries.apply()
    portable_keys.apply()


def is_applied() -> bool:
    """Return whether TFX is patched in this process."""
    return apply.cache_info().currsize > 0
