"""The summary of an import on the terminal."""

from typing import TYPE_CHECKING

from data.importers.span_import import ImportSummary
from data.layouts import layout_label

if TYPE_CHECKING:
    from data.output.terminal import Terminal


def show(summary: ImportSummary, console: "Terminal") -> None:
    """Print a table of records read, kept, repaired and quarantined, and the assumptions."""
    from rich.table import Table

    table = Table(box=None, show_header=False, title=None)
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column()
    table.add_row("read", f"{summary.read:,}", f"records in {summary.sources:,} sources ({summary.format})")
    table.add_row("kept", f"{summary.kept:,}", f"{summary.sequences:,} sequences of {layout_label(summary.layout)}")
    for reason, count in summary.repaired.items():
        table.add_row("repaired", f"{count:,}", reason)
    if summary.people_left_out:
        table.add_row("left out", f"{summary.people_left_out:,}", "poses of other people")
    for reason, count in summary.quarantined.items():
        table.add_row("quarantined", f"{count:,}", reason)
    if summary.span_dir:
        console.print(f"{summary.span_dir}: {summary.frames:,} frames")
    console.print(table)
    for note in summary.notes:
        console.print(f"note: {note}")
    if summary.report:
        console.print(f"quarantined records: {summary.report}")
