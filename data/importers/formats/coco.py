"""COCO keypoints: annotations or results for images that are the frames of clips.

Source: https://cocodataset.org/#format-data and #format-results (`images`, `annotations` with `keypoints` as x, y, v
for each joint, `categories` whose `keypoints` name the joints; results with `image_id`, `category_id`, `keypoints`,
`score`), and PoseTrack's `vid_id`, `frame_id`, `track_id` of https://posetrack.net.

The images of a clip share a `video_id` (`vid_id`). Without it, they are the images whose file names differ only in the
number at the end, which is the frame. In results without `images`, all image numbers are the frames of one clip. Images
without an annotation are frames without a pose. Joints are found by the names of the category, or else by how many
there are: 17, 26 (Halpe), 133 (the body of WholeBody). If the third values are 0, 1 and 2, they are COCO's visibility
flags: 1 (hidden) becomes confidence 0.5 and 2 becomes 1. Other third values are confidences. Coordinates are pixels,
and images have a `height`. `videos` may state `name`, `label`, `subject` and `fps`.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.joints import JointOrder, order_by_name
from data.importers.clips.types import Format, Head, ImportOptions, Note, ReaderOutput, Source
from data.importers.clips.units import ImageSize
from data.importers.clips.vocabulary import CLIP_FIELDS, field_of, text_of, unread_note
from data.importers.formats.writing import PIXELS, needs_image
from data.importers.readers.image_names import (
    Annotated,
    clip_and_frame,
    clips_of,
    frame_number,
    names_of,
    new_table,
    triples,
)
from data.importers.readers.json_stream import stream_json
from data.importers.readers.unread_keys import unread_keys
from data.layouts import load_layout
from data.records import KeypointSequence

_READ = ("ignore", "ignored", "caption", "bboxhead", "facekpts", "lefthandkpts", "righthandkpts", "footkpts")
"""Keys of an annotation that describe other parts of a person."""


@dataclass(slots=True)
class _Image:
    clip: str
    frame: int
    size: ImageSize | None


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield the clips of a file, which is read twice: first the images, then the poses."""
    images: dict[Any, _Image] = {}
    videos: dict[Any, dict[str, Any]] = {}
    joints: dict[Any, tuple[int, JointOrder]] = {}
    for member, value in stream_json(source.path):
        with malformed_as_input_error(member):
            if member == "images":
                images[value["id"]] = _image(value)
            elif member == "videos":
                videos[value["id"]] = value
            elif member == "categories" and value.get("keypoints"):
                with suppress(InputError):  # the names are those of no layout: joints are found by their number
                    joints[value["id"]] = (len(value["keypoints"]), order_by_name(names_of(value["keypoints"])))
    table = _table(images, videos)
    unread: list[str] | None = None
    categories = dict[Any, None]()
    for record, (member, value) in enumerate(stream_json(source.path)):
        if member in ("", "annotations"):
            try:
                with malformed_as_input_error(f"annotation {record}"):
                    unread = unread_keys(value, _READ) if unread is None else unread
                    _add(value, table, images, joints)
                    categories.setdefault(value.get("category_id"))
            except InputError as error:
                yield quarantined(error, str(source.path), record)
    notes = unread_note("keys", unread or [])
    if len(categories) > 1:
        notes.append(f"the {len(categories)} categories of the annotations are not read as labels: see --labels")
    yield from (Note(text, str(source.path)) for text in notes)
    for clip in clips_of(table, source.name):
        yield quarantined(clip[1], str(source.path), 0, name=clip[0]) if isinstance(clip, tuple) else clip


def _image(value: dict[str, Any]) -> _Image:
    video = next((value[name] for name in ("video_id", "vid_id") if value.get(name) is not None), None)
    clip, frame = (
        clip_and_frame(value.get("file_name") or value["id"])
        if video is None
        else (f"video {text_of(video, 'video_id')}", 0)
    )
    number = next((value[name] for name in ("frame_id", "frame_index") if value.get(name) is not None), None)
    if number is not None:
        frame = frame_number(number)
    elif video is not None:
        frame = clip_and_frame(value.get("file_name") or value["id"])[1]
    height, width = (float(value.get(name) or 0) for name in ("height", "width"))
    return _Image(clip, frame, ImageSize(height, width or None) if height > 0 else None)


def _table(images: dict[Any, _Image], videos: dict[Any, dict[str, Any]]) -> dict[str, Annotated]:
    table = new_table()
    for image in images.values():
        one = table[image.clip]
        one.frames.add(image.frame)
        one.image = one.image or image.size
    for number, video in videos.items():
        if f"video {number}" in table:
            one = table[f"video {number}"]
            with malformed_as_input_error(f"video {number}"):
                fields = {field: value for name, value in video.items() if (field := field_of(name))}
                one.fps = float(fields["fps"]) if fields.get("fps") else None
                one.fields = {
                    field: text_of(fields[field], field) for field in CLIP_FIELDS if fields.get(field) is not None
                }
    names = {f"video {number}": text_of(video.get("name") or number, "name") for number, video in videos.items()}
    return _Renamed({names.get(clip, clip): one for clip, one in table.items()}, names)


class _Renamed(dict[str, Annotated]):
    """A table of clips by name, in which a video can also be found by its number."""

    def __init__(self, table: dict[str, Annotated], names: dict[str, str]) -> None:
        super().__init__(table)
        self._names = names

    def __missing__(self, clip: str) -> Annotated:
        name = self._names.get(clip, clip)
        if name not in self:
            self[name] = Annotated()
        return self[name]


def _add(
    value: dict[str, Any],
    table: dict[str, Annotated],
    images: dict[Any, _Image],
    joints: dict[Any, tuple[int, JointOrder]],
) -> None:
    keypoints = value.get("keypoints")
    if not keypoints:
        return
    image = images.get(value["image_id"])
    if image is None and images:
        raise InputError("an annotation names an image that does not exist", str(value["image_id"])[:80], None)
    clip, frame = (image.clip, image.frame) if image else clip_and_frame(value["image_id"])
    count, order = joints.get(value.get("category_id"), (0, None))
    table[clip].add(frame, keypoints, order if count * 3 == len(keypoints) else None, value.get("track_id"))


def _detect(head: Head) -> bool:
    text = head.text
    if '"annotations"' in text or '"categories"' in text or ('"images"' in text and '"file_name"' in text):
        return True
    return '"image_id"' in text and '"keypoints"' in text and '"category_id"' in text


def write(sequences: Iterable[KeypointSequence], path: Path) -> None:
    """Write sequences as videos with annotations, in pixels of images 1,000 pixels high."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    videos: list[dict[str, Any]] = []
    layouts: dict[str, int] = {}
    for sequence in sequences:
        layout = needs_image(sequence)
        if sequence.keypoints.shape[-1] != 3:
            raise InputError("COCO has no depth", f"sequence {sequence.sequence_id!r}", "choose another format")
        category = layouts.setdefault(layout.name, len(layouts) + 1)
        video = {"id": len(videos) + 1, "name": sequence.sequence_id, "label": sequence.label}
        videos.append({**video, "subject": sequence.subject, "fps": sequence.fps})
        numbers = np.round(sequence.frame_times * sequence.fps).astype(int).tolist()
        for number, pose in zip(numbers, sequence.keypoints.astype(float), strict=True):
            place = {"id": len(images) + 1, "video_id": len(videos), "frame_id": number}
            images.append({**place, "file_name": f"{len(videos)}/{number:06d}.jpg", "height": PIXELS, "width": PIXELS})
            person = {"id": len(annotations) + 1, "image_id": len(images), "category_id": category, "score": 1.0}
            annotations.append({**person, "keypoints": triples(pose, PIXELS)})
    categories = [
        {"id": number, "name": "person", "keypoints": load_layout(name).joints} for name, number in layouts.items()
    ]
    content = {"videos": videos, "images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content), encoding="utf-8")


FORMAT = Format(
    name="coco",
    about="COCO keypoints JSON: annotations or results, by video or by image names",
    suffixes=(".json",),
    detect=_detect,
    read=read,
    write=write,
)
