"""Resolver strategies for the baseline: the last blessed model or its statistics, other than the candidate's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common import resolver
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.types.standard_artifacts import ExampleStatistics

_OUTPUT = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.DECLARED_OUTPUT)


class LastOtherBlessedModel(resolver.ResolverStrategy):
    """Resolves to the newest blessed `model` that is not the `candidate`, for Evaluator's change thresholds.

    This strategy replaces TFX's LatestBlessedModelStrategy. When a run is repeated without changes, TFX's strategy
    finds the model that was blessed by the first run, which is the candidate itself; Evaluator then has a new input and
    compares the model with itself. Because the candidate is excluded here, it keeps its baseline, and the result of
    Evaluator stays cached.

    Input channels: `candidate` (model of this run), `model` (all models of the pipeline), `model_blessing` (all
    ModelBlessings). The result has one `model` with its `model_blessing`, or none if no other model is blessed.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Return the candidate and the chosen baseline."""
        del store
        candidate = {artifact.id for artifact in input_dict["candidate"]}
        blessings = _blessings(input_dict["model_blessing"])
        baseline = next((m for m in _blessed(input_dict["model"], blessings) if m.id not in candidate), None)
        return {
            "candidate": input_dict["candidate"],
            "model": [baseline] if baseline else [],
            "model_blessing": [blessings[baseline.id]] if baseline else [],
        }


class LastOtherBlessedStatistics(resolver.ResolverStrategy):
    """Resolves to the statistics of the data that the newest blessed model was trained on, for comparing spans.

    The statistics of this run are excluded, as LastOtherBlessedModel excludes the candidate: a repeated run, or another
    model on the same data, then keeps its baseline.

    Input channels: `candidate` (statistics of this run), `baseline` (empty; it declares the type of the result),
    `model` and `model_blessing` (all of the pipeline). The result has one `baseline`, or none if no model that was
    trained on other data is blessed.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Return the inputs with the chosen baseline."""
        candidate = {artifact.id for artifact in input_dict["candidate"]}
        statistics_of = cache(lambda artifact: _statistics_of(store, artifact))
        inputs_of = cache(lambda artifact: _inputs(store, artifact))
        baseline: list[Artifact] = []
        for model in _blessed(input_dict["model"], _blessings(input_dict["model_blessing"])):
            ancestors = _ancestors(model.id, inputs_of)
            baseline = next(filter(None, map(statistics_of, ancestors)), [])
            if baseline and baseline[0].id not in candidate:
                return {**input_dict, "baseline": baseline}
        return {**input_dict, "baseline": []}


def _blessings(blessings: Iterable[Artifact]) -> dict[int, Artifact]:
    """Return the newest blessing of each blessed model, by the id of the model."""
    return {
        blessing.get_int_custom_property("current_model_id"): blessing
        for blessing in sorted(blessings, key=lambda artifact: artifact.id)
        if blessing.get_int_custom_property("blessed") == 1
    }


def _blessed(models: Iterable[Artifact], blessings: dict[int, Artifact]) -> list[Artifact]:
    """Return the blessed models, newest first."""
    return sorted((m for m in models if m.id in blessings), key=lambda artifact: artifact.id, reverse=True)


def _ancestors(artifact: int, inputs_of: Callable[[int], list[int]]) -> Iterator[int]:
    """Yield the ids of all artifacts that an artifact was created from, nearest first."""
    seen = {artifact}
    waiting = deque([artifact])
    while waiting:
        for found in inputs_of(waiting.popleft()):
            if found not in seen:
                seen.add(found)
                waiting.append(found)
                yield found


def _inputs(store: MetadataStore, artifact: int) -> list[int]:
    """Return the ids of the inputs of the executions that created an artifact."""
    made_by = {event.execution_id for event in store.get_events_by_artifact_ids([artifact]) if event.type in _OUTPUT}
    events = store.get_events_by_execution_ids(made_by) if made_by else []
    return sorted({event.artifact_id for event in events if event.type not in _OUTPUT})


def _statistics_of(store: MetadataStore, examples: int) -> list[Artifact]:
    """Return the newest statistics of an Examples artifact; empty for other artifacts or without statistics."""
    read_by = {
        event.execution_id for event in store.get_events_by_artifact_ids([examples]) if event.type not in _OUTPUT
    }
    events = store.get_events_by_execution_ids(read_by) if read_by else []
    made = store.get_artifacts_by_id({event.artifact_id for event in events if event.type in _OUTPUT})
    live = [a for a in made if a.type == ExampleStatistics.TYPE_NAME and a.state == metadata_store_pb2.Artifact.LIVE]
    newest = max(live, key=lambda artifact: artifact.id, default=None)
    if newest is None:
        return []
    [kind] = store.get_artifact_types_by_id([newest.type_id])
    return [artifact_utils.deserialize_artifact(kind, newest)]
