"""Keeps heavy libraries out of the driver process.

TFX's launcher resolves inputs, checks the cache and publishes without TensorFlow and Beam, and loads in 0.6 s when
they are not to be had; with them it takes 20 s. Executors get them, in processes of their own.
"""

from __future__ import annotations

import logging
import os
import sys

HEAVY = (
    "tensorflow",
    "apache_beam",
    "keras",
    "tfx_bsl",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tensorflow_transform",
    "sklearn",
    "IPython",
)


def make_light() -> None:
    """Makes heavy libraries un-importable in this process. Call before anything of TFX is imported."""
    for name in HEAVY:
        if name not in sys.modules:
            sys.modules[name] = None  # type: ignore[assignment]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    # What TFX logs while it drives a node is told by the progress display, in a person's words.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
