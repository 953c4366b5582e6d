"""`poseline init`: the first step with one's own recordings."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pipelines.cli.options import PATH, json_option, make_console, span_option

group = click.Group("init")


@group.command()
@click.argument("name")
@click.option("--data", type=PATH, required=True, help="Data folder, with a folder span-N for each span.")
@span_option
@click.option("--to", "folder", type=PATH, help="Folder of the configuration.  [default: NAME]")
@json_option
def init(name: str, data: Path, span: int | None, folder: Path | None, as_json: bool) -> None:
    """Write a configuration and a schema for your own recordings.

    Looks at a span and chooses window, division, training and thresholds; each value is explained by a comment. Run it
    again when there are more recordings: it shows what changes, and keeps what you have changed.
    """
    from pipelines.new_project.create import create_project, show

    created = create_project(name, data, folder or Path(name), span)
    if as_json:
        click.echo(json.dumps(created.to_dict(), indent=1))
    else:
        show(created, make_console())
