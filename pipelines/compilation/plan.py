"""A plan: a configuration with the graph compiled from it, in one file from which any process can run a node."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from tfx.orchestration.local import runner_utils
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from data.errors import InputError
from data.files import write_atomically
from lineage.node_ids import NodeId
from pipelines.compilation.fingerprint import Closure, closure
from pipelines.config import PipelineConfig
from pipelines.processes.import_blocker import HEAVY

FORMAT = 2
_FUNCTION_PARAMETERS = ("run_fn", "preprocessing_fn")
_HEAVY = (*HEAVY, "tfx.components")


@dataclass(frozen=True)
class Plan:
    """A configuration and its compiled graph.

    Attributes:
        config: configuration that the graph was compiled from.
        ir: compiled graph in TFX's intermediate representation; the run id in it is still a parameter.
    """

    config: PipelineConfig
    ir: pipeline_pb2.Pipeline

    @cached_property
    def nodes(self) -> dict[str, pipeline_pb2.PipelineNode]:
        """The nodes by id, in topological order."""
        return {n.pipeline_node.node_info.id: n.pipeline_node for n in self.ir.nodes}

    @cached_property
    def _deployment(self) -> Message:
        return runner_utils.extract_local_deployment_config(self.ir)

    @cached_property
    def code(self) -> dict[str, Closure]:
        """The code of each node with an executor, by node id."""
        return {node: closure(self._modules(node)) for node in self.nodes if self._bare_spec(node)}

    def executor_spec(self, node: str) -> Message | None:
        """Return the spec of a node's executor with the fingerprint of its code; None if the node has no executor.

        TFX makes the whole spec part of the cache key.
        """
        spec = copy.deepcopy(self._bare_spec(node))
        if spec is not None:
            _python_spec(spec).extra_flags.append(f"--code_version={self.code_digest(node)}")
        return spec

    def code_digest(self, node: str) -> str:
        """Return the fingerprint of a node's code and of the files that its parameters name."""
        return self.code[node].digest(self._named_files(node))

    def is_heavy(self, node: str) -> bool:
        """Return whether the executor of a node imports TensorFlow or Beam."""
        spec = _python_spec(self._bare_spec(node))
        names = (spec.class_path, *self.code[node].foreign)
        return any(name == heavy or name.startswith(f"{heavy}.") for name in names for heavy in _HEAVY)

    def _bare_spec(self, node: str) -> Message | None:
        return runner_utils.extract_executor_spec(self._deployment, node)

    def _modules(self, node: str) -> list[str]:
        paths = [_python_spec(self._bare_spec(node)).class_path]
        paths += [value for key, value in self._strings(node) if key in _FUNCTION_PARAMETERS and value]
        return [path.rpartition(".")[0] for path in paths]

    def _named_files(self, node: str) -> Iterable[Path]:
        files = [Path(value) for _, value in self._strings(node) if value.startswith("/") and Path(value).is_file()]
        return [*files, self.config.schema_file] if node == NodeId.IMPORT_SCHEMA_GEN else files

    def _strings(self, node: str) -> list[tuple[str, str]]:
        parameters = self.nodes[node].parameters.parameters
        return [(key, value.field_value.string_value) for key, value in parameters.items()]

    def save(self, path: Path, **more: Any) -> None:
        """Write the plan atomically.

        Args:
            path: path of the file.
            more: further values for the file, which can be written as JSON.
        """
        content = {
            "format": FORMAT,
            "compile_key": compile_key(self.config),
            "config": self.config.model_dump(mode="json"),
            "ir": json_format.MessageToDict(self.ir, preserving_proto_field_name=True),
        }
        write_atomically(path, json.dumps(content | more))

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a plan.

        Raises:
            InputError: the file does not exist or is not a plan of this format, or the graph's code, the schema or the
                gates changed since it was compiled.
        """
        content = read_plan_file(path)
        try:
            config = PipelineConfig.model_validate(content["config"])
            ir = json_format.ParseDict(content["ir"], pipeline_pb2.Pipeline())
            stale = content["compile_key"] != compile_key(config)
        except (ValueError, KeyError, json_format.ParseError) as error:
            raise _unusable(path, error) from error
        if stale:
            raise InputError(
                "the plan is stale: the graph's code, the schema or the gates changed since it was compiled",
                str(path),
                f"compile it again with `poseline compile --config {config.name}`; in Airflow clear the task `prepare`",
            )
        return cls(config, ir)


def read_plan_file(path: Path) -> dict[str, Any]:
    """Return the content of a plan's file.

    Raises:
        InputError: the file does not exist or is not a plan of this format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, expected {FORMAT}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path, error) from error
    return content


def _unusable(path: Path, error: Exception) -> InputError:
    return InputError(f"the plan cannot be used: {error}", str(path), "compile it again with `poseline compile`")


def compile_key(config: PipelineConfig) -> str:
    """Return a digest of everything that a plan depends on: configuration, graph code, schema and gates."""
    code = closure(["pipelines.graph"]).digest([config.schema_file, config.gates_file])
    settings = config.model_dump_json(exclude={"data": True, "targets": True, "runner": {"parallel_nodes"}})
    return hashlib.sha256(f"{FORMAT}\n{code}\n{settings}".encode()).hexdigest()


def descendants(nodes: Mapping[str, pipeline_pb2.PipelineNode], start: str) -> set[str]:
    """Return a node and all nodes that depend on it."""
    return _reachable(start, lambda node: nodes[node].downstream_nodes)


def ancestors(nodes: Mapping[str, pipeline_pb2.PipelineNode], start: str) -> set[str]:
    """Return a node and all nodes that it depends on."""
    return _reachable(start, lambda node: nodes[node].upstream_nodes)


def _reachable(start: str, neighbours: Callable[[str], Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(neighbours(node))
    return seen


def _python_spec(spec: Message | None) -> executable_spec_pb2.PythonClassExecutableSpec:
    assert spec is not None
    return getattr(spec, "python_executor_spec", spec)
