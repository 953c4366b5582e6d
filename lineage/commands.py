"""`poseline lineage`: what was recorded, asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lineage import view_commands
from lineage.place import DEFAULT_ROOT


@click.group(name="lineage")
def group() -> None:
    """From a file on a phone back to the people in the data, and forward again.

    Exit codes: 0 answered, 1 not known or not in order, 2 wrong use, 3 the store cannot be read.
    """


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--root` and `--json`, which every question has."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--root",
            type=click.Path(path_type=Path),
            default=DEFAULT_ROOT,
            show_default=".poseline",
            callback=lambda _context, _option, path: path.absolute(),
            help="Root folder of the runs.",
        ),
    ):
        command = option(command)
    return command


for _command in view_commands.COMMANDS:
    group.add_command(_command)
