"""The commands `poseline lineage ...` that draw, export, query with SQL and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from data.errors import InputError
from data.text import LONGEST, harmless, say
from lineage.cli.options import PATH, overwrite_option, root_option

if TYPE_CHECKING:
    from lineage.drawings.drawing import Drawing
    from lineage.store.reader import LineageStore


@click.command()
@click.argument("target", metavar="ID|RUN")
@click.option("--to", "file", type=PATH, required=True, help="FILE.html, .svg, .dot or .mmd (Mermaid).")
@click.option(
    "--direction",
    type=click.Choice(["both", "back", "forward"]),
    default="both",
    show_default=True,
    help="For an artifact: draw what it was made from, what was made from it, or both.",
)
@overwrite_option
@root_option
def graph(target: str, file: Path, direction: str, overwrite: bool, root: Path) -> None:
    """Draw the lineage of an artifact (by its ID) or of a RUN (or `latest`)."""
    from data.files import output
    from lineage.drawings import dot_mermaid, graph_page, graph_svg
    from lineage.drawings.drawing import draw_run
    from lineage.store.reader import LineageStore

    writers = {
        ".html": graph_page.as_page,
        ".svg": graph_svg.as_svg,
        ".dot": dot_mermaid.as_dot,
        ".mmd": dot_mermaid.as_mermaid,
    }
    if file.suffix not in writers:
        raise InputError(
            f"lineage cannot be drawn as {file.suffix or 'a file without ending'!r}",
            str(file),
            "end it in .html, .svg, .dot or .mmd",
        )
    store = LineageStore.of_root(root)
    with output(file, overwrite=overwrite) as made:
        if target.isdecimal():
            drawing = _draw_artifact(store, int(target), direction)
        else:
            run = store.run(target)
            drawing = draw_run(store.run_subgraph(run), run)
        made.write_text(writers[file.suffix](drawing), encoding="utf-8")
    say(f"{harmless(file, LONGEST)}: {len(drawing.boxes)} boxes, {len(drawing.lines)} lines")


def _draw_artifact(store: LineageStore, artifact_id: int, direction: str) -> Drawing:
    from lineage.drawings.drawing import draw_around
    from lineage.model import Subgraph

    artifact = store.artifact(artifact_id)
    graph = Subgraph(artifacts={artifact.id: artifact})
    if direction != "forward":
        graph = graph.merged_with(store.upstream(artifact.id))
    if direction != "back":
        graph = graph.merged_with(store.downstream(artifact.id))
    return draw_around(graph, artifact)


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["openlineage", "prov", "csv", "parquet"]),
    required=True,
    help="OpenLineage events (one per line), W3C PROV-JSON, or flat tables.",
)
@click.option("--to", "target", type=PATH, required=True, help="File to write; for csv and parquet, a folder to make.")
@click.option("--run", metavar="RUN", help="Export only this run (or `latest`).  [default: the whole store]")
@overwrite_option
@root_option
def export(form: str, target: Path, run: str | None, overwrite: bool, root: Path) -> None:
    """Export lineage for other programs; people are named by digests only."""
    from lineage.exchange.export import export
    from lineage.store.reader import LineageStore

    store = LineageStore.of_root(root)
    export(store, form, target, store.run(run).name if run else None, overwrite=overwrite)
    say(target)


@click.command()
@click.argument("query", required=False)
@click.option("--schema", is_flag=True, help="Print the tables with the meaning of each column.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@root_option
def sql(query: str | None, schema: bool, as_json: bool, as_csv: bool, root: Path) -> None:
    """Run a read-only SQL QUERY over the tables runs, nodes, artifacts, edges, metrics and subjects."""
    from lineage.cli import sql_output
    from lineage.store.reader import LineageStore

    if schema:
        sql_output.show_schema(as_json=as_json)
        return
    if not query:
        raise InputError("there is no query", remedy='give one: poseline lineage sql "SELECT * FROM runs", or --schema')
    if as_json and as_csv:
        raise InputError("--json and --csv were both given", remedy="choose one")
    from lineage.exchange.sql import query as run_query

    columns, rows = run_query(LineageStore.of_root(root), query)
    if as_json:
        sql_output.as_json(columns, rows)
    elif as_csv:
        sql_output.as_csv(columns, rows)
    else:
        sql_output.as_table(columns, rows)


@click.command()
@click.argument("run")
@click.option("--to", "file", type=PATH, required=True, help="FILE.html")
@overwrite_option
@root_option
def report(run: str, file: Path, overwrite: bool, root: Path) -> None:
    """Write the audit report of one RUN (or `latest`) as one page to read, print and sign."""
    from data.files import output
    from lineage.drawings import audit_report
    from lineage.store.reader import LineageStore

    store = LineageStore.of_root(root)
    with output(file, overwrite=overwrite) as made:
        made.write_text(audit_report.as_page(store, root, store.run(run)), encoding="utf-8")
    say(file)


COMMANDS: tuple[click.Command, ...] = (graph, export, sql, report)
