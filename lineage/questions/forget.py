"""The question `forget`: which payloads contain a person's data, and which models learned from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from lineage import marks
from lineage.artifact_types import EDGE_MODEL, EXAMPLES
from lineage.model import LIVE
from lineage.questions import impact
from lineage.questions.answer import Answer
from lineage.questions.removal import RemovablePayload
from lineage.store.reader import LineageStore

# An edge model contains golden windows, which were cut from people's sequences.
_TYPES_WITH_PEOPLE = (EXAMPLES, EDGE_MODEL)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Examples that contain the person.

    Attributes:
        artifact: id of the Examples artifact.
        splits: splits in which the person is.
    """

    artifact: int
    splits: list[str]


@dataclass(frozen=True, slots=True)
class ForgetPlan(Answer):
    """What is removed and marked when a person asks to be forgotten.

    Attributes:
        examples: Examples artifacts that contain the person.
        payloads: payloads to remove: all that contain windows of people and were made from these examples.
        models: models that saw the person.
        retrain: ids of the models that learned from the person and have to be trained again.
        pushes: published versions of these models.
        done: whether the payloads have been removed and the models marked.
    """

    examples: list[PersonalData]
    payloads: list[RemovablePayload]
    models: list[impact.ImpactedModel]
    retrain: list[int]
    pushes: list[impact.Push]
    done: bool = False


def plan_forget(store: LineageStore, subject: str) -> ForgetPlan:
    """Find the payloads that contain a person's data and the models that saw it."""
    start = impact.of_subject(store, subject)
    if not start:
        return ForgetPlan([], [], [], [], [])
    found = impact.impact(store, start)
    holders = store.artifacts(id_ for type_ in _TYPES_WITH_PEOPLE for id_ in found.artifacts.get(type_, ()))
    return ForgetPlan(
        examples=[PersonalData(id_, sorted(splits)) for id_, splits in sorted(start.items())],
        payloads=[RemovablePayload.of(a) for a in holders.values() if a.state == LIVE or Path(a.uri).is_dir()],
        models=found.models,
        retrain=[model.id for model in found.models if {impact.TRAIN, impact.EVAL} & set(model.saw)],
        pushes=found.pushes,
    )


def mark_for_retraining(mlmd: MetadataStore, models: Iterable[int]) -> None:
    """Mark models that learned from a person who asked to be forgotten.

    The mark is a context of its own: the models' records are part of cache keys and stay as they are.
    """
    models = sorted(set(models))
    if not models:
        return
    type_id = mlmd.put_context_type(metadata_store_pb2.ContextType(name=marks.FORGOTTEN))
    context = mlmd.get_context_by_type_and_name(marks.FORGOTTEN, marks.RETRAIN)
    if context:
        context_id = context.id
    else:
        [context_id] = mlmd.put_contexts([metadata_store_pb2.Context(type_id=type_id, name=marks.RETRAIN)])
    attributions = [metadata_store_pb2.Attribution(artifact_id=id_, context_id=context_id) for id_ in models]
    mlmd.put_attributions_and_associations(attributions, [])
