"""A fuzzer for the importers: damaged files of every format are imported, and the outcomes are counted.

    python -m benchmarks.fuzz_importers --inputs 100000

Each input is a valid file of a format (written by our writer, or by hand after real files) with one to eight changes:
bytes are flipped, removed, repeated or replaced by hostile values, or the end is cut off. It is imported as by
`poseline data import`. A crash is an exception that the importer does not handle, and a hang is an input that takes
longer than `--seconds`; both are printed, and the input is kept in the folder `--keep`. The same seed makes the same
inputs.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data.importers import FORMATS, ImageSize, ImportOptions
from data.importers.clips.faults import UNEXPECTED
from data.importers.clips.types import Source
from data.importers.record_pipeline import Kept, process_source
from data.layouts import load_layout
from data.quarantine import Quarantined
from data.records import KeypointSequence

FRAMES = 4

_LAYOUTS = {
    "openpose": "openpose25",
    "mediapipe": "blazepose33",
    "ntu": "kinect25",
    "npz": "coco17",
}
_TOKENS = [
    *(b"null", b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"99999999999999999999", b"[]", b"{}", b'""', b'"../../x"'),
    *(b"[[[[", b"}}", b",", b"\n", b"\r\n\r\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\x00\x00", b"\xff\xff\xff\x7f"),
    *(b"\x80\x05\x95", b"cos\nsystem\n", b"R.", b"inf", b"nan", b";", b"\t", b'"', b"true", b"25", b"1000000"),
]


class HangError(Exception):
    """An input took longer than allowed."""


def main() -> int:
    """Run the fuzzer and return 1 if there was a crash or a hang, else 0."""
    arguments = _arguments()
    signal.signal(signal.SIGALRM, _hang)
    counts: dict[str, Counter[str]] = {}
    faults = 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        seeds = make_seeds(Path(folder) / "seeds", arguments.formats)
        draw = random.Random(arguments.seed)
        for number in range(arguments.inputs):
            name, suffix, content = seeds[number % len(seeds)]
            path = Path(folder) / f"input{suffix}"
            mutated = mutate(content, draw)
            path.write_bytes(mutated)
            outcome, trace = feed(name, path, arguments.seconds)
            counts.setdefault(name, Counter())[outcome] += 1
            if trace:
                faults += 1
                arguments.keep.mkdir(parents=True, exist_ok=True)
                kept = arguments.keep / f"{outcome}-{number}-{name}{suffix}"
                kept.write_bytes(mutated)
                print(f"{outcome}: {kept}\n{trace}", flush=True)
    for name, tally in counts.items():
        print(f"{name:>10}: " + ", ".join(f"{count:,} {outcome}" for outcome, count in tally.most_common()))
    seconds, peak = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{arguments.inputs:,} inputs in {seconds:,.0f} s, {faults} crashes and hangs, peak memory {peak:,.0f} MB")
    return 1 if faults else 0


def make_seeds(folder: Path, names: list[str]) -> list[tuple[str, str, bytes]]:
    """Return (format, suffix, content) of valid files, at least one for each format."""
    folder.mkdir()
    seeds: list[tuple[str, str, bytes]] = []
    for name in names:
        format_ = FORMATS[name]
        if format_.write is not None:
            layout = load_layout(_LAYOUTS.get(name, "coco17"))
            depth = 4 if name in ("mediapipe", "ntu") else 3
            keypoints = np.random.default_rng(0).random((FRAMES, len(layout.joints), depth)).astype(np.float32)
            sequence = KeypointSequence("a", "s", "l", 30.0, layout.name, keypoints)
            place = folder / name
            path = place if name in ("openpose", "ntu", "parquet") else place / f"x{format_.suffixes[0]}"
            place.mkdir()
            format_.write([sequence], path)
            file = next(path for path in sorted(place.rglob("*")) if path.is_file())
            seeds.append((name, file.suffix, file.read_bytes()))
        seeds += [(name, suffix, content) for suffix, content in _BY_HAND.get(name, lambda _: [])(folder)]
    return seeds


def mutate(content: bytes, draw: random.Random) -> bytes:
    """Return the content with one to eight random changes."""
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        if not changed:
            break
        at = draw.randrange(len(changed))
        length = min(draw.choice((1, 1, 2, 4, 16, 200)), len(changed) - at)
        match draw.randrange(8):
            case 0:
                changed[at] = draw.randrange(256)
            case 1:
                changed[at] ^= 1 << draw.randrange(8)
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length] * draw.choice((1, 2, 50))
            case 4:
                changed[at : at + length] = draw.choice(_TOKENS)
            case 5:
                changed[at:at] = draw.choice(_TOKENS)
            case 6:
                other = draw.randrange(len(changed))
                changed[at : at + length] = changed[other : other + length]
            case 7 if draw.random() < 0.3:
                del changed[at:]
            case _:
                changed[at] = ord(draw.choice('0123456789-.e,:[]{}"\n'))
    return bytes(changed)


def feed(name: str, path: Path, seconds: float) -> tuple[str, str]:
    """Import one file and return the outcome, with a traceback if it is a crash or a hang."""
    options = ImportOptions(image=ImageSize(480, 640))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        outcomes = list(process_source(FORMATS[name], Source((path,), "input"), options))
    except HangError:
        return "hang", traceback.format_exc()
    except Exception:
        return "crash", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    quarantined = [one for one in outcomes if isinstance(one, Quarantined)]
    if unexpected := next((one for one in quarantined if one.reason.startswith(UNEXPECTED)), None):
        return "crash", f"{unexpected.reason}: {unexpected.detail}"
    kept = any(isinstance(one, Kept) for one in outcomes)
    return ("kept in part" if kept else "quarantined") if quarantined else ("kept" if kept else "nothing"), ""


def _npz(folder: Path) -> list[tuple[str, bytes]]:
    layout, rng = load_layout("coco17"), np.random.default_rng(0)
    path = folder / "x.npz"
    np.savez(
        path,
        frames=rng.random((FRAMES * 2, 17, 3)).astype(np.float32),
        offsets=np.array([0, FRAMES, FRAMES * 2]),
        joint_names=np.array(layout.joints),
        labels=np.zeros(2, np.int16),
        label_names=np.array(["a"]),
        fps=np.float32(30),
        frame_number=np.arange(FRAMES * 2),
    )
    return [(".npz", path.read_bytes())]


def _tfjs(_: Path) -> list[tuple[str, bytes]]:
    points = [{"position": {"x": 10.5 * n, "y": 9}, "score": 0.5, "part": p} for n, p in enumerate(_PARTS)]
    frames = [{"timestamp": 33.3 * t, "poses": [{"keypoints": points, "id": n} for n in range(2)]} for t in range(2)]
    tensors = [[[[[0.5, 0.25, 0.9]] * 17]]] * 3
    instances = [
        {"frame_id": t, "instances": [{"keypoints": [[9.5, 8]] * 17, "keypoint_scores": [0.5] * 17}]} for t in range(2)
    ]
    clip = {"fps": 30, "width": 640, "frames": frames}
    return [(".json", json.dumps(content).encode()) for content in (clip, tensors, {"instance_info": instances})]


def _mediapipe(_: Path) -> list[tuple[str, bytes]]:
    point = {"x": 0.5, "y": 0.25, "z": -0.1, "visibility": 0.9}
    frames = [{"poseLandmarks": [point] * 33, "timestampMs": 33 * t} for t in range(2)]
    header = ",".join(["class", "time", *(f"{axis}{n}" for n in range(1, 34) for axis in "xyzv")])
    rows = [f"sit,{t / 30}," + ",".join(["0.5,0.5,0.1,1"] * 33) for t in range(3)]
    return [(".json", json.dumps(frames).encode()), (".csv", "\n".join([header, *rows]).encode())]


def _coco(_: Path) -> list[tuple[str, bytes]]:
    results = [{"image_id": t, "category_id": 1, "keypoints": [9.5, 8, 2] * 17, "score": 1} for t in range(3)]
    return [(".json", json.dumps(results).encode())]


def _alphapose(_: Path) -> list[tuple[str, bytes]]:
    entry = {"category_id": 1, "keypoints": [9.5, 8, 0.7] * 26, "score": 3, "box": [1, 2, 3, 4]}
    results = [{"image_id": f"v/{t}.jpg", **entry, "idx": [n]} for t in range(2) for n in range(2)]
    bodies = {f"{t}.png": {"version": 0.1, "bodies": [{"joints": [1.5] * 54}]} for t in range(2)}
    people = {f"{t}.png": {"people": [{"pose_keypoints_2d": [1.5] * 54}]} for t in range(2)}
    return [(".json", json.dumps(content).encode()) for content in (results, bodies, people)]


def _pyskl(_: Path) -> list[tuple[str, bytes]]:
    keypoint = np.random.default_rng(0).random((2, FRAMES, 17, 2)).astype(np.float16) * 400
    annotation = {"frame_dir": "v", "label": np.int64(1), "img_shape": (480, 640), "keypoint": keypoint}
    content = {"split": {"train": ["v"]}, "annotations": [annotation | {"keypoint_score": keypoint[..., 0] / 400}]}
    return [(".pkl", pickle.dumps(content, protocol)) for protocol in (0, 2, 4, 5)]


def _csv(_: Path) -> list[tuple[str, bytes]]:
    names = load_layout("coco17").joints
    header = ";".join(["timestamp_ms", "track_id", *(f"{n}_{axis}" for n in names for axis in ("x", "y", "score"))])
    rows = [f"{33 * t};{n};" + ";".join(["5.5;8;0.5"] * 17) for t in range(3) for n in range(2)]
    return [(".csv", "\n".join([header, *rows]).encode())]


_PARTS = ["nose", "leftEye", "rightEye", "leftEar", "rightEar", "leftShoulder", "rightShoulder", "leftElbow"]
_BY_HAND: dict[str, Callable[[Path], list[tuple[str, bytes]]]] = {
    "npz": _npz,
    "tfjs": _tfjs,
    "mediapipe": _mediapipe,
    "coco": _coco,
    "alphapose": _alphapose,
    "pyskl": _pyskl,
    "csv": _csv,
}


def _hang(*_: Any) -> None:
    raise HangError


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzz the importers.")
    parser.add_argument("--inputs", type=int, default=100_000, help="number of files to import")
    parser.add_argument("--seed", type=int, default=0, help="seed of the changes")
    parser.add_argument("--seconds", type=float, default=5.0, help="time after which an input counts as a hang")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS), help="formats to import")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="folder for inputs that crash or hang")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
