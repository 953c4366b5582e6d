"""The export of a span to the format of another tool."""

from pathlib import Path

from data.errors import InputError
from data.files import creating
from data.importers.formats.registry import FORMATS
from data.store import read_sequences


def export_span(span_dir: Path, format_name: str, target: Path) -> None:
    """Write all sequences of a span in another format; after a failure there is no target.

    Args:
        span_dir: the `span-N` folder.
        format_name: name of a format with a writer.
        target: file or folder to make, which must not exist.

    Raises:
        InputError: for an unknown format, a target that exists, or sequences that the format cannot express.
    """
    writers = {name: one.write for name, one in FORMATS.items() if one.write is not None}
    if format_name not in writers:
        raise InputError(f"format {format_name!r} cannot be written", None, f"these can: {', '.join(writers)}")
    if target.exists():
        raise InputError("the target exists already", str(target), "choose another, or remove it")
    with creating(target) as temporary:
        writers[format_name](read_sequences(span_dir), temporary)
