"""A wider network learns first, and the network that ships learns from it.

Each sees the same augmented window: the answer that the student is asked for belongs to what it is shown.
References: Hinton et al., Distilling the Knowledge in a Neural Network, 2015; Beyer et al., Knowledge distillation: A
good teacher is patient and consistent, CVPR 2022.
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

WIDER = 2
"""How many times as many channels the teacher has."""


def train_teacher(
    config: ModelConfig,
    train: Windows,
    evaluation: Windows | None,
    labels: Sequence[str],
    layout: Layout,
    training: TrainingConfig,
    log_dir: Path,
    checkpoint_dir: Path | None,
) -> keras.Model:
    """Trains the teacher, or takes it up where a killed training left it.

    Args:
        config: of the student.
        train: labelled windows.
        evaluation: labelled windows, if there are any.
        labels: in the order of their ids.
        layout: of their joints.
        training: how to train, teacher and student alike.
        log_dir: for TensorBoard; the teacher's curves are in `teacher/`.
        checkpoint_dir: for the teacher's checkpoints and, in the end, its weights.

    Returns:
        The trained network.
    """
    wider = config.model_copy(
        update={"stem": WIDER * config.stem, "widths": tuple(WIDER * width for width in config.widths)}
    )
    teacher = build_model(wider, layout.name, train.poses.shape[1:], len(labels))
    weights = checkpoint_dir / "teacher.npz" if checkpoint_dir else None
    if weights and weights.is_file():
        with np.load(weights, allow_pickle=False) as saved:
            teacher.set_weights([saved[f"weight_{i}"] for i in range(len(saved.files))])
        return teacher
    print(f"teacher of {teacher.count_params():,} parameters:", flush=True)
    checkpoints = checkpoint_dir / "teacher" if checkpoint_dir else None
    fit(teacher, train, evaluation, labels, layout, training, log_dir / "teacher", checkpoints)
    if weights:
        with replacing(weights) as temporary, temporary.open("wb") as file:
            np.savez(file, **{f"weight_{i}": weight for i, weight in enumerate(teacher.get_weights())})
    return teacher
