"""`poseline data`: import, make and describe keypoint sequences."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

_FOLDER = click.Path(path_type=Path, file_okay=False)
_PATH = click.Path(path_type=Path)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=not sys.stdout.isatty())


@click.group(name="data")
def group() -> None:
    """Import, make and describe keypoint sequences."""


def _import_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a source may leave unsaid, in the order of the help."""
    options = (
        click.option("--labels", type=_PATH, help="CSV of label, subject, view... by sequence or file."),
        click.option("--pattern", metavar="P", help="Fields in paths below SRC, such as '{label}/{subject}_{view}'."),
        click.option("--segments", type=_PATH, help="Actions of sessions: a CSV, an ELAN .eaf or a folder of them."),
        click.option("--label-names", type=_PATH, help="Text file, one label a line, for formats that number them."),
        click.option("--label", default="unknown", show_default=True, help="Label of sequences that bear none."),
        click.option(
            "--person",
            type=click.Choice(["tracked", "largest", "confident", "left", "right", "centre"]),
            default="tracked",
            show_default=True,
            help="Who is taken where several are in view.",
        ),
        click.option("--image-size", metavar="WxH", help="Size in pixels of images where it is not told."),
        click.option("--image-height", type=click.FloatRange(1), help="The same, where the height alone matters."),
        click.option("--dimensions", type=click.Choice(["2"]), help="2 leaves out the depth of image landmarks."),
        click.option(
            "--space",
            type=click.Choice(["image", "world"]),
            default="image",
            show_default=True,
            help="Landmarks to take where a format has both.",
        ),
        click.option("--layout", help="Map all sequences to this layout."),
        click.option("--columns", metavar="FIELD=COLUMN,...", help="Names of a CSV's columns, where not found."),
        click.option(
            "--fps", default=30.0, show_default=True, type=click.FloatRange(0.01, 1e4), help="Where none is told."
        ),
        click.option(
            "--time-unit",
            type=click.Choice(["auto", "s", "ms", "us", "frames"]),
            default="auto",
            show_default=True,
            help="Of timestamps.",
        ),
        click.option(
            "--max-gap",
            default=1.0,
            show_default=True,
            type=click.FloatRange(0.0, min_open=True),
            help="Seconds without a pose that split a sequence.",
        ),
        click.option(
            "--fill-gap",
            default=0.2,
            show_default=True,
            type=click.FloatRange(0.0, 0.5),
            help="Seconds without a pose up to which it is interpolated.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@group.command(name="import")
@click.option("--from", "format_", metavar="FORMAT", help="Format of SRC, see `data formats`.  [default: detected]")
@click.argument("src", nargs=-1, required=True, type=_PATH)
@click.option("--to", "target", type=_FOLDER, required=True, help="Data folder; gets a new span-N.")
@click.option("--span", type=click.IntRange(0), help="Number of the span.  [default: the next]")
@_import_options
@click.option(
    "--max-quarantined",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of records that may be left out.",
)
@click.option("--workers", type=click.IntRange(1), help="Processes that read files.  [default: one a core]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def data_import(
    format_: str | None,
    src: tuple[Path, ...],
    target: Path,
    span: int | None,
    max_quarantined: float,
    workers: int | None,
    as_json: bool,
    **told: Any,
) -> None:
    """Import SRC (files or folders) into a new span of canonical Parquet."""
    import os
    from dataclasses import asdict

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from data.importers import ImportProgress, TooManyQuarantinedError, import_to_span
    from data.importers.import_summary import show
    from data.importers.option_parsing import options_from

    options = options_from(told)
    refused: TooManyQuarantinedError | None = None
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=_console(stderr=True), transient=True) as bar:
        task = bar.add_task("files", total=None)

        def step(done: ImportProgress) -> None:
            text = f"sources, {done.records:,} records"
            bar.update(task, completed=done.sources, total=done.of, description=text)

        try:
            summary = import_to_span(
                format_,
                list(src),
                target,
                span=span,
                options=options,
                max_quarantined=max_quarantined,
                workers=workers or os.cpu_count() or 1,
                progress=step,
            )
        except TooManyQuarantinedError as error:
            refused, summary = error, error.summary
    if as_json:
        click.echo(json.dumps(asdict(summary), indent=1, default=str))
    else:
        show(summary, _console())
    if refused is not None:
        raise refused


@group.command(name="formats")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def data_formats(as_json: bool) -> None:
    """List the formats that can be imported."""
    from rich.table import Table

    from data.importers import FORMATS

    if as_json:
        rows = [{"name": one.name, "files": one.suffixes, "about": one.about} for one in FORMATS.values()]
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table("format", "files", "what it is", box=None)
    for one in FORMATS.values():
        table.add_row(one.name, " ".join(one.suffixes), one.about)
    _console().print(table)


@group.command(name="export")
@click.argument("folder", type=_PATH)
@click.option("--span", type=click.IntRange(0), help="Span to export.  [default: the latest]")
@click.option("--as", "format_", required=True, metavar="FORMAT", help="Format to write, see `data formats`.")
@click.option("--to", "target", required=True, type=_PATH, help="File or folder, as the format has it.")
def data_export(folder: Path, span: int | None, format_: str, target: Path) -> None:
    """Write a span in another tool's format."""
    from data.importers.span_export import export_span
    from data.store import span_folder

    export_span(span_folder(folder, span), format_, target)
    click.echo(target)


@group.command(name="synth")
@click.option("--to", "target", type=_FOLDER, required=True, help="Data folder; gets a new span-N.")
@click.option("--span", type=click.IntRange(0), help="Number of the span.  [default: the next]")
@click.option("--subjects", default=24, show_default=True, type=click.IntRange(2), help="People to invent.")
@click.option(
    "--repetitions", default=3, show_default=True, type=click.IntRange(1), help="Clips a movement and person."
)
@click.option("--sessions", default=0, show_default=True, type=click.IntRange(0), help="Whole practice sessions.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="The same seed makes the same data.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def data_synth(
    target: Path, span: int | None, subjects: int, repetitions: int, sessions: int, seed: int, as_json: bool
) -> None:
    """Make synthetic Baduanjin: eight movements by invented people."""
    from data.store import next_span, write_span
    from data.synthetic import SyntheticSpec, generate

    spec = SyntheticSpec(subjects=subjects, repetitions=repetitions, sessions=sessions, seed=seed)
    folder = write_span(target, next_span(target) if span is None else span, generate(spec))
    click.echo(json.dumps({"span": str(folder)}) if as_json else folder)


@group.command(name="describe")
@click.argument("folder", type=_PATH)
@click.option("--span", type=click.IntRange(0), help="Span to describe.  [default: the latest]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def data_describe(folder: Path, span: int | None, as_json: bool) -> None:
    """Count classes, people, views and lengths; show missing joints and confidence."""
    from data import describe
    from data.store import span_folder

    description = describe.describe(span_folder(folder, span))
    if as_json:
        click.echo(json.dumps(description.to_dict(), indent=1))
    else:
        describe.show(description, _console())


@group.command(name="report")
@click.argument("folder", type=_PATH)
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), required=True, help="HTML file.")
@click.option("--span", type=click.IntRange(0), help="Span to show.  [default: the latest]")
@click.option("--against", metavar="SPAN", help="Compare with this span: its number, or a folder of another one.")
def data_report(folder: Path, target: Path, span: int | None, against: str | None) -> None:
    """Show a span on one page: counts, missing joints, health, drift, and skeletons that move."""
    from data.report import write_report
    from data.store import find_span

    other = None
    if against is not None:
        other = find_span(folder, int(against)) if against.isdigit() else find_span(Path(against))
    write_report(find_span(folder, span), target, other)
    click.echo(target)


@group.command(name="propose-schema")
@click.argument("folder", type=_PATH)
@click.option("--config", "config_name", default="baduanjin", show_default=True, help="Name or YAML file.")
@click.option("--span", type=click.IntRange(0), help="Span to look at.  [default: the latest]")
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write the inferred schema here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def data_propose_schema(folder: Path, config_name: str, span: int | None, target: Path | None, as_json: bool) -> None:
    """Infer a schema from a span and show how it differs from the curated one. Changes nothing."""
    import tempfile
    from dataclasses import asdict

    from data.files import write_atomically
    from pipelines import schema_proposal
    from pipelines.config import load_config

    with tempfile.TemporaryDirectory() as scratch:
        proposal = schema_proposal.propose(load_config(config_name), folder, span, Path(scratch))
    if target:
        write_atomically(target, proposal.text)
    if as_json:
        click.echo(json.dumps(asdict(proposal), indent=1))
    else:
        schema_proposal.show(proposal, _console())
