from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from data.layouts import load_layout
from trainer_module.config import AugmentationConfig, ModelConfig, TrainingConfig
from trainer_module.dataset import Windows, training_batches
from trainer_module.distillation import WIDER, train_teacher

LAYOUT, SHAPE, LABELS = load_layout("coco17"), (12, 17, 2), ("a", "b", "c")
STUDENT = ModelConfig(members=(("joints",),), stem=4, widths=(8,), strides=(1,))
CONFIG = TrainingConfig(epochs=2, warmup_epochs=1, batch_size=8, jit_compile=False, teacher=0.5)
WINDOWS = Windows(np.random.default_rng(1).normal(size=(24, *SHAPE)).astype(np.float32), np.arange(24) % len(LABELS))


def teach(folder: Path) -> keras.Model:
    return train_teacher(STUDENT, WINDOWS, None, LABELS, LAYOUT, CONFIG, folder / "logs", folder / "checkpoints")


def test_the_teacher_is_wider_and_is_not_trained_again_after_a_kill(tmp_path: Path) -> None:
    teacher = teach(tmp_path)
    assert {layer.filters for layer in teacher.get_layer("core").layers if isinstance(layer, keras.layers.Conv2D)} >= {
        WIDER * STUDENT.stem,
        WIDER * STUDENT.widths[0],
    }
    logs = sorted((tmp_path / "logs" / "teacher").iterdir())
    again = teach(tmp_path)
    assert sorted((tmp_path / "logs" / "teacher").iterdir()) == logs
    np.testing.assert_array_equal(again.predict(WINDOWS.poses), teacher.predict(WINDOWS.poses))


def test_the_teacher_tells_its_share_of_the_target(tmp_path: Path) -> None:
    teacher = teach(tmp_path)
    calm = CONFIG.model_copy(update={"augmentation": AugmentationConfig(mixing=0)})
    alone = training_batches(WINDOWS, LABELS, LAYOUT, calm)
    taught = training_batches(WINDOWS, LABELS, LAYOUT, calm, teacher=teacher)
    for (pose, target, weight), (same_pose, blend, same_weight) in zip(alone, taught, strict=True):
        np.testing.assert_array_equal(pose, same_pose)
        np.testing.assert_array_equal(weight, same_weight)
        np.testing.assert_allclose(blend, 0.5 * target + 0.5 * teacher(pose, training=False), atol=1e-6)
