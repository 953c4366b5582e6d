"""What TFX's Trainer runs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from data.layouts import Layout, load_layout
from trainer_module.config import ModelConfig, TrainingConfig
from trainer_module.dataset import read_windows
from trainer_module.distillation import train_teachers
from trainer_module.models import build_model
from trainer_module.saved_model_export import export
from trainer_module.training import fit
from trainer_module.warm_start import warm_up

KERAS_MODEL = "model.keras"
RECORD = "training.json"


def run_fn(fn_args: FnArgs) -> None:
    """Trains on transformed examples and exports.

    `fn_args.custom_config`: `layout`, name of the joint layout; `labels`, in the order of their ids; `model` and
    `training`, values of ModelConfig and TrainingConfig; optional `has_eval` (true): whether there is an eval split;
    optional `checkpoint_dir`: where a training that was killed goes on from. With `training.warm_start` the weights are
    those of `fn_args.base_model` at first, if there is one.

    Writes the SavedModel to `serving_model_dir`, `model.keras` beside it for a warm start, and TensorBoard logs and
    `training.json` to `model_run_dir`.
    """
    start = time.monotonic()
    task = Task.from_custom_config(fn_args.custom_config)
    keras.utils.set_random_seed(task.training.seed)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    feature_spec = transform.transformed_feature_spec()
    train = read_windows(fn_args.train_files, feature_spec)
    evaluation = read_windows(fn_args.eval_files, feature_spec) if task.has_eval else None

    model = build_model(task.model, task.layout.name, train.poses.shape[1:], len(task.labels))
    if task.training.warm_start and fn_args.base_model:
        warm_up(model, Path(fn_args.base_model).parent / KERAS_MODEL)
    logs = Path(fn_args.model_run_dir)
    how = (train, evaluation, task.labels, task.layout, task.training, logs, task.checkpoint_dir)
    teachers = train_teachers(task.model, *how) if task.training.teacher else []
    history = fit(model, *how, teachers)
    folder = Path(fn_args.serving_model_dir)
    export(model, transform, folder)
    model.save(folder.parent / KERAS_MODEL)
    record = {
        "seconds": round(time.monotonic() - start, 2),
        "epochs": len(history["loss"]),
        "warm_start": fn_args.base_model if task.training.warm_start else None,
        "windows": {"train": len(train.label_ids), "eval": len(evaluation.label_ids) if evaluation else 0},
        "parameters": model.count_params(),
        "teachers": len(teachers),
        "best_eval_accuracy": max(history["val_accuracy"]) if evaluation else None,
        "history": history,
    }
    (logs / RECORD).write_text(json.dumps(record, indent=1) + "\n")


@dataclass(frozen=True)
class Task:
    """What `custom_config` says.

    Attributes:
        layout: of the joints.
        labels: in the order of their ids.
        model: the network.
        training: how to train it.
        has_eval: whether there is an eval split.
        checkpoint_dir: where a killed training is resumed from.
    """

    layout: Layout
    labels: tuple[str, ...]
    model: ModelConfig
    training: TrainingConfig
    has_eval: bool
    checkpoint_dir: Path | None

    @classmethod
    def from_custom_config(cls, values: dict[str, Any]) -> Task:
        """Reads and checks `custom_config`."""
        checkpoint_dir = values.get("checkpoint_dir")
        return cls(
            load_layout(values["layout"]),
            tuple(values["labels"]),
            ModelConfig.model_validate(values["model"]),
            TrainingConfig.model_validate(values["training"]),
            values.get("has_eval", True),
            Path(checkpoint_dir) if checkpoint_dir else None,
        )
