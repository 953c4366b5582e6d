"""Every format that can be imported, by name, in the order in which a file is tried against them."""

from data.importers import alphapose, coco, mediapipe, npz, ntu, openpose, parquet, pyskl, table, tfjs
from data.importers.base import Format

_MODULES = (openpose, mediapipe, alphapose, coco, tfjs, ntu, pyskl, table, npz, parquet)

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in _MODULES}
