"""Faults of a stranger's data, as errors that are read and records that are quarantined."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from data.errors import InputError
from data.importers.clips.types import RawClip
from data.quarantine import Quarantined, reason_of, sample_poses
from data.records import KeypointSequence


@contextmanager
def malformed_as_input_error(place: str | Callable[[], str]) -> Iterator[None]:
    """Turn what goes wrong while values are taken apart into an InputError: a text for a number, a list too short.

    Args:
        place: what is being taken apart; called when something went wrong, if it changes on the way.
    """
    try:
        yield
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        where = place if isinstance(place, str) else place()
        raise InputError("a value is not what the format has there", f"{where}: {str(error)[:120]}", None) from error


def quarantined(
    error: InputError, file: str, record: int, found: RawClip | KeypointSequence | None = None, name: str = ""
) -> Quarantined:
    """Return the record of a fault, with a few poses to look at if there are any."""
    parts = [error.what, error.where and f"({error.where})", error.remedy and f"- {error.remedy}"]
    detail = " ".join(filter(None, parts))
    layout = poses = None
    if isinstance(found, KeypointSequence):
        name, layout, poses = found.sequence_id, found.layout, sample_poses(found.keypoints)
    elif found is not None:
        name, layout = found.name, found.layout.name
        poses = sample_poses(found.poses) if len(found.poses) else None
    return Quarantined(file, record, name, reason_of(error.what), detail, layout, poses)
