"""ml5.js training data: `neuralNetwork.saveData` of poses, as the tutorials on pose classification save them.

Source: https://docs.ml5js.org (`neuralNetwork`): an object with `data`, a list of samples with inputs `xs` and outputs
`ys`, each an object whose members are numbered or named.

34 numbers are x and y of PoseNet's 17 joints, 51 have a confidence in addition; 66, 99 and 132 are BlazePose's 33
joints. The text in `ys` is the label. Samples are saved in the order in which they are recorded, so that consecutive
samples of one label are one clip. The time of a sample is not saved. Data for other purposes (numbers to predict,
hands, colours) are rejected.
"""

import re
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np

from data.errors import InputError
from data.importers.clips.confidence import mark_unseen
from data.importers.clips.faults import malformed_as_input_error, quarantined
from data.importers.clips.types import Format, Head, ImportOptions, RawClip, ReaderOutput, Source
from data.importers.clips.units import pixels_or_fractions
from data.importers.clips.vocabulary import text_of
from data.importers.readers.json_stream import stream_json
from data.layouts import load_layout
from data.text import one_spelling

_FORMS = {34: (17, 2, False), 51: (17, 2, True), 66: (33, 2, False), 99: (33, 3, False), 132: (33, 3, True)}
"""Number of inputs: number of joints, of coordinates, and whether there is a confidence."""

_LAYOUTS = {17: "coco17", 33: "blazepose33"}


class _Run:
    """Consecutive samples of one label."""

    def __init__(self, label: str, length: int) -> None:
        self.label = label
        self.length = length
        self.values = array("f")

    def clip(self, name: str) -> RawClip:
        joints, dimensions, scored = _FORMS[self.length]
        given = np.frombuffer(self.values, np.float32).reshape(-1, joints, dimensions + scored)
        notes: list[str] = []
        poses = given
        if not scored:
            poses = np.concatenate([given, np.ones((*given.shape[:2], 1), np.float32)], axis=2)
            poses, notes = mark_unseen(poses)
        return RawClip(
            name=name,
            layout=load_layout(_LAYOUTS[joints]),
            poses=poses,
            frames=np.arange(len(poses)),
            count=len(poses),
            unit=pixels_or_fractions(poses),
            fields={"label": self.label},
            notes=[*notes, "training data have no times: consecutive samples of one label are taken as one clip"],
        )


def read(source: Source, options: ImportOptions) -> Iterator[ReaderOutput]:
    """Yield a clip for each run of samples with one label."""
    run: _Run | None = None
    record = 0
    for number, (member, value) in enumerate(stream_json(source.path)):
        if member != "data":
            continue
        try:
            with malformed_as_input_error(f"sample {number}"):
                label, values = _sample(value)
        except InputError as error:
            yield quarantined(error, str(source.path), record)
            record += 1
            continue
        if run is None or (label, len(values)) != (run.label, run.length):
            if run is not None:
                yield run.clip(f"{source.name}_{record}")
                record += 1
            run = _Run(label, len(values))
        run.values.extend(values)
    if run is not None:
        yield run.clip(f"{source.name}_{record}")


def _sample(value: dict[str, Any]) -> tuple[str, list[float]]:
    inputs, outputs = value["xs"], value["ys"]
    if isinstance(inputs, dict):
        inputs = [inputs[name] for name in sorted(inputs, key=_place)]
    if len(inputs) not in _FORMS:
        raise InputError(
            f"a sample has {len(inputs)} inputs",
            None,
            "a pose has 34 or 51 (17 joints), or 66, 99 or 132 (33 joints); data of hands or faces are not read",
        )
    answers = list(outputs.values()) if isinstance(outputs, dict) else list(outputs)
    if len(answers) != 1:
        raise InputError(f"a sample has {len(answers)} outputs", None, "a pose for classification has one label")
    return one_spelling(text_of(answers[0], "the label")), [float(number) for number in inputs]


def _place(name: str) -> tuple[int, str]:
    """Return the place of a numbered input; inputs with names stay in the order of the file."""
    match = re.fullmatch(r"(\d{1,4})", name)
    return (int(match[1]), "") if match else (0, "")


def _detect(head: Head) -> bool:
    return bool(re.match(r'\s*\{\s*"data"\s*:\s*\[\s*\{\s*"(xs|ys)"', head.text))


FORMAT = Format(
    name="ml5",
    about="ml5.js training data of poses: neuralNetwork.saveData with 34 numbers and a label",
    suffixes=(".json",),
    detect=_detect,
    read=read,
)
