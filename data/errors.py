"""The errors that users see: what is wrong, where, and what to do about it."""

import enum

from data.text import LONGEST, harmless, printable


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
    """Base class of the errors that are shown as text, without a traceback.

    Attributes:
        what: description of the error in one sentence.
        where: file, row, feature or node of the error.
        remedy: action that the reader can take.
        exit_code: exit code of a command that fails with this error.
    """

    exit_code: int = ExitCode.FAILED

    def __init__(self, what: str, where: str | None = None, remedy: str | None = None) -> None:
        # Exception gets all three, so that pickling between processes keeps them.
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        # A name from outside may be a part of each. No line of it looks like a message or a line of this one.
        lines = [printable(self.what).replace("\n", "\n    ")]
        if self.where:
            lines.append(f"  where:  {harmless(self.where, LONGEST)}")
        if self.remedy:
            lines.append(f"  remedy: {harmless(self.remedy, LONGEST)}")
        return "\n".join(lines)


class InputError(PoselineError):
    """Invalid input or invalid use of a command."""

    exit_code = ExitCode.WRONG_INPUT


class GateError(PoselineError):
    """A gate rejected data or a model."""

    exit_code = ExitCode.REJECTED


class NodeError(PoselineError):
    """A node of the pipeline failed."""

    exit_code = ExitCode.FAILED
