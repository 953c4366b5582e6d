"""The content of a drawing of lineage: a box for each execution and artifact, lines between them, details of each."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from data.text import harmless
from lineage.drawings.layered_layout import Layout, place
from lineage.formatting import duration, moment, size
from lineage.model import Artifact, Execution, Run, Subgraph, parse_json_text

BOX_SIZE = {"execution": (196.0, 44.0), "artifact": (196.0, 38.0)}
_MOST_LETTERS = 2000

# State to the sign and the word that stand for it, so that nobody has to tell colours apart.
SIGNS = {
    "COMPLETE": ("✓", "done"),
    "CACHED": ("↺", "cached"),
    "FAILED": ("✗", "failed"),
    "CANCELED": ("⊘", "cancelled"),
    "RUNNING": ("▸", "running"),
    "LIVE": ("", ""),
    "DELETED": ("∅", "deleted"),
    "ABANDONED": ("✗", "altered, set aside"),
}


@dataclass(frozen=True, slots=True)
class Box:
    """A box of the drawing.

    Attributes:
        key: key of the box: `e7` for execution 7, `a9` for artifact 9.
        kind: kind of object that the box stands for.
        state: state of the execution or the artifact.
        title: first line of text.
        subtitle: second line of text.
        details: texts to show on a click, by name.
    """

    key: str
    kind: Literal["execution", "artifact"]
    state: str
    title: str
    subtitle: str
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the drawing, from an input to an execution or from an execution to an output.

    Attributes:
        source: key of the box at the start.
        target: key of the box at the end.
        label: name of the input or output.
    """

    source: str
    target: str
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of lineage, without positions.

    Attributes:
        title: title of the drawing.
        boxes: boxes by key.
        lines: lines between the boxes.
    """

    title: str
    boxes: dict[str, Box]
    lines: list[Line]

    def layout(self) -> Layout:
        """Return the positions of the boxes and the corners of the lines."""
        sizes: dict[Hashable, tuple[float, float]] = {key: BOX_SIZE[box.kind] for key, box in self.boxes.items()}
        return place(sizes, [(line.source, line.target) for line in self.lines])


def draw_run(graph: Subgraph, run: Run) -> Drawing:
    """Draw one run; a cached node names the run that its result came from."""
    return _draw(graph, {execution.id for execution in graph.attempts(run)}, f"Run {run.name}")


def draw_around(graph: Subgraph, artifact: Artifact) -> Drawing:
    """Draw a part of the lineage around an artifact."""
    return _draw(graph, set(graph.executions), f"Artifact {artifact.id}, {artifact.type}")


def _draw(graph: Subgraph, shown: set[int], title: str) -> Drawing:
    lines = []
    names: dict[int, str] = {}
    for edge in graph.edges:
        ends = f"a{edge.artifact_id}", f"e{edge.execution_id}"
        if edge.kind == "output":
            names.setdefault(edge.artifact_id, edge.key)
            ends = ends[::-1]
        if edge.execution_id in shown:
            lines.append(Line(*ends, edge.key))
    connected = {end for line in lines for end in (line.source, line.target)}
    boxes = {}
    for id_ in sorted(shown):
        execution = graph.executions[id_]
        boxes[f"e{id_}"] = _execution_box(execution, graph.cache_origin(execution))
    for id_ in sorted(graph.artifacts):
        if f"a{id_}" in connected or not lines:
            boxes[f"a{id_}"] = _artifact_box(graph.artifacts[id_], names.get(id_, ""))
    return Drawing(title, boxes, lines)


def _execution_box(execution: Execution, origin: Execution | None) -> Box:
    sign, word = SIGNS.get(execution.state, ("?", execution.state.lower()))
    took = duration(max(0.0, execution.ended - execution.started))
    details = {
        "execution": str(execution.id),
        "node": execution.node,
        "state": word,
        "taken from": f"execution {origin.id} in run {origin.run}" if origin else "",
        "run": execution.run,
        "started": f"{moment(execution.started)} UTC",
        "took": took,
        "type": execution.type,
    }
    return Box(
        key=f"e{execution.id}",
        kind="execution",
        state=execution.state,
        title=execution.node,
        subtitle=f"{sign} {word} · {took} · #{execution.id}",
        details=_details(details, execution.properties),
    )


def _artifact_box(artifact: Artifact, name: str) -> Box:
    sign, word = SIGNS.get(artifact.state, ("?", artifact.state.lower()))
    bytes_ = artifact.properties.get("bytes")
    parts = [f"{sign} {word}".strip(), artifact.type, f"#{artifact.id}"]
    if isinstance(bytes_, int | float):
        parts.append(size(bytes_))
    details = {
        "artifact": str(artifact.id),
        "type": artifact.type,
        "name": artifact.name or name,
        "state": word or artifact.state.lower(),
        "made": f"{moment(artifact.created)} UTC",
        "folder": artifact.uri,
    }
    return Box(
        key=f"a{artifact.id}",
        kind="artifact",
        state=artifact.state,
        title=artifact.name or name or artifact.type,
        subtitle=" · ".join(part for part in parts if part),
        details=_details(details, artifact.properties),
    )


def _details(details: dict[str, str], properties: Mapping[str, Any]) -> dict[str, str]:
    """Return details and properties as visible characters, by name; a detail wins over a property of the same name."""
    named = details | {name: value for name, value in sorted(properties.items()) if name not in details}
    return {harmless(name): _visible(value) for name, value in named.items() if value not in ("", None)}


def _visible(value: Any) -> str:
    """Return a value as visible characters; JSON is indented."""
    value = parse_json_text(value)
    if isinstance(value, dict | list):
        text = json.dumps(value, indent=1, ensure_ascii=False)
        return "\n".join(harmless(line) for line in text[:_MOST_LETTERS].split("\n"))
    return harmless(value, _MOST_LETTERS)
