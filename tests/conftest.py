"""`make test` runs two processes. Tests of one folder share what their fixtures make, so they run in one of the two."""

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

AIRFLOW = "tests/e2e/test_airflow.py"


class ByFolder(LoadScopeScheduling):
    """A scheduler that gives all tests of a folder below `tests/` to the same process.

    Airflow's tests are long and use nothing that the other end-to-end tests make, so they are a group of their own.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file == AIRFLOW else PurePosixPath(file).parts[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFolder:
    """Let pytest-xdist divide the tests by folder."""
    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, the end-to-end ones."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)
