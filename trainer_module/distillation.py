"""Networks like the one that ships learn first, each from other dice, and it learns from what they say on average.

Each sees the same augmented window: the answer that the student is asked for belongs to what it is shown.
References: Hinton et al., Distilling the Knowledge in a Neural Network, 2015; Beyer et al., Knowledge distillation: A
good teacher is patient and consistent, CVPR 2022; Allen-Zhu and Li, Towards Understanding Ensemble, Knowledge
Distillation and Self-Distillation in Deep Learning, ICLR 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from data.files import replacing
from data.layouts import Layout
from trainer_module.config import ModelConfig, TrainingConfig
from trainer_module.dataset import Windows
from trainer_module.models import build_model
from trainer_module.training import fit

TEACHERS = 2
"""As many as a seed of MSR Action3D has time for in twelve minutes."""

SEEDS_APART = 1000
"""From the student's seed to its first teacher's, and from there to the second's."""


def train_teachers(
    config: ModelConfig,
    train: Windows,
    evaluation: Windows | None,
    labels: Sequence[str],
    layout: Layout,
    training: TrainingConfig,
    log_dir: Path,
    checkpoint_dir: Path | None,
) -> list[keras.Model]:
    """Trains the teachers, or takes them up where a killed training left them.

    Args:
        config: of the student. Teachers judge windows that are cut already, so they do not crop.
        train: labelled windows.
        evaluation: labelled windows, if there are any.
        labels: in the order of their ids.
        layout: of their joints.
        training: how to train, teachers and student alike.
        log_dir: for TensorBoard; the teachers' curves are in `teacher-1/` and so on.
        checkpoint_dir: for each teacher's checkpoints and, in the end, its weights.

    Returns:
        The trained networks.
    """
    uncropped = config.model_copy(update={"centre_crop": 1})
    teachers = []
    for number in range(1, TEACHERS + 1):
        seed = training.seed + number * SEEDS_APART
        keras.utils.set_random_seed(seed)
        teacher = build_model(uncropped, layout.name, train.poses.shape[1:], len(labels))
        teachers.append(teacher)
        name = f"teacher-{number}"
        weights = checkpoint_dir / f"{name}.npz" if checkpoint_dir else None
        if weights and weights.is_file():
            with np.load(weights, allow_pickle=False) as saved:
                teacher.set_weights([saved[f"weight_{i}"] for i in range(len(saved.files))])
            continue
        print(f"teacher {number} of {TEACHERS}:", flush=True)
        own = training.model_copy(update={"seed": seed})
        checkpoints = checkpoint_dir / name if checkpoint_dir else None
        fit(teacher, train, evaluation, labels, layout, own, log_dir / name, checkpoints)
        if weights:
            with replacing(weights) as temporary, temporary.open("wb") as file:
                np.savez(file, **{f"weight_{i}": weight for i, weight in enumerate(teacher.get_weights())})
    return teachers
