import io

import numpy as np
import pytest
from rich.console import Console

from data.layouts import load_layout
from data.store import write_span
from schema.gates import read_gates
from serving_targets.evaluate import evaluate, show
from serving_targets.robustness import DISTURBANCES, disturbed

LAYOUT = load_layout("coco17")


@pytest.fixture
def windows():
    made = np.random.default_rng(0).uniform(0.2, 0.8, (40, 16, 17, 3)).astype(np.float32)
    made[:, 3, 4] = 0
    return made


@pytest.fixture
def changed(windows):
    return disturbed(windows, LAYOUT, seed=1)


def test_mirroring_twice_is_not_mirroring(windows, changed):
    left, right = (LAYOUT.joints.index(f"{side}_wrist") for side in ("left", "right"))
    np.testing.assert_array_equal(changed["mirrored"][:, :, left, 0], -windows[:, :, right, 0])
    np.testing.assert_array_equal(changed["mirrored"][:, :, left, 1:], windows[:, :, right, 1:])
    np.testing.assert_array_equal(disturbed(changed["mirrored"], LAYOUT, 1)["mirrored"], windows)


def test_a_person_is_moved_as_a_whole_and_stays_as_sure(windows, changed):
    seen = windows[..., 2] > 0
    by = (changed["shifted"] - windows)[..., :2]
    for i in range(len(windows)):
        np.testing.assert_allclose(by[i][seen[i]], np.broadcast_to(by[i, 0, 0], by[i][seen[i]].shape), atol=1e-6)
    assert by[:, 0, 0].std() > 0.2
    assert np.abs(by).max() <= 0.5
    np.testing.assert_allclose(changed["half_size"][..., :2] * 4, changed["double_size"][..., :2], rtol=1e-6)
    for name in ("shifted", "half_size", "double_size"):
        np.testing.assert_array_equal(changed[name][..., 2], windows[..., 2])
        assert not changed[name][:, 3, 4].any(), "a joint that was not seen got a place"


def test_15_percent_are_hidden(windows, changed):
    hidden = (changed["joint_dropout"] == 0).all(axis=-1) & (windows[..., 2] > 0)
    assert hidden.mean() == pytest.approx(0.15, abs=0.01)
    missing = (changed["joints_missing"] == 0).all(axis=(1, 3))
    assert (missing.sum(axis=1) == round(0.15 * 17)).all()
    assert len({tuple(row) for row in missing}) > 10, "always the same joints"


def test_one_seed_one_disturbance(windows, changed):
    again, other = disturbed(windows, LAYOUT, seed=1), disturbed(windows, LAYOUT, seed=2)
    for name, values in changed.items():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, again[name])
    assert (changed["joint_dropout"] != other["joint_dropout"]).any()


def test_a_model_that_reads_places_fails_where_places_change(target, tmp_path, sequence):
    """The model predicts by the joint furthest to the right: mirroring changes that joint, scaling does not."""
    data = write_span(tmp_path / "data", 1, [sequence("a", "right", ["right", "right"])]).parent
    assert evaluate(target, data).robustness is None
    evaluation = evaluate(target, data, robustness=True)
    assert evaluation.robustness.keys() == DISTURBANCES.keys()
    assert evaluation.sequence_accuracy == evaluation.robustness["double_size"] == 1
    assert evaluation.robustness["mirrored"] == 0
    console = Console(file=io.StringIO(), width=120)
    show(evaluation, console)
    assert "mirrored" in console.file.getvalue()
    assert "+1.0000" in console.file.getvalue()


def test_the_gates_file_has_a_threshold_for_each(request):
    gates = read_gates(request.config.rootpath / "schema" / "gates.yaml")
    assert gates.robustness.model_dump().keys() == DISTURBANCES.keys()
