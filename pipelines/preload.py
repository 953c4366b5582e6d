"""What warm children are forked with: imported once, before the first heavy node."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: F401
import tfx.components  # noqa: F401

from pipelines.processes import die_with_parent

# The server that imports this has to end with the driver, also when the driver is killed.
die_with_parent()
