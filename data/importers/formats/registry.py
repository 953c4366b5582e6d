"""The list of all formats that can be imported, in the order in which they are tried on a file."""

from data.importers.clips.types import Format
from data.importers.formats import (
    alphapose,
    coco,
    csv_table,
    mediapipe,
    ml5,
    npz,
    ntu,
    openpose,
    parquet,
    pyskl,
    tfjs,
)
from data.importers.formats.trackers import deeplabcut, ultralytics, yolo

_MODULES = (
    *(openpose, mediapipe, alphapose, coco, ultralytics, tfjs, ml5),
    *(ntu, pyskl),
    *(yolo, deeplabcut, csv_table),
    *(npz, parquet),
)

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in _MODULES}
"""All formats, by their names on the command line."""
