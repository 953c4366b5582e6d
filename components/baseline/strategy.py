"""Resolver strategies: what a candidate is compared with is the last that was blessed, other than the candidate."""

from __future__ import annotations

from collections.abc import Iterable

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common import resolver
from tfx.types.artifact import Artifact

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

    Channels: `candidate` (ExampleStatistics, of this run), `baseline` (every ExampleStatistics of the pipeline),
    `model` and `model_blessing` (every one). Resolves to one `baseline`, or to none when no model was blessed yet that
    was made of other data.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Chooses the baseline; see the class."""
        candidate = {artifact.id for artifact in input_dict["candidate"]}
        # Statistics and models are made of the same examples: those are what joins them.
        by_examples = {
            examples: statistics
            for statistics in sorted(input_dict["baseline"], key=lambda artifact: artifact.id)
            for examples in _made_of(store, {statistics.id})
        }
        baseline = None
        for model in _blessed(input_dict["model"], _blessings(input_dict["model_blessing"])):
            statistics = next((by_examples[i] for i in _ancestors(store, model.id) if i in by_examples), None)
            if statistics and statistics.id not in candidate:
                baseline = statistics
                break
        return {**input_dict, "baseline": [baseline] if baseline else []}


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


def _ancestors(store: MetadataStore, artifact: int) -> list[int]:
    """Ids of all artifacts that one was made of, nearest first."""
    found: list[int] = []
    newest = {artifact}
    while newest := _made_of(store, newest) - set(found):
        found += sorted(newest)
    return found


def _made_of(store: MetadataStore, artifacts: set[int]) -> set[int]:
    """Ids of the inputs of the executions that made some artifacts."""
    made_by = {event.execution_id for event in store.get_events_by_artifact_ids(artifacts) if event.type in _OUTPUT}
    events = store.get_events_by_execution_ids(made_by) if made_by else []
    return {event.artifact_id for event in events if event.type not in _OUTPUT}
