"""What a drawing of lineage shows: boxes for executions, pills for artifacts, and what is told of each."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lineage.drawings.layered_layout import Layout, place
from lineage.formatting import duration, harmless, moment, size
from lineage.model import Artifact, Execution, Run, Subgraph
from lineage.questions.runs import maker_of_cached

BOX_SIZE = {"execution": (196.0, 44.0), "artifact": (196.0, 38.0)}
_TOLD = 2000

# State to the sign and the word that stand for it: nobody has to tell colours apart.
SIGNS = {
    "COMPLETE": ("✓", "done"),
    "CACHED": ("↺", "cached"),
    "FAILED": ("✗", "failed"),
    "CANCELED": ("⊘", "cancelled"),
    "RUNNING": ("▸", "running"),
    "LIVE": ("", ""),
    "DELETED": ("∅", "deleted"),
}


@dataclass(frozen=True, slots=True)
class Box:
    """One thing in the drawing.

    Attributes:
        key: `e7` for execution 7, `a9` for artifact 9.
        kind: which of the two.
        state: of the execution or the artifact.
        title: first line.
        subtitle: second line.
        details: what is shown on a click, by name.
    """

    key: str
    kind: Literal["execution", "artifact"]
    state: str
    title: str
    subtitle: str
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """An edge of the drawing; `label` is the name of the input or output."""

    source: str
    target: str
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes by key, and the lines between them."""

    title: str
    boxes: dict[str, Box]
    lines: list[Line]

    def layout(self) -> Layout:
        """Where everything stands."""
        sizes: dict[Hashable, tuple[float, float]] = {key: BOX_SIZE[box.kind] for key, box in self.boxes.items()}
        return place(sizes, [(line.source, line.target) for line in self.lines])


def draw_run(graph: Subgraph, run: Run) -> Drawing:
    """The drawing of one run: each node as the run saw it; what was cached names where it came from."""
    shown = {id_ for id_, execution in graph.executions.items() if execution.run == run.name}
    return _draw(graph, shown, f"Run {run.name}")


def draw_around(graph: Subgraph, artifact: Artifact) -> Drawing:
    """The drawing of what an artifact came from and of what came from it."""
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
    drawn = {end for line in lines for end in (line.source, line.target)}
    boxes = {}
    for id_ in sorted(shown):
        execution = graph.executions[id_]
        boxes[f"e{id_}"] = _execution_box(execution, maker_of_cached(execution, graph))
    for id_ in sorted(graph.artifacts):
        if f"a{id_}" in drawn or not lines:
            boxes[f"a{id_}"] = _artifact_box(graph.artifacts[id_], names.get(id_, ""))
    return Drawing(title, boxes, lines)


def _execution_box(execution: Execution, origin: Execution | None) -> Box:
    sign, word = SIGNS.get(execution.state, ("?", execution.state.lower()))
    taken = {"taken from": f"execution {origin.id} in run {origin.run}"} if origin else {}
    details = {
        "execution": str(execution.id),
        "node": execution.node,
        "state": word,
        **taken,
        "run": execution.run,
        "started": f"{moment(execution.started)} UTC",
        "took": duration(max(0.0, execution.ended - execution.started)),
        "type": execution.type,
    }
    subtitle = f"{sign} {word} · {details['took']} · #{execution.id}"
    return Box(
        f"e{execution.id}", "execution", execution.state, execution.node, subtitle, _told(details, execution.properties)
    )


def _artifact_box(artifact: Artifact, name: str) -> Box:
    sign, word = SIGNS.get(artifact.state, ("?", artifact.state.lower()))
    bytes_ = artifact.properties.get("bytes")
    parts = [f"{sign} {word}".strip(), artifact.type, f"#{artifact.id}"]
    parts += [size(bytes_)] if isinstance(bytes_, int | float) else []
    details = {
        "artifact": str(artifact.id),
        "type": artifact.type,
        "name": artifact.name or name,
        "state": word or artifact.state.lower(),
        "made": f"{moment(artifact.created)} UTC",
        "folder": artifact.uri,
    }
    title = artifact.name or name or artifact.type
    subtitle = " · ".join(part for part in parts if part)
    return Box(f"a{artifact.id}", "artifact", artifact.state, title, subtitle, _told(details, artifact.properties))


def _told(details: dict[str, str], properties: Mapping[str, Any]) -> dict[str, str]:
    told = details | {name: value for name, value in sorted(properties.items()) if name not in details}
    return {harmless(name): _shown(value) for name, value in told.items() if value not in ("", None)}


def _shown(value: Any) -> str:
    """A value as visible characters; JSON is indented."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict | list):
        text = json.dumps(value, indent=1, ensure_ascii=False)
        return "\n".join(harmless(line) for line in text[:_TOLD].split("\n"))
    return harmless(value, _TOLD)
