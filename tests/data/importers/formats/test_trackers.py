"""Files of tools that track points or people in video."""

import json
import pickle

import h5py
import numpy as np
import pytest

from data.importers import ImageSize
from data.layouts import load_layout

COCO = load_layout("coco17").joints
SIZE = ImageSize(480, 640)
TINY = {"rtol": 1e-5, "atol": 1e-5}


def heights(poses):
    return poses / (480, 480, 1)


def deeplabcut(people, kinds=("x", "y", "likelihood"), first=lambda t: [t], padding=0):
    """Return a DeepLabCut CSV of people by name, each `[T, 17, 3]`."""
    columns = [(person, joint, kind) for person in people for joint in COCO for kind in kinds]
    levels = [("scorer", ["net"] * len(columns))]
    levels += [("individuals", [person for person, _, _ in columns])] if list(people) != [""] else []
    levels += [("bodyparts", [joint for _, joint, _ in columns]), ("coords", [kind for _, _, kind in columns])]
    lines = [[name, *[""] * padding, *cells] for name, cells in levels]
    for t in range(len(next(iter(people.values())))):
        numbers = [poses[t, :, : len(kinds)] for poses in people.values()]
        lines.append([*first(t), *("" if np.isnan(n) else repr(n) for n in np.ravel(numbers).tolist())])
    return "\n".join(",".join(map(str, line)) for line in lines) + "\n"


def test_deeplabcut_of_one_and_of_several(poses, take, dump):
    one, other = poses(5, seed=1, left=60), poses(5, seed=2, left=400)
    ((sequence,), quarantined) = take(dump("clipDLC_net.csv", deeplabcut({"": one})), image=SIZE)
    assert (take.format, quarantined, sequence.layout) == ("deeplabcut", [], "coco17")
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)
    other[..., :2] *= 0.9
    other[2] = np.nan
    ((sequence,), _) = take(dump("b.csv", deeplabcut({"anna": other, "ben": one})), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)
    ((sequence,), _) = take(
        dump("b.csv", deeplabcut({"anna": other, "ben": one})), image=SIZE, person="right", fill_gap=0
    )
    np.testing.assert_allclose(sequence.keypoints[[0, 1, 3, 4]], heights(other)[[0, 1, 3, 4]], **TINY)


def test_deeplabcut_labels_of_images_without_likelihood(poses, take, dump):
    given = poses(4)
    given[..., 2] = 1
    given[1, 3, :2] = np.nan
    text = deeplabcut({"": given}, ("x", "y"), lambda t: ["labeled-data", "clip", f"img{t + 5:04}.png"], padding=2)
    ((sequence,), _) = take(dump("CollectedData_me.csv", text), image=SIZE)
    given[1, 3] = 0
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)
    assert sequence.timestamps is None


def test_deeplabcut_of_a_mouse_is_explained(poses, take, dump):
    text = deeplabcut({"": poses()}).replace("left_ear", "tail")
    _, (refused,) = take(dump("a.csv", text), image=SIZE)
    assert "tail" in refused.detail


def ultralytics(pose, **more):
    points = {"x": pose[:, 0].tolist(), "y": pose[:, 1].tolist(), "visible": pose[:, 2].tolist()}
    return {"name": "person", "class": 0, "confidence": 0.9, "box": {"x1": 1.0}, "keypoints": points, **more}


@pytest.mark.parametrize(
    "write",
    [
        lambda people: [[ultralytics(pose, track_id=n) for n, pose in frame] for frame in people],
        lambda people: [
            {"frame": t, "detections": [ultralytics(pose, track_id=n) for n, pose in frame]}
            for t, frame in enumerate(people)
        ],
        lambda people: [ultralytics(p, frame=t, track_id=n) for t, frame in enumerate(people) for n, p in frame],
        lambda people: {str(t): [ultralytics(p) for _, p in frame] for t, frame in enumerate(people)},
        lambda people: [ultralytics(p, track_id=n) for frame in people for n, p in frame],
        lambda people: [ultralytics(p, image=f"clip_{t}.jpg", track_id=n) for t, f in enumerate(people) for n, p in f],
        lambda people: {
            "fps": 30,
            "frames": [{"predictions": [ultralytics(pose, track_id=n) for n, pose in frame]} for frame in people],
        },
    ],
)
def test_ultralytics_results_of_two_people(poses, take, dump, write):
    one, other = poses(5, seed=1, left=60), poses(5, seed=2, left=400)
    other[..., :2] *= 0.9
    one[:, 4] = (0, 0, 0.3)  # it was not found
    people = [[(1, one[t]), (2, other[t])][:: (-1) ** t] for t in range(5)]
    ((sequence,), quarantined) = take(dump("a.json", write(people)), image=SIZE)
    assert (take.format, quarantined) == ("ultralytics", [])
    one[:, 4] = 0
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)


def test_ultralytics_detections_of_one_person_need_no_frames_and_those_of_several_do(poses, take, dump):
    one, other = poses(9, seed=1, left=60), poses(9, seed=2, left=400)
    ((sequence,), _) = take(dump("a.json", [ultralytics(pose) for pose in one]), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)
    both = [ultralytics(pose) for pair in zip(one, other, strict=True) for pose in pair]
    sequences, (refused,) = take(dump("b.json", both), image=SIZE)
    assert sequences == []
    assert "several people, without frames" in refused.reason


def yolo(pose, width=3, after=()):
    numbers = pose[:, :width] / (640, 480, 1)[:width]
    return " ".join(map(str, [0, 0.5, 0.5, 0.2, 0.4, *numbers.ravel().tolist(), *after]))


@pytest.mark.parametrize("after", [(), (0.9,), (0.9, 7)])
@pytest.mark.parametrize("width", [2, 3])
def test_yolo_labels(poses, take, dump, width, after):
    given = poses(6)
    given[..., 2] = 1 if width == 2 else given[..., 2]
    for t, pose in enumerate(given):
        if t != 3:
            path = dump(f"squat/labels/video_{t + 1}.txt", yolo(pose, width, after))
    ((sequence,), quarantined) = take(path.parents[2], image=SIZE)
    assert (take.format, quarantined) == ("yolo", [])
    assert (sequence.label, sequence.sequence_id) == ("squat", "squat/video")
    np.testing.assert_allclose(sequence.keypoints, np.delete(heights(given), 3, axis=0), **TINY)
    np.testing.assert_allclose(sequence.timestamps, np.array([0, 1, 2, 4, 5]) / 30)


def test_yolo_labels_in_pixels(poses, take, dump):
    given = poses(4)
    for t, pose in enumerate(given):
        path = dump(f"a/{t}.txt", yolo(pose * (640, 480, 1)))
    ((sequence,), _) = take(path.parent, image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def test_a_number_of_a_person_that_is_no_number_leaves_the_other_people_as_they_are(poses, take, dump):
    one, other = poses(2, seed=1, left=60), poses(2, seed=2, left=400)
    for t in range(2):
        path = dump(f"a/{t}.txt", yolo(one[t], after=(0.9, 3)) + "\n" + yolo(other[t], after=(0.9, 1e300)))
    ((sequence,), refused) = take(path.parent, image=SIZE)
    assert [one.reason for one in refused] == ["a value is malformed for this format"] * 2
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)


def test_yolo_labels_with_flags_of_visibility(poses, take, dump):
    given = poses(4)
    given[..., 2] = np.random.default_rng(0).integers(0, 3, given.shape[:2])
    given[given[..., 2] == 0] = 0
    for t, pose in enumerate(given):
        path = dump(f"a/{t}.txt", yolo(pose))
    ((sequence,), _) = take(path.parent, image=SIZE)
    given[..., 2] /= 2
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


@pytest.mark.parametrize(
    ("count", "layout", "channels"), [(17, "coco17", 2), (17, "coco17", 3), (33, "blazepose33", 2)]
)
@pytest.mark.parametrize("named", [True, False])
def test_training_data_of_ml5(poses, take, dump, count, layout, channels, named):
    given = poses(6, count)
    given[..., 2] = 1 if channels == 2 else given[..., 2]
    samples = []
    for t, frame in enumerate(given):
        numbers = frame[:, :channels].ravel().tolist()
        inputs = {str(place): number for place, number in enumerate(numbers)} if named else numbers
        samples.append({"xs": inputs, "ys": {"0": "sit" if t < 4 else "bow"}})
    sequences, quarantined = take(dump("a.json", {"data": samples}), image=SIZE)
    assert (take.format, quarantined) == ("ml5", [])
    assert [(one.label, one.layout) for one in sequences] == [("sit", layout), ("bow", layout)]
    np.testing.assert_allclose(np.concatenate([one.keypoints for one in sequences]), heights(given), **TINY)


def test_training_data_of_hands_are_explained(take, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": [{"xs": [1.0] * 42, "ys": {"0": "fist"}}] * 3}))
    _, quarantined = take(path)
    assert "42 inputs" in quarantined[0].detail


def deeplabcut_hdf5(path, given, people=("",), **more):
    """Write the table that DeepLabCut writes through PyTables."""
    names = [
        tuple(filter(None, ("net", person, joint, kind)))
        for person in people
        for joint in COCO
        for kind in ("x", "y", "likelihood")
    ]
    table = np.zeros(len(given), [("index", "<i8"), ("values_block_0", "<f8", (len(names),))])
    table["index"] = np.arange(len(given))
    table["values_block_0"] = given.reshape(len(given), -1)
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("df_with_missing/table", data=table, **more)
        dataset.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(names, 0))
    return path


def test_deeplabcut_as_hdf5(poses, take, tmp_path):
    one, other = poses(5, seed=1, left=60), poses(5, seed=2, left=400)
    path = deeplabcut_hdf5(tmp_path / "clipDLC.h5", one, compression="gzip")
    ((sequence,), quarantined) = take(path, image=SIZE)
    assert (take.format, quarantined, sequence.layout) == ("deeplabcut", [], "coco17")
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)
    other[..., :2] *= 0.9
    other[2] = np.nan
    path = deeplabcut_hdf5(tmp_path / "b.h5", np.stack([other, one], axis=1), ("anna", "ben"))
    ((sequence,), _) = take(path, image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)


def nested():
    names = ["net"]
    for _ in range(40):
        names = [names, names]
    return names


@pytest.mark.parametrize(
    ("shape", "names", "words"),
    [
        ((51, 3), None, "51 columns are named, the table is [5, 51, 3]"),
        ((50,), None, "51 columns are named, the table is [5, 50]"),
        ((51,), [(nested(), joint, kind) for joint in COCO for kind in "xyz"], "the name of a column is a list"),
        ((51,), [("net", joint, kind) for joint in COCO for kind in "ayz"], "has no x"),
        ((51,), [("net", joint, kind) for joint in COCO for kind in ("xyz" if joint == "nose" else "xz_")], "has no y"),
    ],
)
def test_deeplabcut_columns_that_do_not_fit_the_table(poses, take, tmp_path, shape, names, words):
    path = deeplabcut_hdf5(tmp_path / "a.h5", poses(5))
    with h5py.File(path, "r+") as file:
        kind = file["df_with_missing/table"].attrs["values_block_0_kind"]
        del file["df_with_missing/table"]
        table = np.zeros(5, [("index", "<i8"), ("values_block_0", "<f8", shape)])
        attributes = file.create_dataset("df_with_missing/table", data=table).attrs
        attributes["values_block_0_kind"] = np.bytes_(pickle.dumps(names)) if names else kind
    _, (refused,) = take(path, image=SIZE)
    assert words in refused.detail


def test_deeplabcut_hdf5_with_numbers_of_frames_in_several_columns_counts_the_rows(poses, take, tmp_path):
    given = poses(5)
    path = deeplabcut_hdf5(tmp_path / "a.h5", given)
    with h5py.File(path, "r+") as file:
        kind = file["df_with_missing/table"].attrs["values_block_0_kind"]
        del file["df_with_missing/table"]
        table = np.zeros(5, [("index", "<i8", (3,)), ("values_block_0", "<f8", (51,))])
        table["values_block_0"] = given.reshape(5, -1)
        file.create_dataset("df_with_missing/table", data=table).attrs["values_block_0_kind"] = kind
    ((sequence,), _) = take(path, image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, heights(given), **TINY)


def sleap(path, people, transposed=True):
    """Write an analysis file of people, each `[T, 17, 3]`."""
    tracks = np.stack(people)
    places, scores = tracks[..., :2].transpose(0, 3, 2, 1), tracks[..., 2].transpose(0, 2, 1)
    with h5py.File(path, "w") as file:
        file["tracks"] = places if transposed else places.T
        file["point_scores"] = scores if transposed else scores.T
        file["node_names"] = np.array([joint.encode() for joint in COCO])
    return path


@pytest.mark.parametrize("transposed", [True, False])
def test_sleap_analysis(poses, take, tmp_path, transposed):
    one, other = poses(5, seed=1, left=60), poses(5, seed=2, left=400)
    other[..., :2] *= 0.9
    other[3] = np.nan
    one[1, 4] = np.nan
    ((sequence,), quarantined) = take(sleap(tmp_path / "a.h5", [other, one], transposed), image=SIZE)
    assert (take.format, quarantined) == ("sleap", [])
    one[1, 4] = 0
    np.testing.assert_allclose(sequence.keypoints, heights(one), **TINY)


def test_hdf5_that_reaches_outside_itself_is_refused(poses, take, tmp_path):
    whole = sleap(tmp_path / "whole.h5", [poses()])
    (tmp_path / "numbers").write_bytes(bytes(8 * 17 * 2 * 4))
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["tracks"] = h5py.ExternalLink(str(whole), "tracks")
        file["node_names"] = np.array([joint.encode() for joint in COCO])
    with h5py.File(tmp_path / "stored.h5", "w") as file:
        file.create_dataset("tracks", (1, 2, 17, 4), "f8", external=[(str(tmp_path / "numbers"), 0, 8 * 17 * 2 * 4)])
        file["node_names"] = np.array([joint.encode() for joint in COCO])
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((1, 2, 17, 4), "f8")
        layout[...] = h5py.VirtualSource(str(whole), "tracks", (1, 2, 17, 4))
        file.create_virtual_dataset("tracks", layout)
        file["node_names"] = np.array([joint.encode() for joint in COCO])
    with h5py.File(tmp_path / "objects.h5", "w") as file:
        file["tracks"] = np.zeros((1, 2, 17, 4))
        file["node_names"] = list(COCO)
    with h5py.File(tmp_path / "large.h5", "w") as file:
        file.create_dataset("tracks", (1, 2, 17, 1 << 26), "f8", chunks=(1, 2, 17, 64))
        file["node_names"] = np.array([joint.encode() for joint in COCO])
    for name, words in (
        ("link", "a link to another place"),
        ("stored", "is in another file"),
        ("virtual", "is in another file"),
        ("objects", "holds objects"),
        ("large", "MB, more than"),
    ):
        sequences, (refused,) = take(tmp_path / f"{name}.h5", "sleap", image=SIZE)
        assert sequences == []
        assert words in refused.detail


def test_an_hdf5_of_something_else_is_described(take, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["angles"] = np.zeros((3, 4))
    _, (refused,) = take(tmp_path / "a.h5", "sleap")
    assert "angles (f8 [3, 4])" in refused.detail


def test_an_hdf5_with_a_type_that_numpy_does_not_have_is_described(take, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        h5py.h5d.create(file.id, b"moments", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((4,)))
    _, (refused,) = take(tmp_path / "a.h5", "sleap")
    assert "moments (the file cannot be read as HDF5)" in refused.detail
