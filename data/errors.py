"""Errors that a person is meant to read: what was wrong, where, and what to do about it."""

import enum


class ExitCode(enum.IntEnum):
    """Exit codes of every `poseline` command."""

    DONE = 0
    REJECTED = 1
    WRONG_INPUT = 2
    FAILED = 3
    SKIPPED = 99
    INTERRUPTED = 130
    NO_READER = 141


class PoselineError(Exception):
    """Base of every error that Poseline explains instead of tracing.

    Attributes:
        what: one sentence, what is wrong.
        where: file, row, feature or node it was found in.
        remedy: what the reader can do about it.
        exit_code: what a command ends with when this error reaches its top.
    """

    exit_code: int = ExitCode.FAILED

    def __init__(self, what: str, where: str | None = None, remedy: str | None = None) -> None:
        # All three are arguments of Exception, so that pickling between processes keeps them.
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where:  {self.where}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


class InputError(PoselineError):
    """Wrong use or wrong input."""

    exit_code = ExitCode.WRONG_INPUT


class GateError(PoselineError):
    """A gate looked at data or a model and said no."""

    exit_code = ExitCode.REJECTED


class NodeError(PoselineError):
    """A node of the pipeline failed."""

    exit_code = ExitCode.FAILED
