"""What an orchestrator needs to know of a compiled graph: a file that it reads without TFX, in milliseconds."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.project import PROJECT_ROOT
from lineage.nodes import NODES, NodeId
from pipelines.compilation.plan import Plan
from pipelines.config import PipelineConfig, load_config
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class Source:
    """What the configuration was loaded from, so that it can be loaded again with changes.

    Attributes:
        config: name, or path of a YAML file.
        overrides: `key=value`, in order.
    """

    config: str
    overrides: tuple[str, ...] = ()


# Settings that add nodes to the graph. It is drawn with all of them; what a run does not have is skipped in it.
_ADDING_NODES = ("training.warm_start=true",)

# Parameter of a run to the configuration key that it overrides; its JSON schema is the configuration's own.
_PARAMETERS = {
    "split": "split.method",
    "epochs": "training.epochs",
    "warm_start": "training.warm_start",
    "gates_that_warn": "only_warn",
}


def complete_source(source: Source) -> PipelineConfig:
    """The configuration with everything that adds nodes to its graph."""
    return load_config(source.config, [*source.overrides, *_ADDING_NODES])


def write_manifest(plan: Plan, complete: Plan, source: Source, workspace: Workspace, path: Path) -> None:
    """Writes what an orchestrator draws its graph and its form from, with the plan.

    Args:
        plan: of the configuration.
        complete: of `complete_source`.
        source: of the configuration.
        workspace: where its runs are kept.
        path: where to write.
    """
    plan.save(
        path,
        source=asdict(source),
        place={"project": str(PROJECT_ROOT), "python": sys.executable, "root": str(workspace.root)},
        nodes=nodes_of(complete),
        parameters=_parameters(plan.config),
    )


def check_drawn(plan: Plan, drawn: Sequence[Mapping[str, Any]], manifest: Path) -> None:
    """Makes sure that an orchestrator's graph has every node and every edge of a run's.

    Raises:
        InputError: it was drawn from other code.
    """
    upstream = {node["id"]: set(node["upstream"]) for node in drawn}
    for node_id, node in plan.nodes.items():
        if not set(node.upstream_nodes) <= upstream.get(node_id, {None}):
            raise InputError(
                f"the manifest is stale: node {node_id} is new, or has other upstream nodes",
                str(manifest),
                f"run `poseline compile --config {plan.config.name}`, let the graph be drawn anew, trigger again",
            )


def nodes_of(plan: Plan) -> list[dict[str, Any]]:
    """The nodes in topological order: `id`, `upstream`, `group`, `heavy` (loads TensorFlow or Beam), `doc`."""
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
    """Per parameter its `name`, `key` and JSON `schema`, whose default is the configuration's value."""
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
