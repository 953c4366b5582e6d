"""The heavy libraries that the fork server imports once, before it forks the first child."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# The user has no use for what libraries print while they load. A child writes to its own log; it imports again what
# could not be imported here, so that the error is in that log.
_nowhere = os.open(os.devnull, os.O_WRONLY)
os.dup2(_nowhere, 1)
os.dup2(_nowhere, 2)

# Keras imports it only to see whether it is there, which takes a tenth of the time of all imports.
sys.modules["sklearn"] = None  # type: ignore[assignment]

import keras  # noqa: F401
import tfx.components  # noqa: F401

from data.system.limits import die_with_parent

del sys.modules["sklearn"]  # a trainer may use it

# The server that imports this module must end with the driver, even if the driver is killed.
die_with_parent()
