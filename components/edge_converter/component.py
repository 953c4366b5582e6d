"""EdgeConverter: converts a SavedModel to the TFLite files for devices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples, Model, Schema

from components.artifacts.types import EdgeModel
from components.edge_converter.executor import Executor


class EdgeConverterSpec(ComponentSpec):
    """Channels and parameters of EdgeConverter."""

    PARAMETERS = {  # noqa: RUF012
        "representative_windows": ExecutionParameter(type=int),
        "golden_windows": ExecutionParameter(type=int),
        "evaluation_windows": ExecutionParameter(type=int),
        "time_limit_seconds": ExecutionParameter(type=int),
        "seed": ExecutionParameter(type=int),
        "core_scope": ExecutionParameter(type=str),
        "float16": ExecutionParameter(type=str),
        "dynamic_range": ExecutionParameter(type=str),
        "facts": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=Model),
        "examples": ChannelParameter(type=Examples),
        "schema": ChannelParameter(type=Schema),
    }
    OUTPUTS = {"edge_model": ChannelParameter(type=EdgeModel)}  # noqa: RUF012


class EdgeConverter(BaseComponent):
    """Converts a SavedModel to float and int8 TFLite.

    This component replaces TFX's TFLiteRewriter, whose setting for full integer quantisation never reaches the
    converter, and which does not check its output. It converts the endpoint `raw` (float32 `[N, T, J, C]` to
    `{"probabilities": [N, K]}`, preprocessing included) to files with input float32 `[1, T, J, C]` and output float32
    `[1, K]`:

    - `model_float.tflite`: everything in float32;
    - `model_int8.tflite`: the trained layers (name scope `core_scope`) with int8 weights and activations; the
      preprocessing and the softmax stay in float32, because they cost little time;
    - `model_float16.tflite`: the trained layers with float16 weights, computed in float32;
    - `model_dynamic.tflite`: the trained layers with int8 weights; activations are quantised while it runs.

    The last two are made on request only; those that are not shipped are in the subfolder `compared/`. The TFLite
    Metadata of every file contain its contract: labels, layout, joints, window, normalisation and digests
    (`serving_targets.contract`).

    The artifact also contains the golden windows (`windows` of the test split and the `probabilities` that the
    SavedModel gives for them), the evaluation windows (`windows`, `label_ids`, `labels` and `sequences` for
    ModelValidator) and a `ConversionRecord` (sizes, operators, recipe, representative dataset).

    The conversion runs in a process of its own with a time limit, because TensorFlow's converter can crash its process.
    A file that needs operators which are not built in, or that outputs NaN, is an error.
    """

    SPEC_CLASS = EdgeConverterSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: BaseChannel,
        examples: BaseChannel,
        schema: BaseChannel,
        facts: Mapping[str, Any],
        representative_windows: int = 256,
        golden_windows: int = 64,
        evaluation_windows: int = 20_000,
        time_limit_seconds: int = 600,
        seed: int = 7,
        core_scope: str = "core",
        float16: str = "skip",
        dynamic_range: str = "skip",
    ) -> None:
        """Create the node.

        Args:
            model: SavedModel with the endpoint `raw`.
            examples: raw windows with the splits `train` and `test`.
            schema: schema of the examples, whose digest goes into the files.
            facts: content of the contract, ready for JSON: `name`, `labels`, `layout`, `channels` (number of channels),
                `window`, `transform` (settings of the preprocessing).
            representative_windows: number of training windows that calibrate the int8 quantisation.
            golden_windows: number of test windows on which every format must give the same answer.
            evaluation_windows: maximum number of test windows for ModelValidator, whole sequences only.
            time_limit_seconds: seconds after which the converting process is killed.
            seed: seed of the choice of windows.
            core_scope: name of the Keras submodel to quantise; its operators are found by this name scope.
            float16: what to do with the file with float16 weights: `ship`, `compare` or `skip` it.
            dynamic_range: what to do with the file with int8 weights and float activations, likewise.
        """
        super().__init__(
            EdgeConverterSpec(
                model=model,
                examples=examples,
                schema=schema,
                representative_windows=representative_windows,
                golden_windows=golden_windows,
                evaluation_windows=evaluation_windows,
                time_limit_seconds=time_limit_seconds,
                seed=seed,
                core_scope=core_scope,
                float16=float16,
                dynamic_range=dynamic_range,
                facts=json.dumps(facts),
                edge_model=Channel(type=EdgeModel),
            )
        )
