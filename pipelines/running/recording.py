"""Records more than TFX does: the code and environment of every execution, and the content of every artifact.

All properties of an artifact are set before TFX publishes it. Each of them is part of the cache keys of the nodes that
read the artifact, so a later change would make those nodes run again. Executions are not part of any cache key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.proto.orchestration import execution_result_pb2
from tfx.types.artifact import Artifact

from data.digests import Listing
from lineage import marks
from lineage.artifact_types import PUSHED_MODEL, TRACED
from lineage.comparison import describe_payload
from payloads.push import PushRecord
from payloads.sequences import has_sequences, read_sequences
from pipelines.running.run_context import RunContext

_EXECUTION_FACTS = ("git_commit", "git_dirty", "lock_digest")


def execution_facts(run: RunContext, node_id: str) -> dict[str, str | int]:
    """Return the custom properties of a new execution: its run and node, its code and its environment."""
    facts: dict[str, str | int] = {"run_id": run.run_id, "node_id": node_id, **run.marks}
    facts |= {name: str(run.facts[name]) for name in _EXECUTION_FACTS if name in run.facts}
    if run.plan.executor_spec(node_id) is not None:
        facts["code_digest"] = run.plan.code_digest(node_id)
    return facts


def origin_facts(store: MetadataStore, outputs: Mapping[str, Sequence[Artifact]]) -> dict[str, str | int]:
    """Return the custom properties of an execution that takes outputs from the cache: which execution made them."""
    origin = _maker(store, [artifact.mlmd_artifact for found in outputs.values() for artifact in found])
    return {"cached_from": origin.id} if origin else {}


def complete_facts(
    store: MetadataStore, execution_id: int, facts: Mapping[str, str | int]
) -> metadata_store_pb2.Execution:
    """Add facts to an execution if TFX registered it without them, and return the execution."""
    [execution] = store.get_executions_by_id([execution_id])
    before = execution.SerializeToString(deterministic=True)
    for name, value in facts.items():
        if isinstance(value, int):
            execution.custom_properties[name].int_value = value
        else:
            execution.custom_properties[name].string_value = value
    if execution.SerializeToString(deterministic=True) != before:
        store.put_executions([execution])
    return execution


def record_snapshot(store: MetadataStore, run: RunContext) -> None:
    """Complete the cached executions that TFX writes for the nodes that a partial run does not run.

    Nothing has checked whether the code of these nodes is unchanged. The code that is recorded is therefore that of the
    execution that made the outputs.
    """
    context = store.get_context_by_type_and_name("pipeline_run", run.run_id)
    prefix = f"{run.plan.config.name}."
    for execution in store.get_executions_by_context(context.id):
        names = {c.type: c.name for c in store.get_contexts_by_execution(execution.id)}
        facts = execution_facts(run, names["node"].removeprefix(prefix))
        facts.pop("code_digest", None)
        events = [e for e in store.get_events_by_execution_ids([execution.id]) if _is_output(e)]
        origin = _maker(store, store.get_artifacts_by_id([event.artifact_id for event in events]))
        if (
            origin is not None and origin.type_id == execution.type_id
        ):  # the outputs of a Resolver were made by other nodes
            facts["cached_from"] = origin.id
            if "code_digest" in origin.custom_properties:
                facts["code_digest"] = origin.custom_properties["code_digest"].string_value
        complete_facts(store, execution.id, facts)


def _maker(
    store: MetadataStore, artifacts: Sequence[metadata_store_pb2.Artifact]
) -> metadata_store_pb2.Execution | None:
    """Return the execution that made some artifacts; the name of a payload's folder is the execution's id."""
    named = {int(tail) for a in artifacts if (tail := a.uri.rpartition("/")[2]).isdecimal()}
    wanted = {artifact.id for artifact in artifacts}
    makers = {e.execution_id for e in store.get_events_by_execution_ids(named) if e.artifact_id in wanted}
    return store.get_executions_by_id([min(makers)])[0] if makers else None


def _is_output(event: metadata_store_pb2.Event) -> bool:
    return event.type == metadata_store_pb2.Event.OUTPUT


class OutputRecorder:
    """Describes the payloads of one execution's outputs.

    Args:
        root: root folder of the workspace, which keeps the lists of files.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._marks: list[tuple[str, str]] = []

    def describe(
        self, output: execution_result_pb2.ExecutorOutput, made: dict[str, list[Artifact]]
    ) -> execution_result_pb2.ExecutorOutput:
        """Set `content_digest`, `bytes` and `files` of every output in a local folder, and return the output."""
        for key, skeletons in made.items():
            if key not in output.output_artifacts:
                output.output_artifacts[key].artifacts.extend(a.mlmd_artifact for a in skeletons)
            for artifact in output.output_artifacts[key].artifacts:
                folder = Path(artifact.uri)
                if folder.is_dir():
                    self._describe(artifact, skeletons[0].type_name, folder)
        return output

    def _describe(self, artifact: metadata_store_pb2.Artifact, type_name: str, folder: Path) -> None:
        listing = describe_payload(self._root, folder)
        artifact.custom_properties["content_digest"].string_value = listing.digest
        artifact.custom_properties["bytes"].int_value = listing.bytes
        artifact.custom_properties["files"].int_value = len(listing.files)
        self._marks += _marks(artifact, type_name, folder, listing)

    def contexts(self, store: MetadataStore) -> list[metadata_store_pb2.Context]:
        """Return the contexts to publish the outputs with; lineage finds the outputs by them."""
        return mark_contexts(store, self._marks)


def mark_contexts(store: MetadataStore, wanted: Iterable[tuple[str, str]]) -> list[metadata_store_pb2.Context]:
    """Return contexts of these types and names; those that do not exist are created when something is published."""
    contexts = []
    types: dict[str, int] = {}
    for type_name, name in sorted(set(wanted)):
        if type_name not in types:
            types[type_name] = store.put_context_type(metadata_store_pb2.ContextType(name=type_name))
        contexts.append(metadata_store_pb2.Context(type_id=types[type_name], name=name))
    return contexts


def _marks(
    artifact: metadata_store_pb2.Artifact, type_name: str, folder: Path, listing: Listing
) -> Iterator[tuple[str, str]]:
    if type_name == PUSHED_MODEL:
        yield from ((marks.FILE, digest) for digest in _pushed_digests(folder))
    elif type_name in TRACED:
        yield from ((marks.FILE, file.sha256) for file in listing.files)
    if has_sequences(folder):
        yield marks.SPAN, str(artifact.properties["span"].int_value)
        people = {(row.subject, row.split) for row in read_sequences(folder)}
        yield from ((marks.SUBJECT, marks.subject_mark(subject, split)) for subject, split in people)


def _pushed_digests(folder: Path) -> Sequence[str]:
    record = PushRecord.read_if_sound(folder)
    return [file.sha256 for version in record.versions.values() for file in version] if record else []
