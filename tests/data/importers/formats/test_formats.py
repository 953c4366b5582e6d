"""Files in the form in which the tools write them, made by hand after the documentation of the tools."""

import pickle

import numpy as np
import pytest

from data.importers import ImageSize
from data.layouts import load_layout

COCO = load_layout("coco17").joints
PARTS = [a + "".join(word.title() for word in rest) for a, *rest in (name.split("_") for name in COCO)]
TINY = {"rtol": 1e-5, "atol": 1e-5}


def heights(poses, height=480.0):
    """Return pixels in image heights."""
    return poses / (height, height, 1)


def test_movenet_frames_of_several_poses_with_times(poses, take, dump):
    one, other = poses(seed=1, left=60), poses(seed=2, left=400)
    other[..., 0] *= 0.9  # a smaller person

    def pose(points, number):
        keypoints = [
            {"y": y, "x": x, "score": s, "name": n} for n, (x, y, s) in zip(COCO, points.tolist(), strict=True)
        ]
        return {"keypoints": keypoints, "score": 0.8, "id": number}

    frames = [
        {"timestamp": 1000 + 40 * t, "poses": [pose(other[t], 7), pose(one[t], 3)][:: (-1) ** t]} for t in range(4)
    ]
    path = dump("clip.json", {"fps": 25, "height": 480, "width": 640, "label": "wave", "frames": frames})
    ((sequence,), quarantined) = take(path)
    assert (take.format, quarantined) == ("tfjs", [])
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)
    assert (sequence.sequence_id, sequence.label, sequence.fps, sequence.layout) == ("clip", "wave", 25, "coco17")
    np.testing.assert_allclose(sequence.timestamps, [1.0, 1.04, 1.08, 1.12])
    assert take.repairs == {"poses of other people left out": 4}
    ((sequence,), _) = take(path, person="right")
    np.testing.assert_allclose(sequence.keypoints, heights(other), **TINY)


def test_a_clip_without_frames_among_others_is_quarantined_alone(poses, take, dump):
    frames = [
        {"keypoints": [{"x": x, "y": y, "name": n} for n, (x, y, _) in zip(COCO, frame.tolist(), strict=True)]}
        for frame in poses()
    ]
    path = dump("m.json", [{"frames": frames, "name": "walk"}, {"name": "rest", "frames": []}])
    ((sequence,), (record,)) = take(path, image=ImageSize(480))
    assert (sequence.sequence_id, record.record, record.reason) == ("walk", 1, "there are # frames")


def test_posenet_frames_of_one_pose_in_a_bare_array(poses, take, dump):
    given = poses()
    frames = [
        {
            "score": 0.9,
            "keypoints": [
                {"score": s, "part": part, "position": {"x": x, "y": y}}
                for part, (x, y, s) in zip(PARTS, frame.tolist(), strict=True)
            ],
        }
        for frame in given
    ]
    ((sequence,), _) = take(dump("p.json", frames), image=ImageSize(480))
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def test_normalised_movenet_needs_the_shape_of_the_image(poses, take, dump):
    given = poses()
    frames = [
        [
            {
                "keypoints": [
                    {"x": x / 640, "y": y / 480, "score": s, "name": n} for n, (x, y, s) in zip(COCO, f, strict=True)
                ]
            }
        ]
        for f in given.tolist()
    ]
    path = dump("p.json", frames)
    _, (refused,) = take(path)
    assert "--image-size" in refused.detail
    ((sequence,), _) = take(path, image=ImageSize(480, 640))
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def landmarks(frames=3, seed=0):
    return np.random.default_rng(seed).uniform((0, 0, -1, 0), (1, 1, 1, 1), (frames, 33, 4))


@pytest.mark.parametrize("spelling", ["landmarks", "pose_landmarks", "poseLandmarks"])
def test_mediapipe_task_results(take, dump, spelling):
    given = landmarks()
    points = [
        [dict(zip(("x", "y", "z", "visibility"), joint, strict=True)) for joint in frame] for frame in given.tolist()
    ]
    world = [[{**joint, "x": joint["x"] / 2} for joint in frame] for frame in points]
    single = spelling == "poseLandmarks"  # as the legacy solution has it
    frames = [
        {spelling: points[t] if single else [points[t]], "worldLandmarks": [world[t]], "timestamp_ms": 33 * t}
        for t in range(3)
    ]
    path = dump("take.json", frames)
    ((sequence,), _) = take(path, image=ImageSize(720, 1280))
    assert (take.format, sequence.layout) == ("mediapipe", "blazepose33")
    np.testing.assert_allclose(sequence.keypoints, given * (1280 / 720, 1, 1280 / 720, 1), **TINY)
    np.testing.assert_allclose(sequence.timestamps, [0, 0.033, 0.066])
    ((flat,), _) = take(path, image=ImageSize(720, 1280), dimensions=2)
    np.testing.assert_allclose(flat.keypoints, (given * (1280 / 720, 1, 1, 1))[..., [0, 1, 3]], **TINY)
    ((room,), _) = take(path, space="world")
    np.testing.assert_allclose(room.keypoints, given * (0.5, 1, 1, 1), **TINY)


@pytest.mark.parametrize("style", ["numbered", "named", "dotted"])
def test_mediapipe_csv(take, tmp_path, style):
    given = landmarks()
    names = load_layout("blazepose33").joints
    header = {
        "numbered": [f"{axis}{joint}" for joint in range(1, 34) for axis in "xyzv"],
        "named": [f"{name.upper()}_{axis}" for name in names for axis in ("x", "y", "z", "visibility")],
        "dotted": [f"{joint}.{axis}" for joint in range(33) for axis in ("X", "Y", "Z", "Visibility")],
    }[style]
    rows = [["squat", f"{t / 30}", *map(repr, frame.ravel().tolist())] for t, frame in enumerate(given)]
    path = tmp_path / "take.csv"
    path.write_text("\n".join(",".join(row) for row in [["class", "time", *header], *rows]) + "\n")
    ((sequence,), _) = take(path, image=ImageSize(480, 640))
    assert (take.format, sequence.label) == ("mediapipe", "squat")
    np.testing.assert_allclose(sequence.keypoints, given * (4 / 3, 1, 4 / 3, 1), **TINY)
    np.testing.assert_allclose(sequence.frame_times, np.arange(3) / 30)


@pytest.mark.parametrize(("joints", "layout"), [(25, "openpose25"), (18, "openpose18")])
def test_openpose_folders(poses, take, dump, joints, layout):
    clips = {"squat/anna": poses(5, joints, 1), "squat/ben": poses(5, joints, 2)}
    for clip, given in clips.items():
        name = clip.rpartition("/")[2]
        for t, frame in enumerate(given):
            people = [{"person_id": [-1], "pose_keypoints_2d": frame.ravel().tolist(), "face_keypoints_2d": []}]
            path = dump(f"source/{clip}/{name}_{t:012d}_keypoints.json", {"version": 1.3, "people": people})
    sequences, quarantined = take(path.parents[2], image=ImageSize(480))
    assert (take.format, quarantined) == ("openpose", [])
    assert [(s.sequence_id, s.label, s.layout) for s in sequences] == [(clip, "squat", layout) for clip in clips]
    for sequence, given in zip(sequences, clips.values(), strict=True):
        np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)
        assert sequence.timestamps is None


def test_openpose_scaled_to_both_signs_frames_without_anybody_and_frames_that_are_missing(poses, take, dump):
    given = poses(12, 25)
    for t, frame in enumerate(given):
        if t in (3, 8):
            continue  # dropped by the camera
        signed = frame * (2 / 640, 2 / 480, 1) - (1, 1, 0)
        people = [] if t == 5 else [{"pose_keypoints_2d": signed.ravel().tolist()}]
        path = dump(f"s/a_{t:012d}_keypoints.json", {"version": 1.3, "people": people})
    ((sequence,), _) = take(path.parent, image=ImageSize(480, 640), fill_gap=0)
    kept = [t for t in range(12) if t not in (3, 8)]
    expected = heights(given)[kept]
    expected[kept.index(5)] = 0
    np.testing.assert_allclose(sequence.keypoints, expected, **TINY)
    np.testing.assert_allclose(sequence.timestamps, np.array(kept) / 30)
    ((filled,), _) = take(path.parent, image=ImageSize(480, 640))
    assert take.repairs == {"frames interpolated over short gaps": 1}
    middle = (expected[kept.index(4)] + expected[kept.index(6)]) / 2
    np.testing.assert_allclose(filled.keypoints[kept.index(5), :, :2], middle[:, :2], **TINY)


def coco_file(poses, flags=False):
    given = poses(4)
    if flags:
        given[..., 2] = np.random.default_rng(0).integers(0, 3, given.shape[:2])
        given[given[..., 2] == 0] = 0
    return given, {
        "categories": [{"id": 1, "name": "person", "keypoints": COCO, "skeleton": [[16, 14]]}],
        "images": [{"id": 90 - t, "file_name": f"v/{t:06d}.jpg", "height": 480, "width": 640} for t in range(4)],
        "annotations": [
            {
                "id": t,
                "image_id": 90 - t,
                "category_id": 1,
                "keypoints": given[t].ravel().tolist(),
                "bbox": [0, 0, 1, 1],
            }
            for t in (2, 0, 3, 1)
        ],
    }


def test_coco_annotations_with_flags(poses, take, dump):
    given, content = coco_file(poses, flags=True)
    ((sequence,), _) = take(dump("c.json", content))
    assert (take.format, sequence.sequence_id) == ("coco", "v")
    given[..., 2] /= 2
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def test_coco_videos_and_results(poses, take, dump):
    given, content = coco_file(poses)
    for t, image in enumerate(content["images"]):
        image |= {"video_id": 5, "frame_id": t + 1, "file_name": "x.jpg"}
    content["videos"] = [{"id": 5, "name": "dance", "fps": 12, "label": "spin"}]
    ((sequence,), _) = take(dump("c.json", content))
    assert (sequence.sequence_id, sequence.fps, sequence.label) == ("dance", 12, "spin")
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)
    results = [
        {"image_id": t, "category_id": 1, "keypoints": f.ravel().tolist(), "score": 1} for t, f in enumerate(given)
    ]
    ((sequence,), _) = take(dump("r.json", results), image=ImageSize(480))
    assert take.format == "coco"
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


@pytest.mark.parametrize(("joints", "layout"), [(17, "coco17"), (26, "halpe26"), (136, "halpe26"), (133, "coco17")])
def test_alphapose_results_of_tracked_people(poses, take, dump, joints, layout):
    one, other = poses(6, joints, 1, left=100), poses(6, joints, 2, left=400)
    other[..., :2] *= 0.8
    results = [
        {
            "image_id": f"{t}.jpg",
            "category_id": 1,
            "keypoints": f.ravel().tolist(),
            "score": 2.5,
            "idx": [n],
            "box": [1],
        }
        for t in range(6)
        for n, f in ((2.0, other[t]), (1.0, one[t]))
        if t != 4
    ]
    ((sequence,), _) = take(dump("alphapose-results.json", results), image=ImageSize(480))
    assert (take.format, sequence.layout) == ("alphapose", layout)
    count = len(load_layout(layout).joints)
    np.testing.assert_allclose(sequence.keypoints, heights(one[[0, 1, 2, 3, 5], :count]), **TINY)
    np.testing.assert_allclose(sequence.timestamps, np.array([0, 1, 2, 3, 5]) / 30)


def test_alphapose_in_the_form_of_cmu(poses, take, dump):
    given = poses(3, 18)
    content = {f"a_{t}.png": {"version": 0.1, "bodies": [{"joints": f.ravel().tolist()}]} for t, f in enumerate(given)}
    ((sequence,), _) = take(dump("r.json", content), image=ImageSize(480))
    assert (take.format, sequence.layout) == ("alphapose", "openpose18")
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def test_ntu_skeletons(take, tmp_path):
    rng = np.random.default_rng(0)
    given = rng.uniform(-1, 3, (5, 25, 3))
    states = rng.integers(0, 3, (5, 25))
    lines = ["5"]
    for frame, state in zip(given, states, strict=True):
        lines.append("2")
        for body, offset, scale in ((72057594037931101, 0, 1), (72057594037931999, 1.5, 0.1)):
            lines += [f"{body} 0 1 1 1 1 0 0.05 -0.2 2", "25"]
            for (x, y, z), tracked in zip((frame * scale + offset).tolist(), state, strict=True):
                lines.append(f"{x!r} {y!r} {z!r} 277.4 191.8 1036.3 519.1 -0.21 0.05 0.97 -0.04 {tracked}")
    path = tmp_path / "S001C002P003R001A010.skeleton"
    path.write_text("\r\n".join(lines) + "\r\n")
    ((sequence,), _) = take(path)
    assert (take.format, sequence.layout, sequence.fps) == ("ntu", "kinect25", 30)
    assert (sequence.view, sequence.subject, sequence.label) == ("C002", "P003", "A010")
    np.testing.assert_allclose(sequence.keypoints, np.dstack([given, states / 2]), **TINY)
    ((named,), _) = take(path, label_names=tuple(f"action {n}" for n in range(1, 61)))
    assert named.label == "action 10"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pyskl_annotations(poses, take, tmp_path, protocol, dtype):
    clips = [poses(n + 3, 17, n)[None].astype(dtype) for n in range(3)]
    annotations = [
        {
            "frame_dir": f"v{n}",
            "label": np.int64(n) if n else 0,
            "img_shape": (480, 640),
            "original_shape": (480, 640),
            "total_frames": n + 3,
            "keypoint": clip[..., :2],
            "keypoint_score": clip[..., 2],
        }
        for n, clip in enumerate(clips)
    ]
    content = {"split": {"train": ["v0", "v1"], "val": ["v2"], "xsub": ["v1"]}, "annotations": annotations}
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    sequences, quarantined = take(path, label_names=("sit", "stand"))
    assert (take.format, quarantined) == ("pyskl", [])
    assert [s.label for s in sequences] == ["sit", "stand", "2"]
    assert [s.split for s in sequences] == ["train", "train+xsub", "val"]
    for sequence, clip in zip(sequences, clips, strict=True):
        np.testing.assert_allclose(sequence.keypoints, heights(clip[0].astype(float)), **TINY)


def test_pyskl_of_kinect_with_two_people(take, tmp_path):
    places = np.random.default_rng(1).uniform(-1, 1, (2, 6, 25, 3))
    places[1] *= 0.3
    places[0, 2] = 0  # lost for a frame
    annotation = {"frame_dir": "S1", "label": 3, "total_frames": 6, "keypoint": places}
    path = tmp_path / "ntu60_3danno.pkl"
    path.write_bytes(pickle.dumps({"split": {}, "annotations": [annotation]}))
    ((sequence,), _) = take(path, fill_gap=0)
    assert (sequence.layout, sequence.label) == ("kinect25", "3")
    np.testing.assert_allclose(sequence.keypoints[..., :3], places[0], **TINY)
    assert sequence.keypoints[2].max() == 0


def test_long_csv_in_any_order_with_named_columns(poses, take, tmp_path):
    given = poses()
    text = given.astype(str)
    rng = np.random.default_rng(0)
    cells = [(f, j) for f in range(4) for j in range(17)]
    rows = [
        f"trial 1,{f + 10},{COCO[j].upper()},{','.join(text[f, j])},Anna"
        for f, j in (cells[n] for n in rng.permutation(len(cells)))
        if (f, j) != (2, 5)
    ]
    path = tmp_path / "long.csv"
    path.write_text("recording,idx,bodypart,x,y,likelihood,who\n" + "\n".join(rows) + "\n")
    columns = {"sequence": "recording", "frame": "idx", "subject": "who"}
    ((sequence,), _) = take(path, columns=columns, image=ImageSize(480))
    expected = heights(given)
    expected[2, 5] = 0
    np.testing.assert_allclose(sequence.keypoints, expected, **TINY)
    assert (take.format, sequence.sequence_id, sequence.subject) == ("csv", "trial 1", "Anna")
    assert sequence.timestamps is None


def test_wide_csv_of_semicolons_with_empty_cells(poses, take, tmp_path):
    given = poses()
    header = ["timestamp_ms", *(f"{axis}_{name}" for name in COCO for axis in ("x", "y", "score"))]
    rows = [[str(33.3 * t), *map(repr, frame.ravel().tolist())] for t, frame in enumerate(given)]
    rows[1][4] = rows[2][7] = ""
    rows[3][10] = "nan"
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(";".join(row) for row in [header, *rows]), encoding="utf-16")
    ((sequence,), _) = take(path, image=ImageSize(480))
    expected = heights(given)
    expected[1, 1] = expected[2, 2] = expected[3, 3] = 0
    np.testing.assert_allclose(sequence.keypoints, expected, **TINY)
    np.testing.assert_allclose(sequence.timestamps, np.arange(4) * 0.0333)


def test_parquet_of_another_layout_is_mapped(tmp_path, take):
    from data.records import KeypointSequence
    from data.store import write_span

    keypoints = np.random.default_rng(0).random((3, 33, 3)).astype(np.float32)
    span = write_span(tmp_path, 1, [KeypointSequence("a", "s", "l", 30.0, "blazepose33", keypoints)])
    ((sequence,), _) = take(span, layout="coco17")
    names = load_layout("blazepose33").joints
    np.testing.assert_array_equal(sequence.keypoints, keypoints[:, [names.index(name) for name in COCO]])
    _, (refused,) = take(span, layout="kinect20")
    assert refused.reason == "a pose of # cannot become one of #"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda frames: frames,
        lambda frames: {"joints": list(COCO), "bones": [[0, 1], [1, 2]], "frames": frames},
        lambda frames: {"frames": frames, "boxes": [[{"x": 1}], [{"x": 2}]]},
        lambda frames: {"clips": [{"id": "clip", "frames": frames, "bones": [[0, 1]]}]},
    ],
)
def test_frames_are_found_among_other_arrays(poses, take, dump, wrap):
    given = poses(5)
    frames = [
        [{"keypoints": [{"x": x, "y": y, "score": s, "name": n} for n, (x, y, s) in zip(COCO, frame, strict=True)]}]
        for frame in given.tolist()
    ]
    frames[2], given[2] = None, 0  # nobody was found
    ((sequence,), _) = take(dump("clip.json", wrap(frames)), image=ImageSize(480), fill_gap=0)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


@pytest.mark.parametrize("space", ["image", "world"])
def test_mediapipe_spaces_in_arrays_of_their_own(take, dump, space):
    given = landmarks()
    points = [[dict(zip(("x", "y", "z", "visibility"), joint, strict=True)) for joint in f] for f in given.tolist()]
    world = [[{**joint, "x": joint["x"] / 2} for joint in frame] for frame in points]
    path = dump("take.json", {"landmarks": points, "worldLandmarks": world})
    ((sequence,), _) = take(path, image=ImageSize(100, 100), space=space)
    np.testing.assert_allclose(sequence.keypoints, given * (0.5 if space == "world" else 1, 1, 1, 1), **TINY)


def named(frame, score="score"):
    return [
        dict(zip(("x", "y", score, "name"), (*joint, n), strict=True)) for n, joint in zip(COCO, frame, strict=True)
    ]


@pytest.mark.parametrize(
    ("format_", "tell"),
    [
        ("tfjs", lambda f: [[[[[y / 480, x / 640, s] for x, y, s in f]]] for f in f]),  # MoveNet's tensors
        ("tfjs", lambda f: [[[y / 480, x / 640, s] for x, y, s in f] for f in f]),
        ("tfjs", lambda f: [[{"keypoints": named(f, "confidence"), "confidence": 0.5}] for f in f]),  # ml5.js
        ("tfjs", lambda f: [[{"pose": {"keypoints": named(f)}, "skeleton": []}] for f in f]),
        (
            "tfjs",  # MMPose
            lambda f: {
                "meta_info": {"num_keypoints": 17},
                "instance_info": [
                    {
                        "frame_id": t,
                        "instances": [{"keypoints": [j[:2] for j in f], "keypoint_scores": [j[2] for j in f]}],
                    }
                    for t, f in enumerate(f)
                ],
            },
        ),
        (
            "alphapose",  # --format open; 18 joints, of which we have 17 and one that is not seen
            lambda f: {
                f"{t}.jpg": {
                    "version": "AlphaPose v0.3",
                    "people": [{"pose_keypoints_2d": [*(v for j in f for v in j), 0, 0, 0]}],
                }
                for t, f in enumerate(f)
            },
        ),
    ],
)
def test_related_formats(poses, take, dump, format_, tell):
    given = poses()
    ((sequence,), quarantined) = take(dump("a.json", tell(given.tolist())), image=ImageSize(480, 640))
    assert (take.format, quarantined) == (format_, [])
    np.testing.assert_allclose(sequence.keypoints[:, :17], heights(given), **TINY)


def test_alphapose_folders_of_a_file_an_image(poses, take, dump):
    given = poses(6, 18)
    for t, frame in enumerate(given):
        path = dump(f"sep-json/{t}.json", {"version": "v0.3", "bodies": [{"joints": frame.ravel().tolist()}]})
    ((sequence,), _) = take(path.parent, image=ImageSize(480))
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


@pytest.mark.parametrize("shape", ["a list named landmark", "members named as landmarks"])
def test_mediapipe_landmarks_as_messages_have_them(take, dump, shape):
    given, names = landmarks(), load_layout("blazepose33").joints
    points = [[dict(zip(("x", "y", "z", "visibility"), joint, strict=True)) for joint in f] for f in given.tolist()]
    frames = (
        [{"landmark": frame} for frame in points]
        if shape.startswith("a list")
        else [{"landmarks": dict(zip(map(str.upper, names), frame, strict=True))} for frame in points]
    )
    ((sequence,), _) = take(dump("a.json", frames), image=ImageSize(100, 100))
    assert take.format == "mediapipe"
    np.testing.assert_allclose(sequence.keypoints, given, **TINY)


def write_csv(path, header, rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n")
    return path


def test_csv_of_holistic_of_landmarks_by_number_and_of_both_spaces(take, tmp_path):
    given, names = landmarks(), load_layout("blazepose33").joints
    axes = ("x", "y", "z", "visibility")
    holistic = ["class", *(f"{axis}{joint}" for joint in range(1, 502) for axis in "xyzv")]
    face = [0.5] * 468 * 4
    both = ["frame", *(f"{space}{name}_{axis}" for space in ("", "world_") for name in names for axis in axes)]
    files = [
        write_csv(tmp_path / "a.csv", holistic, [["sit", *frame.ravel(), *face] for frame in given]),
        write_csv(
            tmp_path / "b.csv",
            ["frame_idx", "landmark_id", *axes],
            [[t, joint, *given[t, joint]] for t in range(3) for joint in range(33)],
        ),
        write_csv(tmp_path / "c.csv", both, [[t, *f.ravel(), *(f / 2).ravel()] for t, f in enumerate(given)]),
    ]
    for path in files:
        ((sequence,), _) = take(path, image=ImageSize(100, 100))
        np.testing.assert_allclose(sequence.keypoints, given, **TINY)
    ((sequence,), _) = take(files[2], space="world")
    np.testing.assert_allclose(sequence.keypoints, given / 2, **TINY)


def test_frames_that_are_named_by_numbers_are_in_the_order_of_these(poses, take, dump):
    given = poses(12)
    frames = {f"frame_{t}": {"keypoints": named(given[t])} for t in sorted(range(12), key=str)}
    for content in (frames, {"frames": frames}):
        ((sequence,), _) = take(dump("n.json", content), image=ImageSize(480))
        np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


@pytest.mark.parametrize("inside", [False, True])
def test_a_label_in_each_frame_makes_clips(poses, take, dump, inside):
    given = poses(5)
    labels = ["rest", "rest", "squat", "squat", "squat"]
    frames = [{"label": label, "keypoints": named(pose)} for label, pose in zip(labels, given, strict=True)]
    content = {"clips": [{"id": "a", "fps": 25, "frames": frames}]} if inside else {"data": frames, "fps": 25}
    sequences, _ = take(dump("a.json", content), image=ImageSize(480))
    assert [(s.sequence_id, s.label, s.fps) for s in sequences] == [("a", "rest", 25), ("a_1", "squat", 25)]
    np.testing.assert_allclose(sequences[1].keypoints, heights(given[2:]), **TINY)


def test_mediapipe_in_pixels_and_centred_on_the_hips(take, dump, tmp_path):
    given = landmarks()
    given[..., 2] = 0.1

    def written(points):
        names = ("x", "y", "z", "visibility")
        return [{"landmarks": [dict(zip(names, p, strict=True)) for p in pose]} for pose in points.tolist()]

    pixels = given * (640, 480, 1, 1)
    ((sequence,), _) = take(dump("p.json", written(pixels)), image=ImageSize(480, 640))
    np.testing.assert_allclose(sequence.keypoints, given * (4 / 3, 1, 4 / 3, 1), **TINY)
    path = tmp_path / "p.csv"
    rows = [[f"{axis}{joint}" for joint in range(1, 34) for axis in "xyzv"], *pixels.reshape(3, -1).tolist()]
    path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    ((sequence,), _) = take(path, image=ImageSize(480, 640))
    assert take.format == "mediapipe"
    np.testing.assert_allclose(sequence.keypoints, given * (4 / 3, 1, 4 / 3, 1), **TINY)
    outside = given * (1, 1, 1, 1)
    outside[:, 30:, 1] = 2.6  # feet below the image
    ((sequence,), _) = take(dump("o.json", written(outside)), image=ImageSize(480, 640))
    np.testing.assert_allclose(sequence.keypoints, outside * (4 / 3, 1, 4 / 3, 1), **TINY)
    for scale in (1, 300):
        centred = given * (scale, scale, 1, 1)
        centred[..., :2] -= centred[:, 23:25, :2].mean(axis=1, keepdims=True)
        sequences, (refused,) = take(dump("w.json", written(centred)), image=ImageSize(480, 640))
        assert not sequences
        assert "--space world" in refused.detail


def test_ml5_labels_that_look_the_same_are_one_clip(take, dump):
    samples = [{"xs": [float(n)] * 34, "ys": [f"arm{space}raise"]} for n, space in enumerate(" \N{NO-BREAK SPACE} ", 1)]
    ((sequence,), _) = take(dump("m.json", {"data": samples}), image=ImageSize(480))
    assert (sequence.label, len(sequence.keypoints)) == ("arm raise", 3)
