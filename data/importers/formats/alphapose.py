"""AlphaPose results: one JSON file of all people in all images.

Source: https://github.com/MVIG-SJTU/AlphaPose/blob/master/docs/output.md: a list of `image_id` (the image's name),
`keypoints` as x, y, confidence of each joint, `score`, `box`, and `idx` of the tracker; with `--format cmu` or `open`
an object with `bodies[].joints` or `people[].pose_keypoints_2d` for each image.

The number at the end of an image's name is the frame, and the rest of the name is the clip. Images without a person
have no entry; they are missing frames. Joints are found by how many there are: 17 of COCO, 26 or 136 of Halpe, 133 of
WholeBody (only the body's are read), 18 of `--format cmu`. Coordinates are pixels. Some versions of the COCO models
write confidences up to about 6; these are clipped to 1 and counted.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.types import Format, Head, ImportOptions, Note, ReaderOutput, Source
from data.importers.clips.vocabulary import unread_note
from data.importers.formats.writing import PIXELS, needs_image
from data.importers.readers.image_names import COUNTS, Annotated, clip_and_frame, clips_of, new_table, triples
from data.importers.readers.json_stream import stream_json
from data.importers.readers.unread_keys import unread_keys
from data.records import KeypointSequence

_READ = ("bodies", "people", "posekeypoints2d", "facekeypoints2d", "handleftkeypoints2d", "handrightkeypoints2d")
_BY_IMAGE = re.compile(r'\s*\{\s*"[^"]+"\s*:\s*\{\s*"(version|bodies|people)"')


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file."""
    table = new_table()
    unread: list[str] | None = None
    for record, (member, value) in enumerate(stream_json(source.path)):
        try:
            with malformed_as_input_error(f"entry {record}"):
                unread = unread_keys(value, _READ) if unread is None else unread
                _add(member, value, table)
        except InputError as error:
            yield quarantined(error, str(source.path), record)
    yield from (Note(text, str(source.path)) for text in unread_note("keys", unread or []))
    for clip in clips_of(table, source.name):
        yield quarantined(clip[1], str(source.path), 0, name=clip[0]) if isinstance(clip, tuple) else clip


def _add(member: str, value: dict[str, Any], table: dict[str, Annotated]) -> None:
    name, frame = clip_and_frame(value.get("image_id", member))
    one = table[name]
    if "keypoints" in value:
        one.add(frame, value["keypoints"], None, value.get("idx"))
        return
    one.frames.add(frame)
    for person in value["bodies"] if "bodies" in value else value["people"]:
        one.add(frame, person["joints"] if "joints" in person else person["pose_keypoints_2d"], None, None)


def _detect(head: Head) -> bool:
    text = head.text
    if '"image_id"' in text and '"keypoints"' in text:
        named = '"image_id":"' in "".join(text.split())
        return text.lstrip().startswith("[") and (named or '"idx"' in text or '"box"' in text)
    return bool(_BY_IMAGE.match(text))


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write sequences as results, in pixels of images 1,000 pixels high."""
    results = []
    for sequence in sequences:
        layout = needs_image(sequence)
        if layout.name not in dict(COUNTS).values() or sequence.keypoints.shape[-1] != 3:
            raise InputError(f"AlphaPose has no layout {layout.name}", f"sequence {sequence.sequence_id!r}", None)
        numbers = np.round(sequence.frame_times * sequence.fps).astype(int).tolist()
        for number, pose in zip(numbers, sequence.keypoints.astype(float), strict=True):
            image = {"image_id": f"{sequence.sequence_id}/{number}.jpg", "category_id": 1}
            results.append({**image, "keypoints": triples(pose, PIXELS), "score": 1.0, "idx": 1})
    path.write_text(json.dumps(results), encoding="utf-8")


FORMAT = Format(
    name="alphapose",
    about="AlphaPose result JSON: all people in all images, tracked or not",
    suffixes=(".json",),
    detect=_detect,
    read=read,
    write=write,
)
