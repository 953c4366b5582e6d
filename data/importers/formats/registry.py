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
from data.importers.formats.apps import ml5, vision
from data.importers.formats.motion_capture import bvh, c3d, human36m
from data.importers.formats.trackers import deeplabcut, sleap, ultralytics, yolo

_MODULES = (
    *(openpose, mediapipe, alphapose, coco, vision, ultralytics, tfjs, ml5),
    *(ntu, bvh, c3d, pyskl),
    *(yolo, sleap, deeplabcut, csv_table),
    *(human36m, npz, parquet),
)

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in _MODULES}
"""All formats, by their names on the command line."""
