"""Program that runs a SavedModel.

`python -m serving_targets.sandbox.run_saved_model MODEL WINDOWS.npz RECORDS FOLDER`
"""

from __future__ import annotations

import sys

# A server has only TensorFlow. These packages, which TensorFlow imports if it finds them, take half of its start.
for _name in ("keras", "sklearn", "scipy", "pandas", "IPython"):
    sys.modules[_name] = None  # type: ignore[assignment]

import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data.system.limits import die_with_parent
from serving_targets.latency import percentiles
from serving_targets.sandbox.result_files import SandboxFigures, write_figures, write_probabilities

RAW, DEFAULT = "raw", "serving_default"
INPUT, OUTPUT, EXAMPLES = "keypoints", "probabilities", "examples"
RECORDS = 64
RUNS = 50


def main(model: Path, windows_file: Path, records: Path, folder: Path) -> int:
    """Run the model and write its results; return the exit code.

    Args:
        model: folder of the SavedModel.
        windows_file: .npz file with `windows`, float32 `[N, T, J, C]`.
        records: folder of gzipped TFRecord files of tf.Examples.
        folder: folder for the results.
    """
    windows = np.load(windows_file)["windows"]
    try:
        start = time.perf_counter()
        loaded = tf.saved_model.load(str(model))
        raw, default = (_endpoint(loaded, name) for name in (RAW, DEFAULT))
        figures = SandboxFigures(load_ms=(time.perf_counter() - start) * 1e3)
        seconds = []
        for run in range(RUNS + 1):
            start = time.perf_counter()
            _predict(raw, INPUT, windows[[run % len(windows)]])
            seconds.append(time.perf_counter() - start)
        figures.first_ms = seconds[0] * 1e3
        figures.p50_ms, figures.p95_ms = percentiles(seconds[1:])
        examples = _read_examples(records)
        shape = tuple(raw.structured_input_signature[1][INPUT].shape[1:])
        parsed = tf.io.parse_example(examples, {INPUT: tf.io.FixedLenFeature(shape, tf.float32)})[INPUT]
        difference = np.abs(_predict(default, EXAMPLES, examples) - _predict(raw, INPUT, parsed)).max()
        figures.records, figures.endpoint_difference = len(examples), float(difference)
        write_figures(folder, figures)
        write_probabilities(folder, _predict(raw, INPUT, windows))
    except (ValueError, OSError, tf.errors.OpError) as error:
        print(" ".join(str(error).split())[:600])
        return 1
    return 0


def _endpoint(model: Any, name: str) -> Any:
    if name not in model.signatures:
        raise ValueError(f"it has no endpoint {name!r}, only {', '.join(sorted(model.signatures)) or 'none'}")
    return model.signatures[name]


def _predict(endpoint: Any, name: str, values: Any) -> np.ndarray:
    return endpoint(**{name: tf.constant(values)})[OUTPUT].numpy()


def _read_examples(records: Path) -> list[bytes]:
    files = sorted(str(path) for path in records.glob("*.gz"))
    return list(tf.data.TFRecordDataset(files, compression_type="GZIP").take(RECORDS).as_numpy_iterator())


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(*map(Path, sys.argv[1:])))
