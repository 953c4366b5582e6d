"""Runs a `poseline` command in the pipeline's environment and ends it when the Airflow task ends.

`serving_targets.sandbox.child_process`, which starts the project's other processes, cannot be used: this module runs in
Airflow's environment, which contains none of the project's packages. It also passes the output on line by line, and
ends the command with SIGTERM first, so that the failure is recorded in ML Metadata.
"""

from __future__ import annotations

import contextlib
import enum
import json
import logging
import os
import shlex
import signal
import subprocess
import threading
import unicodedata
from collections.abc import Sequence
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

_LOGGED_CHARACTERS = 20_000
_SECONDS_TO_END = 4.0  # Airflow kills the task itself after 5 s
_WARNINGS = ("warning:", "WARNING:", "Warning:")
_SECRETS = ("AIRFLOW_", "_AIRFLOW")
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_KEPT = "\n\t\u200c\u200d"  # the joiners are a part of the spelling of many scripts


class ExitCode(enum.IntEnum):
    """Exit codes of `poseline`, as in `data.errors.ExitCode`; a test compares the two."""

    DONE = 0
    REJECTED = 1
    WRONG_INPUT = 2
    FAILED = 3
    SKIPPED = 99
    INTERRUPTED = 130
    NO_READER = 141


def visible(text: str) -> str:
    """Return a text with control and direction characters as escapes, for logs, XCom and events.

    The command has done this already, as `data.text.printable` does; a library that it uses, or a crash, has not.
    """
    return "".join(c.encode("unicode_escape").decode("ascii") if _is_unseen(c) else c for c in text)


def _is_unseen(character: str) -> bool:
    return character not in _KEPT and unicodedata.category(character) in _UNSEEN


def _visible_values(value: Any) -> Any:
    """Return a value from JSON in which every text is visible."""
    if isinstance(value, dict):
        return {visible(name): _visible_values(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_visible_values(entry) for entry in value]
    return visible(value) if isinstance(value, str) else value


class PoselineProcess:
    """A `poseline` command, whose output appears in the task's log while it runs.

    Args:
        python: Python interpreter of the pipeline's environment.
        project: folder of the project's code.
        log: logger of the task.
    """

    def __init__(self, python: str, project: str, log: Any) -> None:
        self._python, self._project, self._log = python, project, log
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Run `poseline` with these arguments.

        Returns:
            The JSON object that the command printed.

        Raises:
            AirflowSkipException: the node was skipped.
            AirflowFailException: retrying is useless: a gate rejected, the input is wrong, or the environment is
                missing.
            AirflowException: retrying may help, for example because the process was killed.
        """
        command = [self._python, "-m", "pipelines.cli", *arguments]
        self._log.info("$ %s", visible(shlex.join(command)))
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
                "`poseline compile` if it was moved, and clear this task"
            ) from error
        try:
            output, error_text = self._pump(self._process)
            code = self._process.wait()
        finally:
            self.end()
        try:
            result = _visible_values(json.loads(output))
        except ValueError:
            result = {}
            if code:
                self._log.error("%s", visible(output[:_LOGGED_CHARACTERS]))
        return _result_or_exception(code, result, error_text)

    def end(self) -> None:
        """End the command and all its child processes, first with SIGTERM, so that it can record its failure."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self._log.warning("ending process %s", process.pid)
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS_TO_END)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
        kept.pop("VIRTUAL_ENV", None)
        return kept | {"PYTHONPATH": self._project, "PYTHONUNBUFFERED": "1"}

    def _pump(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """Log standard error line by line; return standard output, and the end of standard error from `error:` on."""
        assert process.stdout is not None
        assert process.stderr is not None
        output: list[str] = []
        reader = threading.Thread(target=lambda: output.append(process.stdout.read()), daemon=True)  # type: ignore[union-attr]
        reader.start()
        error_text: list[str] = []
        for line in process.stderr:
            text = visible(line.rstrip("\n"))
            if error_text or text.startswith(("error:", "Error:")):
                error_text.append(text)
            level = logging.ERROR if error_text else logging.WARNING if text.startswith(_WARNINGS) else logging.INFO
            self._log.log(level, "%s", text)
        reader.join()
        return "".join(output), "\n".join(error_text)


def _result_or_exception(code: int, result: dict[str, Any], error_text: str) -> dict[str, Any]:
    """Return the command's result, or raise the exception by which Airflow decides whether to retry."""
    if code == 0 and result:
        return result
    if code == ExitCode.SKIPPED:
        raise AirflowSkipException(result.get("reason") or "TFX skipped this node")
    reason = result.get("error") or error_text.removeprefix("error:").strip()
    # A damaged environment also ends with 1 (Python's own code for an exception), but without a result.
    if code == ExitCode.WRONG_INPUT or (code == ExitCode.REJECTED and result):
        raise AirflowFailException(f"not retried: {reason}")
    if code < 0:
        raise AirflowException(f"the process was ended by signal {-code}")
    raise AirflowException(reason or f"the process ended with exit code {code}: see above, and run `poseline doctor`")
