import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from data.errors import InputError
from serving_targets.classifier import Classifier
from serving_targets.tflite_file import custom_operators, operators


def test_a_window_becomes_probabilities(tflite_model):
    classifier = Classifier(tflite_model)
    window = np.zeros((8, 17, 3), np.float32)
    window[:, 6, 0] = 0.5
    expected = np.exp([0, 5, 0]) / np.exp([0, 5, 0]).sum()
    assert classifier.predict(window) == pytest.approx(expected, abs=1e-6)
    assert classifier.predict_all(np.stack([window, window])) == pytest.approx(np.stack([expected] * 2), abs=1e-6)
    assert classifier.predict_all(np.empty((0, 8, 17, 3))).shape == (0, 3)


def test_a_window_of_another_shape_is_an_error(tflite_model):
    with pytest.raises(InputError, match=r"window is \[9, 17, 3\], the model takes \[8, 17, 3\]"):
        Classifier(tflite_model).predict(np.zeros((9, 17, 3), np.float32))


def test_a_file_that_is_no_model_is_an_error(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"hello")
    with pytest.raises(InputError, match="cannot be run"):
        Classifier(tmp_path / "model.tflite")


def test_operators_are_read_from_the_file(tflite_model, tmp_path):
    assert operators(tflite_model)["SOFTMAX"] == 1
    assert custom_operators(tflite_model) == []
    model = flatbuffer_utils.read_model(str(tflite_model))
    code = model.operatorCodes[-1]
    code.builtinCode = code.deprecatedBuiltinCode = flatbuffer_utils.BuiltinOperator.CUSTOM
    code.customCode = b"FlexErf"
    flatbuffer_utils.write_model(model, str(tmp_path / "custom.tflite"))
    assert custom_operators(tmp_path / "custom.tflite") == ["FlexErf"]
