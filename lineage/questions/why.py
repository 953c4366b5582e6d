"""Why a node ran, or why it did not have to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.errors import InputError
from lineage.model import CACHED, Execution, Run
from lineage.places import run_folder
from lineage.questions.diff import changed_files, changed_inputs, changed_parameters
from lineage.questions.runs import failure_of, last_attempts, maker_of_cached, standing
from lineage.store.reader import LineageStore
from payloads.node_record import NodeRecord

_LOOKED_BACK = 200


def why(store: LineageStore, root: Path, node: str, run: Run) -> dict[str, Any]:
    """Why a node of a run was cached, or why it ran.

    Returns:
        `node`, `run`, `state`, `compared_with` (the run whose execution it is compared with), `reasons` (a line each),
        `code` (edited files), `parameters` and `inputs` that differ.

    Raises:
        InputError: the node is not in the run.
    """
    graph = store.run_subgraph(run)
    attempts = last_attempts(graph, run)
    if node not in attempts:
        raise InputError(f"no node {node!r} in this run", run.name, f"there are: {', '.join(attempts)}")
    execution = attempts[node]
    answer: dict[str, Any] = {"node": node, "run": run.name, "state": execution.state, "execution": execution.id}
    nothing: dict[str, Any] = {"compared_with": None, "code": [], "parameters": {}, "inputs": {}}
    if execution.state == CACHED:
        origin = maker_of_cached(execution, graph)
        reason = "the same code, parameters and inputs had a result already"
        return answer | nothing | {"compared_with": origin.run if origin else None, "reasons": [reason]}
    recorded = NodeRecord.read(run_folder(root, run.name), node)
    earlier = _earlier(store, run, node)
    if earlier is None:
        return answer | nothing | {"reasons": ["no earlier run has a result of this node"]}
    before = store.run_subgraph(earlier.run)
    ran_in, earlier = earlier.run, standing(earlier, before)
    inputs = changed_inputs(earlier, execution, before, graph)
    changed = changed_parameters(earlier, execution)
    for name in ("span", "span_digest"):
        if earlier.properties.get(name) != execution.properties.get(name):
            changed[name] = [earlier.properties.get(name), execution.properties.get(name)]
    code = earlier.properties.get("code_digest") != execution.properties.get("code_digest")
    files = changed_files(root, node, ran_in, run.name) if code else []
    reasons = []
    if code:
        locked = earlier.properties.get("lock_digest") != execution.properties.get("lock_digest")
        what = ", ".join(files) or ("the lock file" if locked else "its files, or a file that its parameters name")
        reasons.append(f"its code changed: {what}")
    reasons += [f"parameter {name} changed" for name in changed]
    reasons += [f"input {key} is another artifact ({before_} -> {after})" for key, (before_, after) in inputs.items()]
    if not reasons:
        reasons.append(recorded.reason or "the cache was off, or the earlier payload was gone")
    if failure := failure_of(execution):
        reasons.append(f"it failed: {failure}")
    return answer | {
        "compared_with": ran_in,
        "reasons": reasons,
        "code": files,
        "parameters": changed,
        "inputs": inputs,
    }


def _earlier(store: LineageStore, run: Run, node: str) -> Execution | None:
    """The newest execution of the node that ended well in an earlier run of the pipeline."""
    for number, earlier in enumerate(store.runs_before(run)):
        found = [e for e in store.executions_of(earlier) if e.node == node and e.succeeded]
        if found:
            return found[-1]
        if number == _LOOKED_BACK:
            break
    return None
