"""The environment of child processes that are Python: they import this project and what is installed, nothing else.

Python puts the current folder on the path of `python -c` and `python -m`. A user's own `data.py` or `pipelines/` there
would be imported in place of the project's.
"""

from __future__ import annotations

import os
from pathlib import Path

from data.project import PROJECT_ROOT


def child_environment() -> dict[str, str]:
    """Return the environment variables for a child, in which no folder is searched because it is the current one."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    wanted = [str(PROJECT_ROOT), *(path for path in given if Path(path).is_absolute())]
    path = os.pathsep.join(dict.fromkeys(wanted))
    return os.environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": path}
