"""The `poseline` command: finds the module of a command by name and sets the exit code.

A module is imported when its command is needed, and only imports what the command needs when it runs.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from pipelines.cli.failure_report import flush_output, report_failure


class _Entry(NamedTuple):
    """The module and the summary of a command or a group."""

    module: str
    summary: str


# The summaries repeat the first sentences of the help texts, so that `--help` imports no module; a test compares them.
_GROUPS = {
    "data": _Entry("pipelines.cli.data", "Import, generate, describe and export keypoint sequences."),
    "lineage": _Entry(
        "lineage.cli.commands", "Trace a file on a phone back to the people in the data, and forward again."
    ),
}
"""Groups of commands: each is the `group` of its module."""
_COMMANDS = {
    "coach": _Entry("pipelines.cli.coach", "Count, score and correct the movements in recordings."),
    "compile": _Entry("pipelines.cli.orchestrated", "Write the DAG manifest for an orchestrator."),
    "config": _Entry("pipelines.cli.inspection", "Print every key of a configuration with its value."),
    "doctor": _Entry("pipelines.cli.inspection", "Check this machine and the installed packages."),
    "evaluate": _Entry("pipelines.cli.bundles", "Measure the accuracy of a pushed bundle."),
    "explain-cache": _Entry("pipelines.cli.run", "Show the cache key of NODE and what changed."),
    "init": _Entry("pipelines.cli.init", "Write a configuration and a schema for your own recordings."),
    "node": _Entry("pipelines.cli.orchestrated", "Run one NODE of a plan."),
    "prepare": _Entry("pipelines.cli.orchestrated", "Start a run for an orchestrator."),
    "rollback": _Entry("pipelines.cli.bundles", "Point a target back to an earlier version."),
    "run": _Entry("pipelines.cli.run", "Run the pipeline."),
    "runs": _Entry(
        "lineage.cli.commands",
        "List the runs: when they started, how many nodes ran or were cached, which node failed.",
    ),
    "sbom": _Entry(
        "pipelines.cli.inspection", "Print the installed packages that Poseline needs, as a CycloneDX document."
    ),
    "tensorboard": _Entry("pipelines.cli.inspection", "Show the curves of all training runs in TensorBoard."),
}
"""Single commands: each belongs to the `group` of its module."""
_COMPLETION = "_POSELINE_COMPLETE"  # set when a shell asks click to complete a command line


class _Poseline(click.Group):
    """The group of all commands, which turns every failure into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands without importing any of them."""
        del ctx
        return sorted([*_GROUPS, *_COMMANDS])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return a command."""
        if name in _GROUPS:
            return importlib.import_module(_GROUPS[name].module).group
        if name in _COMMANDS:
            return importlib.import_module(_COMMANDS[name].module).group.get_command(ctx, name)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and summaries of all commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in sorted((_GROUPS | _COMMANDS).items())])

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and end the process with its exit code; see `click.Command.main`."""
        if not standalone_mode or _COMPLETION in os.environ:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        arguments = sys.argv[1:] if args is None else list(args)
        _open_closed_streams()
        _print_any_character()
        _be_interrupted_by_signals()
        code = 0
        try:
            with self.make_context("poseline", list(arguments), **extra) as context:
                self.invoke(context)
            flush_output()
        except BaseException as error:  # whatever it is, it must not end as exit code 1
            code = report_failure(error, arguments)
        sys.exit(code)


def _open_closed_streams() -> None:
    """Open standard streams that the caller has closed (`>&-`), so that no file gets their number.

    What a library or a child process prints would then be written into that file.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest free number is taken
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def _be_interrupted_by_signals() -> None:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, so that it removes what is half written."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL and threading.current_thread() is threading.main_thread():
            signal.signal(number, signal.default_int_handler)


def _print_any_character() -> None:
    """Escape characters that the terminal's encoding lacks, rather than fail over them."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


@click.group(cls=_Poseline, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="poseline")
def main() -> None:
    """Turn pose keypoints into a gated, quantised action model for the phone.

    Exit codes: 0 done, 1 a gate rejected the data or the model, 2 wrong use or input, 3 a node failed or something
    unexpected happened.
    """
