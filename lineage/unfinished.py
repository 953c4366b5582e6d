"""Which runs of an orchestrator are under way: between two of their tasks no process of Poseline holds the root."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineage.places import plans_folder, run_folder
from payloads.node_record import NodeRecord

NODES = "nodes"
"""Key of the plan of a run: the id of each node of the run to the ids of the nodes before it."""

DAYS = 7
"""How long a run that does nothing counts as under way; a failed task may be cleared meanwhile."""

_ENDED = ("done", "cached", "resolved", "skipped")


def runs_under_way(root: Path) -> list[str]:
    """Return the names of the runs that an orchestrator has begun and whose nodes have not all succeeded, sorted."""
    plans = plans_folder(root)
    return sorted(path.stem for path in plans.glob("*.json") if _is_under_way(root, path)) if plans.is_dir() else []


def _is_under_way(root: Path, plan: Path) -> bool:
    folder, nodes, begun = run_folder(root, plan.stem), _nodes(plan), _time(plan)
    times = {node: _time(NodeRecord.file(folder, node)) for node in nodes}
    # A record that is older than the plan, or than that of a node before it, is of a task that was cleared.
    if all(
        NodeRecord.read(folder, node).state in _ENDED
        and times[node] >= max(begun, *(times.get(name, 0) for name in before), 0)
        for node, before in nodes.items()
    ):
        return False
    return time.time() - max(begun, *times.values()) < DAYS * 86400


def _nodes(plan: Path) -> Mapping[str, Sequence[str]]:
    """Return the nodes of a run's plan; none if it is damaged, is not that of a run, or does not name them."""
    try:
        nodes = json.loads(plan.read_text(encoding="utf-8"))["run"][NODES]
        return {node: [str(name) for name in before] for node, before in nodes.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
