"""Compiled plans under the root, which are compiled again only when something that they depend on changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data.errors import InputError
from pipelines.compilation.compiler import compile_to
from pipelines.compilation.fingerprint import remembering
from pipelines.compilation.lint import lint
from pipelines.compilation.plan import Plan, compile_key
from pipelines.config import PipelineConfig
from pipelines.processes.children import ChildProcesses
from pipelines.workspace import Workspace


def obtain_plan(
    config: PipelineConfig,
    workspace: Workspace,
    children: ChildProcesses,
    say: Callable[[str], object] = lambda _: None,
) -> Plan:
    """Return the plan of a configuration; compile it first if the workspace has no up-to-date plan.

    Args:
        config: configuration to compile.
        workspace: workspace that keeps the plans.
        children: child processes, one of which compiles.
        say: function that is called with a line of text before the compilation starts.

    Raises:
        InputError: the configuration, the schema and the gates do not fit together.
    """
    with remembering(workspace.imports_file):
        return _obtain(config, workspace, children, say)


def _obtain(
    config: PipelineConfig, workspace: Workspace, children: ChildProcesses, say: Callable[[str], object]
) -> Plan:
    path = workspace.plan_file(f"{config.name}-{compile_key(config)[:16]}")
    found = _load_if_sound(path)
    if found is None:
        say("compiling the graph")
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.with_name(f"{config.name}.log")
        children.run(compile_to, (config.model_dump_json(), str(path)), log, heavy=True)
        found = Plan.load(path)
    plan = Plan(config, found.ir)
    lint(plan)
    return plan


def _load_if_sound(path: Path) -> Plan | None:
    """Return the plan of a file; None if there is none, or if it is damaged."""
    try:
        return Plan.load(path)
    except InputError:
        return None
