"""The curated schemas: complete, true to their layouts, and free of anomalies on the data they are written for."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from data.health import FIGURES, WORDS
from data.layouts import load_layout
from data.splits import SplitPolicy
from data.store import content_digest, write_span
from data.synthetic import SyntheticSpec, generate
from data.windows import WindowSpec
from schema.window_contract import read_window_contract
from tests.datasets import DATASETS

SCHEMAS = Path(__file__).parents[2] / "schema"
LAYOUTS = {
    "baduanjin": "coco17",
    "upper5": "openpose15",
    "nw_ucla": "kinect20",
    "msr_action3d": "kinect20",
    "ui_prmd": "uiprmd22",
    "utkinect": "kinect20",
}
# File, fit of the windows, and of how many sequences one is taken.
RECORDED = {
    "upper5": ("upper5/upper5_train.npz", "slide", 5),
    "nw_ucla": ("nw_ucla/nw_ucla.npz", "stretch", 1),
    "msr_action3d": ("msr_action3d/msr_action3d.npz", "stretch", 1),
    "ui_prmd": ("ui_prmd/ui_prmd.npz", "slide", 5),
    "utkinect": ("utkinect/utkinect_odd.npz", "slide", 1),
}


def parse(name):
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    return text_format.Parse((SCHEMAS / f"{name}.pbtxt").read_text(), schema_pb2.Schema())


def anomalies_of(folder, name, sequences, tmp_path, fit="slide"):
    """Run the real ExampleGen and the real statistics on a span; return the anomalies of train and test."""
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
    from tfx.types import standard_artifacts
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    from components.keypoint_example_gen.executor import Executor

    contract = read_window_contract(SCHEMAS / f"{name}.pbtxt")
    write_span(folder, 1, sequences)
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    Executor(Executor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline("FnApiRunner"))).Do(
        {},
        {"examples": [examples]},
        {
            "span": 1,
            "span_digest": content_digest(folder / "span-1"),
            "data_folder": str(folder),
            "layout": LAYOUTS[name],
            "labels": json.dumps(contract.labels),
            "windows": WindowSpec(length=contract.length, stride=contract.length, fit=fit).model_dump_json(),
            "split": SplitPolicy(eval_share=0, seed=7).model_dump_json(),
            "num_shards": 1,
        },
    )
    schema = parse(name)
    found = {}
    for split in ("train", "test"):
        files = sorted(map(str, Path(examples.uri, f"Split-{split}").iterdir()))
        records = [record.numpy() for record in tf.data.TFRecordDataset(files, compression_type="GZIP")]
        batch = ExamplesToRecordBatchDecoder().DecodeBatch(records)
        statistics = generate_statistics_in_memory(batch, tfdv.StatsOptions())
        found[split] = dict(tfdv.validate_statistics(statistics, schema).anomaly_info)
    return found


@pytest.mark.parametrize("name", LAYOUTS)
def test_complete_and_true_to_its_layout(name):
    features = {feature.name: feature for feature in parse(name).feature}
    texts = {"label", "subject", "sequence_id", "view"}
    flat = read_window_contract(SCHEMAS / f"{name}.pbtxt").channels == 3
    health = {*FIGURES, *WORDS} - ({"centre_z"} if flat else set())
    assert features.keys() == {"keypoints", "label_id", "start_frame"} | texts | health
    assert all(feature.presence.min_fraction == 1 for feature in features.values())
    for word in WORDS:
        assert features[word].string_domain.value
        assert 0.5 < features[word].distribution_constraints.min_domain_mass < 1
    compared = {name for name, feature in features.items() if feature.HasField("drift_comparator")}
    assert compared >= {"label", "torso_length", "centre_x", "centre_y", "extent", "limb_variation", *WORDS}
    assert all(features[name].skew_comparator == features[name].drift_comparator for name in compared)
    keypoints = features["keypoints"].float_domain
    assert keypoints.disallow_nan
    assert keypoints.disallow_inf
    layout, contract = load_layout(LAYOUTS[name]), read_window_contract(SCHEMAS / f"{name}.pbtxt")
    assert contract.joints == len(layout.joints)
    assert contract.channels == (3 if layout.unit == "image_height" else 4)
    assert len(set(contract.labels)) == len(contract.labels)
    assert features["label_id"].int_domain.max == len(contract.labels) - 1


def test_every_schema_is_held_to_this():
    assert {path.stem for path in SCHEMAS.glob("*.pbtxt")} == set(LAYOUTS)


def recorded(name):
    """Sequences of a recorded data set, and how its windows are cut."""
    from data.importers import FORMATS, ImportOptions
    from data.importers.clips.types import Source
    from data.importers.record_pipeline import Kept, process_source

    file, fit, step = RECORDED[name]
    outcomes = process_source(FORMATS["npz"], Source((DATASETS / file,), name), ImportOptions(max_gap=1e9))
    sequences = (sequence for one in outcomes if isinstance(one, Kept) for sequence in one.sequences)
    return islice(sequences, 0, None, step), fit


def in_pixels(sequence):
    keypoints = sequence.keypoints
    return replace(sequence, keypoints=np.concatenate([keypoints[..., :-1] * 100, keypoints[..., -1:]], axis=-1))


@pytest.mark.parametrize("name", ["baduanjin", "ui_prmd"])
def test_sound_data_have_no_anomaly_and_pixels_or_centimetres_do(tmp_path, name):
    if name == "ui_prmd" and not DATASETS.is_dir():
        pytest.skip("the recorded data sets are not on this machine")
    sequences, fit = (
        (generate(SyntheticSpec(subjects=6, repetitions=1)), "slide") if name == "baduanjin" else recorded(name)
    )
    sequences = list(sequences)
    assert anomalies_of(tmp_path / "a", name, sequences, tmp_path, fit) == {"train": {}, "test": {}}
    found = anomalies_of(tmp_path / "b", name, map(in_pixels, sequences), tmp_path / "pixels", fit)
    places = {"centre_x", "centre_y"} | ({"centre_z"} if name == "ui_prmd" else set())
    assert found["train"].keys() == found["test"].keys() == {"keypoints", "torso_length"} | places


@pytest.mark.skipif(not DATASETS.is_dir(), reason="the recorded data sets are not on this machine")
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_sets_have_no_anomaly(tmp_path, name):
    sequences, fit = recorded(name)
    assert anomalies_of(tmp_path / "data", name, sequences, tmp_path, fit) == {"train": {}, "test": {}}
