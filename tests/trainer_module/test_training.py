from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from data.layouts import load_layout
from trainer_module import training
from trainer_module.callbacks import Progress, read_saved
from trainer_module.dataset import Windows, class_weights
from trainer_module.model_config import TcnConfig
from trainer_module.models.tcn import build_tcn
from trainer_module.training_config import TrainingConfig

LAYOUT, SHAPE, LABELS = "coco17", (12, 17, 2), ("a", "b", "c")
CLASSES = len(LABELS)
CONFIG = TrainingConfig(epochs=4, warmup_epochs=1, batch_size=8, jit_compile=False, ema=0.5)


def windows(count: int = 24) -> Windows:
    """Return windows in which each class has its own posture."""
    label_ids = np.arange(count) % CLASSES
    postures = np.random.default_rng(1).normal(size=(CLASSES, 1, *SHAPE[1:]))
    noise = np.random.default_rng(2).normal(size=(count, *SHAPE)) * 0.1
    return Windows((postures[label_ids] + noise).astype(np.float32), label_ids)


def fit(
    folder: Path, config: TrainingConfig = CONFIG, evaluate: bool = False, checkpoint_dir: Path | None = None
) -> tuple[keras.Model, dict[str, list[float]]]:
    keras.utils.set_random_seed(config.seed)
    model = build_tcn(TcnConfig(members=(("joints",),), stem=4, widths=(8,), strides=(1,)), LAYOUT, SHAPE, CLASSES)
    job = training.TrainingJob(
        train=windows(),
        evaluation=windows() if evaluate else None,
        labels=LABELS,
        layout=load_layout(LAYOUT),
        config=config,
        log_dir=folder,
        checkpoint_dir=checkpoint_dir,
    )
    return model, training.fit(model, job)


def test_the_same_seed_gives_the_same_model_and_tensorboard_can_read_its_curves(tmp_path: Path) -> None:
    first, history = fit(tmp_path)
    second, again = fit(tmp_path / "again")
    assert history == again
    assert len(history["loss"]) == CONFIG.epochs
    for weight, same in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
    trained = [variable.numpy() for variable in first.trainable_variables]
    first.optimizer.finalize_variable_values(first.trainable_variables)
    for weight, average in zip(trained, first.trainable_variables, strict=True):
        np.testing.assert_array_equal(weight, average)

    (file,) = tmp_path.glob("events.*")
    curve = [
        float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
        if value.tag == "epoch_loss"
    ]
    np.testing.assert_allclose(curve, history["loss"], rtol=1e-6)


def test_the_weights_of_the_best_evaluation_are_kept(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 8})
    model, history = fit(tmp_path, config, evaluate=True)
    probabilities = model.predict(windows().poses, verbose=0)
    accuracy = (probabilities.argmax(axis=1) == windows().label_ids).mean()
    assert accuracy == pytest.approx(max(history["val_accuracy"]))


def test_training_stops_at_its_target_or_when_patience_runs_out(tmp_path: Path) -> None:
    _, reached = fit(tmp_path, CONFIG.model_copy(update={"epochs": 20, "target": 0.01}), evaluate=True)
    assert len(reached["loss"]) == 1
    frozen = CONFIG.model_copy(update={"epochs": 20, "patience": 2, "learning_rate": 1e-12, "weight_decay": 0.0})
    _, waited = fit(tmp_path, frozen, evaluate=True)
    assert len(waited["loss"]) < 20


@pytest.mark.parametrize("evaluate", [False, True])
def test_a_killed_training_is_resumed_and_ends_with_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evaluate: bool
) -> None:
    checkpoint = tmp_path / "checkpoint"

    class KilledError(Exception):
        pass

    def die(self: Progress, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == 2:
            raise KilledError

    whole, _ = fit(tmp_path / "whole", evaluate=evaluate)
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_epoch_end", die)
        with pytest.raises(KilledError):
            fit(tmp_path, evaluate=evaluate, checkpoint_dir=checkpoint)
    assert checkpoint.exists()
    model, history = fit(tmp_path, evaluate=evaluate, checkpoint_dir=checkpoint)
    assert len(history["loss"]) == CONFIG.epochs - 2
    for weight, same in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(weight, same, atol=1e-6)
    assert not checkpoint.exists()


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty"])
def test_a_damaged_checkpoint_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    file = tmp_path / "checkpoint.npz"
    np.savez(file, weight=np.arange(1000.0))
    content = file.read_bytes()
    changed = content[:4000] + bytes([content[4000] ^ 1]) + content[4001:]
    file.write_bytes({"truncated": content[:4000], "changed": changed, "empty": b""}[damage])
    assert read_saved(file) is None
    assert f"{file} is damaged and is not used" in capsys.readouterr().out
    file.write_bytes(content)
    saved = read_saved(file)
    assert saved is not None
    np.testing.assert_array_equal(saved["weight"], np.arange(1000.0))


def test_rare_classes_weigh_more() -> None:
    weights = class_weights(np.array([0, 0, 0, 1]), 3)
    np.testing.assert_allclose(weights, [2 / 3, 2, 0])
