"""Runs a conversion in a process of its own and explains how it failed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.errors import NodeError
from serving_targets.sandbox.child_process import run_forked, run_module

FAILURE = "failure.json"
STAGE = "stage.txt"
TAIL_LINES = 12


@dataclass(frozen=True)
class ConversionJob:
    """Input, settings and output of a conversion.

    Attributes:
        saved_model: folder of the SavedModel.
        examples: folder with `Split-train/` and `Split-test/`, which contain gzipped TFRecord files.
        schema: path of the schema, `schema.pbtxt`.
        output: folder for the converted files.
        representative_windows: number of training windows that calibrate the int8 quantisation.
        golden_windows: number of test windows to keep with the SavedModel's probabilities.
        evaluation_windows: maximum number of test windows to keep for ModelValidator, whole sequences only.
        seed: seed of the choice of windows.
        core_scope: name scope of the trained layers.
        float16: what to do with the file with float16 weights: `ship`, `compare` or `skip` it.
        dynamic_range: what to do with the file with int8 weights and float activations, likewise.
        facts: content of the contract: `name`, `labels`, `layout`, `channels` (number of channels), `window`,
            `transform` (settings of the preprocessing).
    """

    saved_model: str
    examples: str
    schema: str
    output: str
    representative_windows: int
    golden_windows: int
    evaluation_windows: int
    seed: int
    core_scope: str
    float16: str
    dynamic_range: str
    facts: dict[str, Any]


def run_job(
    job: ConversionJob,
    time_limit_seconds: float,
    scratch: Path,
    worker: str = "components.edge_converter.worker",
    *,
    fork: bool = False,
) -> None:
    """Convert a model in a child process.

    Args:
        job: conversion to run.
        time_limit_seconds: seconds after which the process is killed.
        scratch: empty folder for the job description, the log and the description of a failure.
        worker: dotted name of the converting module.
        fork: whether the process is a copy of this one, which has imported TensorFlow but not used it.

    Raises:
        NodeError: the process crashed, exceeded its time limit or failed; the message names the stage.
    """
    description = scratch / "job.json"
    description.write_text(json.dumps(asdict(job)))
    run = run_forked if fork else run_module
    ending = run(worker, [str(description)], scratch / "log.txt", time_limit_seconds)
    if ending.code is None:
        raise NodeError(
            f"the conversion {ending.fault}; it was {_stage(scratch)}",
            job.saved_model,
            "raise edge.time_limit_seconds, or remove from the model what makes the converter slow",
        )
    if ending.fault is None:
        return
    if (scratch / FAILURE).exists():
        raise NodeError(**json.loads((scratch / FAILURE).read_text()))
    tail = "\n".join(ending.log.splitlines()[-TAIL_LINES:])
    raise NodeError(
        f"the converter {ending.fault} while {_stage(scratch)}",
        f"{job.saved_model}\n{tail}".strip(),
        "the converter does not support an operator of the model: build the model from convolutions, dense layers"
        " and element-wise operators with static shapes, without recurrent layers",
    )


def _stage(scratch: Path) -> str:
    try:
        return (scratch / STAGE).read_text()
    except FileNotFoundError:
        return "starting"
