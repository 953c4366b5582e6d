"""The `poseline` command. Only what a command needs is imported, when it runs: `--help` answers at once."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.errors import InputError, PoselineError

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.config import PipelineConfig
    from pipelines.running.local_runner import RunResult

_PATH = click.Path(path_type=Path)


# Groups of commands live with their subject and are imported when they are asked for.
_GROUPS = {"data": "pipelines.cli.data", "lineage": "lineage.cli.commands"}
# Commands of a group that are asked for so often that they stand at the top as well.
_SHORT = {"runs": "lineage"}


class _Cli(click.Group):
    """Turns errors that are meant to be read into text and an exit code; finds groups of commands by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_GROUPS, *_SHORT])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in _GROUPS:
            return importlib.import_module(_GROUPS[name]).group
        if name in _SHORT:
            return importlib.import_module(_GROUPS[_SHORT[name]]).group.get_command(ctx, name)
        return super().get_command(ctx, name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PoselineError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted; run again to resume", err=True)
            ctx.exit(130)


@click.group(cls=_Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="poseline")
def main() -> None:
    """From pose keypoints to a gated, quantised action model for the phone.

    Exit codes: 0 done, 1 a gate said no, 2 wrong use or input, 3 a node failed.
    """


def _config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a configuration key."),
        click.option("--root", type=_PATH, help="Holds metadata, artifacts and pushes.  [default: .poseline]"),
        click.option("--data", type=_PATH, help="Folder of canonical Parquet, with span-N/ in it."),
        click.option("--config", "config_name", default="baduanjin", show_default=True, help="Name or YAML file."),
    ):
        command = option(command)
    return command


def _load(config_name: str, data: Path | None, overrides: Iterable[str]) -> PipelineConfig:
    from pipelines.config import load_config

    return load_config(config_name, _all_overrides(data, overrides))


def _all_overrides(data: Path | None, overrides: Iterable[str]) -> tuple[str, ...]:
    return (*overrides, *([f"data={json.dumps(str(data.absolute()))}"] if data else []))


def _checked_run_id(_context: click.Context, _parameter: click.Parameter, run_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}", run_id):
        raise click.BadParameter("letters, digits and _ . + - alone: it names files")
    return run_id


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=not sys.stdout.isatty())


def _workspace(root: Path | None) -> Any:
    from pipelines.workspace import DEFAULT_ROOT, Workspace

    return Workspace((root or DEFAULT_ROOT).absolute())


@main.command()
@_config_options
@click.option("--span", type=click.IntRange(0), help="Span of the data.  [default: the latest]")
@click.option("--from", "from_node", metavar="NODE", help="Start here; take what comes before from an earlier run.")
@click.option("--until", "until_node", metavar="NODE", help="Stop after this node.")
@click.option("--no-cache", is_flag=True, help="Run every node, whatever was run before.")
@click.option("--dry-run", is_flag=True, help="Say what would run and why, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")
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
    """Run the pipeline; what is unchanged is taken from the cache."""
    from pipelines.processes.import_blocker import make_light

    make_light()
    from pipelines.cli import summary
    from pipelines.cli.progress import make_progress
    from pipelines.processes.children import ChildProcesses
    from pipelines.running import late_binding
    from pipelines.running.forecast import forecast
    from pipelines.running.local_runner import connection_of, obtain_plan, run_plan, warm_up_if_needed
    from pipelines.running.outcome import collect

    config = _load(config_name, data, overrides)
    console = _console(stderr=as_json)
    workspace = _workspace(root)
    late_binding.chosen_span(config, span)
    if not dry_run or workspace.root.exists():
        workspace.prepare()
    children = ChildProcesses()
    plan = obtain_plan(config, workspace, children, console.print)
    use_cache = not no_cache
    foretold = forecast(plan, workspace, connection_of(workspace), span, use_cache)
    if dry_run:
        summary.show_forecast(foretold, console, as_json=as_json)
        return
    warm_up_if_needed(foretold, plan, children)
    with make_progress(console) as progress:
        result = run_plan(
            plan,
            workspace,
            children,
            progress,
            span=span,
            from_node=from_node,
            until_node=until_node,
            use_cache=use_cache,
        )
    report = collect(result, workspace)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=1))
    else:
        summary.show(report, console)
    if result.failed:
        _explain_failure(result, workspace, _repeat(config_name, data, root, overrides, span))
    sys.exit(report.exit_code)


def _repeat(
    config_name: str, data: Path | None, root: Path | None, overrides: tuple[str, ...], span: int | None
) -> list[str]:
    arguments = ["poseline", "run", "--config", config_name]
    arguments += ["--data", str(data)] if data else []
    arguments += ["--root", str(root)] if root else []
    arguments += [part for override in overrides for part in ("--set", override)]
    return arguments + (["--span", str(span)] if span is not None else [])


def _explain_failure(result: RunResult, workspace: Any, command: list[str]) -> None:
    import shlex

    for failed in (node for node in result.nodes.values() if node.state == "failed"):
        log = workspace.run_folder(result.run_id) / f"{failed.node}.log"
        click.echo(f"\n{failed.node} failed: {failed.error}", err=True)
        if log.exists():
            click.echo(f"  log:    {log}", err=True)
        click.echo(f"  resume: {shlex.join([*command, '--from', failed.node])}", err=True)


@main.command(name="explain-cache")
@click.argument("node")
@_config_options
@click.option("--span", type=click.IntRange(0), help="Span of the data.  [default: the latest]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain_cache(
    node: str,
    config_name: str,
    data: Path | None,
    root: Path | None,
    overrides: tuple[str, ...],
    span: int | None,
    as_json: bool,
) -> None:
    """Say what NODE's cache key is made of, and which part changed since the last run."""
    from pipelines.processes.import_blocker import make_light

    make_light()
    from pipelines.cli import summary
    from pipelines.processes.children import ChildProcesses
    from pipelines.running.forecast import forecast
    from pipelines.running.local_runner import connection_of, obtain_plan

    config = _load(config_name, data, overrides)
    workspace = _workspace(root)
    workspace.prepare()
    plan = obtain_plan(config, workspace, ChildProcesses())
    if node not in plan.nodes:
        raise InputError(f"no node {node!r}", remedy=f"there are: {', '.join(plan.nodes)}")
    foretold = {entry.node: entry for entry in forecast(plan, workspace, connection_of(workspace), span)}
    summary.show_key(foretold[node], _console(), as_json=as_json)


@main.command(name="compile")
@_config_options
@click.option("--to", "target", type=_PATH, help="File for the result.  [default: manifests/ of the root]")
def compile_(
    config_name: str, data: Path | None, root: Path | None, overrides: tuple[str, ...], target: Path | None
) -> None:
    """Compile the graph to a manifest, which an orchestrator draws its own graph from.

    `poseline node` can run single nodes from it; `poseline prepare` makes a run of its own from it.
    """
    from pipelines.processes.import_blocker import make_light

    make_light()
    from pipelines.compilation.dag_manifest import Source, complete_source, write_manifest
    from pipelines.processes.children import ChildProcesses
    from pipelines.running.local_runner import obtain_plan

    workspace = _workspace(root)
    workspace.prepare()
    config = _load(config_name, data, overrides)
    if (named := Path(config_name)).is_file():
        config_name = str(named.absolute())
    source = Source(config_name, _all_overrides(data, overrides))
    children = ChildProcesses()
    plan, complete = (obtain_plan(wanted, workspace, children) for wanted in (config, complete_source(source)))
    target = target or workspace.manifest(config.name)
    write_manifest(plan, complete, source, workspace, target)
    click.echo(target)


@main.command()
@click.option("--manifest", type=_PATH, required=True, help="File that `poseline compile` wrote.")
@click.option("--run-id", required=True, callback=_checked_run_id, help="Name of the run in the metadata store.")
@click.option("--root", type=_PATH, help="Root folder of the run.  [default: .poseline]")
@click.option("--span", type=click.IntRange(0), help="Span of the data.  [default: the latest]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a configuration key.")
@click.option("--no-cache", is_flag=True, help="Run every node, whatever was run before.")
@click.option("--fact", "facts", multiple=True, metavar="NAME=TEXT", help="Custom property of the run.")
def prepare(
    manifest: Path,
    run_id: str,
    root: Path | None,
    span: int | None,
    overrides: tuple[str, ...],
    no_cache: bool,
    facts: tuple[str, ...],
) -> None:
    """Begin a run that an orchestrator steps through: compile it with its own settings, register it.

    Prints JSON with the `plan_file` that `poseline node --ir` takes.
    """
    from pipelines.processes.import_blocker import make_light

    make_light()
    from pipelines.running.stepwise_runner import prepare_run

    workspace = _workspace(root)
    workspace.prepare()
    prepared = prepare_run(
        manifest,
        workspace,
        run_id,
        span=span,
        overrides=overrides,
        use_cache=not no_cache,
        facts=dict(fact.partition("=")[::2] for fact in facts),
        say=lambda line: click.echo(line, err=True),
    )
    click.echo(json.dumps(prepared))


@main.command()
@click.argument("node")
@click.option("--ir", "plan_file", type=_PATH, required=True, help="File of `poseline prepare` or `poseline compile`.")
@click.option("--run-id", required=True, callback=_checked_run_id, help="Run that the node belongs to.")
@click.option("--root", type=_PATH, help="Root folder of the run.  [default: .poseline]")
@click.option("--span", type=click.IntRange(0), help="Span of the data, if not prepared.  [default: the latest]")
@click.option("--no-cache", is_flag=True, help="Run it, whatever was run before.")
@click.option("--try", "try_number", type=click.IntRange(0), default=0, help="The orchestrator's count of attempts.")
@click.option("--cleared", type=click.IntRange(0), default=0, help="Run again what ended well under a smaller number.")
@click.option("--with-parent", is_flag=True, help="End when the process ends that started this one.")
def node(
    node: str,
    plan_file: Path,
    run_id: str,
    root: Path | None,
    span: int | None,
    no_cache: bool,
    try_number: int,
    cleared: int,
    with_parent: bool,
) -> None:
    """Run one NODE of a compiled graph.

    Its result is JSON on standard output; what its executor prints goes to standard error. Exit code 99: skipped.
    """
    import signal

    from components.sandbox.child_process import die_with_parent
    from pipelines.processes.import_blocker import make_light

    make_light()
    if with_parent:
        die_with_parent(signal.SIGTERM)
    from pipelines.running.stepwise_runner import step

    workspace = _workspace(root)
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
    click.echo(json.dumps(done.to_dict()))
    if done.error:
        click.echo(f"error: {done.error}", err=True)
    sys.exit(done.exit_code)


@main.command()
@click.option("--root", type=_PATH, help="Root folder that runs would use.  [default: .poseline]")
@click.option("--quick", is_flag=True, help="Leave out the import checks, which take a minute.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(root: Path | None, quick: bool, as_json: bool) -> None:
    """Examine interpreter, C library, packages, imports, disk and memory."""
    from dataclasses import asdict

    from pipelines.cli.doctor import examine

    findings = []
    for finding in examine(_workspace(root).root, imports=not quick):
        findings.append(finding)
        if not as_json:
            mark = click.style("✗", fg="red") if finding.fault else click.style("✓", fg="green")
            click.echo(f"{mark} {finding.what:<46} {finding.found}" + (f"  -> {finding.fault}" * bool(finding.fault)))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    sys.exit(3 if any(finding.fault for finding in findings) else 0)


@main.command()
@click.argument("target")
@click.option("--root", type=_PATH, help="Root folder of the runs.  [default: .poseline]")
@click.option("--to", "version", metavar="VERSION", help="Version to go back to.  [default: the one before]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rollback(target: str, root: Path | None, version: str | None, as_json: bool) -> None:
    """Let TARGET's `latest` point to an earlier version. TARGET: a name under the root's pushed/, or a folder."""
    from serving_targets import releases

    folder = Path(target)
    if not folder.is_dir():
        folder = _workspace(root).pushed / target
    before, after = releases.rollback(folder, version)
    click.echo(
        json.dumps({"target": str(folder), "from": before, "to": after})
        if as_json
        else f"{folder}: latest was {before}, is {after}"
    )


@main.command()
@click.option("--bundle", type=_PATH, required=True, help="Pushed version, or target folder (its latest).")
@click.option("--data", type=_PATH, required=True, help="Folder of canonical Parquet.")
@click.option("--split", help="Only sequences of this split.")
@click.option("--span", type=click.IntRange(0), help="Span of the data.  [default: the latest]")
@click.option("--robustness", is_flag=True, help="Also on mirrored, shifted, scaled and incomplete windows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(bundle: Path, data: Path, split: str | None, span: int | None, robustness: bool, as_json: bool) -> None:
    """Judge a pushed int8 bundle on canonical data with the LiteRT interpreter."""
    from serving_targets import evaluate as judge

    evaluation = judge.evaluate(bundle, data, split=split, span=span, robustness=robustness)
    if as_json:
        click.echo(json.dumps(evaluation.to_dict(), indent=1))
    else:
        judge.show(evaluation, _console())


@main.command()
@click.option("--root", type=_PATH, help="Root folder of the runs.  [default: .poseline]")
@click.option("--config", "config_name", help="Only the trainings of this configuration.")
@click.option("--host", default="localhost", show_default=True, help="Address to listen on.")
@click.option("--port", default=6006, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
def tensorboard(root: Path | None, config_name: str | None, host: str, port: int) -> None:
    """Open the curves of all trainings side by side in TensorBoard; new ones appear while it runs."""
    from pipelines.cli.tensorboard import serve

    serve(_workspace(root).root / "artifacts", config_name, host, port)


@main.command()
@_config_options
def config(config_name: str, data: Path | None, root: Path | None, overrides: tuple[str, ...]) -> None:
    """Print every key of a configuration with its value."""
    import yaml

    del root
    click.echo(
        yaml.safe_dump(_load(config_name, data, overrides).model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    )
