"""Commands that draw, export and report."""

from __future__ import annotations

from pathlib import Path

import click

from data.errors import InputError
from lineage.cli.options import PATH, root_option

_DRAWN_AS = (".html", ".svg", ".dot", ".mmd")


@click.command()
@click.argument("target", metavar="ID|RUN")
@click.option("--to", "file", type=PATH, required=True, help="FILE.html, .svg, .dot or .mmd (Mermaid).")
@click.option(
    "--direction",
    type=click.Choice(["both", "back", "forward"]),
    default="both",
    show_default=True,
    help="Of an artifact: what it was made of, what was made of it, or both.",
)
@root_option
def graph(target: str, file: Path, direction: str, root: Path) -> None:
    """Draw the lineage of an artifact (by its ID) or of a RUN (or `latest`)."""
    from data.files import write_atomically
    from lineage.drawings import dot_mermaid, drawing, graph_page, graph_svg
    from lineage.model import Subgraph
    from lineage.store.reader import LineageStore

    writers = dict(
        zip(
            _DRAWN_AS,
            (graph_page.as_page, graph_svg.as_svg, dot_mermaid.as_dot, dot_mermaid.as_mermaid),
            strict=True,
        )
    )
    if file.suffix not in writers:
        raise InputError(
            f"no drawing as {file.suffix or 'a file without ending'!r}",
            str(file),
            "end it in .html, .svg, .dot or .mmd",
        )
    store = LineageStore.of_root(root)
    if target.isdecimal():
        artifact = store.artifact(int(target))
        both = Subgraph(artifacts={artifact.id: artifact})
        for part in (
            *([store.upstream(artifact.id)] if direction != "forward" else []),
            *([store.downstream(artifact.id)] if direction != "back" else []),
        ):
            both.artifacts |= part.artifacts
            both.executions |= part.executions
            both.runs |= part.runs
            both.edges = list(dict.fromkeys([*both.edges, *part.edges]))
        drawn = drawing.draw_around(both, artifact)
    else:
        run = store.run(target)
        drawn = drawing.draw_run(store.run_subgraph(run), run)
    write_atomically(file, writers[file.suffix](drawn))
    click.echo(f"{file}: {len(drawn.boxes)} boxes, {len(drawn.lines)} lines")


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["openlineage", "prov", "csv", "parquet"]),
    required=True,
    help="OpenLineage events (a line each), W3C PROV-JSON, or flat tables.",
)
@click.option("--to", "target", type=PATH, required=True, help="File; of csv and parquet, a folder to be made.")
@click.option("--run", metavar="RUN", help="Only this run (or `latest`).  [default: the whole store]")
@root_option
def export(form: str, target: Path, run: str | None, root: Path) -> None:
    """Write lineage for other programs; people stand in it as digests, not by name."""
    from lineage.exchange import export as exports
    from lineage.store.reader import LineageStore

    store = LineageStore.of_root(root)
    exports.export(store, form, target, store.run(run).name if run else None)
    click.echo(target)


@click.command()
@click.argument("query", required=False)
@click.option("--schema", is_flag=True, help="Print the tables and their columns.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@root_option
def sql(query: str | None, schema: bool, as_json: bool, as_csv: bool, root: Path) -> None:
    """Answer a read-only SQL QUERY over runs, nodes, artifacts, edges, metrics and subjects."""
    from lineage.cli import display_rows
    from lineage.store.reader import LineageStore

    if schema:
        display_rows.show_schema(as_json=as_json)
        return
    if not query:
        raise InputError("there is no query", remedy='give one: poseline lineage sql "SELECT * FROM runs", or --schema')
    if as_json and as_csv:
        raise InputError("--json and --csv at once", remedy="choose one")
    from lineage.exchange import sql as database

    columns, rows = database.query(LineageStore.of_root(root), query)
    show = display_rows.as_json if as_json else display_rows.as_csv if as_csv else display_rows.as_table
    show(columns, rows)


@click.command()
@click.argument("run")
@click.option("--to", "file", type=PATH, required=True, help="FILE.html")
@root_option
def report(run: str, file: Path, root: Path) -> None:
    """Write the audit record of one RUN (or `latest`) on one page: to read, to print, to sign."""
    from data.files import write_atomically
    from lineage.drawings import audit_report as record
    from lineage.store.reader import LineageStore

    store = LineageStore.of_root(root)
    write_atomically(file, record.as_page(store, root, store.run(run)))
    click.echo(file)


COMMANDS: tuple[click.Command, ...] = (graph, export, sql, report)
