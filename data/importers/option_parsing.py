"""The conversion of command-line options to import options."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.importers.bounded_reading import read_bounded
from data.importers.clips.types import ImportOptions
from data.importers.clips.units import ImageSize
from data.importers.readers.json_stream import open_text
from data.importers.sidecars import read_labels, read_segments
from data.layouts import load_layout, read_own_layout

_SIZE = re.compile(r"(\d+(?:\.\d+)?)[x×](\d+(?:\.\d+)?)")


def options_from(given: Mapping[str, Any]) -> ImportOptions:
    """Return the import options.

    Args:
        given: value of every option of the command, None for options that were not given.

    Raises:
        InputError: for a sidecar, an image size, a layout or columns that are wrong.
    """
    plain = ("label", "fps", "person", "space", "time_unit", "max_gap", "fill_gap", "pattern")
    return ImportOptions(
        **{name: given[name] for name in plain},
        layout=_layout(given["layout"]),
        y_up=bool(given.get("y_up")),
        image=_image(given["image_size"], given["image_height"]),
        dimensions=2 if given["dimensions"] else None,
        columns=_columns(given["columns"]),
        label_names=read_bounded(_lines, given["label_names"]) if given["label_names"] else (),
        fields=read_bounded(read_labels, given["labels"]) if given["labels"] else {},
        segments=read_bounded(read_segments, given["segments"]) if given["segments"] else {},
    )


def _layout(name_or_file: str | None) -> str | None:
    """Return the reference of a layout, given its name or the YAML file of the user's own."""
    if not name_or_file:
        return None
    if name_or_file.endswith((".yaml", ".yml")):
        return read_own_layout(Path(name_or_file)).reference
    return load_layout(name_or_file).reference


def _image(size: str | None, height: float | None) -> ImageSize | None:
    if size is None:
        return ImageSize(height) if height else None
    match = _SIZE.fullmatch(size)
    if match is None or not float(match[1]) or not float(match[2]):
        raise InputError(f"the image size is {size!r}", "--image-size", "write width and height in pixels: 1280x720")
    return ImageSize(height=float(match[2]), width=float(match[1]))


def _columns(text: str | None) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")] if text else []
    if wrong := next((name for name, _, column in pairs if not name or not column), None):
        raise InputError(f"{wrong!r} does not name a column", "--columns", "write FIELD=COLUMN,FIELD=COLUMN")
    return {name.strip(): column.strip() for name, _, column in pairs}


def _lines(path: Path) -> tuple[str, ...]:
    with open_text(path) as text:
        return tuple(line.strip() for line in text.read(1 << 22).splitlines() if line.strip())
