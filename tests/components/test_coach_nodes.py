"""ReferenceBuilder, CoachCalibrator and SessionEvaluator."""

import json

import pytest
from tfx.types.standard_artifacts import Examples

from components.artifacts.judging import parse_thresholds
from components.artifacts.types import ReferencesArtifact
from components.coach_calibrator.calibrate import calibrate
from components.coach_calibrator.search import best_of, loss_at, temperature_of
from components.pusher.publish import publish
from components.pusher.release import ModelFiles, Release
from components.reference_builder import build as building
from components.reference_builder.executor import Executor as Builder
from components.session_evaluator.judge import judge
from data.errors import InputError
from data.store import write_span
from data.synthetic.baduanjin import SyntheticSpec, generate
from data.synthetic.movements import MOVEMENTS
from payloads.coach_record import CalibrationRecord, ReferenceRecord
from payloads.judgements import SessionJudgement
from payloads.recordings import RecordingsWriter, read_recordings
from schema.gates import SessionEvaluatorThresholds
from serving_targets.bundle import load_bundle
from serving_targets.coach.coach import Coach, follow_recording
from serving_targets.coach.settings import read_references, read_settings
from serving_targets.session_evaluation import measure_bundle

LABELS = [movement.label for movement in MOVEMENTS]


@pytest.fixture(scope="module")
def recordings():
    return list(generate(SyntheticSpec(subjects=4, repetitions=1, seed=5)))


@pytest.fixture
def build(tmp_path, edge):
    def run(recordings, good_quality=0.7, labels=LABELS):
        with RecordingsWriter(tmp_path / "examples", "part-00000-0") as writer:
            for recording in recordings:
                writer.add(recording, "train")
        Builder().Do(
            {"examples": [edge.artifact(Examples, tmp_path / "examples")]},
            {"references": [edge.artifact(ReferencesArtifact, tmp_path / "references")]},
            {"labels": json.dumps(labels), "good_quality": good_quality},
        )
        return read_references(tmp_path / "references"), ReferenceRecord.read(tmp_path / "references")

    return run


def test_references_are_made_of_good_repetitions(build, recordings, tmp_path):
    references, record = build(recordings)
    good = {each.label for each in recordings if each.quality >= 0.7}
    assert set(references.movements) <= good
    assert set(references.movements) == set(record.movements)
    assert len(references.movements) >= 4
    assert set(record.movements) | set(record.left_out) == set(LABELS)
    text = (tmp_path / "references" / "references.json").read_text()
    assert record.bytes == len(text) < building.MOST_BYTES
    # Nobody can be recognised by name, neither in what is shipped nor in the record.
    content = text + (tmp_path / "references" / "record.json").read_text()
    assert not [each.subject for each in recordings if each.subject in content]


def test_bad_repetitions_make_no_reference(build, recordings):
    label = LABELS[0]
    bad = [each for each in recordings if each.label == label and each.quality < 0.999]
    assert bad
    references, record = build(bad, good_quality=1.0)
    assert not references.movements
    assert record.left_out[label].startswith("performed badly")
    assert record.left_out[LABELS[1]] == "there is no recording of it in the training split"


def test_references_that_are_too_large_lose_the_movements_with_the_fewest_repetitions(build, recordings, monkeypatch):
    everything, _ = build(recordings)
    monkeypatch.setattr(building, "MOST_BYTES", 40_000)
    references, record = build(recordings)
    assert 0 < len(references.movements) < len(everything.movements)
    assert record.bytes <= 40_000
    assert "more than 40000 bytes" in " ".join(record.left_out.values())


def test_the_model_is_calibrated_on_the_eval_split(coached):
    settings, record = read_settings(coached.settings), CalibrationRecord.read(coached.settings)
    assert record.windows > 0
    assert record.loss_after <= record.loss_before
    assert record.sessions == 1
    assert {"bow", "lift", "turn", "none"} <= settings.durations.keys()
    assert settings.durations["none"].typical == pytest.approx(4.0, rel=0.1)


def test_the_temperature_has_the_least_loss_and_the_first_of_equal_values_is_chosen():
    import numpy as np

    random = np.random.default_rng(0)
    true = random.integers(0, 3, 2000)
    logits = random.normal(0, 1, (2000, 3)) + 1.5 * np.eye(3)[true]
    sharp = np.exp(4 * logits) / np.exp(4 * logits).sum(axis=1, keepdims=True)
    temperature = temperature_of(sharp, true)
    assert loss_at(sharp, true, temperature) < loss_at(sharp, true, 1.0)
    assert temperature > 2
    assert best_of((3.0, 1.0, 2.0), lambda value: value != 2.0) == (3.0, True)


def test_what_the_data_can_give_is_judged_and_the_rest_is_not_measured(coached):
    judgement = SessionJudgement.read(coached.blessing)
    verdicts = {verdict.gate: verdict for verdict in judgement.verdicts}
    assert judgement.passed
    assert (judgement.sessions, judgement.recordings) == (1, 12)
    assert verdicts["min_frame_accuracy"].passed
    missing = verdicts["min_correction_rate"]
    assert (missing.passed, missing.lacks_data, missing.rejects) == (False, True, False)
    assert missing.detail
    assert "known to be good" in verdicts["max_false_alarms"].detail  # nobody rated these recordings
    assert set(verdicts) == set(SessionEvaluatorThresholds.model_fields)


def test_a_figure_that_misses_its_threshold_rejects(coached, converted, edge):
    strict = json.dumps(edge.coaching | {"max_frame_ms": 1e-9})
    judgement = judge(
        converted / "model_int8.tflite",
        coached.references,
        coached.settings,
        coached.examples,
        parse_thresholds(SessionEvaluatorThresholds, strict, "session_evaluator"),
        good_quality=0.7,
        seconds=5.0,
    )
    assert not judgement.passed
    assert [verdict.gate for verdict in judgement.verdicts if verdict.rejects] == ["max_frame_ms"]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.write_bytes(b"TFL3" + path.read_bytes()[4:2000]), "no contract"),
        (lambda path: path.write_bytes(b"\xff" * 4000 + path.read_bytes()[4000:]), "model"),
    ],
)
def test_a_file_that_cannot_be_run_is_rejected_and_fails_no_node(coached, converted, edge, tmp_path, damage, why):
    file = tmp_path / "model_int8.tflite"
    file.write_bytes((converted / "model_int8.tflite").read_bytes())
    damage(file)
    settings, record = calibrate(file, coached.examples, 5.0)
    assert settings.temperature == 1.0
    assert why in record.reasons["everything"]
    thresholds = SessionEvaluatorThresholds(**edge.coaching)
    folders = (coached.references, coached.settings, coached.examples)
    judgement = judge(file, *folders, thresholds, good_quality=0.7, seconds=5.0)
    assert not judgement.passed
    assert all(verdict.rejects and why in verdict.detail for verdict in judgement.verdicts)


def test_a_bundle_with_references_and_settings_coaches_and_is_measured(trained, converted, coached, edge, tmp_path):
    files = ModelFiles(trained / "model" / "Format-Serving", converted, coached.references, coached.settings)
    publish(Release.of(files, [coached.blessing], edge.facts), [tmp_path / "phone"])
    listed = {file.path for file in load_bundle(tmp_path / "phone").manifest.files}
    assert {"references.json", "coach.json"} <= listed

    recordings = [each for split in ("train", "test") for each in read_recordings(coached.examples, split)]
    write_span(tmp_path / "data", 1, recordings)
    measured = measure_bundle(tmp_path / "phone", tmp_path / "data")
    assert (measured.sessions, measured.recordings) == (3, 36)
    assert {"frame_accuracy", "live_frame_accuracy"} <= measured.figures.keys()
    assert measured.missing["frame_ms"] == "the model runs in a process of its own"

    [session] = [each for each in read_recordings(coached.examples, "test") if each.segments]
    coach = Coach.load(tmp_path / "phone", offline=True)
    timeline = follow_recording(coach, session.keypoints, session.frame_times, session.sequence_id)
    assert {segment.label for segment in timeline.segments} <= {"bow", "lift", "turn"}

    (tmp_path / "phone" / "1" / "coach.json").write_text("{}")
    with pytest.raises(InputError, match=r"coach\.json has changed"):
        measure_bundle(tmp_path / "phone", tmp_path / "data")
