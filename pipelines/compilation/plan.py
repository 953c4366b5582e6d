"""A plan: one configuration with the graph compiled from it, as one file that any process can run a node from."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
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
from pipelines.compilation.fingerprint import Closure, closure
from pipelines.config import PipelineConfig
from pipelines.processes.import_blocker import HEAVY

FORMAT = 2
_FUNCTION_PARAMETERS = ("run_fn", "preprocessing_fn", "tuner_fn")
_HEAVY = (*HEAVY, "tfx.components")


@dataclass(frozen=True)
class Plan:
    """A configuration and its compiled graph.

    Attributes:
        config: what it was compiled from.
        ir: TFX's intermediate representation; its run id is still a parameter.
    """

    config: PipelineConfig
    ir: pipeline_pb2.Pipeline

    @cached_property
    def nodes(self) -> dict[str, pipeline_pb2.PipelineNode]:
        """Node id to node, in topological order."""
        return {n.pipeline_node.node_info.id: n.pipeline_node for n in self.ir.nodes}

    @cached_property
    def _deployment(self) -> Message:
        return runner_utils.extract_local_deployment_config(self.ir)

    @cached_property
    def code(self) -> dict[str, Closure]:
        """Node id to the module closure that it runs; nodes without an executor are absent."""
        return {node: closure(self._entry_points(node)) for node in self.nodes if self._bare_spec(node)}

    def executor_spec(self, node: str) -> Message | None:
        """The node's executor with the fingerprint of its code, which so enters the cache key."""
        spec = copy.deepcopy(self._bare_spec(node))
        if spec is not None:
            _python_spec(spec).extra_flags.append(f"--code_version={self.code_digest(node)}")
        return spec

    def code_digest(self, node: str) -> str:
        """Fingerprint of the code and of the project's files that the node's parameters name."""
        return self.code[node].digest(self._named_files(node))

    def is_heavy(self, node: str) -> bool:
        """Whether the node's executor imports TensorFlow or Beam."""
        spec = _python_spec(self._bare_spec(node))
        names = (spec.class_path, *self.code[node].foreign)
        return any(name == heavy or name.startswith(f"{heavy}.") for name in names for heavy in _HEAVY)

    def _bare_spec(self, node: str) -> Message | None:
        return runner_utils.extract_executor_spec(self._deployment, node)

    def _entry_points(self, node: str) -> list[str]:
        paths = [_python_spec(self._bare_spec(node)).class_path]
        paths += [value for key, value in self._strings(node) if key in _FUNCTION_PARAMETERS and value]
        return [path.rpartition(".")[0] for path in paths]

    def _named_files(self, node: str) -> Iterable[Path]:
        return [Path(value) for _, value in self._strings(node) if value.startswith("/") and Path(value).is_file()]

    def _strings(self, node: str) -> list[tuple[str, str]]:
        parameters = self.nodes[node].parameters.parameters
        return [(key, value.field_value.string_value) for key, value in parameters.items()]

    def save(self, path: Path, **more: Any) -> None:
        """Writes the plan, all of it or nothing.

        Args:
            path: where to.
            more: what else the file shall hold, ready for JSON.
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
        """Reads a plan.

        Raises:
            InputError: no such file, not a plan of this format, or code, schema or gates changed since it was compiled.
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
                "the compiled graph is stale: the graph's code, the schema or the gates changed since it was compiled",
                str(path),
                f"compile it again with `poseline compile --config {config.name}`; in Airflow clear the task `prepare`",
            )
        return cls(config, ir)


def read_plan_file(path: Path) -> dict[str, Any]:
    """All that a plan's file holds.

    Raises:
        InputError: no such file, or not a plan of this format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, expected {FORMAT}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path, error) from error
    return content


def _unusable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"the compiled graph cannot be used: {error}", str(path), "compile it again with `poseline compile`"
    )


def compile_key(config: PipelineConfig) -> str:
    """Digest of everything that the compiled graph depends on: configuration, graph code, schema, gates."""
    code = closure(["pipelines.graph"]).digest([config.schema_file, config.gates_file])
    settings = config.model_dump_json(exclude={"data": True, "targets": True, "runner": {"parallel_nodes"}})
    return hashlib.sha256(f"{FORMAT}\n{code}\n{settings}".encode()).hexdigest()


def descendants(nodes: Mapping[str, pipeline_pb2.PipelineNode], start: str) -> set[str]:
    """The node and all that follow it."""
    return _reach(start, lambda node: nodes[node].downstream_nodes)


def ancestors(nodes: Mapping[str, pipeline_pb2.PipelineNode], start: str) -> set[str]:
    """The node and all that it needs."""
    return _reach(start, lambda node: nodes[node].upstream_nodes)


def _reach(start: str, following: object) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(following(node))  # type: ignore[operator]
    return seen


def _python_spec(spec: Message | None) -> executable_spec_pb2.PythonClassExecutableSpec:
    assert spec is not None
    return getattr(spec, "python_executor_spec", spec)
