"""The questions `why-ran` and `why-cached`: why a node of a run ran, or why its result came from the cache."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import InputError
from lineage.model import CACHED, Execution, Run, Subgraph
from lineage.places import run_folder
from lineage.questions.answer import Answer
from lineage.questions.diff import changed_files, changed_inputs, changed_parameters
from lineage.store.reader import LineageStore
from payloads.node_record import NodeRecord

_MOST_RUNS_SEARCHED = 200


@dataclass(frozen=True, slots=True)
class Why(Answer):
    """The reasons why a node ran or was cached. Each pair is before and after.

    Attributes:
        node: id of the node.
        run: name of the run.
        state: state of the execution, `CACHED` if the node did not run.
        execution: id of the execution.
        compared_with: name of the earlier run that the reasons refer to; None without one.
        reasons: reasons in words.
        code: files of the node's code that changed.
        parameters: pairs of values by parameter.
        inputs: pairs of lists of artifact ids by input name.
    """

    node: str
    run: str
    state: str
    execution: int
    compared_with: str | None
    reasons: list[str]
    code: list[str] = field(default_factory=list)
    parameters: dict[str, list[Any]] = field(default_factory=dict)
    inputs: dict[str, list[list[int]]] = field(default_factory=dict)

    @property
    def cached(self) -> bool:
        """Whether the node did not run."""
        return self.state == CACHED


def why(store: LineageStore, root: Path, node: str, run: Run) -> Why:
    """Find out why a node of a run ran or was cached.

    Raises:
        InputError: the run has no such node.
    """
    graph = store.run_subgraph(run)
    attempts = graph.last_attempts(run)
    if node not in attempts:
        raise InputError(f"no node {node!r} in this run", run.name, f"there are: {', '.join(attempts)}")
    execution = attempts[node]
    if execution.state == CACHED:
        origin = graph.cache_origin(execution)
        reason = "the same code, parameters and inputs had a result already"
        return Why(node, run.name, CACHED, execution.id, origin.run if origin else None, [reason])
    earlier = _earlier_result(store, run, node)
    if earlier is None:
        reason = "no earlier run has a result of this node"
        return Why(node, run.name, execution.state, execution.id, None, [reason])
    return _compare(root, earlier, store.run_subgraph(earlier.run), execution, graph)


def _compare(root: Path, earlier: Execution, earlier_graph: Subgraph, after: Execution, graph: Subgraph) -> Why:
    before = earlier_graph.producer(earlier)
    code_changed = _differ(before, after, "code_digest")
    files = changed_files(root, after.node, earlier.run, after.run) if code_changed else []
    parameters = changed_parameters(before, after)
    for name in ("span", "span_digest"):
        if _differ(before, after, name):
            parameters[name] = [before.properties.get(name), after.properties.get(name)]
    inputs = changed_inputs(before, after, earlier_graph, graph)
    reasons = []
    if code_changed:
        reasons.append(f"its code changed: {_changed_code(before, after, files)}")
    reasons += [f"parameter {name} changed" for name in parameters]
    reasons += [f"input {key} is another artifact ({old} -> {new})" for key, (old, new) in inputs.items()]
    if not reasons:
        recorded = NodeRecord.read(run_folder(root, after.run), after.node).reason
        reasons.append(recorded or "the cache was off, or the earlier payload was gone")
    if after.failure:
        reasons.append(f"it failed: {after.failure}")
    return Why(
        node=after.node,
        run=after.run,
        state=after.state,
        execution=after.id,
        compared_with=earlier.run,
        reasons=reasons,
        code=files,
        parameters=parameters,
        inputs=inputs,
    )


def _changed_code(before: Execution, after: Execution, files: list[str]) -> str:
    if files:
        return ", ".join(files)
    if _differ(before, after, "lock_digest"):
        return "the lock file"
    return "its files, or a file that its parameters name"


def _differ(before: Execution, after: Execution, name: str) -> bool:
    return before.properties.get(name) != after.properties.get(name)


def _earlier_result(store: LineageStore, run: Run, node: str) -> Execution | None:
    """Return the newest successful execution of the node in the earlier runs of the same pipeline."""
    for number, earlier in enumerate(store.runs_before(run)):
        found = [e for e in store.executions_of(earlier) if e.node == node and e.succeeded]
        if found:
            return found[-1]
        if number == _MOST_RUNS_SEARCHED:
            break
    return None
