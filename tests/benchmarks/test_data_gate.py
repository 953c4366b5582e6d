"""The table of DataGate's mistakes: every injected fault is stopped, and random divisions of sound people are not."""

import pytest

from benchmarks.data_gate import FAULTS, Gate, columns_of, false_stops, missed_faults
from data.synthetic import SyntheticSpec, generate
from pipelines.config import load_config


@pytest.fixture(scope="module")
def stopped_by():
    return missed_faults()


def test_every_fault_is_stopped(stopped_by):
    assert len(FAULTS) == 15
    assert [name for name, reasons in stopped_by.items() if not reasons] == []


def test_random_divisions_of_people_who_vary_are_not_stopped():
    config = load_config("baduanjin")
    columns = columns_of(generate(SyntheticSpec(subjects=12, repetitions=1, seed=4)), config)
    assert false_stops(Gate(config), columns, 6) == (0, {})
