"""The description of a file of unknown format: what is in it, and which format is nearest."""

import csv
import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.bounded_reading import read_bounded
from data.importers.clips.types import Format, ImportOptions, RawClip, Source
from data.importers.clips.vocabulary import simplified
from data.importers.formats.registry import FORMATS
from data.importers.readers.hdf5_file import SIGNATURE, Hdf5File
from data.importers.readers.json_stream import open_text, stream_json
from data.importers.readers.npz_archive import NpzArchive
from data.importers.readers.table_rows import delimiter_of
from data.text import harmless, is_number, listed

_TEXT_CHARS = 1 << 16
_MOST_VALUES = 200
_MOST_NAMES = 10
_DEPTH = 4
_LONGEST = 700

_TELLTALES = {
    "openpose": ("people", "posekeypoints2d", "personid", "bodies"),
    "mediapipe": ("landmarks", "poselandmarks", "worldlandmarks", "visibility", "presence", "landmark"),
    "alphapose": ("imageid", "box", "idx"),
    "coco": ("annotations", "categories", "images", "imageid", "categoryid", "bbox"),
    "tfjs": ("keypoints", "poses", "pose", "score", "joints", "part", "position", "instances"),
    "ml5": ("xs", "ys", "data"),
    "ultralytics": ("detections", "predictions", "class", "box", "visible"),
    "csv": ("x", "y", "joint", "frame", "nosex", "nosey"),
    "npz": ("frames", "offsets", "jointnames", "keypoints"),
    "pyskl": ("annotations", "keypoint", "keypointscore", "framedir", "totalframes"),
}
"""Names by which a format is near, although the file as a whole is not of this format."""


_GENERAL = ("tfjs", "csv")
"""Formats with the fewest demands, the nearest ones if no name says more."""


def unknown_file(path: Path) -> tuple[str, str]:
    """Return what is in a file, and what to do with it.

    Args:
        path: a file that no format recognises.
    """
    try:
        seen, names = read_bounded(_contents, path)
    except InputError as error:
        return f"{path.name}: {error.what}", "check that this is the right file"
    return f"{path.name} has {seen}", _advice(path, names)


def _advice(path: Path, names: set[str]) -> str:
    if path.suffix.lower() == ".npy":
        return "save the array with numpy.savez(FILE, keypoints=ARRAY), [T, 17, 2 or 3] in the order of COCO"
    suited = [one for one in FORMATS.values() if path.name.lower().endswith(one.suffixes)]
    if not suited:
        return f"convert it, or rename it if it has another kind: known endings are {', '.join(_endings())}"
    near = sorted(suited, key=lambda one: (-len(names & set(_TELLTALES.get(one.name, ()))), one.name not in _GENERAL))
    faults: dict[str, str] = {}
    for one in near:
        fault = _fault_of(one, path)
        if not fault:
            return f"--from {one.name} reads it"
        faults[one.name] = fault
    nearest = near[0]
    columns = "; name the columns with --columns, such as x=COLUMN,y=COLUMN,joint=COLUMN" * (nearest.name == "csv")
    return (
        f"the nearest format is {nearest.name}, which says: {faults[nearest.name]}{columns}; write the file as"
        " docs/data-formats.md describes it, or name another format with --from: "
        + ", ".join(one.name for one in suited)
    )


def _endings() -> list[str]:
    return sorted({suffix for one in FORMATS.values() for suffix in one.suffixes})


def _fault_of(format_: Format, path: Path) -> str:
    """Return why a format cannot read a file, empty if it can."""

    def first(given: Path) -> str:
        found = next(iter(format_.read(Source((given,), given.stem), ImportOptions())), None)
        if isinstance(found, RawClip) and len(found.poses):
            return ""
        return str(getattr(found, "detail", "there is no record"))

    try:
        return harmless(read_bounded(first, path), 300)
    except InputError as error:
        return harmless(". ".join(filter(None, (error.what, error.where))), 300)


def _contents(path: Path) -> tuple[str, set[str]]:
    """Return a description of a file's content, and the simplified names in it."""
    with path.open("rb") as file:
        start = file.read(512)
    names: list[str] = []
    if start.startswith(b"PK"):
        seen = _archive(path, names)
    elif start.startswith(np.lib.format.MAGIC_PREFIX):
        seen = _array(path)
    elif start.startswith(SIGNATURE):
        with Hdf5File(path) as file:
            names += file.names
            seen = f"the datasets {file.described()}"
    elif start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        seen = _document(path, names)
    elif not start:
        seen = "nothing in it"
    elif b"\0" in start or start[:1] == b"\x80":
        seen = f"{path.stat().st_size:,} bytes that begin with {start[:8].hex(' ')}"
    else:
        seen = _table(path, names)
    return harmless(seen, _LONGEST), {simplified(name) for name in names}


def _document(path: Path, names: list[str]) -> str:
    first: dict[str, Any] = {}
    counts: dict[str, int] = {}
    with suppress(InputError):  # a damaged file is described as far as it goes
        for member, value in itertools.islice(stream_json(path), _MOST_VALUES):
            first.setdefault(member, value)
            counts[member] = counts.get(member, 0) + 1
    shown = {name: _shape(value, names) for name, value in first.items()}
    if list(first) == [""]:
        return f"a list of {shown['']}"
    names += first
    members = (f"{name}: list of {text}" if counts[name] > 1 else f"{name}: {text}" for name, text in shown.items())
    return f"an object with the keys {_some(members)}"


def _shape(value: Any, names: list[str], depth: int = _DEPTH) -> str:
    """Return the form of a JSON value, and add its names to `names`."""
    if isinstance(value, dict):
        names += value
        if not depth:
            return f"object of {len(value)} keys"
        return "{" + _some(f"{name}: {_shape(item, names, depth - 1)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        inner = _shape(value[0], names, depth - 1) if value and depth else "values"
        return f"[{len(value)} x {inner}]"
    kinds = ((bool, "true or false"), ((int, float), "number"), (str, "text"), (type(None), "null"))
    return next(name for kind, name in kinds if isinstance(value, kind))


def _some(parts: Iterator[str]) -> str:
    shown = list(itertools.islice(parts, _MOST_NAMES))
    more = sum(1 for _ in parts)
    return ", ".join([*shown, f"and {more} more"] if more else shown)


def _table(path: Path, names: list[str]) -> str:
    with open_text(path) as text:
        lines = text.read(_TEXT_CHARS).splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = delimiter_of(first)
    cells = next(csv.reader([first], delimiter=delimiter), []) if delimiter in first else first.split()
    cells = [cell.strip() for cell in cells if cell.strip()]
    if cells and all(is_number(cell) for cell in cells):
        return f"no header; its first row has {len(cells)} numbers"
    if delimiter not in first:
        return f"text that begins with {harmless(first, 60)!r}"
    names += cells
    more = f" and {len(cells) - _MOST_NAMES} more" if len(cells) > _MOST_NAMES else ""
    return f"the columns {listed(cells[:_MOST_NAMES])}{more}"


def _array(path: Path) -> str:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        try:
            shape, _, dtype = read(file)
        except (ValueError, SyntaxError) as error:
            return f"an array that cannot be read: {error}"
    return f"one array ({dtype} {list(shape)})"


def _archive(path: Path, names: list[str]) -> str:
    with NpzArchive(path) as archive:
        names += archive.names
        return f"the arrays {archive.described()}"
