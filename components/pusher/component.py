"""Pusher: publishes a blessed model as a new version at every target."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Model, PushedModel

from components.artifacts.types import CoachSettingsArtifact, EdgeModel, ReferencesArtifact
from components.pusher.blessing_inputs import BLESSINGS
from components.pusher.executor import Executor
from components.pusher.signing import SIGNER
from lineage.node_ids import NodeId


class PusherSpec(ComponentSpec):
    """Channels and parameters of Pusher."""

    PARAMETERS = {  # noqa: RUF012
        "targets": ExecutionParameter(type=str),
        "manifest_facts": ExecutionParameter(type=str),
        "only_warn": ExecutionParameter(type=str),
        SIGNER: ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=Model),
        "edge_model": ChannelParameter(type=EdgeModel),
        "references": ChannelParameter(type=ReferencesArtifact),
        "settings": ChannelParameter(type=CoachSettingsArtifact),
        **{blessing.channel: ChannelParameter(type=blessing.kind) for blessing in BLESSINGS.values()},
    }
    OUTPUTS = {"pushed_model": ChannelParameter(type=PushedModel)}  # noqa: RUF012


class Pusher(BaseComponent):
    """Publishes SavedModel and TFLite files together at every target, or not at all.

    This component replaces TFX's Pusher, which supports one target and one format. TFX's Pusher copies file by file
    into the final folder, so that a crash leaves half a version. It uses the current second as the version, and if that
    version exists, it skips the push but reports success. It writes no manifest and offers no rollback.

    The folder `<target>/<version>/` contains the manifest, the SBOM, `model_int8.tflite`, `model_float.tflite`,
    `saved_model/`, and the coach's `references.json` and `coach.json`. It is written completely under a hidden name,
    then renamed. `<target>/latest` is moved last, in one step. If a target already has the model, the model is not
    published again: `latest` is moved to its version, unless the target was rolled back (`poseline rollback`).

    What is published is what was judged: the payloads of all inputs are compared with their recorded digests, and the
    copies at the targets with the same digests before they are renamed.

    The model is pushed only if Evaluator, ModelValidator, ServingSmoke and SessionEvaluator have all accepted it. A
    rejection by a gate in `only_warn` does not stop the push; it is recorded in the `PushRecord` and in the manifest's
    provenance. The payload of `pushed_model` is a `PushRecord` with the digest of every file at every target, not a
    copy of the files.
    The custom property `pushed` is 1 or 0; if it is 1, there are also `version`, `digest` and `targets` (JSON object of
    target names and folders), and for a signed push `signed_by`. The executor does not load TensorFlow.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: BaseChannel,
        edge_model: BaseChannel,
        references: BaseChannel,
        settings: BaseChannel,
        blessings: Mapping[NodeId, BaseChannel],
        manifest_facts: Mapping[str, Any],
        targets: Mapping[str, Path] | None = None,
        only_warn: Sequence[str] = (),
    ) -> None:
        """Create the node.

        Args:
            model: SavedModel from Trainer.
            edge_model: TFLite files from EdgeConverter.
            references: references from ReferenceBuilder.
            settings: settings from CoachCalibrator.
            blessings: blessing from each gate in `components.pusher.blessing_inputs.BLESSINGS`.
            manifest_facts: content of the manifest, ready for JSON: the thresholds as `gates`, and everything that goes
                into `provenance`. Labels, layout and window come from the TFLite files.
            targets: name of each target to its folder; may be filled in when the node is launched.
            only_warn: ids of the gates (for example `ModelValidator`) that do not stop a push.
        """
        super().__init__(
            PusherSpec(
                model=model,
                edge_model=edge_model,
                references=references,
                settings=settings,
                **{BLESSINGS[gate].channel: blessing for gate, blessing in blessings.items()},
                manifest_facts=json.dumps(manifest_facts),
                targets=json.dumps({name: str(folder) for name, folder in (targets or {}).items()}),
                only_warn=json.dumps(list(only_warn)),
                pushed_model=Channel(type=PushedModel),
            )
        )
