"""Runs a `poseline` command in the pipeline's environment, for as long as the task lives and not longer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

_SKIPPED = 99
_LOGGED = 20_000
_GATE_SAID_NO, _WRONG_INPUT = 1, 2
_SECONDS_TO_CLEAR_UP = 4.0  # Airflow waits 5 s before it kills the task itself
_SECRETS = ("AIRFLOW_", "_AIRFLOW")


class PoselineProcess:
    """One command; its lines go to the task's log while it runs, its JSON comes back."""

    def __init__(self, python: str, project: str, log: Any) -> None:
        self._python, self._project, self._log = python, project, log
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Runs `poseline` with these arguments.

        Returns:
            The JSON that it printed.

        Raises:
            AirflowSkipException: the node was skipped.
            AirflowFailException: a gate said no, the input is wrong, or there is no environment: retrying won't help.
            AirflowException: anything else, such as a process that was killed: retrying may help.
        """
        command = [self._python, "-m", "pipelines.cli", *arguments]
        self._log.info("$ %s", " ".join(command))
        try:
            self._process = subprocess.Popen(
                command,
                cwd=self._project,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise AirflowFailException(
                f"the pipeline's environment cannot be used ({error}): run `make setup` in {self._project}, then "
                "`poseline compile` if it stands elsewhere now, and clear this task"
            ) from error
        try:
            output, complaint = self._pump(self._process)
            code = self._process.wait()
            if code:
                self._log.info("%s", output[:_LOGGED])
        finally:
            self.end()
        return _judged(code, output, complaint)

    def end(self) -> None:
        """Ends the command with all its children: first asks, so that it records its failure and clears up."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self._log.warning("ending process %s", process.pid)
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS_TO_CLEAR_UP)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
        kept.pop("VIRTUAL_ENV", None)
        return kept | {"PYTHONPATH": self._project, "PYTHONUNBUFFERED": "1"}

    def _pump(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """Passes standard error on line by line; returns standard output, and what was said from `error:` on."""
        assert process.stdout is not None
        assert process.stderr is not None
        output: list[str] = []
        reader = threading.Thread(target=lambda: output.append(process.stdout.read()), daemon=True)  # type: ignore[union-attr]
        reader.start()
        complaint: list[str] = []
        for line in process.stderr:
            text = line.rstrip("\n")
            self._log.info("%s", text)
            if complaint or text.startswith(("error:", "Error:")):
                complaint.append(text)
        reader.join()
        return "".join(output), "\n".join(complaint)


def _judged(code: int, output: str, complaint: str) -> dict[str, Any]:
    try:
        result = json.loads(output)
    except ValueError:
        result = {}
    if code == 0 and result:
        return result
    if code == _SKIPPED:
        raise AirflowSkipException(result.get("reason") or "TFX skipped this node")
    reason = result.get("error") or complaint.removeprefix("error:").strip()
    if code == _WRONG_INPUT or (code == _GATE_SAID_NO and result):
        raise AirflowFailException(f"not retried: {reason}")
    if code < 0:
        raise AirflowException(f"the process was ended by signal {-code}")
    raise AirflowException(reason or f"the process ended with exit code {code}: see above, and run `poseline doctor`")
