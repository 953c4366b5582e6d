"""Payloads are read back as written, also by earlier versions; a damaged file is named in an error, or read as None."""

import json
import tarfile

import pyarrow.parquet as pq
import pytest

from data.digests import ListedFile
from data.errors import NodeError
from lineage.artifact_types import DATA_BLESSING, EDGE_BLESSING, EVALUATION, INFRA_BLESSING, SESSION_BLESSING
from lineage.measures import Measure, read_measures, read_slices, read_verdicts
from lineage.model import Artifact
from payloads.coach_record import CalibrationRecord, MovementRecord, ReferenceRecord
from payloads.conversion_record import (
    ConversionRecord,
    Difference,
    FileRecord,
    Int8Recipe,
    JudgedWindows,
    SelectedWindows,
    TensorRecord,
)
from payloads.data_judgement import AffectedWindows, Baseline, Comparison, DataJudgement, Finding
from payloads.evaluation import ConfusionCell, Evaluation, Interval, Slice
from payloads.judgements import EdgeJudgement, FileFigures, FormatFigures, Judgement, ServingJudgement, SessionJudgement
from payloads.push import PushRecord
from payloads.sequences import FILE, SequenceRow, count_by_split, has_sequences, read_sequences, write_sequences
from payloads.training_record import TrainingRecord
from payloads.verdict import Verdict, check_threshold
from tests.compatibility.older_root import ARCHIVE

LACKING = check_threshold("min_edit", None, 0.3, "min", "share", "there is no session", lacks_data=True)
VERDICT = check_threshold("max_bytes", 215_127, 300_000, "max", "bytes")
FINDING = Finding(
    split="train",
    feature="fps",
    anomaly="range",
    figure="1<5",
    bound="at least 5",
    remedy="check the frame rate",
    verdict="warn",
    witness=AffectedWindows(windows=3, of=20, sequences=("clip 3",)),
)
SELECTED = SelectedWindows(windows=2, by_label_id={-1: 1, 0: 1}, sequences=2, sha256="0" * 64, split="test", seed=7)
PAYLOADS = [
    EdgeJudgement(
        verdicts=(VERDICT,),
        accuracy={"int8_sequence": 0.9},
        files={"model_int8.tflite": FileFigures(shipped=True, bytes=3, fault="crashed")},
        sequences=3,
        windows=7,
    ),
    ServingJudgement(
        verdicts=(VERDICT,),
        latency_ms={"p95": 0.1},
        formats={"saved_model": FormatFigures(shipped=True, fault=None, seconds=1.5, load_ms=2.0)},
        windows=4,
    ),
    DataJudgement(
        policy={"min_people": 5},
        baseline=Baseline(statistics=4, span=1),
        findings=(FINDING,),
        compared=(
            Comparison(split="train", feature="fps", comparison="drift", measure="l_infty", figure=0.1, threshold=0.3),
        ),
    ),
    Evaluation(
        slices=(
            Slice(metrics={"accuracy": 0.7, "macro_f1": Interval(value=0.6, lower=0.5, upper=0.7)}),
            Slice(
                slice={"label": "bow"},
                metrics={"accuracy": None},
                confusion=(ConfusionCell(actual=0, predicted=1, count=2),),
            ),
        ),
        verdicts=(VERDICT,),
        blessed=True,
    ),
    PushRecord(
        pushed=True,
        version=3,
        digest="d",
        targets={"phone": "/phone"},
        files={"phone": (ListedFile(path="a", bytes=1, sha256="0" * 64),)},
    ),
    TrainingRecord(seconds=1.0, epochs=2, parameters=3, history={"loss": [0.5, 0.4]}),
    ConversionRecord(
        input=TensorRecord(name="keypoints", shape=(1, 24, 17, 3), dtype="float32"),
        output=TensorRecord(name="probabilities", shape=(1, 3), dtype="float32"),
        files={
            "model_int8.tflite": FileRecord(
                bytes=3, operators={"ADD": 1}, float_islands=0, golden_difference=Difference(mean=0.01, max=0.1)
            )
        },
        recipe=Int8Recipe(scope="core/.*", cut=0.01, difference={0.0: 0.2, 0.01: 0.1}),
        representative=SELECTED,
        golden=SELECTED,
        evaluation=JudgedWindows(windows=2, of=9, split="test"),
        versions={"tensorflow": "2.21.0"},
        seconds=1.5,
    ),
    SessionJudgement(verdicts=(VERDICT, LACKING), figures={"form_auc": 0.9}, sessions=1, recordings=4, seconds=60.0),
    ReferenceRecord(
        movements={"bow": MovementRecord(people=3, repetitions=9)}, left_out={"lift": "nobody moves"}, bytes=900
    ),
    CalibrationRecord(windows=9, sessions=0, loss_before=0.3, loss_after=0.2, reasons={"heads": "no session"}),
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: type(payload).__name__)
def test_a_payload_comes_back_as_it_was_written(tmp_path, payload):
    payload.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [payload.FILE]
    assert type(payload).read(tmp_path) == type(payload).read_if_sound(tmp_path) == payload


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"verdicts": 3, "slices": 3, "findings": 3, "epochs": []}'])
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: type(payload).__name__)
def test_a_damaged_payload_is_named(tmp_path, payload, text):
    (tmp_path / payload.FILE).write_text(text)
    assert type(payload).read_if_sound(tmp_path) is None
    with pytest.raises(NodeError, match=payload.FILE):
        type(payload).read(tmp_path)


def test_a_verdict_says_figure_limit_and_outcome():
    assert VERDICT.passed
    assert VERDICT.limit == "at most 300,000 bytes"
    below = check_threshold("min_agreement", 0.94, 0.95, "min", "share", "model_int8.tflite")
    assert not below.passed
    assert str(below) == "min_agreement: 0.94 (at least 0.95): model_int8.tflite"
    unknown = check_threshold("max_latency_p95_ms", float("nan"), 0.3, "max", "ms")
    assert unknown.figure is None
    assert not unknown.passed
    assert str(unknown) == "max_latency_p95_ms: not measured (at most 0.3 ms)"


def test_what_the_data_cannot_give_neither_passes_nor_rejects():
    assert (LACKING.passed, LACKING.rejects, LACKING.judgement) == (False, False, "not measured")
    assert Judgement(verdicts=(VERDICT, LACKING)).passed
    unmeasured = check_threshold("min_edit", None, 0.3, "min", "share")
    assert not Judgement(verdicts=(VERDICT, unmeasured)).passed


@pytest.mark.parametrize(
    ("gate", "unit", "direction"),
    [
        ("evaluator accuracy", "at least", "min"),
        ("min_agreement", "share", "min"),
        ("max_bytes", "bytes", "max"),
    ],
)
def test_verdicts_of_earlier_versions_get_their_direction(tmp_path, gate, unit, direction):
    entry = {"gate": gate, "figure": 0.5, "threshold": 0.4, "unit": unit, "passed": True}
    (tmp_path / Judgement.FILE).write_text(json.dumps({"verdicts": [entry]}))
    [verdict] = Judgement.read(tmp_path).verdicts
    assert verdict == Verdict(**entry, direction=direction)
    assert verdict.limit.startswith("at least" if direction == "min" else "at most")


def artifact(type_, folder):
    return Artifact(id=1, type=type_, uri=str(folder), name="", state="LIVE", created=0.0)


def test_every_figure_of_a_judgement_is_a_measure(tmp_path):
    edge, serving, data, evaluation = PAYLOADS[:4]
    [session] = [payload for payload in PAYLOADS if isinstance(payload, SessionJudgement)]
    for payload, type_ in (
        (session, SESSION_BLESSING),
        (edge, EDGE_BLESSING),
        (serving, INFRA_BLESSING),
        (data, DATA_BLESSING),
        (evaluation, EVALUATION),
    ):
        payload.write(tmp_path / type_)
    judged = Measure("all", "max_bytes", 215_127.0, threshold=300_000.0, passed=True)
    assert list(read_measures(artifact(EDGE_BLESSING, tmp_path / EDGE_BLESSING))) == [
        Measure("all", "int8_sequence_accuracy", 0.9),
        judged,
    ]
    assert list(read_measures(artifact(INFRA_BLESSING, tmp_path / INFRA_BLESSING))) == [
        Measure("all", "latency_p95_ms", 0.1),
        judged,
    ]
    assert list(read_measures(artifact(SESSION_BLESSING, tmp_path / SESSION_BLESSING))) == [
        Measure("all", "coach_form_auc", 0.9),
        judged,
        Measure("all", "min_edit", None, threshold=0.3, passed=None),
    ]
    assert list(read_measures(artifact(DATA_BLESSING, tmp_path / DATA_BLESSING))) == [
        Measure("all", "data", 1.0, passed=True)
    ]
    assert list(read_measures(artifact(EVALUATION, tmp_path / EVALUATION))) == [
        Measure("all", "accuracy", 0.7),
        Measure("all", "macro_f1", 0.6, 0.5, 0.7),
        Measure("label=bow", "accuracy", None),
        judged,
    ]
    assert read_slices(artifact(EVALUATION, tmp_path / EVALUATION)) == {
        "all": {"accuracy": 0.7, "macro_f1": 0.6},
        "label=bow": {},
    }
    assert read_verdicts(artifact("Model", tmp_path)) == ()
    assert read_verdicts(artifact(EDGE_BLESSING, tmp_path / "nowhere")) == ()


def test_the_record_of_a_conversion_says_the_same_as_in_earlier_versions():
    with tarfile.open(ARCHIVE) as archive:
        records = [archive.extractfile(entry).read() for entry in archive if entry.name.endswith(ConversionRecord.FILE)]
    assert records
    for record in records:
        written = ConversionRecord.model_validate_json(record).model_dump_json()
        added = {"cpu_seconds": {}}  # which earlier versions did not record
        assert json.dumps(json.loads(written)) == json.dumps(json.loads(record) | added)


def test_an_empty_table_of_sequences_has_the_columns_and_types_of_a_full_one(tmp_path):
    write_sequences(tmp_path, [SequenceRow("a", "p1", "bow", "train")])
    full = pq.read_schema(tmp_path / FILE)
    write_sequences(tmp_path, [])
    assert pq.read_schema(tmp_path / FILE).equals(full)
    assert has_sequences(tmp_path)
    assert read_sequences(tmp_path) == []


def test_the_table_of_sequences_comes_back(tmp_path):
    rows = [SequenceRow("a", "p1", "bow", "train", "front", 40, 3), SequenceRow("b", "p2", "lift", "test", "", 20, 1)]
    assert not has_sequences(tmp_path)
    assert read_sequences(tmp_path) == []
    write_sequences(tmp_path, rows)
    assert read_sequences(tmp_path) == rows
    assert count_by_split(rows) == {
        "test": {"sequences": 1, "windows": 1, "subjects": 1, "labels": 1},
        "train": {"sequences": 1, "windows": 3, "subjects": 1, "labels": 1},
    }
