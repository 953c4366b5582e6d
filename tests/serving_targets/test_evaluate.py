import io

import numpy as np
import pytest
from rich.console import Console

from data.errors import InputError
from data.layouts import joint_mapping, layout_names, load_layout
from data.records import KeypointSequence, Segment
from data.store import write_span
from serving_targets.evaluate import evaluate, show


@pytest.fixture
def span(tmp_path):
    return lambda *sequences, number=1: write_span(tmp_path / "data", number, sequences).parent


def test_a_sequence_is_predicted_by_the_mean_of_its_windows(target, span, sequence):
    data = span(
        sequence("a", "left", ["left", "left", "middle"]),
        sequence("b", "left", ["middle", "middle", "left"]),
        sequence("c", "right", ["right"]),
        sequence("d", "middle", ["middle", "middle"]),
    )
    progress = []
    evaluation = evaluate(target, data, progress=lambda done, of: progress.append((done, of)))
    assert evaluation.sequence_accuracy == 3 / 4
    assert evaluation.window_accuracy == 6 / 9
    assert (evaluation.sequences, evaluation.windows) == (4, 9)
    left, middle, right = evaluation.per_class.values()
    assert (left.precision, left.recall, left.support) == (1, 0.5, 2)
    assert (middle.precision, middle.recall, middle.support) == (0.5, 1, 1)
    assert right.f1 == 1
    assert evaluation.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_figures_as_json_and_as_a_table(target, span, sequence):
    evaluation = evaluate(target, span(sequence("a", "left", ["left"])))
    figures = evaluation.to_dict()
    assert figures.keys() == {
        *("sequence_accuracy", "window_accuracy", "macro_f1", "sequences", "windows"),
        *("latency_ms", "per_class", "bundle", "robustness", "claims"),
    }
    assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p95"]
    assert figures["per_class"]["left"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    assert (figures["bundle"]["name"], figures["bundle"]["version"]) == ("standin", 2)
    console = Console(file=io.StringIO(), width=120)
    show(evaluation, console)
    assert "1.0000 of 1 sequences" in console.file.getvalue()


def test_a_class_without_labels_and_predictions_does_not_count_in_macro_f1(target, span, sequence):
    evaluation = evaluate(target, span(sequence("a", "left", ["left"]), sequence("b", "middle", ["left"])))
    assert evaluation.macro_f1 == pytest.approx((2 / 3 + 0) / 2)
    assert evaluation.per_class["right"].support == 0


def test_only_the_given_split_is_evaluated(target, span, sequence):
    data = span(
        sequence("a", "left", ["left"], split="test"),
        sequence("b", "left", ["right"], split="train"),
        sequence("c", "unheard of", ["right"], split="other"),
    )
    assert evaluate(target, data, split="test").sequence_accuracy == 1
    with pytest.raises(InputError, match="no sequence is in split 'eval'") as caught:
        evaluate(target, data, split="eval")
    assert caught.value.remedy == "the splits are other, test, train"


def test_the_latest_span_is_evaluated_by_default(target, span, sequence):
    span(sequence("a", "left", ["left"]))
    data = span(sequence("a", "left", ["right"]), number=2)
    assert evaluate(target, data).sequence_accuracy == 0
    assert evaluate(target, data, span=1).sequence_accuracy == 1


def test_sessions_are_evaluated_by_segment(target, span, sequence):
    segments = (Segment(0, 8, "left"), Segment(16, 24, "right"))
    data = span(sequence("a", "session", ["left", "middle", "left"], segments=segments))
    evaluation = evaluate(target, data)
    assert (evaluation.sequences, evaluation.windows, evaluation.sequence_accuracy) == (2, 2, 0.5)


def test_poses_of_another_layout_are_mapped_by_name(target, span, sequence):
    givers = [
        name
        for name in layout_names()
        if name != "coco17"
        and not joint_mapping(name, "coco17").unmapped
        and load_layout(name).unit == load_layout("coco17").unit
    ]
    assert givers
    for number, name in enumerate(givers, 1):
        data = span(sequence("a", "middle", ["middle"], layout=name), number=number)
        assert evaluate(target, data).sequence_accuracy == 1


def _three_dimensional(name, label):
    return KeypointSequence(
        name, "anna", label, fps=10.0, layout="coco17", keypoints=np.full((8, 17, 4), 0.5, np.float32)
    )


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda make: make("a", "jump", ["left"]), "1 labels are unknown to the model: jump"),
        (lambda make: make("a", "left", ["left"], layout="openpose15"), "cannot be converted to the model's coco17"),
        (lambda _: _three_dimensional("a", "left"), "joints have 4 channels"),
    ],
)
def test_data_that_the_model_can_not_read_are_an_error(target, span, sequence, make, expected):
    data = span(make(sequence))
    with pytest.raises(InputError, match=expected) as caught:
        evaluate(target, data)
    assert str(data) in caught.value.where
    assert caught.value.remedy


def test_data_that_are_not_there_are_an_error(target, tmp_path):
    with pytest.raises(InputError, match="data folder does not exist"):
        evaluate(target, tmp_path / "nothing")
