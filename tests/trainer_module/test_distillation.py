from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from data.layouts import load_layout
from trainer_module.dataset import Windows, training_batches
from trainer_module.distillation import TEACHERS, train_teachers
from trainer_module.model_config import TcnConfig
from trainer_module.models.layers import CentreCrop
from trainer_module.training import TrainingJob
from trainer_module.training_config import AugmentationConfig, TrainingConfig

LAYOUT, SHAPE, LABELS = load_layout("coco17"), (12, 17, 2), ("a", "b", "c")
STUDENT = TcnConfig(members=(("joints",),), stem=4, widths=(8,), strides=(1,), centre_crop=0.5)
CONFIG = TrainingConfig(epochs=2, warmup_epochs=1, batch_size=8, jit_compile=False, teacher=0.5)
WINDOWS = Windows(np.random.default_rng(1).normal(size=(24, *SHAPE)).astype(np.float32), np.arange(24) % len(LABELS))


def teach(folder: Path) -> list[keras.Model]:
    job = TrainingJob(
        WINDOWS, None, LABELS, LAYOUT, CONFIG, log_dir=folder / "logs", checkpoint_dir=folder / "checkpoints"
    )
    return train_teachers(STUDENT, job)


def test_teachers_differ_and_are_not_trained_again_after_a_kill(tmp_path: Path) -> None:
    teachers = teach(tmp_path)
    answers = [teacher.predict(WINDOWS.poses) for teacher in teachers]
    assert len(answers) == TEACHERS
    assert np.abs(answers[0] - answers[1]).max() > 1e-3
    crops = [layer.share for teacher in teachers for layer in teacher.layers if isinstance(layer, CentreCrop)]
    assert crops == [1] * TEACHERS, "teachers would crop windows that augmentation has already cropped"
    logs = sorted((tmp_path / "logs").rglob("*"))

    # As if killed before the last teacher was saved: only that one is trained again, with the same result.
    (tmp_path / "checkpoints" / f"teacher-{TEACHERS}.npz").unlink()
    again = teach(tmp_path)
    new = set((tmp_path / "logs").rglob("*")) - set(logs)
    assert {path.parent.name for path in new} == {f"teacher-{TEACHERS}"}
    for teacher, answer in zip(again, answers, strict=True):
        np.testing.assert_allclose(teacher.predict(WINDOWS.poses), answer, atol=1e-6)


def test_the_teachers_answer_is_the_configured_share_of_the_target(tmp_path: Path) -> None:
    teachers = teach(tmp_path)
    calm = CONFIG.model_copy(update={"augmentation": AugmentationConfig(mixing=0)})
    alone = training_batches(WINDOWS, LABELS, LAYOUT, calm)
    taught = training_batches(WINDOWS, LABELS, LAYOUT, calm, teachers=teachers)
    for (pose, target, weight), (same_pose, blend, same_weight) in zip(alone, taught, strict=True):
        np.testing.assert_array_equal(pose, same_pose)
        np.testing.assert_array_equal(weight, same_weight)
        answer = np.mean([teacher(pose, training=False) for teacher in teachers], axis=0)
        np.testing.assert_allclose(blend, 0.5 * target + 0.5 * answer, atol=1e-6)
