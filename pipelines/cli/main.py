"""The `poseline` command: finds the module of a command by name and sets the exit code.

A module is imported when its command is needed, and only imports what the command needs when it runs.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from pipelines.cli.failure_report import flush_output, report_failure

# Groups of commands: each is the `group` of its module.
_GROUPS = {"data": "pipelines.cli.data", "lineage": "lineage.cli.commands"}
# Single commands: each belongs to the `group` of its module.
_COMMANDS = {
    "run": "pipelines.cli.run",
    "explain-cache": "pipelines.cli.run",
    "config": "pipelines.cli.inspection",
    "doctor": "pipelines.cli.inspection",
    "tensorboard": "pipelines.cli.inspection",
    "evaluate": "pipelines.cli.bundles",
    "rollback": "pipelines.cli.bundles",
    "compile": "pipelines.cli.orchestrated",
    "prepare": "pipelines.cli.orchestrated",
    "node": "pipelines.cli.orchestrated",
    "runs": "lineage.cli.commands",
}


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
            return importlib.import_module(_GROUPS[name]).group
        if name in _COMMANDS:
            return importlib.import_module(_COMMANDS[name]).group.get_command(ctx, name)
        return None

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
        _print_any_character()
        code = 0
        try:
            with self.make_context("poseline", list(arguments), **extra) as context:
                self.invoke(context)
            flush_output()
        except BaseException as error:  # whatever it is, it must not end as exit code 1
            code = report_failure(error, arguments)
        sys.exit(code)


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
