"""Resolver strategy for the model that a warm start continues from."""

from __future__ import annotations

from tfx.dsl.components.common import resolver
from tfx.types.artifact import Artifact


class LastBlessedBefore(resolver.ResolverStrategy):
    """Resolves to the newest `model` that was blessed before the `examples` of this run were created.

    Later models are ignored. If a run is repeated without changes, it therefore finds the same model again, not the one
    that it trained itself, and its result stays cached. A run on a new span continues from the model of all earlier
    spans.

    Input channels: `examples` (examples of this run), `model` (all models of the pipeline), `model_blessing` (all
    ModelBlessings). The result has one `model`, or none.
    """

    def resolve_artifacts(self, store: object, input_dict: dict[str, list[Artifact]]) -> dict[str, list[Artifact]]:
        """Return the inputs with the chosen model."""
        del store
        made = min(artifact.id for artifact in input_dict["examples"])  # artifact ids increase with time
        blessed = {
            blessing.get_int_custom_property("current_model_id")
            for blessing in input_dict["model_blessing"]
            if blessing.get_int_custom_property("blessed") == 1 and blessing.id < made
        }
        candidates = [model for model in input_dict["model"] if model.id in blessed]
        return {**input_dict, "model_blessing": [], "model": sorted(candidates, key=lambda model: model.id)[-1:]}
