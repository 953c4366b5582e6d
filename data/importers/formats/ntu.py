"""NTU RGB+D `.skeleton` files: bodies of the second Kinect as text.

Source: Shahroudy et al., NTU RGB+D, CVPR 2016, and the reader of https://github.com/shahroudy/NTURGB-D
(`Matlab/read_skeleton_file.m`). A file has the number of frames; for each frame the number of bodies; for
each body a line with its id and nine figures, the number of joints, and for each joint x, y, z in metres, two
projections, an orientation and a tracking state: 2 tracked (confidence 1), 1 inferred (0.5), 0 not tracked (0).

The name `SsssCcccPpppRrrrAaaa` states camera (view `C001`), person (subject `P001`) and action (label `A001`, or the
text on line 1 of `--label-names`). Recordings have 30 frames a second. Bodies are identified by their ids.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from data.errors import InputError
from data.importers.clips.collector import Collector
from data.importers.clips.faults import malformed_as_input_error
from data.importers.clips.joints import order_by_count
from data.importers.clips.types import Format, Head, ImportOptions, ReaderOutput, Source
from data.importers.readers.json_stream import open_text
from data.layouts import load_layout
from data.records import KeypointSequence

FPS = 30.0
"""Frames per second of all recordings."""

_COUNTS = ((25, "kinect25"),)
_NAME = re.compile(r"S\d{3}(C\d{3})(P\d{3})R\d{3}A(\d{3})", re.IGNORECASE)
_CONFIDENCE = {0: 0.0, 1: 0.5, 2: 1.0}
_LINE = 1 << 12


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clip of a file."""
    order = order_by_count(25, _COUNTS)
    frames, bodies = Collector(), dict[str, int]()
    with open_text(source.path) as text, malformed_as_input_error("the file"):
        for _ in range(int(_line(text))):
            frames.frame()
            for _ in range(int(_line(text))):
                number = _line(text).split()[0]
                joints = int(_line(text))
                if joints != len(order.columns):
                    raise InputError(
                        f"a body has {joints} joints", f"frame {frames.count - 1}", "write 25, as NTU RGB+D has"
                    )
                pose = [value for _ in range(joints) for value in _joint(_line(text))]
                frames.pose(order, pose, 3, bodies.setdefault(number, len(bodies)))
    yield frames.clip(source.name, "metres", fps=FPS, fields=_fields(source.path.stem, options))


def _line(text: TextIO) -> str:
    while line := text.readline(_LINE):
        if line.strip():
            return line
    raise InputError("the file is truncated", text.name, "download it again")


def _joint(line: str) -> tuple[float, ...]:
    values = line.split()
    state = int(float(values[11])) if len(values) > 11 else 2
    return float(values[0]), float(values[1]), float(values[2]), _CONFIDENCE[state]


def _fields(name: str, options: ImportOptions) -> dict[str, str]:
    match = _NAME.match(name)
    if match is None:
        return {}
    action = int(match[3])
    named = 0 < action <= len(options.label_names)
    return {
        "view": match[1].upper(),
        "subject": match[2].upper(),
        "label": options.label_names[action - 1] if named else f"A{match[3]}",
    }


def _detect(head: Head) -> bool:
    lines = head.text.split("\n", 4)
    return head.path.suffix.lower() == ".skeleton" or (len(lines) > 4 and len(lines[2].split()) == 10)


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write `kinect25` sequences as one file each, named by their ids; confidences become the nearest state."""
    path.mkdir(parents=True, exist_ok=True)
    for sequence in sequences:
        if sequence.layout != "kinect25" or sequence.timestamps is not None:
            raise InputError(
                "NTU RGB+D has 25 joints at an even rate", f"sequence {sequence.sequence_id!r}", "choose another format"
            )
        lines = [str(len(sequence.keypoints))]
        for pose in sequence.keypoints.astype(float).tolist():
            lines += ["1", "72057594037931101 0 1 1 1 1 0 0 0 2", str(len(load_layout("kinect25").joints))]
            lines += [f"{x!r} {y!r} {z!r} 0 0 0 0 0 0 0 0 {round(c * 2)}" for x, y, z, c in pose]
        name = re.sub(r"[^\w#-]+", "_", sequence.sequence_id)
        (path / f"{name}.skeleton").write_text("\n".join(lines) + "\n", encoding="ascii")


FORMAT = Format(
    name="ntu",
    about="NTU RGB+D .skeleton files, named SsssCcccPpppRrrrAaaa",
    suffixes=(".skeleton",),
    detect=_detect,
    read=read,
    write=write,
)
