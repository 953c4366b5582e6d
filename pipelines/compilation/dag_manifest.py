"""The DAG manifest: a plan with all that an orchestrator needs to draw the graph, readable without TFX."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.project import PROJECT_ROOT
from lineage.node_ids import NodeId
from lineage.nodes import NODES
from pipelines.compilation.plan import Plan, read_plan_file
from pipelines.config import PipelineConfig, load_config
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class ConfigSource:
    """The source of a configuration, from which it can be loaded again with changes.

    Attributes:
        config: name of a configuration, or path of a YAML file.
        overrides: overrides `key=value`, in order.
    """

    config: str
    overrides: tuple[str, ...] = ()


# Settings that add nodes to the graph. The graph is drawn with all of them; a run skips nodes that it does not have.
_ADDING_NODES = ("training.warm_start=true",)

# Parameter of a run to the configuration key that it overrides. Its JSON schema is that of the key.
_PARAMETERS = {
    "split": "split.method",
    "epochs": "training.epochs",
    "warm_start": "training.warm_start",
    "gates_that_warn": "only_warn",
}


def with_all_nodes(source: ConfigSource) -> PipelineConfig:
    """Return the configuration with all settings that add nodes to its graph."""
    return load_config(source.config, [*source.overrides, *_ADDING_NODES])


def write_manifest(plan: Plan, complete: Plan, source: ConfigSource, workspace: Workspace, path: Path) -> None:
    """Write a DAG manifest.

    Args:
        plan: plan of the configuration.
        complete: plan of the configuration that `with_all_nodes` returns.
        source: source of the configuration.
        workspace: workspace of the runs.
        path: path of the file.
    """
    plan.save(
        path,
        source=asdict(source),
        place={"project": str(PROJECT_ROOT), "python": sys.executable, "root": str(workspace.root)},
        nodes=nodes_of(complete),
        parameters=_parameters(plan.config),
    )


def read_dag_manifest(path: Path) -> dict[str, Any]:
    """Return the content of a DAG manifest.

    Raises:
        InputError: the file does not exist or is not a DAG manifest.
    """
    content = read_plan_file(path)
    if not {"source", "nodes"} <= content.keys():
        raise InputError(
            "the file is a plan, but not a DAG manifest", str(path), "give the file that `poseline compile` wrote"
        )
    return content


def check_drawn(plan: Plan, drawn: Sequence[Mapping[str, Any]], manifest: Path) -> None:
    """Check that an orchestrator's graph has every node and every edge of a run's graph.

    Args:
        plan: plan of the run.
        drawn: nodes of the DAG manifest from which the orchestrator drew its graph.
        manifest: path of that manifest.

    Raises:
        InputError: a node or an edge is missing, because the manifest was written by other code.
    """
    upstream = {node["id"]: set(node["upstream"]) for node in drawn}
    for node_id, node in plan.nodes.items():
        if not set(node.upstream_nodes) <= upstream.get(node_id, {None}):
            raise InputError(
                f"the manifest is stale: node {node_id} is new, or has other upstream nodes",
                str(manifest),
                f"run `poseline compile --config {plan.config.name}`, wait until the graph is drawn again, then trigger"
                " the run again",
            )


def nodes_of(plan: Plan) -> list[dict[str, Any]]:
    """Return the nodes in topological order: `id`, `upstream`, `group`, `doc` and `heavy` (loads TensorFlow)."""
    nodes = []
    for node_id, node in plan.nodes.items():
        described = NODES[NodeId(node_id)]
        heavy = described.heavy or (plan.executor_spec(node_id) is not None and plan.is_heavy(node_id))
        nodes.append(
            {
                "id": node_id,
                "upstream": list(node.upstream_nodes),
                "group": described.group,
                "doc": described.doc,
                "heavy": heavy,
            }
        )
    return nodes


def _parameters(config: PipelineConfig) -> list[dict[str, Any]]:
    """Return each parameter's `name`, `key` and JSON `schema`, whose default is the configuration's value."""
    parameters = []
    for name, key in _PARAMETERS.items():
        schema: Any = type(config).model_json_schema()
        values: Any = config.model_dump(mode="json")
        definitions = schema["$defs"]
        for part in key.split("."):
            schema = schema["properties"][part]
            schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            values = values[part]
        parameters.append({"name": name, "key": key, "schema": schema | {"default": values}})
    return parameters
