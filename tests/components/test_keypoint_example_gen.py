import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from data.errors import InputError
from data.health import window_health
from data.layouts import load_layout
from data.records import KeypointSequence, Segment
from data.splits import SplitPolicy
from data.store import content_digest, read_sequences, write_span
from data.windows import WindowSpec, cut_windows
from payloads.recordings import read_recordings
from payloads.sequences import read_sequences as read_rows
from payloads.window_table import read_windows

LABELS = ["wave", "clap"]
WINDOWS = WindowSpec(length=16, stride=8)
POLICY = SplitPolicy(
    method="subjects", subjects={"train": ["p0", "p1", "p2"], "eval": ["p3"], "test": ["p4"]}, eval_share=0
)


def sequences():
    rng = np.random.default_rng(5)
    for subject in range(5):
        for label in LABELS:
            yield KeypointSequence(
                f"{subject}-{label}",
                f"p{subject}",
                label,
                30.0,
                "coco17",
                rng.random((40, 17, 3), dtype=np.float32),
                view="front" if subject else None,
            )
    segments = (Segment(0, 20, "wave"), Segment(24, 64, "clap"))
    yield KeypointSequence(
        "whole", "p4", "session", 30.0, "coco17", rng.random((70, 17, 3), dtype=np.float32), segments=segments
    )


def run(data_folder, output, **properties):
    import apache_beam as beam
    from tfx.types import standard_artifacts

    from components.keypoint_example_gen.executor import Executor

    examples = standard_artifacts.Examples()
    examples.uri = str(output)
    output.mkdir()
    context = Executor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline("FnApiRunner"))
    Executor(context).Do(
        {},
        {"examples": [examples]},
        {
            "span": 1,
            "span_digest": content_digest(data_folder / "span-1"),
            "data_folder": str(data_folder),
            "layout": "coco17",
            "labels": json.dumps(LABELS),
            "windows": WINDOWS.model_dump_json(),
            "split": POLICY.model_dump_json(),
            "num_shards": 2,
        }
        | properties,
    )
    return examples


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_span(folder, 1, sequences())
    return folder


@pytest.fixture(scope="module")
def made(data_folder, tmp_path_factory):
    return run(data_folder, tmp_path_factory.mktemp("made") / "examples")


def read(examples, split):
    import tensorflow as tf

    files = sorted(map(str, Path(examples.uri, f"Split-{split}").iterdir()))
    return [
        tf.train.Example.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(files, compression_type="GZIP")
    ]


def value(example, name):
    feature = example.features.feature[name]
    return list(getattr(feature, feature.WhichOneof("kind")).value)


def test_artifact_is_what_tfx_expects(made):
    from tfx.components.util import examples_utils
    from tfx.proto import example_gen_pb2
    from tfx.types import artifact_utils

    assert artifact_utils.decode_split_names(made.split_names) == ["train", "eval", "test"]
    assert made.span == 1
    assert examples_utils.get_payload_format(made) == example_gen_pb2.FORMAT_TF_EXAMPLE
    assert examples_utils.get_file_format(made) == "tfrecords_gzip"
    names = sorted(path.name for path in Path(made.uri, "Split-train").iterdir())
    assert names == ["data_tfrecord-00000-of-00002.gz", "data_tfrecord-00001-of-00002.gz"]
    assert sorted(path.name for path in Path(made.uri).iterdir()) == [
        "Split-eval", "Split-test", "Split-train", "recordings", "sequences.parquet", "windows",
    ]  # fmt: skip


def test_every_window_is_there_once_with_its_features(made, data_folder):
    found = {
        (value(example, "sequence_id")[0].decode(), value(example, "start_frame")[0]): example
        for split in ("train", "eval", "test")
        for example in read(made, split)
    }
    expected = {
        (clip.sequence_id, window.start_frame): (clip, window)
        for sequence in read_sequences(data_folder / "span-1")
        for clip in sequence.clips()
        for window in cut_windows(clip, WINDOWS)
    }
    assert found.keys() == expected.keys()
    for name, (clip, window) in expected.items():
        example = found[name]
        np.testing.assert_array_equal(np.float32(value(example, "keypoints")), window.keypoints.ravel())
        assert value(example, "label") == [clip.label.encode()]
        assert value(example, "label_id") == [LABELS.index(clip.label)]
        assert value(example, "subject") == [clip.subject.encode()]
        assert value(example, "view") == [(clip.view or "").encode()]
        for feature, (figure,) in window_health([window], load_layout("coco17")).items():
            assert value(example, feature) == [
                figure.encode() if isinstance(figure, str) else pytest.approx(figure, rel=1e-5)
            ]


def test_nobody_is_in_two_splits(made):
    sides = {
        split: {value(example, "subject")[0] for example in read(made, split)} for split in ("train", "eval", "test")
    }
    assert sides == {"train": {b"p0", b"p1", b"p2"}, "eval": {b"p3"}, "test": {b"p4"}}


def test_table_of_clips(made):
    rows = pq.read_table(Path(made.uri, "sequences.parquet")).to_pylist()
    assert Counter(row["split"] for row in rows) == {"train": 6, "eval": 2, "test": 4}
    session = [row for row in rows if row["sequence_id"].startswith("whole")]
    assert [(row["sequence_id"], row["label"], row["frames"], row["windows"]) for row in session] == [
        ("whole#0", "wave", 20, 2),
        ("whole#24", "clap", 40, 4),
    ]
    windows = {split: len(read(made, split)) for split in ("train", "eval", "test")}
    assert windows == {s: sum(row["windows"] for row in rows if row["split"] == s) for s in windows}


def test_table_of_windows(made):
    for split in ("train", "eval", "test"):
        examples = {(value(e, "sequence_id")[0].decode(), value(e, "start_frame")[0]): e for e in read(made, split)}
        names = ["sequence_id", "start_frame", "label", "torso_length", "sides", "keypoints_greatest", "unheard_of"]
        table = read_windows(Path(made.uri), split, names)
        assert list(table) == names[:-1]
        assert len(table["sides"]) == len(examples)
        for row in zip(*table.values(), strict=True):
            sequence_id, start_frame, label, torso, sides, greatest = row
            example = examples[sequence_id, start_frame]
            assert value(example, "label") == [label.encode()]
            assert value(example, "torso_length") == [torso]
            assert value(example, "sides") == [sides.encode()]
            assert max(value(example, "keypoints")) == greatest
    assert read_windows(Path(made.uri), "nosuch", ["sides"]) == {}


def test_the_same_data_give_the_same_bytes_shuffled(made, data_folder, tmp_path):
    again = run(data_folder, tmp_path / "again")
    for path in Path(made.uri).rglob("*.gz"):
        assert path.read_bytes() == (Path(again.uri) / path.relative_to(made.uri)).read_bytes()
    order = [(value(e, "sequence_id")[0], value(e, "start_frame")[0]) for e in read(made, "train")]
    assert order != sorted(order)


def test_unknown_labels_have_no_id(data_folder, tmp_path):
    examples = run(data_folder, tmp_path / "examples", labels=json.dumps(["clap"]))
    ids = {value(e, "label")[0]: value(e, "label_id")[0] for e in read(examples, "train")}
    assert ids == {b"wave": -1, b"clap": 0}


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"span_digest": "0" * 64}, "the span changed"),
        ({"span": 2}, "span 2 does not exist"),
        ({"layout": "kinect20"}, "layout is coco17, not kinect20"),
        ({"split": SplitPolicy(method="column").model_dump_json()}, "split is empty"),
    ],
)
def test_faults_leave_no_examples(data_folder, tmp_path, properties, message):
    with pytest.raises(InputError, match=message):
        run(data_folder, tmp_path / "examples", **properties)
    assert list((tmp_path / "examples").iterdir()) == []


def test_statistics_gen_reads_the_examples(made, tmp_path):
    import apache_beam as beam
    import tensorflow_data_validation as tfdv
    from tfx.components.statistics_gen.executor import Executor
    from tfx.types import standard_artifacts

    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(tmp_path / "statistics")
    context = Executor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline("FnApiRunner"))
    Executor(context).Do({"examples": [made]}, {"statistics": [statistics]}, {"exclude_splits": "[]"})
    counts = {
        split: tfdv.load_stats_binary(str(tmp_path / "statistics" / f"Split-{split}" / "FeatureStats.pb"))
        .datasets[0]
        .num_examples
        for split in ("train", "eval", "test")
    }
    assert counts == {split: len(read(made, split)) for split in counts}


def test_component_compiles_with_its_properties():
    from components.keypoint_example_gen.component import KeypointExampleGen

    component = KeypointExampleGen(
        layout="coco17", labels=["a", "b"], windows=WindowSpec(length=24, stride=8, fps=30), split=SplitPolicy()
    )
    assert component.exec_properties["num_shards"] == 2
    assert component.exec_properties["data_folder"] == ""
    assert json.loads(component.exec_properties["labels"]) == ["a", "b"]
    assert SplitPolicy.model_validate_json(component.exec_properties["split"]) == SplitPolicy()
    assert component.outputs["examples"].type_name == "Examples"


def test_the_background_of_a_session_is_a_class_if_the_labels_have_one(data_folder, tmp_path):
    spec = WindowSpec(length=8, stride=2).model_dump_json()
    examples = run(data_folder, tmp_path / "out", labels=json.dumps([*LABELS, "none"]), windows=spec)
    rows = {row.sequence_id: row for row in read_rows(Path(examples.uri))}
    assert {name: row.label for name, row in rows.items() if name.startswith("whole")} == {
        "whole#0": "wave",
        "whole#20": "none",
        "whole#24": "clap",
        "whole#64": "none",
    }
    table = read_windows(Path(examples.uri), "test", ["sequence_id", "label", "label_id"])
    assert Counter(table["label"])["none"] == sum(row.windows for row in rows.values() if row.label == "none")
    assert {2} == set(table["label_id"][table["label"] == "none"])


def test_recordings_are_kept_by_split_and_sessions_whole(made, data_folder):
    kept = {split: list(read_recordings(Path(made.uri), split)) for split in ("train", "eval", "test")}
    given = {each.sequence_id: each for each in sequences()}
    assert sorted(each.sequence_id for split in kept.values() for each in split) == sorted(given)
    assert {each.subject for each in kept["test"]} == {"p4"}
    [session] = [each for each in kept["test"] if each.segments]
    assert session.segments == given["whole"].segments
    assert np.array_equal(session.keypoints, given["whole"].keypoints)
