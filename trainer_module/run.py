"""Function that TFX's Trainer runs: trains the configured network and exports it."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from data.layouts import Layout, load_layout
from data.system.cpu_phases import CpuPhases
from payloads.training_record import TrainingRecord
from trainer_module.dataset import Windows, read_windows
from trainer_module.distillation import train_teachers
from trainer_module.model_config import ModelConfig, read_model_config
from trainer_module.models import build_model
from trainer_module.saved_model_export import export
from trainer_module.training import TrainingJob, fit
from trainer_module.training_config import TrainingConfig
from trainer_module.warm_start import warm_up

KERAS_MODEL = "model.keras"


def run_fn(fn_args: FnArgs) -> None:
    """Train on transformed examples and export the model.

    Writes the SavedModel to `serving_model_dir`, `model.keras` for later warm starts next to it, and TensorBoard logs
    and a `TrainingRecord` to `model_run_dir`. With `training.warm_start` the training starts from the weights of
    `fn_args.base_model`, if there is one.

    Args:
        fn_args: files and folders of the Trainer node. `custom_config` has the keys of `TrainerSettings`.
    """
    start, phases = time.monotonic(), CpuPhases()
    settings = TrainerSettings.from_custom_config(fn_args.custom_config)
    if not settings.training.jit_compile:
        _share_cores()
    keras.utils.set_random_seed(settings.training.seed)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    feature_spec = transform.transformed_feature_spec()
    phases.end("start")
    job = TrainingJob(
        train=read_windows(fn_args.train_files, feature_spec),
        evaluation=read_windows(fn_args.eval_files, feature_spec) if settings.has_eval else None,
        labels=settings.labels,
        layout=settings.layout,
        config=settings.training,
        log_dir=Path(fn_args.model_run_dir),
        checkpoint_dir=settings.checkpoint_dir,
        phases=phases,
    )
    phases.end("reading")

    model = build_model(settings.model, job.layout.reference, job.pose_shape, len(job.labels))
    base_model = fn_args.base_model if job.config.warm_start else None
    if base_model:
        warm_up(model, Path(base_model).parent / KERAS_MODEL)
    phases.end("building")
    teachers = train_teachers(settings.model, job) if job.config.teacher else []
    history = fit(model, job, teachers)
    folder = Path(fn_args.serving_model_dir)
    export(model, transform, folder)
    model.save(folder.parent / KERAS_MODEL)
    phases.end("export")
    record = TrainingRecord(
        seconds=round(time.monotonic() - start, 2),
        cpu_seconds=phases.seconds,
        epochs=len(history["loss"]),
        warm_start=base_model,
        windows={"train": _count(job.train), "eval": _count(job.evaluation)},
        parameters=model.count_params(),
        teachers=len(teachers),
        best_eval_accuracy=max(history["val_accuracy"]) if job.evaluation else None,
        history=history,
    )
    record.write(job.log_dir)


def _share_cores() -> None:
    """Let an operator use half of the cores, as several operators run at the same time.

    Ours are small: on two cores, operators of one thread each take a tenth to a quarter less CPU time. XLA runs one
    operator at a time.
    """
    with contextlib.suppress(RuntimeError):  # the process has used TensorFlow before
        tf.config.threading.set_intra_op_parallelism_threads(max(1, len(os.sched_getaffinity(0)) // 2))


def _count(windows: Windows | None) -> int:
    return len(windows.label_ids) if windows else 0


@dataclass(frozen=True)
class TrainerSettings:
    """Settings of the Trainer node, read from its `custom_config`.

    Attributes:
        layout: joint layout of the poses.
        labels: names of the classes, in the order of their ids.
        model: settings of the network.
        training: settings of the training.
        has_eval: whether there is an eval split; true if not given.
        checkpoint_dir: folder from which a killed training is resumed; None if not given.
    """

    layout: Layout
    labels: tuple[str, ...]
    model: ModelConfig
    training: TrainingConfig
    has_eval: bool
    checkpoint_dir: Path | None

    @classmethod
    def from_custom_config(cls, values: dict[str, Any]) -> TrainerSettings:
        """Read and check `custom_config`.

        Its keys are the attributes of this class; `layout` is the name of the layout.
        """
        checkpoint_dir = values.get("checkpoint_dir")
        return cls(
            layout=load_layout(values["layout"]),
            labels=tuple(values["labels"]),
            model=read_model_config(values["model"]),
            training=TrainingConfig.model_validate(values["training"]),
            has_eval=values.get("has_eval", True),
            checkpoint_dir=Path(checkpoint_dir) if checkpoint_dir else None,
        )
