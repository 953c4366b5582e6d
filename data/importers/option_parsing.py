"""Makes import options of what was written on a command line."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.importers.clips.types import ImportOptions
from data.importers.clips.units import ImageSize
from data.importers.readers.json_stream import open_text
from data.importers.sidecars import read_labels, read_segments
from data.layouts import load_layout

_SIZE = re.compile(r"(\d+(?:\.\d+)?)[x×](\d+(?:\.\d+)?)")


def options_from(told: Mapping[str, Any]) -> ImportOptions:
    """Return the options; `told` has a value, or None, for every option of the command.

    Raises:
        InputError: for a sidecar that is wrong, a size, a layout or columns that cannot be understood.
    """
    if told["layout"]:
        load_layout(told["layout"])
    plain = ("label", "fps", "person", "space", "time_unit", "max_gap", "fill_gap", "layout", "pattern")
    return ImportOptions(
        **{name: told[name] for name in plain},
        image=_image(told["image_size"], told["image_height"]),
        dimensions=2 if told["dimensions"] else None,
        columns=_columns(told["columns"]),
        label_names=_lines(told["label_names"]) if told["label_names"] else (),
        fields=read_labels(told["labels"]) if told["labels"] else {},
        segments=read_segments(told["segments"]) if told["segments"] else {},
    )


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
        raise InputError(f"a column is named by {wrong!r}", "--columns", "write FIELD=COLUMN,FIELD=COLUMN")
    return {name.strip(): column.strip() for name, _, column in pairs}


def _lines(path: Path) -> tuple[str, ...]:
    with open_text(path) as text:
        return tuple(line.strip() for line in text.read(1 << 22).splitlines() if line.strip())
