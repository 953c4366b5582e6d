"""TensorBoard on the logs that every Trainer leaves as its `model_run` artifact."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from data.errors import InputError, NodeError


def serve(artifacts: Path, config_name: str | None, host: str, port: int) -> None:
    """Runs TensorBoard until it is interrupted. A training is named by its configuration and its execution's number.

    Args:
        artifacts: folder of all configurations' artifacts.
        config_name: show this configuration alone; all if None.
        host: address to listen on.
        port: 0 takes any free one.

    Raises:
        InputError: nothing was trained there yet.
        NodeError: TensorBoard ended by itself.
    """
    known = sorted(path.name for path in artifacts.iterdir()) if artifacts.is_dir() else []
    if config_name is not None and config_name not in known:
        raise InputError(
            f"nothing of configuration {config_name!r} was run",
            str(artifacts),
            f"there is {', '.join(known)}" if known else "run it first",
        )
    folder = artifacts / config_name if config_name else artifacts
    if not any(folder.rglob("model_run/*/events.out.tfevents.*")):
        raise InputError("there are no training curves yet", str(folder), "run the pipeline first")
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--host", host, "--port", str(port)]
    if code := subprocess.call(command):
        raise NodeError(
            f"TensorBoard ended with exit code {code}", str(folder), "see its message above, or take another --port"
        )
