"""EdgeConverter: makes the files that devices run."""

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

    Replaces TFX's TFLiteRewriter, whose full integer quantisation never reaches the converter and which checks nothing
    of what it wrote. Here the model's endpoint `raw` (float32 `[N, T, J, C]` to `{"probabilities": [N, K]}`,
    preprocessing included) becomes files that all take float32 `[1, T, J, C]` and give float32 `[1, K]`:

    - `model_float.tflite`;
    - `model_int8.tflite`: the trained layers (name scope `core_scope`) in int8, weights and activations; the
      preprocessing before and the softmax after them in float, where they cost little and lose nothing;
    - `model_float16.tflite`: their weights in float16; computes in float;
    - `model_dynamic.tflite`: their weights in int8, activations in float where they meet.

    The last two lie in `compared/` unless they are shipped. Every file says of itself what it is, as TFLite Metadata:
    labels, layout, joints, window, normalisation, digests (`serving_targets.contract`).

    Next to them are `golden.npz` (`windows` of the test split and the SavedModel's `probabilities` for them),
    `evaluation.npz` (`windows`, `label_ids`, `labels`, `sequences`: what ModelValidator judges the files on) and a
    `ConversionRecord` (sizes, operators, recipe, representative dataset).

    All of it is made in a process of its own with a time limit: TensorFlow's converter can crash the process it runs
    in. A file with operators that are not built in, or that gives NaN, is an error.
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
        float16: str = "compare",
        dynamic_range: str = "compare",
    ) -> None:
        """Wires the component.

        Args:
            model: SavedModel with the endpoint `raw`.
            examples: raw windows with the splits `train` and `test`.
            schema: the files carry its digest.
            facts: what the files say of themselves, ready for JSON: `name`, `labels`, `layout`, `channels` (their
                number), `window`, `transform` (its settings).
            representative_windows: training windows that fix the int8 ranges.
            golden_windows: test windows that every format must agree on.
            evaluation_windows: at most so many test windows are kept for judging, whole sequences only.
            time_limit_seconds: the converting process is ended after this time.
            seed: chooses the windows.
            core_scope: name of the trained Keras model, which is the name scope of its operators.
            float16: `ship` a file with float16 weights, too, or make it to `compare`, or `skip` it.
            dynamic_range: the same of a file with int8 weights and float activations.
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
