"""`poseline compile`, `prepare` and `node`: the commands by which an orchestrator such as Airflow runs the pipeline."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from data.text import say, say_json
from lineage.cli.options import overwrite_option
from pipelines.cli.options import (
    PATH,
    OutputPath,
    all_overrides,
    config_options,
    load,
    root_option,
    run_id_option,
    span_option,
    workspace_at,
)

group = click.Group("orchestrated")


@group.command(name="compile")
@config_options
@click.option(
    "--to", "target", type=OutputPath(dir_okay=False), help="File to write.  [default: manifests/NAME.json in the root]"
)
@overwrite_option
def compile_(
    config_name: str,
    data: Path | None,
    root: Path | None,
    overrides: tuple[str, ...],
    target: Path | None,
    overwrite: bool,
) -> None:
    """Write the DAG manifest for an orchestrator.

    The file holds the plan and everything that an orchestrator needs to draw the graph. `poseline prepare` starts a
    run from it; `poseline node` can run single nodes from it.
    """
    from pipelines.driver import prepare_driver

    prepare_driver()
    from data.files import output, replacing
    from pipelines.compilation.dag_manifest import ConfigSource, with_all_nodes, write_manifest
    from pipelines.processes.children import ChildProcesses
    from pipelines.running.plan_cache import obtain_plan

    workspace = workspace_at(root)
    workspace.prepare()
    config = load(config_name, data, overrides)
    if (named := Path(config_name)).is_file():
        config_name = str(named.absolute())
    source = ConfigSource(config_name, all_overrides(data, overrides))
    children = ChildProcesses()
    made = output(target, overwrite=overwrite) if target else replacing(workspace.manifest(config.name))
    with made as file:
        plan, complete = (obtain_plan(wanted, workspace, children) for wanted in (config, with_all_nodes(source)))
        write_manifest(plan, complete, source, workspace, file)
    say(target or workspace.manifest(config.name))


@group.command()
@click.option("--manifest", type=PATH, required=True, help="DAG manifest that `poseline compile` wrote.")
@run_id_option("Name of the run in the metadata store.")
@root_option
@span_option
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a key of the configuration.")
@click.option("--no-cache", is_flag=True, help="Run every node, even if its result is in the cache.")
@click.option("--fact", "facts", multiple=True, metavar="NAME=TEXT", help="Custom property to record with the run.")
def prepare(
    manifest: Path,
    run_id: str,
    root: Path | None,
    span: int | None,
    overrides: tuple[str, ...],
    no_cache: bool,
    facts: tuple[str, ...],
) -> None:
    """Start a run for an orchestrator.

    Compiles the plan of the run, records the run in the metadata store and prints JSON. Its `plan_file` is the file
    that `poseline node --plan` takes.
    """
    from pipelines.driver import prepare_driver

    prepare_driver()
    from pipelines.running.stepwise_runner import prepare_run

    workspace = workspace_at(root)
    workspace.prepare()
    prepared = prepare_run(
        manifest,
        workspace,
        run_id,
        span=span,
        overrides=overrides,
        use_cache=not no_cache,
        facts=dict(fact.partition("=")[::2] for fact in facts),
        say=lambda line: say(line, error=True),
    )
    say_json(prepared, indent=None)


def _attempt_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--try` and `--cleared`, by which an orchestrator distinguishes its attempts at a node."""
    for option in (
        click.option(
            "--cleared",
            type=click.IntRange(0),
            default=0,
            help="Number of times the task was cleared; earlier successful attempts do not count.",
        ),
        click.option(
            "--try", "try_number", type=click.IntRange(0), default=0, help="Number of the attempt in the orchestrator."
        ),
    ):
        command = option(command)
    return command


@group.command()
@click.argument("node")
@click.option("--plan", "plan_file", type=PATH, help="Plan of `poseline prepare`, or DAG manifest.  [required]")
@click.option("--ir", "old_plan_file", type=PATH, hidden=True)  # former name of --plan
@run_id_option("Run that the node belongs to.")
@root_option
@click.option("--span", type=click.IntRange(0), help="Span to read if the plan names none.  [default: the latest]")
@click.option("--no-cache", is_flag=True, help="Run the node, even if its result is in the cache.")
@_attempt_options
@click.option("--with-parent", is_flag=True, help="End as soon as the parent process ends.")
def node(
    node: str,
    plan_file: Path | None,
    old_plan_file: Path | None,
    run_id: str,
    root: Path | None,
    span: int | None,
    no_cache: bool,
    try_number: int,
    cleared: int,
    with_parent: bool,
) -> None:
    """Run one NODE of a plan.

    Prints the result as JSON on standard output. The executor's output goes to standard error. Exit code 99 means that
    the node was skipped.
    """
    import signal

    from data.system.limits import die_with_parent
    from pipelines.driver import prepare_driver

    plan_file = plan_file or old_plan_file
    if plan_file is None:
        raise click.UsageError("Missing option '--plan'.")
    prepare_driver()
    if with_parent:
        die_with_parent(signal.SIGTERM)
    from pipelines.running.stepwise_runner import step

    workspace = workspace_at(root)
    workspace.prepare()
    done = step(
        plan_file,
        workspace,
        node,
        run_id,
        span=span,
        use_cache=not no_cache,
        try_number=try_number,
        cleared=cleared,
        log_to=sys.stderr,
    )
    say_json(done.to_dict(), indent=None)
    if done.error:
        say(f"error: {done.error}", error=True)
    sys.exit(done.exit_code)
