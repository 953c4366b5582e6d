"""`poseline init`: the first step with one's own recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from data.text import say_json
from pipelines.cli.data import import_options
from pipelines.cli.options import PATH, json_option, make_console, span_option

group = click.Group("init")


@group.command()
@click.argument("name")
@click.option(
    "--data", type=PATH, required=True, help="Your recordings: a data folder with span-N/, or files to import first."
)
@span_option
@click.option("--from", "format_", metavar="FORMAT", help="Format of files to import.  [default: detected]")
@click.option("--to", "folder", type=PATH, help="Folder of the configuration.  [default: NAME]")
@import_options
@json_option
def init(
    name: str,
    data: Path,
    span: int | None,
    format_: str | None,
    folder: Path | None,
    as_json: bool,
    **source_options: Any,
) -> None:
    """Write a configuration and a schema for your own recordings.

    Looks at the recordings and chooses window, division, training and thresholds; each value is explained by a comment.
    Recordings that are not in a data folder yet are imported into NAME/data first. Run it again when there are more
    recordings: it shows what changes, and keeps what you have changed.
    """
    import os

    from data.importers.import_summary import show as show_import
    from data.importers.option_parsing import options_from
    from data.output.progress import counting
    from pipelines.new_project.create import check_name, create_project, show
    from pipelines.new_project.project_files import check_folder
    from pipelines.new_project.raw_recordings import DATA, import_recordings, is_imported

    check_name(name)
    folder = folder or Path(name)
    check_folder(folder, f"{name}.yaml")
    console = make_console(stderr=as_json)
    if not is_imported(data):
        options = options_from(source_options)
        with counting(make_console(stderr=True), "sources") as update:
            summary = import_recordings(
                data,
                folder,
                options,
                workers=os.cpu_count() or 1,
                format_=format_,
                progress=lambda done: update(done.sources, done.of, f"{done.records:,} records"),
            )
        if summary:
            show_import(summary, console)
        data = folder / DATA
    created = create_project(name, data, folder, span)
    if as_json:
        say_json(created.to_dict())
    else:
        show(created, console)
