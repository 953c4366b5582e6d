"""What changed between two runs: code, data, parameters, environment, and what came of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from data.project import PROJECT_ROOT
from lineage.artifact_types import EVALUATION, EXAMPLES
from lineage.measures import figures_of, read_slices
from lineage.model import Execution, Run, Subgraph
from lineage.places import run_folder
from lineage.questions.runs import last_attempts, standing
from lineage.questions.trace import parameters
from lineage.store.reader import LineageStore
from payloads.node_record import NodeRecord
from payloads.sequences import read_sequences

_PLACES = frozenset({"data_folder", "schema_file"})
_DATA = frozenset({"span", "span_digest"})
_MOST_NAMED = 200


def compare(store: LineageStore, root: Path, before: Run, after: Run) -> dict[str, Any]:
    """Compares two runs.

    Returns:
        `summary`: the shortest true answer; `code`, `data`, `parameters`, `environment`, `figures`, `slices`,
        `states`: what differs, empty where nothing does; `artifacts`: how many outputs are the same ones.
    """
    old, new = store.run_subgraph(before), store.run_subgraph(after)
    attempts = last_attempts(old, before), last_attempts(new, after)
    first = {node: standing(execution, old) for node, execution in attempts[0].items()}
    second = {node: standing(execution, new) for node, execution in attempts[1].items()}
    both = [node for node in second if node in first]
    changes = {
        "code": _code(root, before, after, first, second),
        "data": _data(old, new, first, second),
        "parameters": _parameters(first, second),
        "environment": _environment(before, after),
        "figures": _figures(old, new, first, second),
        "slices": _slices(old, new, first, second),
        "states": {
            node: states
            for node in {**first, **second}
            if len(set(states := [_state(found.get(node)) for found in attempts])) > 1
        },
        "artifacts": _shared(old, new, first, second),
    }
    return {"before": before.name, "after": after.name, "summary": _summary(changes, both), **changes}


def changed_inputs(first: Execution, second: Execution, old: Subgraph, new: Subgraph) -> dict[str, list[list[int]]]:
    """Input to the ids of the artifacts before and after, where they are others."""
    before, after = old.inputs(first.id), new.inputs(second.id)
    ids = {
        key: [sorted(a.id for a in before.get(key, ())), sorted(a.id for a in after.get(key, ()))]
        for key in sorted(before.keys() | after.keys())
    }
    return {key: pair for key, pair in ids.items() if pair[0] != pair[1]}


def changed_parameters(first: Execution, second: Execution) -> dict[str, list[Any]]:
    """Parameter, inner ones with dots, to its values before and after."""
    before, after = _flat(parameters(first)), _flat(parameters(second))
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name) and name not in _PLACES | _DATA
    }


def changed_files(root: Path, node: str, before: str, after: str) -> list[str]:
    """Files of a node's code that differ between two runs, as far as the runs' records are still there."""
    code, edited = (NodeRecord.read(run_folder(root, run), node).code for run in (before, after))
    if not code or not edited:
        return []
    return sorted(file for file in code.keys() | edited.keys() if code.get(file) != edited.get(file))


def _code(
    root: Path, before: Run, after: Run, first: dict[str, Execution], second: dict[str, Execution]
) -> dict[str, Any]:
    nodes = [n for n in second if n in first and _differ(first[n], second[n], "code_digest")]
    commits = [str(run.properties.get("git_commit", "")) for run in (before, after)]
    if not nodes and commits[0] == commits[1]:
        return {}
    files = {file for node in nodes for file in changed_files(root, node, before.name, after.name)}
    return {
        "commits": commits,
        "log": _git("log", "--oneline", "--no-decorate", f"{commits[0]}..{commits[1]}") if _known(commits) else [],
        "dirty": [run.properties.get("git_dirty") == "true" for run in (before, after)],
        "nodes": nodes,
        "files": sorted(files),
        "files_between_commits": _git("diff", "--name-only", *commits) if _known(commits) else [],
    }


def _data(old: Subgraph, new: Subgraph, first: dict[str, Execution], second: dict[str, Execution]) -> dict[str, Any]:
    before, after = (_source(graph, attempts) for graph, attempts in ((old, first), (new, second)))
    if before is None or after is None or before.id == after.id:
        return {}
    sequences = [read_sequences(Path(examples.uri)) for examples in (before, after)]
    ids = [{(s.sequence_id, s.subject, s.label, s.split) for s in found} for found in sequences]
    added, gone = sorted(ids[1] - ids[0]), sorted(ids[0] - ids[1])
    people = [{s.subject for s in found} for found in sequences]
    return {
        "artifacts": [before.id, after.id],
        "spans": [before.properties.get("span"), after.properties.get("span")],
        "sequences": [len(ids[0]), len(ids[1])],
        "added": [list(entry) for entry in added[:_MOST_NAMED]],
        "gone": [list(entry) for entry in gone[:_MOST_NAMED]],
        "added_count": len(added),
        "gone_count": len(gone),
        "subjects_added": sorted(people[1] - people[0]),
        "subjects_gone": sorted(people[0] - people[1]),
        "same_content": before.properties.get("content_digest") == after.properties.get("content_digest"),
    }


def _source(graph: Subgraph, attempts: dict[str, Execution]) -> Any:
    for execution in attempts.values():
        for artifact in (a for found in graph.outputs(execution.id).values() for a in found):
            if artifact.type == EXAMPLES and not graph.inputs(execution.id):
                return artifact
    return None


def _parameters(first: dict[str, Execution], second: dict[str, Execution]) -> dict[str, dict[str, list[Any]]]:
    changed = {node: changed_parameters(first[node], second[node]) for node in second if node in first}
    return {node: found for node, found in changed.items() if found}


def _environment(before: Run, after: Run) -> dict[str, list[Any]]:
    return {
        name: [before.properties.get(name), after.properties.get(name)]
        for name in ("lock_digest", "python")
        if before.properties.get(name) != after.properties.get(name)
    }


def _figures(
    old: Subgraph, new: Subgraph, first: dict[str, Execution], second: dict[str, Execution]
) -> dict[str, list[float | None]]:
    before = figures_of(old, (e.id for e in first.values()))
    after = figures_of(new, (e.id for e in second.values()))
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def _slices(
    old: Subgraph, new: Subgraph, first: dict[str, Execution], second: dict[str, Execution]
) -> dict[str, dict[str, list[float | None]]]:
    before, after = _evaluated(old, first), _evaluated(new, second)
    changed: dict[str, dict[str, list[float | None]]] = {}
    for name in sorted((before.keys() | after.keys()) - {"all"}):
        left, right = before.get(name, {}), after.get(name, {})
        moved = {
            m: [left.get(m), right.get(m)] for m in sorted(left.keys() | right.keys()) if left.get(m) != right.get(m)
        }
        if moved:
            changed[name] = moved
    return changed


def _evaluated(graph: Subgraph, attempts: dict[str, Execution]) -> dict[str, dict[str, float]]:
    for execution in attempts.values():
        for artifact in (a for found in graph.outputs(execution.id).values() for a in found):
            if artifact.type == EVALUATION:
                return read_slices(artifact)
    return {}


def _shared(old: Subgraph, new: Subgraph, first: dict[str, Execution], second: dict[str, Execution]) -> dict[str, Any]:
    before = {a.id: a for e in first.values() for found in old.outputs(e.id).values() for a in found}
    after = {a.id: a for e in second.values() for found in new.outputs(e.id).values() for a in found}
    digests = {a.properties.get("content_digest") for a in before.values()} - {None}
    made_again = [a.id for a in after.values() if a.id not in before and a.properties.get("content_digest") in digests]
    return {
        "same": sorted(before.keys() & after.keys()),
        "equal_content": sorted(made_again),
        "only_before": sorted(before.keys() - after.keys()),
        "only_after": sorted(after.keys() - before.keys()),
    }


def _summary(changes: dict[str, Any], both: list[str]) -> str:
    parts = []
    if code := changes["code"]:
        if code["nodes"]:
            named = ", ".join(code["files"][:3]) + (f" and {len(code['files']) - 3} more" * (len(code["files"]) > 3))
            parts.append(f"the code of {', '.join(code['nodes'])}" + (f" ({named})" if named else ""))
        elif code["commits"][0] != code["commits"][1]:
            parts.append("the commit, but no code that a node runs")
    if data := changes["data"]:
        counted = f"{data['added_count']} sequences added, {data['gone_count']} gone"
        parts.append(
            "the data was read again" if not data["added_count"] + data["gone_count"] else f"the data ({counted})"
        )
    if changed := changes["parameters"]:
        names = [f"{node}.{name}" for node, found in changed.items() for name in found]
        parts.append(f"parameters {', '.join(names[:3])}" + f" and {len(names) - 3} more" * (len(names) > 3))
    if changes["environment"]:
        parts.append(f"the environment ({', '.join(changes['environment'])})")
    if parts:
        return "changed: " + "; ".join(parts)
    if changes["artifacts"]["only_before"] or changes["artifacts"]["only_after"]:
        return "code, data, parameters and environment are the same; other nodes ran, or they ran again"
    return "nothing differs: both runs stand on the same artifacts" if both else "the runs have no node in common"


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    return {
        name: inner
        for key, entry in value.items()
        for name, inner in _flat(entry, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _differ(first: Execution, second: Execution, name: str) -> bool:
    return first.properties.get(name) != second.properties.get(name)


def _state(execution: Execution | None) -> str:
    return execution.state if execution else "absent"


def _known(commits: list[str]) -> bool:
    return commits[0] != commits[1] and all(len(c) == 40 and set(c) <= set("0123456789abcdef") for c in commits)


def _git(*arguments: str) -> list[str]:
    """Lines that git prints in this project; none where there is no git or it does not know a commit."""
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.splitlines()
