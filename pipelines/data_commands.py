"""`poseline data`: import, make and describe keypoint sequences."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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


@group.command(name="import")
@click.option("--from", "format_", default="npz", show_default=True, metavar="FORMAT", help="Format of SRC: npz.")
@click.argument("src", nargs=-1, required=True, type=_PATH)
@click.option("--to", "target", type=_FOLDER, required=True, help="Data folder; gets a new span-N.")
@click.option("--span", type=click.IntRange(0), help="Number of the span.  [default: the next]")
@click.option("--label", default="unknown", show_default=True, help="Label of sequences that bear none.")
@click.option("--fps", default=30.0, show_default=True, help="Frame rate of sequences that tell none.")
@click.option("--image-height", type=float, help="Height in pixels of images whose size is not told.")
@click.option("--max-quarantined", default=0.05, show_default=True, help="Share of records that may be left out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def data_import(
    format_: str,
    src: tuple[Path, ...],
    target: Path,
    span: int | None,
    label: str,
    fps: float,
    image_height: float | None,
    max_quarantined: float,
    as_json: bool,
) -> None:
    """Import SRC (files or folders) into a new span of canonical Parquet."""
    from dataclasses import asdict

    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from data.importers import ImportOptions, import_to_span

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} records read"), TimeElapsedColumn())
    with Progress(*columns, console=_console(stderr=True), transient=True) as progress:
        task = progress.add_task("import", total=None)
        summary = import_to_span(
            format_,
            list(src),
            target,
            span=span,
            options=ImportOptions(label=label, fps=fps, image_height=image_height),
            max_quarantined=max_quarantined,
            progress=lambda count: progress.update(task, completed=count),
        )
    if as_json:
        click.echo(json.dumps(asdict(summary), indent=1, default=str))
        return
    click.echo(f"{summary.span_dir}: {summary.layout}, {summary.frames:,} frames")
    click.echo(f"  read        {summary.read:>8,}\n  kept        {summary.kept:>8,}")
    for reason, count in summary.quarantined.items():
        click.echo(f"  quarantined {count:>8,}  {reason}")
    for note in summary.notes:
        click.echo(f"  note: {note}")
    if summary.report:
        click.echo(f"  details of what was quarantined: {summary.report}")


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
