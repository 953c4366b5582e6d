"""Speed and memory of the import and of KeypointExampleGen, compared with the least work that is possible.

    python -m benchmarks.ingest --megabytes 200
    python -m benchmarks.ingest --megabytes 1000 --formats npz pyskl   # memory at 1 GB of keypoints
    python -m benchmarks.ingest --million                              # one sequence of a million frames

Every step runs in a process of its own on one core, so that its memory can be measured; seconds are CPU time, which
other work on the machine does not change. The limit is reading the same span by pyarrow and writing the same numbers as
`tf.train.Example`s by TensorFlow, to gzipped TFRecords of the same level: one example per sequence for the import, one
per window for ExampleGen. Megabytes are those of keypoints in float32.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

FRAMES = 300
JOINTS = 17
WINDOW, STRIDE = 64, 32
"""Length and stride of the windows in frames; each frame is in two windows."""

_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
TEXT = ("csv", "tfjs")
TEXT_SHARE = 10
"""Divisor of the amount of data for text formats, which are ten times as large on disk. Their limit is parsing of the
same files by the standard library."""


def main() -> None:
    """Measure all steps and print a table."""
    arguments = _arguments()
    if arguments.step:
        STEPS[arguments.step](Path(arguments.folder), arguments)
        return
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        if arguments.million:
            _row("a million frames, tfjs", _run("million", folder, arguments))
            return
        print(f"{'step':<24}{'seconds':>9}{'sequences/s':>13}{'frames/s':>12}{'MB/s':>8}{'of limit':>10}{'peak MB':>9}")
        _run("make", folder, arguments)
        limit = _row("limit, a sequence", _run("limit-sequences", folder, arguments))
        for name in arguments.formats:
            if name in TEXT:
                text_limit = _row(f"limit, {name} parsed", _run("limit-text", folder, arguments, "--format", name))
            _row(
                f"import {name}",
                _run("import", folder, arguments, "--format", name),
                text_limit if name in TEXT else limit,
            )
        limit = _row("limit, a window", _run("limit-windows", folder, arguments))
        _row("KeypointExampleGen", _run("examples", folder, arguments), limit)


def make(folder: Path, arguments: argparse.Namespace) -> None:
    """Write the span that the other steps read, and the same data in every format that is measured."""
    from data.importers import FORMATS
    from data.store import write_span

    count = arguments.megabytes * 1_000_000 // (FRAMES * JOINTS * 3 * 4)
    write_span(folder / "data", 1, _sequences(count))
    for name in arguments.formats:
        place = folder / name
        place.mkdir()
        if name == "npz":
            _write_npz(place / "x.npz", count)
        elif name == "parquet":
            (place / "x.parquet").symlink_to(folder / "data" / "span-1" / "part-00000.parquet")
        elif name == "pyskl":
            FORMATS[name].write(_sequences(count), place / "x.pkl")  # type: ignore[misc]
        else:
            suffix = FORMATS[name].suffixes[0]
            for sequence in _sequences(max(1, count // TEXT_SHARE)):
                path = place if name == "openpose" else place / f"{sequence.sequence_id}{suffix}"
                FORMATS[name].write([sequence], path)  # type: ignore[misc]
    _print_result(count, count * FRAMES)


def limit_sequences(folder: Path, arguments: argparse.Namespace) -> None:
    """Read with pyarrow and write every sequence as one example."""
    import tensorflow as tf

    start, count, frames = _cpu_seconds(), 0, 0
    with tf.io.TFRecordWriter(str(folder / "limit"), _options(tf)) as writer:
        for row in _rows(folder):
            writer.write(_example(tf, row, row["keypoints"]))
            count, frames = count + 1, frames + row["frames"]
    _print_result(count, frames, _cpu_seconds() - start)


def limit_windows(folder: Path, arguments: argparse.Namespace) -> None:
    """Read with pyarrow and write every window as one example."""
    import tensorflow as tf

    start, count, frames = _cpu_seconds(), 0, 0
    with tf.io.TFRecordWriter(str(folder / "limit"), _options(tf)) as writer:
        for row in _rows(folder):
            size = row["joints"] * row["channels"]
            starts = [*range(0, row["frames"] - WINDOW, STRIDE), row["frames"] - WINDOW]
            for first in starts:
                writer.write(_example(tf, row, row["keypoints"][first * size : (first + WINDOW) * size]))
            count, frames = count + 1, frames + row["frames"]
    _print_result(count, frames, _cpu_seconds() - start)


def limit_text(folder: Path, arguments: argparse.Namespace) -> None:
    """Parse the text of a format with the standard library: JSON, or CSV with the numbers of its last three columns."""
    start, count, frames = _cpu_seconds(), 0, 0
    for path in (folder / arguments.format).iterdir():
        if arguments.format == "csv":
            with path.open(newline="") as text:
                rows = csv.reader(text)
                next(rows)
                lines = sum(1 for row in rows if [float(cell) for cell in row[-3:]])
            frames += lines // JOINTS
        else:
            frames += sum(len(clip["frames"]) for clip in json.loads(path.read_text())["clips"])
        count += 1
    _print_result(count, frames, _cpu_seconds() - start)


def import_(folder: Path, arguments: argparse.Namespace) -> None:
    """Import one format."""
    from data.importers import ImageSize, ImportOptions, import_to_span

    start = _cpu_seconds()
    options = ImportOptions(image=ImageSize(1000, 1000))
    target = folder / f"out-{arguments.format}"
    summary = import_to_span(arguments.format, folder / arguments.format, target, options=options)
    _print_result(summary.sequences, summary.frames, _cpu_seconds() - start)


def examples(folder: Path, arguments: argparse.Namespace) -> None:
    """Run KeypointExampleGen's pipeline."""
    from apache_beam import Pipeline
    from apache_beam.options.pipeline_options import PipelineOptions

    from components.keypoint_example_gen.beam import ExamplesJob, add_steps
    from components.keypoint_example_gen.sorted_runs import remove_runs
    from data.splits import SplitPolicy, assign_splits
    from data.store import read_index, row_groups
    from data.windows import WindowSpec

    start = _cpu_seconds()
    span = folder / "data" / "span-1"
    index = read_index(span)
    job = ExamplesJob(
        layout="coco17",
        labels=("a", "b"),
        windows=WindowSpec(length=WINDOW, stride=STRIDE, fps=30),
        splits=assign_splits(index, SplitPolicy()),
        policy=SplitPolicy(),
        num_shards=2,
        folder=folder / "examples",
    )
    with Pipeline(options=PipelineOptions(["--runner=DirectRunner", "--direct_running_mode=in_memory"])) as pipeline:
        add_steps(pipeline, row_groups(span), job)
    remove_runs(job.folder)
    _print_result(len(index), sum(key.frames for key in index), _cpu_seconds() - start)


def million(folder: Path, arguments: argparse.Namespace) -> None:
    """Import one TF.js recording of a million frames (nine hours)."""
    from data.importers import ImageSize, ImportOptions, import_to_span
    from data.layouts import load_layout

    points = [
        {"x": 100.5 + n, "y": 50.25, "score": 0.875, "name": j} for n, j in enumerate(load_layout("coco17").joints)
    ]
    frame = json.dumps([{"keypoints": points}])
    with (folder / "long.json").open("w") as file:
        file.write("[" + frame)
        file.writelines(f",\n{frame}" for _ in range(999_999))
        file.write("]")
    start = _cpu_seconds()
    summary = import_to_span(None, folder / "long.json", folder / "out", options=ImportOptions(image=ImageSize(480)))
    _print_result(summary.sequences, summary.frames, _cpu_seconds() - start)


def _sequences(count: int) -> Iterator[Any]:
    from data.records import KeypointSequence

    rng = np.random.default_rng(0)
    walk = rng.normal(0, 0.004, (FRAMES, JOINTS, 3)).cumsum(axis=0) + rng.uniform(0.2, 0.8, (1, JOINTS, 3))
    walk[..., 2] = walk[..., 2].clip(0, 1)
    base = KeypointSequence("s", "p", "a", 30.0, "coco17", walk.astype(np.float32))
    for number in range(count):
        moved = base.keypoints + np.float32(number % 997) * np.float32(1e-5)
        moved[..., 2] = base.keypoints[..., 2]
        label = "ab"[number % 2]
        yield replace(base, keypoints=moved, sequence_id=f"s{number:06d}", subject=f"p{number % 40}", label=label)


def _write_npz(path: Path, count: int) -> None:
    from data.layouts import load_layout

    frames = np.empty((count * FRAMES, JOINTS, 3), np.float32)
    for number, sequence in enumerate(_sequences(count)):
        frames[number * FRAMES : (number + 1) * FRAMES] = sequence.keypoints
    np.savez(
        path,
        frames=frames,
        offsets=np.arange(count + 1) * FRAMES,
        joint_names=np.array(load_layout("coco17").joints),
        sequence_id=np.array([f"s{number:06d}" for number in range(count)]),
        subject=np.arange(count) % 40,
    )


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    names = ["sequence_id", "subject", "label", "frames", "joints", "channels"]
    for path in sorted((folder / "data" / "span-1").glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(columns=[*names, "keypoints"]):
            keypoints = batch.column("keypoints")
            for number, row in enumerate(batch.select(names).to_pylist()):
                yield row | {"keypoints": keypoints[number].values.to_numpy()}


def _example(tf: Any, row: dict[str, Any], keypoints: np.ndarray) -> bytes:
    def text(value: str) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    feature = {name: text(row[name]) for name in ("sequence_id", "subject", "label")}
    feature["keypoints"] = tf.train.Feature(float_list=tf.train.FloatList(value=keypoints.tolist()))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _options(tf: Any) -> Any:
    return tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of the processes that it started and that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in _PROCESSES)


def _print_result(sequences: int, frames: int, seconds: float = 0.0) -> None:
    peak = max(resource.getrusage(who).ru_maxrss for who in _PROCESSES) / 1024
    print(json.dumps({"sequences": sequences, "frames": frames, "seconds": seconds, "peak": peak}))


def _run(step: str, folder: str, arguments: argparse.Namespace, *more: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.ingest", "--step", step, "--folder", folder, *more]
    command += ["--megabytes", str(arguments.megabytes), "--formats", *arguments.formats]
    one = {
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(
        ["taskset", "-c", str(core), *command], check=True, stdout=subprocess.PIPE, env={**os.environ, **one}
    )
    return json.loads(done.stdout.splitlines()[-1])


def _row(name: str, result: dict[str, float], limit: float | None = None) -> float:
    seconds = result["seconds"]
    megabytes = result["frames"] * JOINTS * 3 * 4 / 1e6 / seconds
    share = f"{megabytes / limit:>9.0%}" if limit else ""
    speed = f"{result['sequences'] / seconds:>13,.0f}{result['frames'] / seconds:>12,.0f}{megabytes:>8.1f}"
    print(f"{name:<24}{seconds:>9.1f}{speed}{share:>10}{result['peak']:>9,.0f}", flush=True)
    return megabytes


STEPS = {
    "make": make,
    "limit-sequences": limit_sequences,
    "limit-windows": limit_windows,
    "limit-text": limit_text,
    "import": import_,
    "examples": examples,
    "million": million,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure import and ExampleGen.")
    parser.add_argument("--megabytes", type=int, default=100, help="size of the keypoints in float32")
    parser.add_argument("--formats", nargs="+", default=["npz", "parquet", "pyskl", "csv", "tfjs"])
    parser.add_argument("--million", action="store_true", help="import one sequence of a million frames instead")
    parser.add_argument("--scratch", help="folder for temporary data  [default: that of the system]")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--format", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
