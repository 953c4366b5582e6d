"""Makes TensorFlow, Beam and other slow libraries impossible to import in a process that does not need them.

TFX's launcher needs neither TensorFlow nor Beam to resolve inputs, check the cache and record outputs. It loads in
0.6 s if they cannot be imported, otherwise in 20 s. Executors import them in child processes.
"""

from __future__ import annotations

import logging
import os
import sys
import types

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

_UNUSED = {"docker": (), "googleapiclient.http": ("HttpRequest",), "setuptools": ()}
"""Modules that TFX imports and these processes never use, and the classes of them that TFX derives its own from.

They are clients for executors in containers and on AI Platform, and what an artifact imports to see whether there is
more of TFX than its core. They need a third of a second."""


def block_heavy_imports() -> None:
    """Let every later import of a heavy library fail, and import an empty module for what TFX imports but never uses.

    Call it before anything of TFX is imported.
    """
    for name in HEAVY:
        if name not in sys.modules:
            sys.modules[name] = None  # type: ignore[assignment]
    for name, classes in _UNUSED.items():
        if name not in sys.modules:
            sys.modules[name] = empty = types.ModuleType(name, "An empty stand-in; see `import_blocker`.")
            for one in classes:
                setattr(empty, one, type(one, (), {}))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # The progress display reports what TFX logs while it drives a node, in plainer words.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
