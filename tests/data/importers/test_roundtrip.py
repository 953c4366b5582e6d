"""Export and import again give the same sequence, for every format and every layout that it can express."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from data.importers import FORMATS, ImageSize, ImportOptions
from data.importers.clips.types import Note
from data.importers.discovery import detect, find_sources
from data.importers.formats.writing import PIXELS
from data.importers.record_pipeline import Kept, process_source
from data.layouts import layout_names, load_layout
from data.records import KeypointSequence
from data.text import one_spelling

IMAGES = [name for name in layout_names() if load_layout(name).unit == "image_height"]
ROOMS = [name for name in layout_names() if load_layout(name).unit == "metre"]

# format: (layouts, dimensions, has timestamps, has labels and subjects)
EXPRESSIBLE = {
    "tfjs": (IMAGES, (2, 3), True, True),
    "mediapipe": (["blazepose33"], (3,), True, True),
    "openpose": (["openpose25", "openpose18"], (2,), False, False),
    "coco": (IMAGES, (2,), False, True),
    "alphapose": (["coco17", "halpe26", "openpose18"], (2,), False, False),
    "ntu": (["kinect25"], (3,), False, False),
    "pyskl": (
        ["coco17", "openpose18", "openpose25", "halpe26", "blazepose33", "kinect25", "kinect20"],
        (2, 3),
        False,
        False,
    ),
    "csv": ([*IMAGES, *ROOMS], (2, 3), True, True),
    "npz": ([*IMAGES, *ROOMS], (2, 3), True, True),
    "parquet": ([*IMAGES, *ROOMS], (2, 3), True, True),
}


@st.composite
def sequences(draw, name, layout_name, confidences):
    _, dimensions, timed, named = EXPRESSIBLE[name]
    layout = load_layout(layout_name)
    room = layout.unit == "metre"
    depth = 3 if room or dimensions == (3,) else 2 if name == "pyskl" else draw(st.sampled_from(dimensions))
    frames = draw(st.integers(1, 6))
    joints = len(layout.joints)
    floats = st.floats(-2, 4, width=32).filter(lambda value: value == 0 or abs(value) > 1e-4)
    positions = draw(arrays.arrays(np.float32, (frames, joints, depth), elements=floats, fill=st.just(np.float32(0.5))))
    confidence = draw(arrays.arrays(np.float32, (frames, joints, 1), elements=confidences, fill=st.just(np.float32(1))))
    confidence[:, 0] = 1  # there is a person in every frame
    positions[0, 0, 1] = 4  # large enough to distinguish pixels from fractions
    keypoints = np.concatenate([positions, confidence], axis=2)
    steps = draw(st.lists(st.sampled_from([1, 2, 3]), min_size=frames - 1, max_size=frames - 1))
    times = np.cumsum([0, *steps]) / 25.0 if timed and draw(st.booleans()) else None
    words = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=8)
    return KeypointSequence(
        sequence_id=draw(words) if named else "clip-a",
        subject=draw(words) if named else "unknown",
        label=draw(words) if named else "unknown",
        fps=25.0 if name not in ("ntu",) else 30.0,
        layout=layout_name,
        keypoints=keypoints,
        timestamps=times,
    )


CASES = [(name, layout) for name, (layouts, *_) in EXPRESSIBLE.items() for layout in layouts]


@pytest.mark.parametrize(("name", "layout"), CASES)
@settings(max_examples=4, deadline=None, derandomize=True)
@given(data=st.data())
def test_import_then_export_is_the_identity(name, layout, data):
    confidences = st.sampled_from([0.0, 0.5, 1.0]) if name == "ntu" else st.floats(0, 1, width=32)
    given_ = data.draw(sequences(name, layout, confidences))
    with TemporaryDirectory() as folder:
        place = Path(folder) / "source"
        path = place if name in ("openpose", "ntu", "parquet") else place / f"clips{FORMATS[name].suffixes[0]}"
        place.mkdir()
        FORMATS[name].write([given_], path)
        format_, sources, _ = find_sources([place], None)
        assert format_.name == name
        options = ImportOptions(fps=given_.fps, image=ImageSize(PIXELS, PIXELS), max_gap=10, fill_gap=0)
        outcomes = [
            outcome
            for source in sources
            for outcome in process_source(format_, source, options)
            if not isinstance(outcome, Note)
        ]
    (kept,) = outcomes
    assert isinstance(kept, Kept), kept
    (found,) = kept.sequences
    np.testing.assert_allclose(found.keypoints, given_.keypoints, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.frame_times, given_.frame_times, atol=1e-9)
    assert (found.layout, found.fps) == (given_.layout, given_.fps)
    _, _, _, named = EXPRESSIBLE[name]
    if named:
        label, subject = one_spelling(given_.label), one_spelling(given_.subject)
        assert (found.sequence_id, found.label, found.subject) == (given_.sequence_id, label, subject)
    assert not kept.repairs


def test_every_format_is_recognised_by_its_beginning(tmp_path):
    for number, (name, (layouts, *_)) in enumerate(EXPRESSIBLE.items()):
        layout = load_layout(layouts[-1])
        depth = 4 if layout.unit == "metre" or name == "mediapipe" else 3
        sequence = KeypointSequence(
            "a", "s", "l", 30.0, layout.name, np.ones((3, len(layout.joints), depth), np.float32)
        )
        place = tmp_path / str(number)
        place.mkdir()
        FORMATS[name].write(
            [sequence], place if name in ("openpose", "ntu", "parquet") else place / f"x{FORMATS[name].suffixes[0]}"
        )
        assert {detect(path).name for path in place.rglob("*.*") if path.is_file()} == {name}
