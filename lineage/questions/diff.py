"""The question `diff`: what changed between two runs in code, data, parameters, environment and figures."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.project import PROJECT_ROOT
from lineage.model import Execution, Run, Subgraph
from lineage.places import run_folder
from lineage.questions.answer import Answer
from lineage.recorded_run import RecordedRun
from lineage.store.reader import LineageStore
from payloads.node_record import NodeRecord

_PATH_PARAMETERS = frozenset({"data_folder", "schema_file"})
_DATA_PARAMETERS = frozenset({"span", "span_digest"})
_MOST_NAMED = 200


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A change of the code. Each pair is before and after.

    Attributes:
        commits: pair of commits.
        log: commits from the first to the second, one line each; empty if git does not know them.
        dirty: pair that says whether files differed from the commit.
        nodes: ids of the nodes whose code changed.
        files: changed files of these nodes, as far as the records of the runs still exist.
        files_between_commits: files that differ between the commits; empty if git does not know them.
    """

    commits: list[str]
    log: list[str]
    dirty: list[bool]
    nodes: list[str]
    files: list[str]
    files_between_commits: list[str]


@dataclass(frozen=True, slots=True)
class DataChange:
    """A change of the data. Each pair is before and after.

    Attributes:
        artifacts: pair of Examples ids.
        spans: pair of span numbers.
        sequences: pair of numbers of sequences.
        added: sequences that were added: id, subject, label and split of each, at most 200.
        gone: sequences that are gone, in the same form.
        added_count: number of sequences that were added.
        gone_count: number of sequences that are gone.
        subjects_added: names of the subjects that were added.
        subjects_gone: names of the subjects that are gone.
        same_content: whether the content digests are equal.
    """

    artifacts: list[int]
    spans: list[Any]
    sequences: list[int]
    added: list[list[str]]
    gone: list[list[str]]
    added_count: int
    gone_count: int
    subjects_added: list[str]
    subjects_gone: list[str]
    same_content: bool


@dataclass(frozen=True, slots=True)
class ArtifactOverlap:
    """The outputs of two runs, compared.

    Attributes:
        same: ids of the artifacts that both runs have.
        equal_content: ids of artifacts of the second run that have the content of another artifact of the first.
        only_before: ids of the artifacts of the first run only.
        only_after: ids of the artifacts of the second run only.
    """

    same: list[int]
    equal_content: list[int]
    only_before: list[int]
    only_after: list[int]


@dataclass(frozen=True, slots=True)
class Diff(Answer):
    """The differences between two runs. Each pair is before and after; what does not differ is empty.

    Attributes:
        before: name of the first run.
        after: name of the second run.
        summary: the changes in one line.
        code: change of the code; None without one.
        data: change of the data; None without one.
        parameters: pairs of values by node and parameter.
        environment: pairs of values by fact: digest of the lock file, version of Python.
        figures: pairs of values by figure.
        slices: pairs of values by slice and metric.
        states: pairs of states by node.
        artifacts: comparison of the outputs.
    """

    before: str
    after: str
    summary: str
    code: CodeChange | None
    data: DataChange | None
    parameters: dict[str, dict[str, list[Any]]]
    environment: dict[str, list[Any]]
    figures: dict[str, list[float | None]]
    slices: dict[str, dict[str, list[float | None]]]
    states: dict[str, list[str]]
    artifacts: ArtifactOverlap

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as `--json` prints it, with an empty object in place of None."""
        found = asdict(self)
        return found | {"code": found["code"] or {}, "data": found["data"] or {}}


def compare(store: LineageStore, root: Path, before: Run, after: Run) -> Diff:
    """Compare two runs of a root."""
    old, new = RecordedRun.read(store, before), RecordedRun.read(store, after)
    code, data = _code(root, old, new), _data(old, new)
    parameters, environment = _parameters(old, new), _environment(before, after)
    overlap = _overlap(old, new)
    if changes := _changes(code, data, parameters, environment):
        summary = "changed: " + "; ".join(changes)
    elif overlap.only_before or overlap.only_after:
        summary = "code, data, parameters and environment are the same; other nodes ran, or they ran again"
    elif old.attempts.keys() & new.attempts.keys():
        summary = "nothing differs: both runs have the same artifacts"
    else:
        summary = "the runs have no node in common"
    return Diff(
        before=before.name,
        after=after.name,
        summary=summary,
        code=code,
        data=data,
        parameters=parameters,
        environment=environment,
        figures=_changed(old.figures(), new.figures()),
        slices=_slices(old, new),
        states={
            node: pair
            for node in {**old.attempts, **new.attempts}
            if (pair := [_state(old, node), _state(new, node)])[0] != pair[1]
        },
        artifacts=overlap,
    )


def changed_inputs(first: Execution, second: Execution, old: Subgraph, new: Subgraph) -> dict[str, list[list[int]]]:
    """Return the artifact ids before and after by input name, for the inputs that changed."""
    before, after = old.inputs(first.id), new.inputs(second.id)
    ids = {
        key: [sorted(a.id for a in before.get(key, ())), sorted(a.id for a in after.get(key, ()))]
        for key in sorted(before.keys() | after.keys())
    }
    return {key: pair for key, pair in ids.items() if pair[0] != pair[1]}


def changed_parameters(first: Execution, second: Execution) -> dict[str, list[Any]]:
    """Return the values before and after by parameter; the name of a nested parameter contains dots.

    Parameters that name paths or the version of the data are left out.
    """
    changed = _changed(_flat(first.parameters), _flat(second.parameters))
    return {name: pair for name, pair in changed.items() if name not in _PATH_PARAMETERS | _DATA_PARAMETERS}


def changed_files(root: Path, node: str, before: str, after: str) -> list[str]:
    """Return the files of a node's code that differ between two runs; empty if a record of a run is gone."""
    code, edited = (NodeRecord.read(run_folder(root, run), node).code for run in (before, after))
    if not code or not edited:
        return []
    return sorted(file for file in code.keys() | edited.keys() if code.get(file) != edited.get(file))


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    return {
        name: [before.get(name), after.get(name)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def _code(root: Path, old: RecordedRun, new: RecordedRun) -> CodeChange | None:
    nodes = [
        node
        for node, execution in new.producers.items()
        if node in old.producers
        and old.producers[node].properties.get("code_digest") != execution.properties.get("code_digest")
    ]
    commits = [str(run.properties.get("git_commit", "")) for run in (old.run, new.run)]
    if not nodes and commits[0] == commits[1]:
        return None
    files = {file for node in nodes for file in changed_files(root, node, old.run.name, new.run.name)}
    comparable = _can_be_compared(commits)
    return CodeChange(
        commits=commits,
        log=_git("log", "--oneline", "--no-decorate", f"{commits[0]}..{commits[1]}") if comparable else [],
        dirty=[run.properties.get("git_dirty") == "true" for run in (old.run, new.run)],
        nodes=nodes,
        files=sorted(files),
        files_between_commits=_git("diff", "--name-only", *commits) if comparable else [],
    )


def _data(old: RecordedRun, new: RecordedRun) -> DataChange | None:
    before, after = next(iter(old.source_data()), None), next(iter(new.source_data()), None)
    if before is None or after is None or before.examples.id == after.examples.id:
        return None
    ids = [{(s.sequence_id, s.subject, s.label, s.split) for s in found.sequences} for found in (before, after)]
    people = [{s.subject for s in found.sequences} for found in (before, after)]
    digests = [found.examples.properties.get("content_digest") for found in (before, after)]
    added, gone = sorted(ids[1] - ids[0]), sorted(ids[0] - ids[1])
    return DataChange(
        artifacts=[before.examples.id, after.examples.id],
        spans=[before.span, after.span],
        sequences=[len(ids[0]), len(ids[1])],
        added=[list(entry) for entry in added[:_MOST_NAMED]],
        gone=[list(entry) for entry in gone[:_MOST_NAMED]],
        added_count=len(added),
        gone_count=len(gone),
        subjects_added=sorted(people[1] - people[0]),
        subjects_gone=sorted(people[0] - people[1]),
        same_content=digests[0] == digests[1],
    )


def _parameters(old: RecordedRun, new: RecordedRun) -> dict[str, dict[str, list[Any]]]:
    changed = {
        node: changed_parameters(old.producers[node], execution)
        for node, execution in new.producers.items()
        if node in old.producers
    }
    return {node: found for node, found in changed.items() if found}


def _environment(before: Run, after: Run) -> dict[str, list[Any]]:
    return {
        name: [before.properties.get(name), after.properties.get(name)]
        for name in ("lock_digest", "python")
        if before.properties.get(name) != after.properties.get(name)
    }


def _slices(old: RecordedRun, new: RecordedRun) -> dict[str, dict[str, list[float | None]]]:
    before, after = old.slices(), new.slices()
    changed = {
        name: _changed(before.get(name, {}), after.get(name, {}))
        for name in sorted((before.keys() | after.keys()) - {"all"})
    }
    return {name: found for name, found in changed.items() if found}


def _overlap(old: RecordedRun, new: RecordedRun) -> ArtifactOverlap:
    before, after = old.artifacts, new.artifacts
    digests = {artifact.properties.get("content_digest") for artifact in before.values()} - {None}
    return ArtifactOverlap(
        same=sorted(before.keys() & after.keys()),
        equal_content=sorted(
            artifact.id
            for artifact in after.values()
            if artifact.id not in before and artifact.properties.get("content_digest") in digests
        ),
        only_before=sorted(before.keys() - after.keys()),
        only_after=sorted(after.keys() - before.keys()),
    )


def _state(run: RecordedRun, node: str) -> str:
    return run.attempts[node].state if node in run.attempts else "absent"


def _changes(
    code: CodeChange | None,
    data: DataChange | None,
    parameters: dict[str, dict[str, list[Any]]],
    environment: dict[str, list[Any]],
) -> list[str]:
    """Return the changes that can explain other results, each in a few words."""
    changes = []
    if code and code.nodes:
        files = f" ({_first_three(code.files)})" if code.files else ""
        changes.append(f"the code of {', '.join(code.nodes)}{files}")
    elif code and code.commits[0] != code.commits[1]:
        changes.append("the commit, but no code that a node runs")
    if data and data.added_count + data.gone_count:
        changes.append(f"the data ({data.added_count} sequences added, {data.gone_count} gone)")
    elif data:
        changes.append("the data was read again")
    if parameters:
        names = [f"{node}.{name}" for node, found in parameters.items() for name in found]
        changes.append(f"parameters {_first_three(names)}")
    if environment:
        changes.append(f"the environment ({', '.join(environment)})")
    return changes


def _first_three(names: list[str]) -> str:
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more" if rest > 0 else "")


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    return {
        name: inner
        for key, entry in value.items()
        for name, inner in _flat(entry, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _can_be_compared(commits: list[str]) -> bool:
    return commits[0] != commits[1] and all(len(c) == 40 and set(c) <= set("0123456789abcdef") for c in commits)


def _git(*arguments: str) -> list[str]:
    """Return the lines that git prints for this project; none if git is missing or does not know a commit."""
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.splitlines()
