from datetime import UTC, datetime

import numpy as np
import pytest

from data.digests import file_digest
from data.layouts import load_layout
from data.records import KeypointSequence
from data.windows import WindowSpec
from payloads.verdict import Verdict
from serving_targets.contract import WindowShape, channel_names
from serving_targets.manifest import (
    FLOAT_MODEL,
    INT8_MODEL,
    BundleFile,
    LayoutTable,
    Manifest,
    Provenance,
    behaviour_digest,
)

LABELS = ("left", "middle", "right")
SPEC = WindowSpec(length=8, stride=8, fps=10)
FIRST_JOINT = 5  # class k is what joint FIRST_JOINT + k has the greatest x for


@pytest.fixture(scope="session")
def tflite_model(tmp_path_factory):
    """A TFLite file that predicts the class whose joint is furthest to the right on average."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([1, SPEC.length, 17, 3], tf.float32, name="keypoints")])
    def classify(keypoints):
        logits = tf.reduce_mean(keypoints[:, :, FIRST_JOINT : FIRST_JOINT + len(LABELS), 0], axis=1)
        return {"probabilities": tf.nn.softmax(10 * logits)}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()])
    path = tmp_path_factory.mktemp("model") / INT8_MODEL
    path.write_bytes(converter.convert())
    return path


@pytest.fixture
def target(tflite_model, tmp_path):
    """A push target with the versions 1 and 2; `latest` is 2."""
    folder = tmp_path / "target"
    for version in (1, 2):
        write_version(folder / str(version), version, tflite_model.read_bytes())
    (folder / "latest").symlink_to("2")
    return folder


def write_version(folder, version, model, **changes):
    folder.mkdir(parents=True)
    for name in (INT8_MODEL, FLOAT_MODEL):
        (folder / name).write_bytes(model)
    files = tuple(
        BundleFile(path=name, sha256=file_digest(folder / name), bytes=len(model)) for name in (INT8_MODEL, FLOAT_MODEL)
    )
    labels = tuple(f"{label}{'' if version > 1 else ' (old)'}" for label in LABELS)
    values = {
        "name": "standin",
        "version": version,
        "digest": behaviour_digest(files, labels, "coco17", channel_names(3), SPEC),
        "created": datetime(2026, 11, 1, tzinfo=UTC),
        "labels": labels,
        "layout": LayoutTable.model_validate(load_layout("coco17").to_dict()),
        "channels": channel_names(3),
        "fps": SPEC.fps,
        "window": WindowShape(length=SPEC.length, stride=SPEC.stride, fit=SPEC.fit),
        "thresholds": {"model_validator": {"max_bytes": 1}},
        "verdicts": (Verdict(gate="max_bytes", figure=0.5, threshold=1, direction="max", unit="bytes", passed=True),),
        "files": files,
        "provenance": Provenance(run_id=f"run-{version}"),
    }
    manifest = Manifest(**values | changes)
    (folder / "manifest.json").write_text(manifest.to_json())
    return manifest


def coach_bundle(folder, model, **files):
    """Write version 1 with more files, such as `references="{...}"` for `references.json`."""
    manifest = write_version(folder, 1, model)
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text)
    extra = tuple(
        BundleFile(path=f"{name}.json", sha256=file_digest(folder / f"{name}.json"), bytes=len(text.encode()))
        for name, text in files.items()
    )
    listed = manifest.files + extra
    digest = behaviour_digest(listed, manifest.labels, "coco17", manifest.channels, SPEC)
    (folder / "manifest.json").write_text(manifest.model_copy(update={"files": listed, "digest": digest}).to_json())
    return folder


@pytest.fixture
def sequence():
    """Return a sequence whose windows of 8 frames show the given classes one after the other."""

    def make(name, label, shown, layout="coco17", **options):
        joints = load_layout(layout).joints
        keypoints = np.zeros((8 * len(shown), len(joints), 3), np.float32)
        keypoints[..., 2] = 0.9
        for window, answer in enumerate(shown):
            joint = load_layout("coco17").joints[FIRST_JOINT + LABELS.index(answer)]
            keypoints[8 * window : 8 * window + 8, joints.index(joint), 0] = 1
        return KeypointSequence(
            sequence_id=name, subject="anna", label=label, fps=10.0, layout=layout, keypoints=keypoints, **options
        )

    return make
