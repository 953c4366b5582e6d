"""How a failure gets from a child process to the driver."""

import json

import pytest

from data.errors import GateError, InputError, NodeError, PoselineError
from data.importers import TooManyQuarantinedError
from pipelines.processes.executor_main import read_error, write_error


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
def test_an_explained_error_arrives_as_the_nearest_known_kind(tmp_path, error, kind):
    write_error(error, tmp_path / "outcome.pb")
    found = read_error(tmp_path / "outcome.pb")
    assert type(found) is kind
    assert (found.what, found.where, found.remedy) == ("what", "where", "remedy")
    assert found.exit_code == error.exit_code
    assert list(tmp_path.iterdir()) == []


def test_too_many_quarantined_records_arrive_as_an_input_error(tmp_path):
    error = TooManyQuarantinedError.__new__(TooManyQuarantinedError)
    InputError.__init__(error, "too many")
    write_error(error, tmp_path / "outcome.pb")
    assert type(read_error(tmp_path / "outcome.pb")) is InputError


def test_a_kind_that_the_driver_does_not_know_is_a_failed_node(tmp_path):
    described = {"kind": "FutureError", "what": "what", "where": None, "remedy": None}
    (tmp_path / "outcome.pb.error").write_text(json.dumps(described))
    found = read_error(tmp_path / "outcome.pb")
    assert (type(found), found.what) == (NodeError, "what")


def test_the_explained_cause_of_another_error_is_what_arrives(tmp_path):
    def fail():
        try:
            raise InputError("the cause")
        except InputError as cause:
            raise RuntimeError("from a library") from cause

    with pytest.raises(RuntimeError) as caught:
        fail()
    write_error(caught.value, tmp_path / "outcome.pb")
    found = read_error(tmp_path / "outcome.pb")
    assert (type(found), found.what) == (InputError, "the cause")


def test_an_unexpected_error_names_its_type_and_place(tmp_path):
    def fail():
        raise ValueError("too bad")

    with pytest.raises(ValueError, match="too bad") as caught:
        fail()
    write_error(caught.value, tmp_path / "outcome.pb")
    found = read_error(tmp_path / "outcome.pb")
    assert (type(found), found.what) == (NodeError, "ValueError: too bad")
    assert found.where.startswith(f"{__file__}:")
    assert found.where.endswith("in fail")


def test_without_a_failure_there_is_nothing_to_read(tmp_path):
    assert read_error(tmp_path / "outcome.pb") is None
