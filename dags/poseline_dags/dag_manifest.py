"""A pipeline's manifest, which `poseline compile` writes: its nodes, its parameters, and where its environment is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 2


class UnusableManifestError(ValueError):
    """There is no manifest, or not one of this format; says what to do."""


@dataclass(frozen=True)
class Node:
    """One node of the graph, one task of the DAG."""

    id: str
    upstream: tuple[str, ...]
    heavy: bool
    group: str
    doc: str


@dataclass(frozen=True)
class Manifest:
    """What a DAG is drawn from.

    Attributes:
        file: it was read from.
        pipeline: name in ML Metadata.
        description: of the pipeline, a sentence.
        data: folder with the span-N folders; empty if the configuration names none.
        python: interpreter of the pipeline's environment.
        project: folder of the pipeline's code.
        nodes: in topological order.
        parameters: of a run: `name`, configuration `key`, JSON `schema`.
    """

    file: Path
    pipeline: str
    description: str
    data: str
    python: str
    project: str
    nodes: tuple[Node, ...]
    parameters: tuple[dict[str, Any], ...]


def read_manifest(file: Path, pipeline: str) -> Manifest:
    """Reads a manifest.

    Raises:
        UnusableManifestError: the file is missing, unreadable, or of another format.
    """
    remedy = f"run `poseline compile --config {pipeline}` in the project, with the --root that Airflow is set to"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise UnusableManifestError(f"{file} has format {content['format']}, not {FORMAT}: {remedy}")
        return Manifest(
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
