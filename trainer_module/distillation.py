"""Self-distillation: teachers with other seeds are trained first, and the student learns their mean answer.

Student and teachers see the same augmented window, so that the answer fits what the student is shown.
References: Hinton et al., Distilling the Knowledge in a Neural Network, 2015; Beyer et al., Knowledge distillation: A
good teacher is patient and consistent, CVPR 2022; Allen-Zhu and Li, Towards Understanding Ensemble, Knowledge
Distillation and Self-Distillation in Deep Learning, ICLR 2023.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from data.files import replacing
from trainer_module.callbacks import read_saved
from trainer_module.model_config import ModelConfig
from trainer_module.models import build_model
from trainer_module.training import TrainingJob, fit

TEACHERS = 2
"""Number of teachers; with more, training one seed of MSR Action3D would take over twelve minutes."""

SEED_STEP = 1000
"""Difference between the student's seed and the first teacher's, and between the seeds of two teachers."""


def train_teachers(student: ModelConfig, job: TrainingJob) -> list[keras.Model]:
    """Train the teachers, or resume their training where it was killed.

    Args:
        student: settings of the student's network; the teachers' are `student.for_teacher()`.
        job: data, settings and folders of the student's training. The teachers write their TensorBoard logs to
            `teacher-1/`, `teacher-2/` and so on inside `job.log_dir`; `job.checkpoint_dir` keeps the checkpoints of
            each teacher and, once it is trained, its weights.

    Returns:
        The trained teachers.
    """
    config = student.for_teacher()
    teachers = []
    for number in range(1, TEACHERS + 1):
        name, seed = f"teacher-{number}", job.config.seed + number * SEED_STEP
        keras.utils.set_random_seed(seed)
        teacher = build_model(config, job.layout.reference, job.pose_shape, len(job.labels))
        teachers.append(teacher)
        weights = job.checkpoint_dir / f"{name}.npz" if job.checkpoint_dir else None
        saved = read_saved(weights) if weights else None
        if saved is not None:
            teacher.set_weights([saved[f"weight_{i}"] for i in range(len(saved))])
            continue
        own_job = replace(
            job,
            config=job.config.model_copy(update={"seed": seed}),
            log_dir=job.log_dir / name,
            network=f"teacher {number} of {TEACHERS}",
            networks_after=TEACHERS - number + 1,
            checkpoint_dir=job.checkpoint_dir / name if job.checkpoint_dir else None,
        )
        fit(teacher, own_job)
        if weights:
            _save_weights(teacher, weights)
    return teachers


def _save_weights(model: keras.Model, file: Path) -> None:
    with replacing(file) as temporary, temporary.open("wb") as output:
        np.savez(output, **{f"weight_{i}": weight for i, weight in enumerate(model.get_weights())})
