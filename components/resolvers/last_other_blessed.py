"""Resolver strategies: what a candidate is compared with is the last that was blessed, other than the candidate."""

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
    """Resolves the newest blessed `model` that is not the `candidate`, for Evaluator's change thresholds.

    Replaces TFX's LatestBlessedModelStrategy: on an unchanged run that one resolves the model which the run before
    blessed, that is the candidate itself; Evaluator then sees a new input and measures a model against itself. Left
    out of the choice, the candidate keeps its baseline, and an unchanged run stays unchanged.

    Channels: `candidate` (Model, of this run), `model` (every Model of the pipeline), `model_blessing` (every
    ModelBlessing). Resolves to one `model` with its `model_blessing`, or to none when nothing else was blessed.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Chooses the baseline; see the class."""
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
    """Resolves the statistics of the data behind the newest blessed model, for the comparison of spans.

    The candidate's own statistics are left out of the choice for the reason that LastOtherBlessedModel leaves out the
    candidate: an unchanged run, or another model on the same data, is compared with what it was compared with before.

    Channels: `candidate` (ExampleStatistics, of this run), `baseline` (ExampleStatistics, names the type), `model` and
    `model_blessing` (every one of the pipeline). Resolves to one `baseline`, or to none when no model was blessed yet
    that was made of other data.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Chooses the baseline; see the class."""
        candidate = {artifact.id for artifact in input_dict["candidate"]}
        statistics_of = cache(lambda artifact: _statistics_beside(store, artifact))
        inputs_of = cache(lambda artifact: _inputs(store, artifact))
        baseline: list[Artifact] = []
        for model in _blessed(input_dict["model"], _blessings(input_dict["model_blessing"])):
            made_of = _ancestors(model.id, inputs_of)
            baseline = next(filter(None, map(statistics_of, made_of)), [])
            if baseline and baseline[0].id not in candidate:
                return {**input_dict, "baseline": baseline}
        return {**input_dict, "baseline": []}


def _blessings(blessings: Iterable[Artifact]) -> dict[int, Artifact]:
    """Model id to its newest blessing, for models that are blessed."""
    return {
        blessing.get_int_custom_property("current_model_id"): blessing
        for blessing in sorted(blessings, key=lambda artifact: artifact.id)
        if blessing.get_int_custom_property("blessed") == 1
    }


def _blessed(models: Iterable[Artifact], blessings: dict[int, Artifact]) -> list[Artifact]:
    """The blessed models, newest first."""
    return sorted((m for m in models if m.id in blessings), key=lambda artifact: artifact.id, reverse=True)


def _ancestors(artifact: int, inputs_of: Callable[[int], list[int]]) -> Iterator[int]:
    """Ids of all artifacts that one was made of, nearest first."""
    seen = {artifact}
    waiting = deque([artifact])
    while waiting:
        for found in inputs_of(waiting.popleft()):
            if found not in seen:
                seen.add(found)
                waiting.append(found)
                yield found


def _inputs(store: MetadataStore, artifact: int) -> list[int]:
    """Ids of the inputs of the executions that made an artifact."""
    made_by = {event.execution_id for event in store.get_events_by_artifact_ids([artifact]) if event.type in _OUTPUT}
    events = store.get_events_by_execution_ids(made_by) if made_by else []
    return sorted({event.artifact_id for event in events if event.type not in _OUTPUT})


def _statistics_beside(store: MetadataStore, examples: int) -> list[Artifact]:
    """The newest statistics that were made of some examples; empty if there are none, or it is no examples."""
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
