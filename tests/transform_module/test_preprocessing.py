from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from data.layouts import load_layout
from transform_module.config import TransformConfig
from transform_module.preprocessing import preprocessing_fn
from transform_module.streams import compute_streams


@pytest.mark.parametrize(("layout", "channels"), [("coco17", 3), ("kinect20", 4)])
def test_everything_before_the_network_converts_to_few_builtin_operators(layout: str, channels: int) -> None:
    table = load_layout(layout)
    shape = (1, 48, len(table.joints), channels)
    config = {"layout": layout, "transform": TransformConfig().model_dump()}

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="keypoints")])
    def front(keypoints: tf.Tensor) -> tf.Tensor:
        pose = preprocessing_fn({"keypoints": keypoints, "label_id": tf.zeros((1, 1), tf.int64)}, config)["pose"]
        return tf.concat(compute_streams(pose, table, ("joints", "bones", "slow", "fast")), axis=-1)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([front.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=converter.convert(), experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    # Linear steps are products with constant matrices; each operator costs a device about a microsecond.
    assert len(interpreter._get_ops_details()) <= 65

    keypoints = np.random.default_rng(0).random(shape, dtype=np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], keypoints)
    interpreter.invoke()
    result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(result, front(keypoints), atol=1e-4)
