"""Conversion of faults in imported data to readable errors and quarantined records."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from data.errors import InputError
from data.importers.clips.types import RawClip
from data.quarantine import Quarantined, reason_of, sample_poses
from data.records import KeypointSequence
from data.text import plain_reason, printable

UNEXPECTED = "unexpected fault in the importer"
"""Reason of a record that an error in the importer, not in the data, made unreadable."""

MAX_DETAIL = 2000
"""Largest number of characters of the place and the values of a fault."""


@contextmanager
def malformed_as_input_error(place: str | Callable[[], str]) -> Iterator[None]:
    """Raise InputError for a malformed value that the block meets, such as a text for a number or a short list.

    Args:
        place: place of the value in the file, or a function that returns the current one.

    Raises:
        InputError: in place of the exceptions of Python that malformed values cause.
    """
    try:
        yield
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        where = place if isinstance(place, str) else place()
        raise InputError(
            "a value is malformed for this format", f"{where}: {plain_reason(error)[:120]}", None
        ) from error


def quarantined(
    error: InputError, file: str, record: int, found: RawClip | KeypointSequence | None = None, name: str = ""
) -> Quarantined:
    """Return the quarantined record of an error, with some of its poses if it has any.

    Args:
        error: what is wrong with the record.
        file: the file, as the user named it.
        record: number of the record in the file, from 0.
        found: the clip or sequence, if it could be read.
        name: id of the record, if there is no clip or sequence.
    """
    parts = [error.what, error.where and f"({error.where})", error.remedy and f"- {error.remedy}"]
    detail = printable(" ".join(filter(None, parts)), MAX_DETAIL)
    layout = poses = None
    if isinstance(found, KeypointSequence):
        name, layout, poses = found.sequence_id, found.layout, sample_poses(found.keypoints)
    elif found is not None:
        name, layout = found.name, found.layout.reference
        poses = sample_poses(found.poses) if len(found.poses) else None
    return Quarantined(file, record, name, reason_of(error.what), detail, layout, poses)


def unexpected_fault(error: Exception) -> InputError:
    """Return the error of a file that an importer did not foresee, which must not end the import of all others."""
    return InputError(UNEXPECTED, f"{type(error).__name__}: {str(error)[:200]}", "report this file")
