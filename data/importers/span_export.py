"""The export of a span to the format of another tool."""

from pathlib import Path

from data.errors import InputError
from data.files import output
from data.importers.formats.registry import FORMATS
from data.store import read_sequences


def export_span(span_dir: Path, format_name: str, target: Path, *, overwrite: bool = False) -> None:
    """Write all sequences of a span in another format; after a failure there is no target.

    Args:
        span_dir: the `span-N` folder.
        format_name: name of a format with a writer.
        target: file or folder to make; see `data.files.output` for what it may replace.
        overwrite: whether it may replace a file that is not an earlier output.

    Raises:
        InputError: for an unknown format, a target that must not be replaced, or sequences that the format cannot
            express.
    """
    writers = {name: one.write for name, one in FORMATS.items() if one.write is not None}
    if format_name not in writers:
        raise InputError(f"format {format_name!r} cannot be written", None, f"these can: {', '.join(writers)}")
    with output(target, overwrite=overwrite) as temporary:
        writers[format_name](read_sequences(span_dir), temporary)
