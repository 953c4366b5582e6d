"""`poseline run` and `poseline explain-cache`: run the pipeline on this machine, and explain what the cache decides."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from data.errors import InputError
from data.project import PROJECT_ROOT
from data.text import LONGEST, harmless, say
from pipelines.cli.options import config_options, json_option, load, make_console, span_option, workspace_at

if TYPE_CHECKING:
    from pipelines.running.local_runner import RunResult
    from pipelines.workspace import Workspace

group = click.Group("run")

SAMPLE = PROJECT_ROOT / "data" / "sample"
"""Data folder of the bundled sample, after whose run the first step with own recordings is shown."""


@group.command()
@config_options
@span_option
@click.option(
    "--from", "from_node", metavar="NODE", help="First node to run; the results before it come from an earlier run."
)
@click.option("--until", "until_node", metavar="NODE", help="Last node to run.")
@click.option("--no-cache", is_flag=True, help="Run every node, even if its result is in the cache.")
@click.option("--dry-run", is_flag=True, help="Say what would run and why; change nothing.")
@json_option
def run(
    config_name: str,
    data: Path | None,
    root: Path | None,
    overrides: tuple[str, ...],
    span: int | None,
    from_node: str | None,
    until_node: str | None,
    no_cache: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run the pipeline.

    The results of unchanged nodes are taken from the cache.
    """
    from pipelines.driver import prepare_driver

    prepare_driver()
    from pipelines.cli.run_display import summary
    from pipelines.cli.run_display.progress import make_progress
    from pipelines.processes.children import ChildProcesses
    from pipelines.running import late_binding
    from pipelines.running.forecast import forecast
    from pipelines.running.local_runner import run_plan, start_fork_server_if_needed
    from pipelines.running.outcome import collect
    from pipelines.running.plan_cache import obtain_plan
    from pipelines.running.registration import connection_of

    config = load(config_name, data, overrides)
    console = make_console(stderr=as_json)
    workspace = workspace_at(root)
    late_binding.chosen_span(config, span)
    if not dry_run or workspace.root.exists():
        workspace.prepare()
    children = ChildProcesses()
    plan = obtain_plan(config, workspace, children, console.print)
    forecasts = forecast(plan, workspace, connection_of(workspace), span, use_cache=not no_cache)
    if dry_run:
        summary.show_forecast(forecasts, console, as_json=as_json)
        return
    start_fork_server_if_needed(forecasts, plan, children)
    nodes = {"from_node": from_node, "until_node": until_node}
    with make_progress(console) as progress:
        result = run_plan(plan, workspace, children, progress, span=span, use_cache=not no_cache, **nodes)
    report = collect(result, workspace)
    summary.show(report, console, as_json=as_json, is_sample=config.data == SAMPLE)
    _explain_failures(result, workspace, _command_line(config_name, data, root, overrides, span))
    sys.exit(report.exit_code)


def _command_line(
    config_name: str, data: Path | None, root: Path | None, overrides: tuple[str, ...], span: int | None
) -> list[str]:
    arguments = ["poseline", "run", "--config", config_name]
    arguments += ["--data", str(data)] if data else []
    arguments += ["--root", str(root)] if root else []
    arguments += [part for override in overrides for part in ("--set", override)]
    return arguments + (["--span", str(span)] if span is not None else [])


def _explain_failures(result: RunResult, workspace: Workspace, command: list[str]) -> None:
    """Print for each failed node its error, its log and the command that resumes the run."""
    import shlex

    from lineage.comparison import AlteredPayloadError

    for failed in (node for node in result.nodes.values() if node.state == "failed"):
        log = workspace.run_folder(result.run_id) / f"{failed.node}.log"
        say(f"\n{failed.node} failed: {failed.error}", error=True)
        if log.exists():
            say(f"  log:    {harmless(log, LONGEST)}", error=True)
        first = [] if isinstance(failed.error, AlteredPayloadError) else ["--from", failed.node]
        say(f"  resume: {harmless(shlex.join([*command, *first]), LONGEST)}", error=True)


@group.command()
@click.argument("node")
@config_options
@span_option
@json_option
def explain_cache(
    node: str,
    config_name: str,
    data: Path | None,
    root: Path | None,
    overrides: tuple[str, ...],
    span: int | None,
    as_json: bool,
) -> None:
    """Show the cache key of NODE and what changed.

    Prints the parts of the key, and which of them differ from those of the last run.
    """
    from pipelines.driver import prepare_driver

    prepare_driver()
    from pipelines.cli.run_display import summary
    from pipelines.processes.children import ChildProcesses
    from pipelines.running.forecast import forecast
    from pipelines.running.plan_cache import obtain_plan
    from pipelines.running.registration import connection_of

    config = load(config_name, data, overrides)
    workspace = workspace_at(root)
    workspace.prepare()
    plan = obtain_plan(config, workspace, ChildProcesses())
    if node not in plan.nodes:
        raise InputError(f"no node {node!r}", remedy=f"the nodes are: {', '.join(plan.nodes)}")
    forecasts = {entry.node: entry for entry in forecast(plan, workspace, connection_of(workspace), span)}
    summary.show_key(forecasts[node], make_console(), as_json=as_json)
