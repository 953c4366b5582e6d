"""What warm children are forked with: imported once, before the first heavy node."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# What libraries say while they load is not the user's concern. Children write to their own logs, and import by
# themselves, with the error in the log, what could not be imported here.
_nowhere = os.open(os.devnull, os.O_WRONLY)
os.dup2(_nowhere, 1)
os.dup2(_nowhere, 2)

import keras  # noqa: F401
import tfx.components  # noqa: F401

from components.sandbox.child_process import die_with_parent

# The server that imports this has to end with the driver, also when the driver is killed.
die_with_parent()
