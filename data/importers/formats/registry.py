"""The list of all formats that can be imported, in the order in which they are tried on a file."""

from data.importers.clips.types import Format
from data.importers.formats import (
    alphapose,
    coco,
    csv_table,
    mediapipe,
    npz,
    ntu,
    openpose,
    parquet,
    pyskl,
    tfjs,
)

_MODULES = (openpose, mediapipe, alphapose, coco, tfjs, ntu, pyskl, csv_table, npz, parquet)

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in _MODULES}
"""All formats, by their names on the command line."""
