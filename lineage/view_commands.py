"""Commands that draw, export and report."""

from __future__ import annotations

from pathlib import Path

import click

from data.errors import InputError
from lineage.options import PATH, root_option

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
    from lineage import drawing, graph_page, graph_svg, graph_text
    from lineage.model import Subgraph
    from lineage.store import LineageStore

    writers = dict(
        zip(
            _DRAWN_AS,
            (graph_page.as_page, graph_svg.as_svg, graph_text.as_dot, graph_text.as_mermaid),
            strict=True,
        )
    )
    if file.suffix not in writers:
        raise InputError(f"no drawing as {file.suffix or 'a file without ending'!r}", str(file), "end it in .html, .svg, .dot or .mmd")
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


COMMANDS: tuple[click.Command, ...] = (graph,)
