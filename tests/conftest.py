"""Tests of one folder share their fixtures, so they run in one process; `make test` runs two processes."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def group_of(path: Path) -> str:
    """Return the group of a test file: its first folder below tests/, or the file itself.

    Airflow's tests are long and use nothing that the other end-to-end tests make, so they are a group of their own.
    """
    inside = path.relative_to(TESTS)
    return str(inside) if inside.name == "test_airflow.py" else inside.parts[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the group of each test, and begin with the longest ones, the end-to-end tests."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item.path)))
    items.sort(key=lambda item: "e2e" not in item.path.parts)
