"""How a failure gets from a child process to the driver."""

import json

import pytest

from data.errors import GateError, InputError, NodeError, PoselineError
from data.importers import TooManyQuarantinedError
from pipelines.processes.child_failure import describe, restore


def arrives(error):
    """The error that the driver gets when a child process raises this one."""
    return restore(json.loads(json.dumps(describe(error))))


class OwnInputError(InputError):
    """A subclass that the driver does not know."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (GateError("what", "where", "remedy"), GateError),
        (InputError("what", "where", "remedy"), InputError),
        (NodeError("what", "where", "remedy"), NodeError),
        (PoselineError("what", "where", "remedy"), NodeError),
        (OwnInputError("what", "where", "remedy"), InputError),
    ],
)
def test_an_explained_error_arrives_as_the_nearest_known_kind(error, kind):
    found = arrives(error)
    assert type(found) is kind
    assert (found.what, found.where, found.remedy) == ("what", "where", "remedy")
    assert found.exit_code == error.exit_code


def test_too_many_quarantined_records_arrive_as_an_input_error():
    error = TooManyQuarantinedError.__new__(TooManyQuarantinedError)
    InputError.__init__(error, "too many")
    assert type(arrives(error)) is InputError


def test_a_kind_that_the_driver_does_not_know_is_a_failed_node():
    described = {"kind": "FutureError", "what": "what", "where": None, "remedy": None}
    found = restore(described)
    assert (type(found), found.what) == (NodeError, "what")


def test_the_explained_cause_of_another_error_is_what_arrives():
    def fail():
        try:
            raise InputError("the cause")
        except InputError as cause:
            raise RuntimeError("from a library") from cause

    with pytest.raises(RuntimeError) as caught:
        fail()
    found = arrives(caught.value)
    assert (type(found), found.what) == (InputError, "the cause")


def test_an_unexpected_error_names_its_type_and_place():
    def fail():
        raise ValueError("too bad")

    with pytest.raises(ValueError, match="too bad") as caught:
        fail()
    found = arrives(caught.value)
    assert (type(found), found.what) == (NodeError, "ValueError: too bad")
    assert found.where.startswith(f"{__file__}:")
    assert found.where.endswith("in fail")
