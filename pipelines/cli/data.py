"""`poseline data`: commands that import, generate, describe and export keypoint sequences."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.text import say, say_json
from lineage.cli.options import overwrite_option
from pipelines.cli.options import PATH, OutputPath, json_option, make_console

if TYPE_CHECKING:
    pass

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(name="data")
def group() -> None:
    """Import, generate, describe and export keypoint sequences."""


def _span_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("--span", type=click.IntRange(0), help=f"Number of the span to {what}.  [default: the latest]")


def _new_span_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--to` and `--span` to a command that makes a span."""
    for option in (
        click.option("--span", type=click.IntRange(0), help="Number of the new span.  [default: the next free number]"),
        click.option("--to", "target", type=_FOLDER, required=True, help="Data folder that gets a new folder span-N."),
    ):
        command = option(command)
    return command


def import_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for what the sources do not say, in the order of the help text."""
    for option in reversed((*_LABEL_OPTIONS, *_IMAGE_OPTIONS, *_TIME_OPTIONS)):
        command = option(command)
    return command


_LABEL_OPTIONS = (
    click.option("--labels", type=PATH, help="CSV with label, subject, view, ... of each sequence or file."),
    click.option("--pattern", metavar="P", help="Pattern of paths below SRC, such as '{label}/{subject}_{view}'."),
    click.option("--segments", type=PATH, help="Segments of sessions: a CSV, an ELAN .eaf or a folder of them."),
    click.option("--label-names", type=PATH, help="Text file with one label per line, for formats with label numbers."),
    click.option("--label", default="unknown", show_default=True, help="Label of sequences that have none."),
    click.option(
        "--person",
        type=click.Choice(["tracked", "largest", "confident", "left", "right", "centre"]),
        default="tracked",
        show_default=True,
        help="Person to take where several are in view.",
    ),
)
_IMAGE_OPTIONS = (
    click.option("--image-size", metavar="WxH", help="Image size in pixels, for files that do not contain it."),
    click.option("--image-height", type=click.FloatRange(1), help="Image height in pixels, if the width is not known."),
    click.option("--dimensions", type=click.Choice(["2"]), help="Set to 2 to drop the depth of image landmarks."),
    click.option("--y-up", is_flag=True, help="Turn poses over whose y grows the other way, so that heads are up."),
    click.option(
        "--space",
        type=click.Choice(["image", "world"]),
        default="image",
        show_default=True,
        help="Landmarks to take from formats that have both.",
    ),
    click.option("--layout", help="Layout to convert all sequences to: a name, or the YAML file of your own."),
    click.option("--columns", metavar="FIELD=COLUMN,...", help="Columns of a CSV that are not recognised by name."),
)
_TIME_OPTIONS = (
    click.option(
        "--fps",
        type=click.FloatRange(0.01, 1e4),
        help="Frames per second of files that contain neither a frame rate nor timestamps.  [default: 30]",
    ),
    click.option(
        "--time-unit",
        type=click.Choice(["auto", "s", "ms", "us", "ns", "frames"]),
        default="auto",
        show_default=True,
        help="Unit of the timestamps.",
    ),
    click.option(
        "--max-gap",
        default=1.0,
        show_default=True,
        type=click.FloatRange(0.0, min_open=True),
        help="Seconds without a pose after which a new sequence starts.",
    ),
    click.option(
        "--fill-gap",
        default=0.2,
        show_default=True,
        type=click.FloatRange(0.0, 0.5),
        help="Longest gap that is interpolated, in seconds.",
    ),
)


@group.command(name="import")
@click.option("--from", "format_", metavar="FORMAT", help="Format of SRC; see `data formats`.  [default: detected]")
@click.argument("src", nargs=-1, required=True, type=PATH)
@_new_span_options
@import_options
@click.option(
    "--max-quarantined",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Largest share of records that may be quarantined.",
)
@click.option(
    "--workers", type=click.IntRange(1), help="Number of processes that read files.  [default: number of cores]"
)
@json_option
def data_import(
    format_: str | None,
    src: tuple[Path, ...],
    target: Path,
    span: int | None,
    max_quarantined: float,
    workers: int | None,
    as_json: bool,
    **source_options: Any,
) -> None:
    """Import SRC, files or folders, into a new span of canonical Parquet."""
    import os
    from dataclasses import asdict

    from data.importers import TooManyQuarantinedError, import_to_span
    from data.importers.import_summary import show
    from data.importers.option_parsing import options_from
    from data.output.progress import counting

    options = options_from(source_options)
    too_many: TooManyQuarantinedError | None = None
    with counting(make_console(stderr=True), "sources") as update:
        try:
            summary = import_to_span(
                format_,
                list(src),
                target,
                span=span,
                options=options,
                max_quarantined=max_quarantined,
                workers=workers or os.cpu_count() or 1,
                progress=lambda done: update(done.sources, done.of, f"{done.records:,} records"),
            )
        except TooManyQuarantinedError as error:
            too_many, summary = error, error.summary
    if as_json:
        say_json(asdict(summary))
    else:
        show(summary, make_console())
    if too_many is not None:
        raise too_many


@group.command(name="formats")
@json_option
def data_formats(as_json: bool) -> None:
    """List the formats that can be imported."""
    from rich.table import Table

    from data.importers import FORMATS

    if as_json:
        rows = [{"name": one.name, "files": one.suffixes, "about": one.about} for one in FORMATS.values()]
        say_json(rows)
        return
    table = Table("format", "files", "what it is", box=None)
    for one in FORMATS.values():
        table.add_row(one.name, " ".join(one.suffixes), one.about)
    make_console().print(table)


@group.command(name="export")
@click.argument("folder", type=PATH)
@_span_option("export")
@click.option("--as", "format_", required=True, metavar="FORMAT", help="Format to write; see `data formats`.")
@click.option("--to", "target", required=True, type=OutputPath(), help="File or folder to write.")
@overwrite_option
def data_export(folder: Path, span: int | None, format_: str, target: Path, overwrite: bool) -> None:
    """Write a span in the format of another tool."""
    from data.importers.span_export import export_span
    from data.store import span_folder

    export_span(span_folder(folder, span), format_, target, overwrite=overwrite)
    say(target)


@group.command(name="synth")
@_new_span_options
@click.option("--subjects", default=24, show_default=True, type=click.IntRange(2), help="Number of synthetic people.")
@click.option(
    "--repetitions", default=3, show_default=True, type=click.IntRange(1), help="Clips of each movement by each person."
)
@click.option("--sessions", default=0, show_default=True, type=click.IntRange(0), help="Number of long sessions.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="The same seed generates the same data."
)
@json_option
def data_synth(
    target: Path, span: int | None, subjects: int, repetitions: int, sessions: int, seed: int, as_json: bool
) -> None:
    """Generate synthetic Baduanjin: eight movements, performed by synthetic people."""
    from data.store import next_span, write_span
    from data.synthetic import SyntheticSpec, generate

    spec = SyntheticSpec(subjects=subjects, repetitions=repetitions, sessions=sessions, seed=seed)
    folder = write_span(target, next_span(target) if span is None else span, generate(spec))
    if as_json:
        say_json({"span": str(folder)}, indent=None)
    else:
        say(folder)


@group.command(name="describe")
@click.argument("folder", type=PATH)
@_span_option("describe")
@json_option
def data_describe(folder: Path, span: int | None, as_json: bool) -> None:
    """Count the labels, people, views and lengths of a span, and show its missing joints and confidences."""
    from data import describe
    from data.store import span_folder

    description = describe.describe(span_folder(folder, span))
    if as_json:
        say_json(description.to_dict())
    else:
        describe.show(description, make_console())


@group.command(name="report")
@click.argument("folder", type=PATH)
@click.option("--to", "target", type=OutputPath(dir_okay=False), required=True, help="HTML file to write.")
@overwrite_option
@_span_option("show")
@click.option("--against", metavar="SPAN", help="Span to compare with: a number, or the folder of another span.")
def data_report(folder: Path, target: Path, overwrite: bool, span: int | None, against: str | None) -> None:
    """Write an HTML page about a span: counts, missing joints, health, drift and moving skeletons."""
    from data.report import write_report
    from data.store import find_span

    other = None
    if against is not None:
        other = find_span(folder, int(against)) if against.isdigit() else find_span(Path(against))
    write_report(find_span(folder, span), target, other, overwrite=overwrite)
    say(target)


@group.command(name="propose-schema")
@click.argument("folder", type=PATH)
@click.option("--config", "config_name", default="baduanjin", show_default=True, help="Name or YAML file.")
@_span_option("infer from")
@click.option("--to", "target", type=OutputPath(dir_okay=False), help="File for the inferred schema.")
@overwrite_option
@json_option
def data_propose_schema(
    folder: Path, config_name: str, span: int | None, target: Path | None, overwrite: bool, as_json: bool
) -> None:
    """Infer a schema from a span and compare it with the curated schema, which is not changed."""
    import tempfile
    from dataclasses import asdict

    from data.files import output
    from pipelines import schema_proposal
    from pipelines.config import load_config

    with contextlib.ExitStack() as stack:
        made = stack.enter_context(output(target, overwrite=overwrite)) if target else None
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        proposal = schema_proposal.propose(load_config(config_name), folder, span, Path(scratch))
        if made:
            made.write_text(proposal.text, encoding="utf-8")
    if as_json:
        say_json(asdict(proposal))
    else:
        schema_proposal.show(proposal, make_console())
