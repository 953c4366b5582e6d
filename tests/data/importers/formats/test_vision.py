"""Body poses of Apple Vision."""

import numpy as np
import pytest

from data.importers import ImageSize
from data.importers.formats.apps.vision import JOINTS
from data.layouts import load_layout

PARTS = load_layout("openpose25").joints


@pytest.mark.parametrize(
    "write",
    [
        lambda frame: {"joints": frame},
        lambda frame: [{"joint": name, **point} for name, point in frame.items()],
        lambda frame: {"people": [{"recognizedPoints": frame}]},
        lambda frame: {
            "time": 0,
            "observations": [
                [{"name": n, "location": [p["x"], p["y"]], "confidence": p["confidence"]} for n, p in frame.items()]
            ],
        },
    ],
)
def test_vision_has_y_upwards(take, dump, write):
    given = np.random.default_rng(0).uniform((0.2, 0.2, 0.3), (0.8, 0.8, 1), (5, len(JOINTS), 3))
    given[2, 3] = 0
    frames = []
    for t, pose in enumerate(given.tolist()):
        frame = write(
            {n: dict(zip(("x", "y", "confidence"), p, strict=True)) for n, p in zip(JOINTS, pose, strict=True)}
        )
        frames.append({**frame, "time": t / 25} if "time" in frame else frame)
    ((sequence,), quarantined) = take(dump("squat.json", frames), image=ImageSize(1920, 1080))
    assert (take.format, quarantined, sequence.layout) == ("vision", [], "openpose25")
    expected = np.zeros((5, 25, 3))
    for place, joint in enumerate(JOINTS.values()):
        x, y, score = given[:, place].T
        seen = score > 0
        values = np.stack([x * 1080 / 1920, 1 - y, score], axis=1) * seen[:, None]
        expected[:, PARTS.index(joint)] = values
    np.testing.assert_allclose(sequence.keypoints, expected, rtol=1e-5, atol=1e-6)


def test_a_frame_without_anybody_is_a_frame(take, dump):
    frame = {"people": [{name: [0.5, 0.5, 0.9] for name in JOINTS}]}
    ((sequence,), _) = take(dump("a.json", [frame, {"people": []}, frame]), image=ImageSize(100, 100), fill_gap=0)
    assert sequence.keypoints[..., 2].any(axis=1).tolist() == [True, False, True]


@pytest.mark.parametrize("confidence", [{}, {"confidence": 0.9}])
def test_a_joint_at_the_origin_without_a_confidence_is_missing(take, dump, confidence):
    frame = {name: {"x": 0.5, "y": 0.25, **confidence} for name in JOINTS} | {"root": {"x": 0, "y": 0, **confidence}}
    ((sequence,), _) = take(dump("a.json", [{"joints": frame}] * 3), image=ImageSize(100, 100))
    hip = sequence.keypoints[:, PARTS.index("mid_hip")]
    np.testing.assert_allclose(hip, [[0, 1, 0.9] if confidence else [0, 0, 0]] * 3)
