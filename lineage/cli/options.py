"""Command-line options that several lineage commands share."""

from __future__ import annotations

from pathlib import Path

import click

from lineage.places import DEFAULT_ROOT

PATH = click.Path(path_type=Path)

overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace the file even if it is not an unchanged earlier output."
)
"""Option of every command that writes a file that the user names; see `data.files.output`."""

root_option = click.option(
    "--root",
    type=PATH,
    default=DEFAULT_ROOT,
    show_default=".poseline",
    callback=lambda _context, _option, path: path.absolute(),
    help="Root folder of the runs.",
)
