import json
import random
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from data.errors import InputError
from data.importers import FORMATS, ImageSize, ImportOptions, Quarantined, import_to_span
from data.importers.clips.types import Note, Source
from data.importers.readers.npz_archive import NpzArchive
from data.importers.record_pipeline import Kept, process_source
from data.layouts import load_layout
from data.quarantine import read_quarantine
from data.records import KeypointSequence, Segment
from data.store import list_spans, read_sequences
from tests.datasets import DATASETS

COCO = load_layout("coco17")
KINECT = load_layout("kinect20")
LENGTHS = (5, 7, 6)


def arrays(layout=COCO, channels=("x", "y", "conf"), lengths=LENGTHS, **more):
    """Return the arrays of a small valid file, without those that are given as None."""
    rng = np.random.default_rng(3)
    values = {
        "frames": rng.uniform(0.1, 0.9, (sum(lengths), len(layout.joints), len(channels))).astype(np.float32),
        "offsets": np.cumsum([0, *lengths]),
        "labels": np.arange(len(lengths), dtype=np.int16) % 2,
        "label_names": np.array(["wave", "clap"]),
        "joint_names": np.array(layout.joints),
        "channel_names": np.array(channels),
        "sequence_id": np.array([f"s{n}" for n in range(len(lengths))]),
        "subject": np.arange(len(lengths), dtype=np.int16),
    } | more
    return {name: value for name, value in values.items() if value is not None}


def read(path, options=None):
    """Return the clips of a file and the notes on it; raise the error of the file as a whole."""
    return list(FORMATS["npz"].read(Source((path,), path.stem), options or ImportOptions()))


@pytest.fixture
def load(tmp_path):
    """Return a function that saves and imports arrays, returns sequences and quarantined records, and keeps the notes
    and
    the repairs."""

    def run(options=None, **values):
        path = tmp_path / "some.npz"
        np.savez_compressed(path, **values)
        read(path, options)
        outcomes = list(process_source(FORMATS["npz"], Source((path,), path.stem), options or ImportOptions()))
        run.notes = [outcome.text for outcome in outcomes if isinstance(outcome, Note)]
        records = [outcome for outcome in outcomes if not isinstance(outcome, Note)]
        run.repairs = [record.repairs for record in records if isinstance(record, Kept)]
        return [record.sequences[0] if isinstance(record, Kept) else record for record in records]

    return run


def test_plain_store(load):
    values = arrays()
    sequences = load(**values)
    assert [sequence.sequence_id for sequence in sequences] == ["s0", "s1", "s2"]
    assert [sequence.subject for sequence in sequences] == ["0", "1", "2"]
    assert [sequence.label for sequence in sequences] == ["wave", "clap", "wave"]
    assert [len(sequence.keypoints) for sequence in sequences] == list(LENGTHS)
    np.testing.assert_array_equal(sequences[1].keypoints, values["frames"][5:12])
    assert {sequence.layout for sequence in sequences} == {"coco17"}
    assert sequences[0].fps == 30
    assert (sequences[0].timestamps, sequences[0].quality, sequences[0].view) == (None, None, None)
    assert sequences[0].source == "some.npz"


def test_optional_columns(load):
    sequences = load(
        **arrays(
            fps=np.array([25, np.nan, 50], np.float32),
            split=np.array(["train", "test", "train"]),
            view=np.array([1, 2, 3]),
            correct=np.array([1, 0, 1], np.int8),
            cycles=np.array([1, 2, 3]),
            source=np.array(["a/b"] * 3),
            test_copy_of_train=np.array([False, True, False]),
        )
    )
    assert [sequence.fps for sequence in sequences] == [25, 30, 50]
    assert [sequence.split for sequence in sequences] == ["train", "test", "train"]
    assert [sequence.view for sequence in sequences] == ["1", "2", "3"]
    assert [sequence.quality for sequence in sequences] == [1, 0, 1]
    assert [sequence.repetitions for sequence in sequences] == [1, 2, 3]
    assert [sequence.source for sequence in sequences] == ["a/b", "a/b (copy of a training clip)", "a/b"]


def test_missing_arrays_are_noted(load):
    sequences = load(
        ImportOptions(label="squat", fps=20),
        **arrays(labels=None, label_names=None, subject=None, sequence_id=None),
    )
    assert {(s.label, s.subject, s.fps) for s in sequences} == {("squat", "unknown", 20.0)}
    assert [s.sequence_id for s in sequences] == ["some_000000", "some_000001", "some_000002"]
    assert all(any(word in note for note in load.notes) for word in ("subjects", "labels", "frame rate", "height"))


@pytest.mark.parametrize("column", ["performer", "source_group"])
def test_other_names_for_the_subject(load, column):
    sequences = load(**arrays(subject=None), **{column: np.array(["A", "B", "A"])})
    assert [sequence.subject for sequence in sequences] == ["A", "B", "A"]


def test_one_frame_rate_for_all(load):
    assert {sequence.fps for sequence in load(**arrays(fps=np.float32(24)))} == {24}


def test_frame_numbers_become_time(load):
    numbers = np.arange(sum(LENGTHS)) * 2
    numbers[12:] = np.arange(6) + 40
    sequences = load(**arrays(frame_number=numbers))
    np.testing.assert_allclose(sequences[0].timestamps, np.arange(5) / 15)
    assert sequences[2].timestamps is None  # consecutive frames come evenly
    (bad, *_) = load(**arrays(frame_number=np.zeros(sum(LENGTHS), int)))
    assert isinstance(bad, Quarantined)
    assert "do not increase" in bad.reason


def test_sessions_with_segments(load):
    sequences = load(
        **arrays(
            labels=None,
            sequence_id=None,
            session_id=np.array(["x", "y", "z"]),
            seg_session=np.array([0, 0, 1]),
            seg_label=np.array([0, 1, 1]),
            seg_start=np.array([0, 3, 2]),
            seg_stop=np.array([2, 5, 7]),
        )
    )
    assert [sequence.label for sequence in sequences] == ["session"] * 3
    assert sequences[0].sequence_id == "x"
    assert sequences[0].segments == (Segment(0, 2, "wave"), Segment(3, 5, "clap"))
    assert sequences[1].segments == (Segment(2, 7, "clap"),)


def test_joints_in_another_order_and_missing_ones(load):
    values = arrays()
    order = list(range(16))[::-1]  # without the right ankle
    values["frames"] = values["frames"][:, order]
    values["joint_names"] = values["joint_names"][order]
    (first, *_) = load(**values)
    assert first.layout == "coco17"
    np.testing.assert_array_equal(first.keypoints[:, 0], values["frames"][:5, 15])
    assert not first.keypoints[:, 16].any()


def test_pixels_become_image_heights(load):
    values = arrays(width=np.full(3, 640.0), height=np.array([480.0, 240.0, 480.0]))
    values["frames"][..., :2] *= 480
    first, second, _ = load(**values)
    np.testing.assert_allclose(first.keypoints[..., :2], values["frames"][:5, :, :2] / 480, rtol=1e-6)
    np.testing.assert_allclose(second.keypoints[..., :2], values["frames"][5:12, :, :2] / 240, rtol=1e-6)
    np.testing.assert_array_equal(first.keypoints[..., 2], values["frames"][:5, :, 2])
    del values["width"], values["height"]
    (first, *_) = load(**values, image_size=np.array([640, 480]))
    assert first.keypoints[..., :2].max() < 1
    (first, *_) = load(ImportOptions(image=ImageSize(960)), **values)
    np.testing.assert_allclose(first.keypoints[..., :2], values["frames"][:5, :, :2] / 960, rtol=1e-6)
    load(**values)
    assert any("assuming 480 pixels" in note for note in load.notes)


def test_image_fractions_get_their_aspect(load):
    values = arrays(aspect_estimate=np.float32(1.5))
    (first, *_) = load(**values)
    np.testing.assert_allclose(first.keypoints[..., 0], values["frames"][:5, :, 0] * 1.5, rtol=1e-6)
    values["units"] = np.array(["image_heights"] * 3)
    (first, *_) = load(**values)
    np.testing.assert_array_equal(first.keypoints, values["frames"][:5])


def test_room_coordinates_become_metres(load):
    values = arrays(KINECT, ("x", "y", "z"))
    upper, lower = KINECT.torso
    values["frames"][:, list(upper), 1] = 0.5
    values["frames"][:, list(lower), 1] = 0.0
    (plain, *_) = load(**values)
    for factor in (100, 1000):
        (scaled, *_) = load(**values | {"frames": values["frames"] * np.float32(factor)})
        np.testing.assert_allclose(scaled.keypoints, plain.keypoints, rtol=1e-5)
    assert plain.keypoints.shape == (5, 20, 4)


def test_missing_confidence_becomes_one_except_at_the_origin(load):
    values = arrays(KINECT, ("x", "y", "z"))
    values["frames"][2, 3] = 0
    (first, *_) = load(**values)
    expected = np.ones((5, 20))
    expected[2, 3] = 0
    np.testing.assert_array_equal(first.keypoints[..., 3], expected)


def test_inferred_joints_of_a_sensor_are_not_missing(load):
    values = arrays(KINECT, ("x", "y", "z", "conf"))
    values["frames"][:, 0, 3] = 0
    values["frames"][1, 0, :] = 0
    (first, *_) = load(**values)
    np.testing.assert_array_equal(first.keypoints[:, 0, 3], [0.5, 0, 0.5, 0.5, 0.5])
    assert any("inferred" in note for note in load.notes)


def test_confidences_beyond_the_bounds_are_clipped_and_counted(load):
    values = arrays()
    values["frames"][0, 0, 2], values["frames"][1, 0, 2], values["frames"][6, 0, 2] = 1.02, -0.5, 1.3
    first, second, third = load(**values)
    assert first.keypoints[:2, 0, 2].tolist() == [1, 0]
    assert second.keypoints[1, 0, 2] == 1
    assert load.repairs == [{"confidences clipped to 0..1": 2}, {"confidences clipped to 0..1": 1}, {}]
    assert isinstance(third, KeypointSequence)


def test_depth_can_be_left_out(load):
    values = arrays(load_layout("blazepose33"), ("x", "y", "z", "conf"))
    (first, *_) = load(ImportOptions(dimensions=2), **values)
    np.testing.assert_array_equal(first.keypoints, values["frames"][:5][..., [0, 1, 3]])


def test_frames_of_an_archive_are_kept_as_recorded(load):
    values = arrays()
    values["frames"][2:4, :, 2] = 0  # nobody is seen
    (first, *_) = load(ImportOptions(max_gap=0.05), **values)
    np.testing.assert_array_equal(first.keypoints, values["frames"][:5])
    assert load.repairs == [{}, {}, {}]


def test_bad_sequences_are_quarantined_with_their_reason(load):
    values = arrays(lengths=(5, 7, 6, 0))
    values["frames"][3, 4, 1] = np.nan
    values["frames"][5:12] = 0
    nan, unseen, good, empty = load(**values)
    assert (nan.record, nan.sequence_id, nan.reason) == (0, "s0", "keypoints hold nan")
    assert "frame 3, joint right_ear, channel 1" in nan.detail
    assert unseen.reason == "no joint is seen in any frame"
    assert isinstance(good, KeypointSequence)
    assert (empty.record, empty.reason) == (3, "there are # frames")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": None}, "'frames' is missing"),
        ({"offsets": None}, "'offsets' is missing"),
        ({"joint_names": None}, "'joint_names' is missing"),
        ({"label_names": None}, "'label_names' is missing"),
        ({"offsets": np.array([0, 12, 5, 18])}, r"decreases after entry 1"),
        ({"offsets": np.array([0, 5, 12, 99])}, "from 0 to 99 over 18 frames"),
        ({"offsets": np.array([2, 5, 12, 18])}, "from 2 to 18"),
        ({"offsets": np.array([0.0, 5, 12, 18])}, "float64"),
        ({"labels": np.array([0, 1, 2])}, "has label 2 in entry 2, but 'label_names' has 2"),
        ({"labels": np.array([0, -1, 1])}, "has label -1 in entry 1"),
        ({"labels": np.array(["a", "b", "a"])}, "'labels' is text, not integers"),
        ({"fps": np.array(["30", "30", "30"])}, "'fps' is text, not numbers"),
        ({"labels": np.array([0, 1])}, r"'labels' has shape \[2\]"),
        ({"subject": np.array([1, 2])}, r"'subject' has shape \[2\]"),
        ({"fps": np.array([1.0, 2.0])}, r"'fps' has shape \[2\]"),
        ({"joint_names": np.array([f"j{n}" for n in range(17)])}, "no layout has these 17 joints"),
        ({"joint_names": np.array(COCO.joints[:5])}, r"'joint_names' has shape \[5\]"),
        ({"channel_names": np.array(["y", "x", "conf"])}, "channels are y, x, conf"),
        ({"channel_names": np.array(["x", "y", "mood"])}, "channels are x, y, mood"),
        ({"frames": np.zeros((18, 17, 3), np.int32)}, "int32"),
        ({"frames": np.zeros((18, 51), np.float32)}, r"shape \[18, 51\]"),
        ({"frames": np.asfortranarray(arrays()["frames"])}, "column order"),
        ({"subject": np.array([{}, {}, {}])}, "Python objects"),
        ({"seg_session": np.array([0])}, "'seg_label' is missing"),
        ({"height": np.array([480.0, 0, 480.0])}, "image height is not above 0"),
    ],
)
def test_unusable_files_are_explained(load, tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as raised:
        load(**arrays(**changes))
    assert str(tmp_path / "some.npz") in raised.value.where
    assert raised.value.remedy


def test_other_files_are_explained(tmp_path):
    path = tmp_path / "x.npz"
    for content in (b"", b"hello", b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"cannot be read as \.npz"):
            read(path)


def test_a_header_with_a_wrong_size_is_rejected(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, **arrays())
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "lie.npz", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content.replace(b"(18, 17, 3)", b"(99, 99, 9)"))
    with NpzArchive(tmp_path / "lie.npz") as archive, pytest.raises(InputError, match="header announces"):
        archive.header("frames")


def test_too_large_arrays_are_rejected(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **arrays(subject=np.zeros(3, "U1000")))
    monkeypatch.setattr("data.importers.readers.npz_archive.MAX_COLUMN_BYTES", 4096)
    with pytest.raises(InputError, match="more than 0 MB"):
        read(path)


def test_damage_ends_in_an_input_error_or_an_equal_import(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **arrays())
    content = path.read_bytes()
    draw = random.Random(4)
    for _ in range(300):
        damaged = bytearray(content)
        if draw.random() < 0.3:
            del damaged[draw.randrange(len(damaged)) :]
        for _ in range(draw.randrange(1, 6)):
            if damaged:
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged)
        with suppress(InputError):
            read(path)


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "sources" / "a.npz"
    path.parent.mkdir()
    np.savez_compressed(path, **arrays())
    return path


def test_import_to_span(store, tmp_path):
    seen = []
    summary = import_to_span("npz", store, tmp_path / "data", progress=seen.append)
    assert (summary.span, summary.read, summary.kept, summary.frames) == (1, 3, 3, 18)
    assert (summary.layout, summary.quarantined, summary.report) == ("coco17", {}, None)
    assert [step.records for step in seen] == [1, 2, 3]
    assert [s.sequence_id for s in read_sequences(summary.span_dir)] == ["s0", "s1", "s2"]
    assert import_to_span("npz", store, tmp_path / "data").span == 2
    assert import_to_span("npz", store, tmp_path / "data", span=7).span_dir == tmp_path / "data" / "span-7"


def test_a_folder_is_imported_as_one_span_and_repeated_ids_are_quarantined(store, tmp_path):
    np.savez_compressed(store.with_name("b.npz"), **arrays(sequence_id=np.array(["s9", "s1", "s8"])))
    summary = import_to_span("npz", store.parent, tmp_path / "data", max_quarantined=0.5)
    assert (summary.sources, summary.read, summary.kept) == (2, 6, 5)
    assert summary.quarantined == {"the sequence id occurs twice": 1}
    (entry,) = read_quarantine(summary.span_dir)
    assert (entry.sequence_id, entry.reason) == ("s1", "the sequence id occurs twice")
    assert list_spans(tmp_path / "data") == [1]


def test_too_much_quarantined_is_an_error_and_leaves_the_reasons(store, tmp_path):
    values = arrays()
    values["frames"][0, 0, 0] = np.nan
    np.savez_compressed(store, **values)
    with pytest.raises(InputError, match=r"1 of 3 records are unusable, more than 5%: 1 x keypoints hold nan"):
        import_to_span("npz", store, tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["span-1.quarantine"]
    (refused,) = read_quarantine(tmp_path / "data" / "span-1")
    summary = import_to_span("npz", store, tmp_path / "data", max_quarantined=0.4)
    (entry,) = read_quarantine(summary.span_dir)
    assert (entry.file, entry.record) == (str(store), 0)
    assert entry == refused
    assert entry.poses[0][0] == [None, *values["frames"][0, 0, 1:].astype(float).round(4)]
    assert json.loads((summary.report / "summary.json").read_text())["kept"] == 2


def test_wrong_sources_are_explained(tmp_path):
    with pytest.raises(InputError, match=r"'mp4' is unknown(.*\n)*.*npz"):
        import_to_span("mp4", tmp_path, tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        import_to_span("npz", tmp_path / "none", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no \.npz"):
        import_to_span("npz", tmp_path / "empty", tmp_path)


@pytest.mark.skipif(not DATASETS.is_dir(), reason="the recorded data sets are not on this machine")
@pytest.mark.parametrize(
    ("file", "layout", "kept", "subjects", "labels"),
    [
        ("upper5/upper5_train.npz", "openpose15", 1167, 27, 5),
        ("nw_ucla/nw_ucla.npz", "kinect20", 1484, 10, 10),
        ("msr_action3d/msr_action3d.npz", "kinect20", 566, 10, 20),
        ("ui_prmd/ui_prmd.npz", "uiprmd22", 1400, 7, 10),
        ("utkinect/utkinect_odd.npz", "kinect20", 10, 5, 10),
        ("baduanjin/baduanjin_coco17.npz", "coco17", 8, 1, 8),
        ("baduanjin/baduanjin_blazepose33.npz", "blazepose33", 8, 1, 8),
        ("push_up/pushfit_movenet17.npz", "coco17", 164, 9, 2),
        ("dumbbell/pose_trainer18.npz", "openpose18", 112, 1, 4),
    ],
)
def test_recorded_sets(tmp_path, file, layout, kept, subjects, labels):
    from data.health import window_health
    from data.windows import WindowSpec, cut_windows

    summary = import_to_span("npz", DATASETS / file, tmp_path)
    assert (summary.layout, summary.kept) == (layout, kept)
    table = load_layout(layout)
    torso = []
    people, actions = set(), set()
    for sequence in read_sequences(summary.span_dir):
        people.add(sequence.subject)
        for clip in sequence.clips():
            actions.add(clip.label)
            (window,) = cut_windows(clip, WindowSpec(length=32, fit="stretch"))
            torso.append(window_health([window], table)["torso_length"][0])
    assert (len(people), len(actions)) == (subjects, labels)
    low, high = (0.25, 0.7) if table.unit == "metre" else (0.1, 0.6)
    assert low < np.median(torso) < high


def test_sessions_and_all_that_is_known_of_them_come_back(tmp_path):
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.05, 40))
    keypoints = np.random.default_rng(1).uniform(-1, 1, (40, 20, 4)).astype(np.float32)
    keypoints[..., 3] = np.abs(keypoints[..., 3]) > 0.2  # a place with confidence 0 stays what it is
    fields = {"view": "left", "split": "test", "source": "x.csv", "quality": 0.25, "repetitions": 3.0}
    segments = (Segment(3, 9, "sit"), Segment(12, 40, "stand"))
    given = [
        KeypointSequence("a", "anna", "session", 24.0, "kinect20", keypoints, times, segments, **fields),
        KeypointSequence("b", "ben", "session", 30.0, "kinect20", keypoints[:9], None, (Segment(0, 2, "stand"),)),
    ]
    FORMATS["npz"].write(given, tmp_path / "x.npz")
    outcomes = process_source(FORMATS["npz"], Source((tmp_path / "x.npz",), "x"), ImportOptions())
    kept = [outcome for outcome in outcomes if isinstance(outcome, Kept)]
    assert [one.repairs for one in kept] == [{}, {}]
    for one, other in zip([one for record in kept for one in record.sequences], given, strict=True):
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
        np.testing.assert_array_equal(one.frame_times, other.frame_times)
        for name in ("sequence_id", "subject", "label", "fps", "segments", "quality", "repetitions", "view", "split"):
            assert getattr(one, name) == getattr(other, name), name


def test_an_archive_that_announces_more_than_the_file_has_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **arrays())
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")  # the first entry of the directory; its compressed size is at 20
    content[entry + 20 : entry + 24] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match="longer than the file"):
        NpzArchive(path)
