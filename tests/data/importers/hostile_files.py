"""Hostile sources and sidecars, most of them small files that stand for very much.

python hostile_files.py make FOLDER      # takes as much memory as what they stand for
python hostile_files.py import FOLDER    # prints a JSON line for each: what was said, and what it took
"""

import io
import json
import os
import pickle
import pickletools
import resource
import socket
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import InputError
from data.importers import ImageSize, ImportOptions, import_to_span
from data.importers.option_parsing import options_from
from data.layouts import load_layout
from data.records import SCHEMA, KeypointSequence, to_batch

COCO = load_layout("coco17").joints
POINTS = [{"x": 9.0 + n, "y": 8.0, "score": 0.5, "name": name} for n, name in enumerate(COCO)]
FRAMES = [[{"keypoints": POINTS}]] * 3


def doubled(levels=60):
    """Return opcodes that make a list of two references to a list of two references, and so on."""
    return b"]" + b"".join(b"q" + bytes([n]) + b"0](h" + bytes([n]) + b"h" + bytes([n]) + b"e" for n in range(levels))


def pickled(**fields):
    """Return the pickle of one annotation; a value of bytes are opcodes."""
    keypoint = np.ones((1, 3, 17, 2), np.float32)
    items = {"frame_dir": "v", "label": 1, "img_shape": (480, 640), "keypoint": keypoint, **fields}
    parts = [b"\x80\x04]}("]
    for name, value in items.items():
        parts.append(b"X" + struct.pack("<I", len(name)) + name.encode())
        parts.append(value if isinstance(value, bytes) else _opcodes(value))
    return b"".join(parts) + b"ua."


def _opcodes(value):
    """Return opcodes that make a value, without those that remember parts of it, as their numbers would repeat."""
    if isinstance(value, np.ndarray):
        content = b"B" + struct.pack("<I", value.nbytes) + value.tobytes()
        dtype = b"cnumpy\ndtype\n" + _opcodes(value.dtype.str) + b"\x85R"
        return b"cnumpy._core.numeric\n_frombuffer\n(" + content + dtype + _opcodes(value.shape) + _opcodes("C") + b"tR"
    return pickletools.optimize(pickle.dumps(value, 3))[2:-1]


def sized(*shape):
    """Return an array without values, whose shape is of no recording."""
    return np.zeros(shape, np.float32)


def parquet(rows, **columns):
    """Return a Parquet file of equal rows, with some columns replaced."""
    one = KeypointSequence("a", "s", "l", 30.0, "coco17", np.ones((2, 17, 3), np.float32))
    batch = to_batch([one])
    table = pa.Table.from_batches([batch] * rows) if rows < 100 else pa.Table.from_batches([batch]).take([0] * rows)
    for name, values in columns.items():
        at = SCHEMA.get_field_index(name)
        table = table.set_column(at, SCHEMA.field(name), pa.array(values, SCHEMA.field(name).type))
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd", use_dictionary=True)
    return file.getvalue()


def long_list(rows, values):
    """Return a column of equal lists."""
    offsets = np.arange(rows + 1, dtype=np.int32) * values
    return pa.ListArray.from_arrays(offsets, np.zeros(rows * values, np.float32))


def npy(array):
    """Return an array as it is in an archive."""
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def store(name, content):
    """Return an archive of one sequence with another array, or with another content of one."""
    arrays = {"frames": np.ones((2, 17, 3), np.float32), "offsets": np.array([0, 2]), "joint_names": np.array(COCO)}
    members = {array: npy(values) for array, values in arrays.items()} | {name: content}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(f"{member}.npy", data)
    return file.getvalue()


def bomb(name, descr, shape):
    """Return an archive with one array of zeros, which are compressed a thousand times."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return store(name, header.getvalue() + bytes(int(np.prod(shape)) * np.dtype(descr).itemsize))


def tfjs(**members):
    return json.dumps({"frames": FRAMES, **members}).encode()


def coco(image):
    return json.dumps([{"image_id": image, "category_id": 1, "keypoints": [9, 8, 0.5] * 17, "score": 1}] * 3).encode()


def long_table(names):
    rows = "".join(f"{n},j{n},{n},5\n" for n in range(names))
    return f"frame,joint,x,y\n{rows}".encode()


def elan(value="sit", time="5", declaration=""):
    slots = f'<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="{time}"/>'
    return (
        f'<?xml version="1.0"?>{declaration}<A>{slots}<ALIGNABLE_ANNOTATION TIME_SLOT_REF1="a" TIME_SLOT_REF2="b">'
        f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></A>"
    ).encode()


LAUGHS = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghij", "bcdefghijk", strict=True))

SOURCES = {
    "label.pkl": lambda: pickled(label=doubled()),
    "split.pkl": lambda: (
        b"\x80\x04}(X\x05\x00\x00\x00splitX\x01\x00\x00\x00a".replace(b"X\x01\x00\x00\x00a", b"}")
        + b"X\x01\x00\x00\x00a"
        + doubled()
        + b"sX\x0b\x00\x00\x00annotations]}au."
    ),
    "image.pkl": lambda: pickled(img_shape=doubled()),
    "itself.pkl": lambda: b"\x80\x04]q\x00(h\x00h\x00h\x00e.",
    "nobody.pkl": lambda: pickled(keypoint=sized(0, 2**40, 17, 2)),
    "nothing.pkl": lambda: pickled(keypoint=sized(1, 2**40, 17, 0)),
    "crowd.pkl": lambda: pickled(keypoint=np.ones((9000, 1, 17, 2), np.float32)),
    "copies.pkl": lambda: (
        b"\x80\x04cbuiltins\nlist\nq\x010](" + b"K\x01" * 99_000 + b"e\x85q\x000](" + b"h\x01h\x00R" * 9_000 + b"e."
    ),
    "lies.parquet": lambda: parquet(1, keypoints=long_list(1, 70_000_000)),
    "many.parquet": lambda: parquet(
        70, keypoints=long_list(70, 1_020_000), frames=[20_000] * 70, sequence_id=list(map(str, range(70)))
    ),
    "text.parquet": lambda: parquet(15, source=["x" * 20_000_000] * 15),
    "segments.parquet": lambda: parquet(
        1, segments=[[{"start_frame": 0, "end_frame": 1, "label": "a" * 1000, "repetitions": None}] * 300_000]
    ),
    "labels.npz": lambda: bomb("labels", "<i8", (30_000_000,)),
    "names.npz": lambda: bomb("joint_names", "<U3800000", (17,)),
    "header.npz": lambda: store("labels", npy(np.zeros(1, np.int64)).replace(b"'descr'", b"'de\0cr'")),
    "character.npz": lambda: store("view", npy(np.array([0x110000], np.uint32)).replace(b"<u4", b"<U1")),
    "deep.json": lambda: b"[" * 2_000_000,
    "lists.json": lambda: b"[" + b"[]," * 300_000 + b"[]]",
    "objects.json": lambda: b"[" + b'{"a":[]},' * 1_400_000 + b"[]]",
    "digits.json": lambda: tfjs(label=0).replace(b'"label": 0', b'"label": 1' + b"0" * 5000),
    "nested.json": lambda: tfjs(label=0).replace(b'"label": 0', b'"label": ' + b"[" * 500 + b"]" * 500),
    "rate.json": lambda: tfjs(fps=1e-9),
    "fast.json": lambda: tfjs(fps=1e300),
    "nan.json": lambda: tfjs(fps=float("nan")),
    "negative.json": lambda: tfjs(fps=-30),
    "late.json": lambda: json.dumps([{"time": 1e308 * n, "poses": FRAMES[0]} for n in range(3)]).encode(),
    "image.json": lambda: tfjs(height=1e-300),
    "surrogate.json": lambda: json.dumps([json.loads(tfjs(id="\ud800"))]).encode(),
    "zero.json": lambda: json.dumps([json.loads(tfjs(id="a\0b"))]).encode(),
    "numbers.json": lambda: coco("1" * 3_000_000 + "!"),
    "spaces.json": lambda: coco("_" * 3_000_000 + "!"),
    "joints.csv": lambda: long_table(60_000),
    "columns.csv": lambda: b"a_x,a_y," * 60_000 + b"b\n1\n",
    "row.csv": lambda: b"frame,joint,x,y\n" + b"1" * 9_000_000,
    "quotes.csv": lambda: b"frame,joint,x,y\n" + b'"\n' * 500_001,
    "bodies.skeleton": lambda: b"1\n999999999\n" + b"1 2 3\n" * 10,
    "frames.skeleton": lambda: b"99999999999\n" + b"0\n" * 1000,
}
"""Name of a source, and the function that makes it."""

FORMATS = {"deep": "tfjs", "lists": "tfjs", "objects": "tfjs", "numbers": "coco", "spaces": "coco", "columns": "csv"}
"""Formats of sources that are not recognised."""

SIDECARS = {
    "laughs.eaf": lambda: elan(declaration=f'<!DOCTYPE a [<!ENTITY a "{"ha" * 500}">{LAUGHS}]>', value="&k;"),
    "digits.eaf": lambda: elan(time="9" * 5000),
    "superscript.eaf": lambda: elan(time="1²"),
    "spaces.eaf": lambda: elan(value="x" + " x" * 400_000 + "!"),
    "deep.eaf": lambda: b"<a>" * 500_000,
    "deeper.eaf": lambda: b"<a>" * 3_000_000,
    "wide.csv": lambda: b"sequence,start,end,label," * 9_000 + b"\n" + b"a\n" * 200_000,
    "huge.csv": lambda: b"sequence,label,start,end\na,b,1e308,1e309\n",
}
"""Name of a file of segments, and the function that makes it."""


def measured(name, work):
    """Do some work and print what it said and took."""
    before = _cpu_seconds()
    try:
        said = work()
    except InputError as error:
        said = str(error)
    # Not RUSAGE_SELF, which also counts the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    own = int(status.partition("VmHWM:")[2].split()[0])
    peak = max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    print(json.dumps({"name": name, "said": said, "cpu": _cpu_seconds() - before, "peak": peak >> 10}), flush=True)


def _cpu_seconds():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def imported(path, out, **options):
    """Import a source and return what became of it."""
    image = None if path.stem == "image" else ImageSize(480, 640)
    target, options = out / path.name, ImportOptions(image=image, **options)
    summary = import_to_span(FORMATS.get(path.stem), path, target, options=options, max_quarantined=1)
    return f"kept {summary.kept} of {summary.read}: {summary.quarantined}"


def segments(path):
    options = dict.fromkeys(
        ("label", "fps", "person", "space", "time_unit", "max_gap", "fill_gap", "layout", "pattern")
    )
    absent = dict.fromkeys(("image_size", "image_height", "dimensions", "columns", "label_names", "labels"))
    return f"read {len(options_from({**options, **absent, 'segments': path}).segments)}"


def make(place):
    """Write all files, and a folder with one sound file, a pipe, a socket, links to a device and links in a loop."""
    for name, content in (SOURCES | SIDECARS).items():
        (place / name).write_bytes(content())
    (place / NAME).write_bytes(tfjs())
    odd = place / "odd"
    odd.mkdir()
    (odd / "good.json").write_bytes(tfjs())
    os.mkfifo(odd / "pipe.json")
    os.chdir(odd)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.json")  # its full path may be too long
    (odd / "device.json").symlink_to("/dev/zero")
    (odd / "folder").symlink_to(odd)
    (odd / "loop.json").symlink_to(odd / "loop.json")


def import_all(place):
    """Import everything."""
    out, odd = place / "out", place / "odd"
    for name in SOURCES:
        measured(name, lambda path=place / name: imported(path, out))
    for name in SIDECARS:
        measured(name, lambda path=place / name: segments(path))
    measured("odd", lambda: imported(odd, out))
    for name in ("pipe", "socket", "device", "loop"):
        measured(f"{name} as source", lambda path=odd / f"{name}.json": imported(path, out))
        measured(f"{name} as sidecar", lambda path=odd / f"{name}.json": segments(path))
    measured("pattern", lambda: imported(place / NAME, out, pattern="{}_{}_{}_{}_{}_{}_{}_{label}x"))


NAME = f"{'_' * 200}.json"
"""Name of a file that a pattern can divide in very many ways."""

if __name__ == "__main__":
    {"make": make, "import": import_all}[sys.argv[1]](Path(sys.argv[2]))
