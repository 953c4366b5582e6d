"""The summary of an import on the terminal."""

from typing import TYPE_CHECKING

from data.importers.span_import import ImportSummary

if TYPE_CHECKING:
    from rich.console import Console


def show(summary: ImportSummary, console: "Console") -> None:
    """Print a table of records read, kept, repaired and quarantined, and the assumptions."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, title=None)
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column()
    table.add_row("read", f"{summary.read:,}", f"records in {summary.sources:,} sources ({summary.format})")
    table.add_row("kept", f"{summary.kept:,}", f"{summary.sequences:,} sequences of {summary.layout}")
    for reason, count in summary.repaired.items():
        table.add_row("repaired", f"{count:,}", escape(reason))
    if summary.people_left_out:
        table.add_row("left out", f"{summary.people_left_out:,}", "poses of other people")
    for reason, count in summary.quarantined.items():
        table.add_row("quarantined", f"{count:,}", escape(reason))
    if summary.span_dir:
        console.print(f"{escape(str(summary.span_dir))}: {summary.frames:,} frames", highlight=False)
    console.print(table)
    for note in summary.notes:
        console.print(f"note: {escape(note)}", highlight=False)
    if summary.report:
        console.print(f"quarantined records: {escape(str(summary.report))}", highlight=False)
