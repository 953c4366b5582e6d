"""Starts TensorBoard on the training logs of all runs, which are the `model_run` artifacts of Trainer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from data.errors import InputError, NodeError
from data.system.child_environment import child_environment


def serve(artifacts: Path, config_name: str | None, host: str, port: int) -> None:
    """Run TensorBoard until it is interrupted.

    It names each training by its configuration and the id of its execution.

    Args:
        artifacts: folder with the artifacts of all configurations.
        config_name: name of the configuration to show; None shows all.
        host: address to listen on.
        port: port to listen on; 0 takes any free port.

    Raises:
        InputError: there are no training logs in the folder.
        NodeError: TensorBoard ended with an error.
    """
    known = sorted(path.name for path in artifacts.iterdir()) if artifacts.is_dir() else []
    if config_name is not None and config_name not in known:
        raise InputError(
            f"configuration {config_name!r} has not been run",
            str(artifacts),
            f"these have been run: {', '.join(known)}" if known else "run it first",
        )
    folder = artifacts / config_name if config_name else artifacts
    if not any(folder.rglob("model_run/*/events.out.tfevents.*")):
        raise InputError("there are no training curves yet", str(folder), "run the pipeline first")
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--host", host, "--port", str(port)]
    if code := subprocess.call(command, env=child_environment()):
        raise NodeError(
            f"TensorBoard ended with exit code {code}", str(folder), "see its message above, or choose another --port"
        )
