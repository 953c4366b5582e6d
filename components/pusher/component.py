"""Pusher: publishes what the gates blessed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import InfraBlessing, Model, ModelBlessing, PushedModel

from components.artifacts.types import EdgeBlessing, EdgeModel
from components.pusher.executor import Executor


class PusherSpec(ComponentSpec):
    """Channels and parameters of Pusher."""

    PARAMETERS = {  # noqa: RUF012
        "targets": ExecutionParameter(type=str),
        "manifest_facts": ExecutionParameter(type=str),
        "only_warn": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=Model),
        "edge_model": ChannelParameter(type=EdgeModel),
        "model_blessing": ChannelParameter(type=ModelBlessing),
        "edge_blessing": ChannelParameter(type=EdgeBlessing),
        "infra_blessing": ChannelParameter(type=InfraBlessing),
    }
    OUTPUTS = {"pushed_model": ChannelParameter(type=PushedModel)}  # noqa: RUF012


class Pusher(BaseComponent):
    """Publishes SavedModel and TFLite together, at every target, or not at all.

    Replaces TFX's Pusher, which copies file by file into the final folder (a crash leaves half a version for ever),
    takes the second of the day as version and skips the push when that exists while it reports success, knows one
    target and one format, and has no manifest and no way back.

    `<target>/<version>/` holds `manifest.json`, `model_int8.tflite`, `model_float.tflite` and `saved_model/`. It is
    made complete beside its place, then renamed into it; `<target>/latest` is moved last, in one step. A model that a
    target already holds is not published twice: `latest` is pointed to it.

    Pushes only if Evaluator, ModelValidator and ServingSmoke all accepted the model; the rejection by a gate that
    `only_warn` names is recorded in the `PushRecord` and in the manifest's provenance instead. The payload of
    `pushed_model` is a `PushRecord` with the digest of every file at every target, not another copy; its custom
    properties are `pushed` (1 or 0), and if so `version`, `digest` and `targets` (JSON, name to folder).
    The executor needs no TensorFlow.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: BaseChannel,
        edge_model: BaseChannel,
        model_blessing: BaseChannel,
        edge_blessing: BaseChannel,
        infra_blessing: BaseChannel,
        manifest_facts: Mapping[str, Any],
        targets: Mapping[str, Path] | None = None,
        only_warn: Sequence[str] = (),
    ) -> None:
        """Wires the component.

        Args:
            model: the SavedModel.
            edge_model: its TFLite files.
            model_blessing: Evaluator's verdict.
            edge_blessing: ModelValidator's verdict.
            infra_blessing: ServingSmoke's verdict.
            manifest_facts: `gates`, the thresholds, and anything else that goes into the manifest's `provenance`,
                ready for JSON. Labels, layout and window come from the TFLite files themselves.
            targets: name of each target to its folder; may be filled in at launch.
            only_warn: ids of the gates (`Evaluator`, `ModelValidator`, `ServingSmoke`) that do not stop a push.
        """
        super().__init__(
            PusherSpec(
                model=model,
                edge_model=edge_model,
                model_blessing=model_blessing,
                edge_blessing=edge_blessing,
                infra_blessing=infra_blessing,
                manifest_facts=json.dumps(manifest_facts),
                targets=json.dumps({name: str(folder) for name, folder in (targets or {}).items()}),
                only_warn=json.dumps(list(only_warn)),
                pushed_model=Channel(type=PushedModel),
            )
        )
