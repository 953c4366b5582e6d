"""Resolver strategy: the model that a warm start goes on from."""

from __future__ import annotations

from tfx.dsl.components.common import resolver
from tfx.types.artifact import Artifact


class LastBlessedBefore(resolver.ResolverStrategy):
    """Resolves the newest `model` that was blessed before the `examples` of this run were made.

    What came after them does not count: an unchanged run finds the model that it found before, not the one that it
    trained itself, and stays unchanged. A new span goes on from what all earlier ones led to.

    Channels: `examples` (Examples, of this run), `model` (every Model of the pipeline), `model_blessing` (every
    ModelBlessing). Resolves to one `model`, or to none.
    """

    def resolve_artifacts(self, store: object, input_dict: dict[str, list[Artifact]]) -> dict[str, list[Artifact]]:
        """Chooses the model; see the class."""
        del store
        made = min(artifact.id for artifact in input_dict["examples"])  # ids count upwards
        blessed = {
            blessing.get_int_custom_property("current_model_id")
            for blessing in input_dict["model_blessing"]
            if blessing.get_int_custom_property("blessed") == 1 and blessing.id < made
        }
        candidates = [model for model in input_dict["model"] if model.id in blessed]
        return {**input_dict, "model_blessing": [], "model": sorted(candidates, key=lambda model: model.id)[-1:]}
