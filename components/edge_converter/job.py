"""A conversion as a process of its own: started, timed, and its end understood."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.sandbox.child_process import run_module
from data.errors import NodeError

FAILURE = "failure.json"
STAGE = "stage.txt"
TAIL_LINES = 12


@dataclass(frozen=True)
class ConversionJob:
    """What is converted, from what, to where.

    Attributes:
        saved_model: folder of the SavedModel.
        examples: folder with `Split-train/` and `Split-test/` of gzipped TFRecords.
        schema: schema.pbtxt.
        output: folder that gets the files.
        representative_windows: training windows that fix the int8 ranges.
        golden_windows: test windows with the SavedModel's answer.
        evaluation_windows: at most so many test windows are kept, whole sequences only.
        seed: chooses the windows.
        core_scope: name scope of the trained layers.
        float16: `ship` a file with float16 weights, too, or make it to `compare`, or `skip` it.
        dynamic_range: the same of a file with int8 weights and float activations.
        facts: what the files shall say of themselves: `name`, `labels`, `layout`, `channels` (their number), `window`,
            `transform` (its settings).
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
    job: ConversionJob, time_limit_seconds: float, scratch: Path, worker: str = "components.edge_converter.worker"
) -> None:
    """Converts in a child process.

    Args:
        job: what to do.
        time_limit_seconds: the child is killed after this time.
        scratch: empty folder for the job's description, log and failure.
        worker: module that does it.

    Raises:
        NodeError: the child crashed, took too long or failed; says at which stage and what to do.
    """
    description = scratch / "job.json"
    description.write_text(json.dumps(asdict(job)))
    ending = run_module(worker, [str(description)], scratch / "log.txt", time_limit_seconds)
    if ending.code is None:
        raise NodeError(
            f"the conversion {ending.fault}; it was {_stage(scratch)}",
            job.saved_model,
            "raise edge.time_limit_seconds, or leave out of the model what makes the converter slow",
        )
    if ending.fault is None:
        return
    if (scratch / FAILURE).exists():
        raise NodeError(**json.loads((scratch / FAILURE).read_text()))
    tail = "\n".join(ending.log.splitlines()[-TAIL_LINES:])
    raise NodeError(
        f"the converter {ending.fault} while {_stage(scratch)}",
        f"{job.saved_model}\n{tail}".strip(),
        "an operator of the model is beyond the converter: build the model of convolutions, dense layers and"
        " element-wise operators with static shapes, without recurrent layers",
    )


def _stage(scratch: Path) -> str:
    try:
        return (scratch / STAGE).read_text()
    except FileNotFoundError:
        return "starting"
