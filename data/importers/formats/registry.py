"""Every format that can be imported, by name, in the order in which a file is tried against them."""

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
