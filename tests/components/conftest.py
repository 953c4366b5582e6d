import json
from types import SimpleNamespace

import numpy as np
import pytest

from data.windows import WindowSpec

LENGTH, JOINTS, CHANNELS = 24, 17, 3
LABELS = ("bow", "lift", "turn")
MODEL_FACTS = {
    "name": "standin",
    "labels": LABELS,
    "layout": "coco17",
    "channels": CHANNELS,
    "window": WindowSpec(length=LENGTH, stride=8, fps=30.0).model_dump(),
    "transform": {"align_view": True},
}
LEFT_HIP, RIGHT_HIP, LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12, 5, 6


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A small trained model with preprocessing in its graph, exported as the Trainer does, and examples for it."""
    import keras
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("trained")
    keras.utils.set_random_seed(0)
    core = _core(keras)
    core.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    windows, labels = _windows(480, seed=1)
    core.fit(_preprocess(tf, windows), labels, batch_size=32, epochs=6, verbose=0)
    _export(keras, tf, core, folder / "model" / "Format-Serving")
    _write_examples(tf, folder / "examples" / "Split-train", windows[:120], labels[:120])
    _write_examples(tf, folder / "examples" / "Split-test", *_windows(90, seed=2))
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").write_text(_schema())
    return folder


@pytest.fixture(scope="session")
def converted(trained, tmp_path_factory):
    """The folder that EdgeConverter's executor writes for `trained`."""
    from tfx.types.standard_artifacts import Examples, Model, Schema

    from components.artifacts.types import EdgeModel
    from components.edge_converter.executor import Executor

    output = tmp_path_factory.mktemp("converted")
    Executor().Do(
        {
            "model": [artifact(Model, trained / "model")],
            "examples": [artifact(Examples, trained / "examples")],
            "schema": [artifact(Schema, trained / "schema")],
        },
        {"edge_model": [artifact(EdgeModel, output)]},
        {
            "representative_windows": 60,
            "golden_windows": 30,
            "evaluation_windows": 1000,
            "time_limit_seconds": 120,
            "seed": 7,
            "core_scope": "core",
            "float16": "compare",
            "dynamic_range": "compare",
            "facts": json.dumps(MODEL_FACTS),
        },
    )
    return output


@pytest.fixture(scope="session")
def smoked(trained, converted, tmp_path_factory):
    """The blessing by ServingSmoke's executor of `trained` and `converted`, which pass all thresholds."""
    from tfx.types.standard_artifacts import InfraBlessing

    blessing = artifact(InfraBlessing, tmp_path_factory.mktemp("smoked"))
    smoke(trained, converted, blessing, SERVING)
    return blessing


def smoke(trained, files, blessing, thresholds, model="model"):
    """Run ServingSmoke's executor."""
    from tfx.types.standard_artifacts import Examples, Model

    from components.artifacts.types import EdgeModel
    from components.serving_smoke.executor import Executor

    Executor().Do(
        {
            "model": [artifact(Model, trained / model)],
            "edge_model": [artifact(EdgeModel, files)],
            "examples": [artifact(Examples, trained / "examples")],
        },
        {"blessing": [blessing]},
        {"thresholds": json.dumps(thresholds)},
    )


@pytest.fixture(scope="session")
def blessed(trained, converted, tmp_path_factory):
    """The blessing by ModelValidator's executor of `converted`, which passes all thresholds."""
    from components.artifacts.types import EdgeBlessing

    blessing = artifact(EdgeBlessing, tmp_path_factory.mktemp("blessed"))
    validate(trained, converted, blessing, EASY)
    return blessing


def validate(trained, files, blessing, thresholds):
    """Run ModelValidator's executor."""
    from tfx.types.standard_artifacts import Examples

    from components.artifacts.types import EdgeModel
    from components.model_validator.executor import Executor

    Executor().Do(
        {"edge_model": [artifact(EdgeModel, files)], "examples": [artifact(Examples, trained / "examples")]},
        {"blessing": [blessing]},
        {"thresholds": json.dumps(thresholds), "holds_for": "other people"},
    )


@pytest.fixture(scope="session")
def coached(converted, tmp_path_factory):
    """The folders that the executors of the coach's nodes write for `converted`."""
    from tfx.types.standard_artifacts import Examples

    from components.artifacts.types import CoachSettingsArtifact, EdgeModel, ReferencesArtifact, SessionBlessing
    from components.coach_calibrator.executor import Executor as Calibrator
    from components.reference_builder.executor import Executor as Builder
    from components.session_evaluator.executor import Executor as SessionEvaluator

    folder = tmp_path_factory.mktemp("coached")
    made = SimpleNamespace(**{name: folder / name for name in ("examples", "references", "settings", "blessing")})
    write_recordings(made.examples)
    examples, edge_model = artifact(Examples, made.examples), artifact(EdgeModel, converted)
    references = artifact(ReferencesArtifact, made.references)
    settings = artifact(CoachSettingsArtifact, made.settings)
    Builder().Do(
        {"examples": [examples]}, {"references": [references]}, {"labels": json.dumps(LABELS), "good_quality": 0.7}
    )
    inputs = {"edge_model": [edge_model], "examples": [examples]}
    Calibrator().Do(inputs, {"settings": [settings]}, {"seconds": 30.0})
    SessionEvaluator().Do(
        {**inputs, "references": [references], "settings": [settings]},
        {"blessing": [artifact(SessionBlessing, made.blessing)]},
        {"thresholds": json.dumps(COACHING), "good_quality": 0.7, "seconds": 30.0},
    )
    return made


def write_recordings(examples):
    """Write recordings of the stand-in's movements: clips for all splits, and sessions for eval and test."""
    from data.records import SESSION_LABEL, KeypointSequence, Segment
    from payloads.recordings import RecordingsWriter
    from payloads.sequences import SequenceRow, write_sequences

    examples.mkdir(parents=True)
    rows = []
    with RecordingsWriter(examples, "part-00000-0") as writer:
        for number, split in enumerate(("train", "train", "eval", "test")):
            windows, labels = _windows(12, seed=number + 10)
            for i, (window, label) in enumerate(zip(windows, labels, strict=True)):
                name = f"{number}-{i}"
                clip = KeypointSequence(name, f"person {number}", LABELS[label], 15.0, "coco17", window, repetitions=1)
                writer.add(clip, split)
                rows.append(SequenceRow(name, f"person {number}", LABELS[label], split, "", LENGTH, 2))
            # Somebody stands still, then performs each movement.
            still = np.repeat(windows[0][:1], 60, axis=0)
            parts = [still, *(part for window in windows[:3] for part in (window, window, still))]
            starts = np.cumsum([0, *map(len, parts)])
            segments = tuple(
                Segment(int(starts[3 * i + 1]), int(starts[3 * i + 3]), LABELS[labels[i]]) for i in range(3)
            )
            session = KeypointSequence(
                f"{number}-session",
                f"person {number}",
                SESSION_LABEL,
                15.0,
                "coco17",
                np.concatenate(parts),
                segments=segments,
            )
            writer.add(session, split)
    write_sequences(examples, rows)


COACHING = {
    "min_frame_accuracy": 0.0,
    "min_edit": 0.0,
    "min_f1_10": 0.0,
    "min_f1_25": 0.0,
    "min_f1_50": 0.0,
    "min_count_exact": 0.0,
    "min_count_off_by_one": 0.0,
    "max_count_mae": 100.0,
    "min_form_auc": 0.0,
    "min_correction_rate": 0.0,
    "max_false_alarms": 1.0,
    "max_false_counts_per_minute": 1000.0,
    "max_frame_ms": 10_000.0,
}

EASY = {
    "min_sequence_accuracy": 0.6,
    "max_accuracy_lost": 0.05,
    "max_bytes": 300_000,
    "max_custom_operators": 0,
    "max_judging_seconds": 60.0,
}

SERVING = {
    "max_failed_formats": 0,
    "max_serving_seconds": 60.0,
    "max_saved_model_start_ms": 20_000.0,
    "max_tflite_start_ms": 1000.0,
    "max_latency_p95_ms": 100.0,
    "max_saved_model_difference": 1e-4,
    "max_float_difference": 1e-4,
    "min_agreement": 0.9,
    "max_difference": 0.05,
}


@pytest.fixture(scope="session")
def edge():
    """Values and functions that the tests of the edge components share."""
    facts = {
        "gates": {"model_validator": EASY, "serving_smoke": SERVING},
        "run_id": "run-1",
        "pipeline": "standin",
        "git_commit": "0" * 40,
    }
    return SimpleNamespace(
        shape=(LENGTH, JOINTS, CHANNELS),
        labels=LABELS,
        thresholds=EASY,
        serving=SERVING,
        coaching=COACHING,
        facts=facts,
        model_facts=MODEL_FACTS,
        artifact=artifact,
        smoke=smoke,
        validate=validate,
    )


def artifact(kind, folder, **properties):
    made = kind()
    made.uri = str(folder)
    for name, value in properties.items():
        made.set_int_custom_property(name, value)
    return made


def _core(keras):
    layers = keras.layers
    window = keras.Input((LENGTH, 1, JOINTS * 4))
    x = layers.Conv2D(24, 1, activation="relu")(window)
    y = layers.DepthwiseConv2D((5, 1), padding="same", use_bias=False)(x)
    y = layers.BatchNormalization(momentum=0.8)(y)
    y = layers.Conv2D(24, 1, activation="relu")(y)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(y)
    y = layers.Multiply()([y, layers.Conv2D(24, 1, activation="sigmoid")(squeezed)])
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    return keras.Model(window, layers.Dense(len(LABELS), activation="softmax")(pooled), name="core")


def _preprocess(tf, keypoints):
    positions, seen = keypoints[..., :2], tf.cast(keypoints[..., 2:] > 0.1, tf.float32)
    root = (positions[:, :, LEFT_HIP, None] + positions[:, :, RIGHT_HIP, None]) / 2
    neck = (positions[:, :, LEFT_SHOULDER, None] + positions[:, :, RIGHT_SHOULDER, None]) / 2
    torso = tf.sqrt(tf.reduce_sum(tf.square(neck - root), axis=-1, keepdims=True) + 1e-8)
    joints = (positions - root) / tf.reduce_mean(torso, axis=1, keepdims=True) * seen
    motion = 5 * tf.pad(joints[:, 1:] - joints[:, :-1], [[0, 0], [0, 1], [0, 0], [0, 0]])
    return tf.concat([tf.reshape(stream, [-1, LENGTH, 1, JOINTS * 2]) for stream in (joints, motion)], axis=-1)


def _export(keras, tf, core, folder):
    feature = tf.io.FixedLenFeature([LENGTH, JOINTS, CHANNELS], tf.float32)

    def raw(keypoints):
        return {"probabilities": core(_preprocess(tf, keypoints), training=False)}

    def default(examples):
        return raw(tf.io.parse_example(examples, {"keypoints": feature})["keypoints"])

    archive = keras.export.ExportArchive()
    archive.track(core)
    archive.add_endpoint("serving_default", default, [tf.TensorSpec([None], tf.string, name="examples")])
    archive.add_endpoint("raw", raw, [tf.TensorSpec([None, *feature.shape], tf.float32, name="keypoints")])
    archive.write_out(str(folder), verbose=False)


def _windows(count, seed):
    """Windows of people of random size and position, whose label determines which limbs they swing."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(LABELS)
    pose = np.random.default_rng(0).normal(0, 0.3, (JOINTS, 2))
    pose[[LEFT_HIP, RIGHT_HIP, LEFT_SHOULDER, RIGHT_SHOULDER]] = [[-0.1, 0], [0.1, 0], [-0.2, -0.5], [0.2, -0.5]]
    swing = np.random.default_rng(3).normal(0, 0.12, (len(LABELS), JOINTS, 2))
    phase = rng.uniform(0, 2 * np.pi, (count, 1, 1, 1)) + np.arange(LENGTH)[:, None, None] * 0.5
    positions = pose + swing[labels][:, None] * np.sin(phase) + rng.normal(0, 0.05, (count, LENGTH, JOINTS, 2))
    positions = positions * rng.uniform(0.2, 0.5, (count, 1, 1, 1)) + rng.uniform(0.3, 0.6, (count, 1, 1, 2))
    confidence = rng.uniform(0.5, 1, (count, LENGTH, JOINTS, 1))
    return np.concatenate([positions, confidence], axis=-1).astype(np.float32), labels


def _write_examples(tf, folder, windows, labels):
    """Write two windows for each sequence, in two shards."""
    folder.mkdir(parents=True)
    for shard in range(2):
        with tf.io.TFRecordWriter(str(folder / f"part-{shard:05d}.gz"), "GZIP") as writer:
            for i in range(shard, len(windows), 2):
                sequence = i // (2 * len(LABELS)) * len(LABELS) + i % len(LABELS)
                start = 8 * (i // len(LABELS) % 2)
                writer.write(_example(tf, windows[i], labels[i], f"s{sequence:03d}", start).SerializeToString())


def _example(tf, window, label, sequence_id, start_frame):
    features = {
        "keypoints": tf.train.Feature(float_list=tf.train.FloatList(value=window.ravel())),
        "label_id": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        "sequence_id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[sequence_id.encode()])),
        "start_frame": tf.train.Feature(int64_list=tf.train.Int64List(value=[start_frame])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def _schema():
    values = "".join(f'    value: "{label}"\n' for label in LABELS)
    dims = "".join(f"    dim {{ size: {size} }}\n" for size in (LENGTH, JOINTS, CHANNELS))
    return (
        f'feature {{\n  name: "keypoints"\n  type: FLOAT\n  shape {{\n{dims}  }}\n}}\n'
        'feature {\n  name: "label"\n  type: BYTES\n  domain: "label"\n}\n'
        f'string_domain {{\n  name: "label"\n{values}}}\n'
    )
