"""The DAG manifest, which `poseline compile` writes: nodes, run parameters, and the environment of a pipeline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 2


class UnusableManifestError(ValueError):
    """The manifest is missing, damaged or of another format; the message says what to do."""


@dataclass(frozen=True)
class Node:
    """A node of the graph, which becomes a task of the DAG.

    Attributes:
        id: name of the node and of its task.
        upstream: ids of the nodes that must end before.
        heavy: whether the node loads TensorFlow or Beam.
        group: task group, for example `train`.
        doc: purpose of the node in one sentence.
    """

    id: str
    upstream: tuple[str, ...]
    heavy: bool
    group: str
    doc: str


@dataclass(frozen=True)
class DagManifest:
    """Content of a DAG manifest.

    Attributes:
        file: path of the manifest.
        pipeline: name of the pipeline in ML Metadata.
        description: description of the pipeline in one sentence.
        data: folder with the span-N folders; empty if the configuration names none.
        python: Python interpreter of the pipeline's environment.
        project: folder of the project's code.
        nodes: nodes in topological order.
        parameters: parameters of a run, each with `name`, configuration `key` and JSON `schema`.
    """

    file: Path
    pipeline: str
    description: str
    data: str
    python: str
    project: str
    nodes: tuple[Node, ...]
    parameters: tuple[dict[str, Any], ...]


def read_dag_manifest(file: Path, pipeline: str) -> DagManifest:
    """Read a DAG manifest.

    Raises:
        UnusableManifestError: the file is missing, unreadable, or of another format.
    """
    remedy = f"run `poseline compile --config {pipeline}` in the project, with the --root that Airflow uses"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise UnusableManifestError(f"{file} has format {content['format']}, not {FORMAT}: {remedy}")
        return DagManifest(
            file=file,
            pipeline=content["config"]["name"],
            description=content["config"]["description"],
            data=content["config"]["data"] or "",
            python=content["place"]["python"],
            project=content["place"]["project"],
            nodes=tuple(Node(**(node | {"upstream": tuple(node["upstream"])})) for node in content["nodes"]),
            parameters=tuple(content["parameters"]),
        )
    except FileNotFoundError as error:
        raise UnusableManifestError(f"there is no manifest {file}: {remedy}") from error
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise UnusableManifestError(f"{file} is not a manifest ({type(error).__name__}: {error}): {remedy}") from error
