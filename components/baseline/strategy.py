"""Resolver strategy: the last blessed model other than the candidate."""

from __future__ import annotations

from tfx.dsl.components.common import resolver
from tfx.types.artifact import Artifact


class LastOtherBlessedModel(resolver.ResolverStrategy):
    """Resolves the newest blessed `model` that is not the `candidate`, for Evaluator's change thresholds.

    Replaces TFX's LatestBlessedModelStrategy: on an unchanged run that one resolves the model which the run before
    blessed, that is the candidate itself; Evaluator then sees a new input and measures a model against itself. Left
    out of the choice, the candidate keeps its baseline, and an unchanged run stays unchanged.

    Channels: `candidate` (Model, of this run), `model` (every Model of the pipeline), `model_blessing` (every
    ModelBlessing). Resolves to one `model` with its `model_blessing`, or to none when nothing else was blessed.
    """

    def resolve_artifacts(self, store: object, input_dict: dict[str, list[Artifact]]) -> dict[str, list[Artifact]]:
        """Chooses the baseline; see the class."""
        del store
        candidate = {artifact.id for artifact in input_dict["candidate"]}
        blessings = {
            blessing.get_int_custom_property("current_model_id"): blessing
            for blessing in sorted(input_dict["model_blessing"], key=lambda artifact: artifact.id)
            if blessing.get_int_custom_property("blessed") == 1
        }
        others = [m for m in input_dict["model"] if m.id in blessings and m.id not in candidate]
        baseline = max(others, key=lambda artifact: artifact.id, default=None)
        return {
            "candidate": input_dict["candidate"],
            "model": [baseline] if baseline else [],
            "model_blessing": [blessings[baseline.id]] if baseline else [],
        }
