"""Makes TensorFlow, Beam and other slow libraries impossible to import in a process that does not need them.

TFX's launcher needs neither TensorFlow nor Beam to resolve inputs, check the cache and record outputs. It loads in
0.6 s if they cannot be imported, otherwise in 20 s. Executors import them in child processes.
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


def block_heavy_imports() -> None:
    """Let every later import of a heavy library fail. Call it before anything of TFX is imported."""
    for name in HEAVY:
        if name not in sys.modules:
            sys.modules[name] = None  # type: ignore[assignment]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # The progress display reports what TFX logs while it drives a node, in plainer words.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
