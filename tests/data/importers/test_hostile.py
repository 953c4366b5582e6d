"""Hostile files: no code in them runs, nothing is written elsewhere, memory is bounded, and every record is counted."""

import io
import json
import os
import pickle
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from data.importers import ImageSize, ImportOptions, import_to_span
from data.layouts import load_layout
from data.quarantine import read_quarantine
from data.store import read_sequences

COCO = load_layout("coco17").joints


def frames(count=5, **change):
    """Return TF.js frames; `change` overrides members of the first keypoint of frame 2."""
    rng = np.random.default_rng(0)
    content = [
        [{"keypoints": [{"x": x, "y": y, "score": s, "name": n} for n, (x, y, s) in zip(COCO, f, strict=True)]}]
        for f in rng.uniform((100, 100, 0), (400, 400, 1), (count, 17, 3)).tolist()
    ]
    content[2][0]["keypoints"][0] |= change
    return content


class Runs:
    """An object whose pickle runs code when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def annotation(**change):
    keypoint = np.random.default_rng(0).uniform(10, 400, (1, 5, 17, 2))
    return {"frame_dir": "v", "label": 1, "img_shape": (480, 640), "total_frames": 5, "keypoint": keypoint} | change


def protocol_2(module, name, argument):
    """Return a pickle that calls a function by its name."""
    return (
        b"\x80\x02c"
        + f"{module}\n{name}\n".encode()
        + b"X"
        + len(argument).to_bytes(4, "little")
        + argument
        + b"\x85R."
    )


@pytest.mark.parametrize(
    "content",
    [
        lambda mark: pickle.dumps(Runs(mark)),
        lambda mark: pickle.dumps({"annotations": [annotation(label=Runs(mark))]}),
        lambda mark: pickle.dumps({"annotations": [annotation(keypoint=np.array([Runs(mark)], object))]}),
        lambda mark: protocol_2("os", "mkdir", str(mark).encode()),
        lambda mark: protocol_2("builtins", "eval", f"__import__('os').mkdir({str(mark)!r})".encode()),
        lambda mark: protocol_2("numpy", "load", str(mark).encode()),
        lambda mark: protocol_2("numpy.core.multiarray", "fromfile", str(mark).encode()),
        lambda mark: protocol_2("numpy", "ndarray.tofile", str(mark).encode()),
        lambda mark: b"\x80\x02cbuiltins\nlist\ncos\nsystem\nb.",  # BUILD of a list
        lambda mark: b"(S'touch x'\nios\nsystem\n.",  # INST
        lambda mark: b"\x80\x02P1\n.",  # PERSID
        lambda mark: b"\x82\x01.",  # EXT1
    ],
)
def test_pickles_run_nothing(take, tmp_path, content):
    mark = tmp_path / "was-here"
    path = tmp_path / "a.pkl"
    path.write_bytes(content(mark))
    sequences, quarantined = take(path, "pyskl")
    assert not mark.exists()
    assert not sequences
    assert len(quarantined) == 1
    assert "pickle" in quarantined[0].reason


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x8e" + (1 << 62).to_bytes(8, "little") + b".",  # bytes of 4 exabytes
        b"\x80\x04\x96" + (1 << 40).to_bytes(8, "little") + b".",  # a bytearray of a terabyte
        b"\x80\x04r\xff\xff\xff\x7f.",  # a memo of two thousand million entries
        b"\x80\x04" + b"]" + b"2a" * 100,
        b"\x80\x04)" + b"2\x86" * 60 + b"}" + b"2s.",  # a key whose hash would take for ever
        pickle.dumps({"annotations": [annotation()]})[:-300],
        pickle.dumps([annotation()]).replace(b"K\x11", b"K\x7f"),  # a shape that is larger than its content
        pickle.dumps([annotation(keypoint=np.zeros((1, 5, 17, 2), "U4"))]),
        pickle.dumps([annotation(keypoint=np.zeros((1, 5, 17), [("x", "f4")]))]),
        pickle.dumps([annotation(keypoint=[[1.0]])]),
        pickle.dumps([annotation(keypoint=np.zeros((1, 5, 17, 9)))]),
        pickle.dumps([annotation(keypoint_score=np.zeros((3, 5)))]),
        pickle.dumps(7),
    ],
)
def test_damaged_pickles_and_huge_announced_sizes_are_rejected_at_once(take, tmp_path, content):
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    sequences, quarantined = take(path, "pyskl")
    assert (sequences, len(quarantined)) == ([], 1)
    assert "unexpected" not in quarantined[0].reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x": float("nan")}, "keypoints hold nan"),
        ({"y": float("inf")}, "keypoints hold inf"),
        ({"y": float("-inf")}, "keypoints hold -inf"),
        ({"x": 1e300}, "keypoints hold inf"),
        ({"score": float("nan")}, "keypoints hold nan"),
        ({"x": "left"}, "a value is malformed for this format"),
        ({"x": {}}, "a value is malformed for this format"),
        ({"x": 10**400}, "a value is malformed for this format"),
        ({"name": "left_eye"}, "joint names must be given, and be unique"),
    ],
)
def test_values_that_are_not_coordinates_quarantine_their_clip(take, dump, change, reason):
    sequences, quarantined = take(dump("a.json", frames(**change)), "tfjs")
    assert (sequences, [one.reason for one in quarantined]) == ([], [reason])


def test_confidences_outside_their_bounds_are_clipped_and_counted(take, dump):
    content = frames(score=-0.5)
    content[3][0]["keypoints"][4]["score"] = 6.0
    ((sequence,), _) = take(dump("a.json", content), image=ImageSize(480))
    assert (sequence.keypoints[2, 0, 2], sequence.keypoints[3, 4, 2]) == (0, 1)
    assert take.repairs == {"confidences clipped to 0..1": 2}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "there are # frames"),
        ("[", "the file is not complete JSON"),
        ("nonsense", "the file is not complete JSON"),
        (json.dumps(frames())[:-400], "the file is not complete JSON"),
        ("[" * 200_000, "the file is not complete JSON"),
        ('{"a":' * 200_000, "the file is not complete JSON"),
        ("[1, 2, 3]", "there are # frames"),
        ("[[{}]]", "there are no keypoints"),
        ('[[{"keypoints": []}]]', "there are # joints in a pose"),
        ("\ufeff[]", "there are # frames"),
        (b"\xff\xfe\x00", "the file is not"),
        (b'[{"keypoints": "\xff"}]', "the file is not # text"),
        (b"\x00" * 100, "the file is not complete JSON"),
    ],
)
def test_broken_files_are_one_quarantined_record(take, tmp_path, content, reason):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    sequences, quarantined = take(path, "tfjs")
    assert (sequences, len(quarantined)) == ([], 1)
    assert quarantined[0].reason.startswith(reason)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(take, tmp_path, encoding):
    path = tmp_path / "a.json"
    mark = "\ufeff" if encoding[-3:] in ("-le", "-be") else ""
    path.write_bytes((mark + json.dumps(frames())).encode(encoding))
    ((sequence,), quarantined) = take(path, image=ImageSize(480))
    assert (len(sequence.keypoints), quarantined) == (5, [])


def timed(times):
    return [{"timestamp": time, "poses": pose} for time, pose in zip(times, frames(len(times)), strict=True)]


def test_repeated_timestamps_are_repaired_and_time_that_goes_back_is_rejected(take, dump):
    ((sequence,), _) = take(dump("a.json", timed([0, 0.1, 0.1, 0.2, 0.2])), image=ImageSize(480))
    np.testing.assert_allclose(sequence.timestamps, [0, 0.1, 0.2])
    assert take.repairs == {"frames left out that repeat a timestamp": 2}
    _, (refused,) = take(dump("a.json", timed([0, 0.1, 0.2, 0.15, 0.3])), image=ImageSize(480))
    assert refused.reason == "timestamps do not increase: # s"
    _, (refused,) = take(dump("a.json", timed([0, 0.1, float("nan"), 0.15, 0.3])), image=ImageSize(480))
    assert refused.reason == "a timestamp is not a finite number"
    _, (refused,) = take(dump("a.json", [*timed([0, 0.1, 0.2]), *frames(3)]), "tfjs")
    assert refused.reason == "some frames have a time, others not"


@pytest.mark.parametrize(("factor", "start"), [(1, 0), (1e3, 0), (1e6, 0), (1e3, 1.7e12), (1e6, 1.7e15)])
def test_units_of_time_are_recognised(take, dump, factor, start):
    times = np.arange(5) / 30
    ((sequence,), _) = take(dump("a.json", timed((start + times * factor).tolist())), image=ImageSize(480))
    np.testing.assert_allclose(sequence.timestamps, times, atol=1e-3 if start else 1e-9)
    assert sequence.fps == pytest.approx(30, rel=0.02)


def test_long_gaps_split_a_sequence(take, dump):
    times = [0, 0.1, 0.2, 2.0, 2.1, 2.2, 2.3, 9.0]
    sequences, _ = take(dump("a.json", timed(times)), image=ImageSize(480), max_gap=1.0)
    assert [(s.sequence_id, len(s.keypoints)) for s in sequences] == [("a#1", 3), ("a#2", 4), ("a#3", 1)]
    assert take.repairs == {"sequences split at long gaps": 1}
    content = frames(100)
    content[10:60] = [[] for _ in range(50)]  # nobody in view
    sequences, _ = take(dump("a.json", content), image=ImageSize(480))
    assert [(s.sequence_id, len(s.keypoints)) for s in sequences] == [("a#1", 10), ("a#2", 40)]


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "a\x00b", "\x1b[2J", "\ud800", "x" * 5000, ""])
def test_ids_are_not_paths_and_are_safe_to_show(dump, tmp_path, name):
    good = {"id": "good", "frames": frames()}
    path = dump("in/a.json", {"clips": [good, {"id": name, "frames": frames()}]})
    before = set(tmp_path.rglob("*"))
    options = ImportOptions(image=ImageSize(480))
    summary = import_to_span(None, path, tmp_path / "out", options=options, max_quarantined=1)
    written = set(tmp_path.rglob("*")) - before
    assert all(tmp_path / "out" in (one, *one.parents) for one in written)
    ids = [sequence.sequence_id for sequence in read_sequences(summary.span_dir)]
    refused = list(read_quarantine(summary.span_dir))
    assert summary.read == summary.kept + len(refused) == 2
    assert ids == (["good", name or "a_1"] if name.isprintable() and len(name) < 1000 else ["good"])
    assert name.isprintable() or not (summary.report / "quarantine.jsonl").read_text().count("\x1b")


def test_mixed_layouts_mixed_formats_and_repeated_ids(dump, tmp_path, poses):
    people = [{"pose_keypoints_2d": poses(1, 25)[0].ravel().tolist()}]
    for n in range(3):
        dump(f"mixed/a{n}.json", {"clips": [{"id": "same", "frames": frames()}, {"id": f"b{n}", "frames": frames()}]})
    dump("mixed/kinect.json", [[{"keypoints": [{"x": 10, "y": 20, "z": 1, "score": 1, "name": n} for n in COCO]}]])
    options = ImportOptions(image=ImageSize(480))
    summary = import_to_span("tfjs", tmp_path / "mixed", tmp_path / "out", options=options, max_quarantined=1)
    assert (summary.read, summary.kept, summary.sequences) == (7, 4, 4)
    assert summary.quarantined == {"the sequence id occurs twice": 2, "there are # channels, not #": 1}
    dump("mixed/o_000000000000_keypoints.json", {"version": 1.3, "people": people})
    with pytest.raises(InputError, match="several formats: 4 tfjs, 1 openpose"):
        import_to_span(None, tmp_path / "mixed", tmp_path / "out")


def test_workers_change_nothing(dump, tmp_path, monkeypatch):
    monkeypatch.setattr("data.importers.span_import.BATCH_BYTES", 1)
    for n in range(7):
        dump(f"in/a{n}.json", frames(n + 3, **({"x": float("nan")} if n == 3 else {})))
    spans = []
    for workers in (1, 3):
        options = ImportOptions(image=ImageSize(480))
        summary = import_to_span(
            None, tmp_path / "in", tmp_path / str(workers), options=options, max_quarantined=1, workers=workers
        )
        spans.append([path.read_bytes() for path in sorted(summary.span_dir.iterdir())])
        spans.append([path.read_bytes() for path in sorted(summary.report.glob("*.jsonl"))])
        assert (summary.read, summary.kept) == (7, 6)
    assert spans[:2] == spans[2:]
    assert {path.name for path in (tmp_path / "3").iterdir()} == {"span-1", "span-1.quarantine"}


def test_a_zip_bomb_and_a_header_that_claims_gigabytes(take, tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 29, 17, 3)}
        )
        with archive.open("frames.npy", "w", force_zip64=True) as member:
            member.write(header.getvalue())
            for _ in range(64):
                member.write(b"\0" * (1 << 20))
        archive.writestr("offsets.npy", header.getvalue())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sequences, (refused,) = take(path)
    assert not sequences
    assert "its header announces" in refused.detail
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


_MILLION = """
import re, sys
from pathlib import Path
from data.importers import ImageSize, ImportOptions, import_to_span
summary = import_to_span(None, Path(sys.argv[1]), Path(sys.argv[2]), options=ImportOptions(image=ImageSize(480)))
# Of this program alone: ru_maxrss would count the process that started it.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(summary.read, summary.kept, summary.frames, peak)
"""


def test_a_very_long_sequence_takes_bounded_memory(tmp_path):
    """Import 100,000 frames; `benchmarks/ingest.py` imports a million."""
    path = tmp_path / "long.csv"
    row = ",".join(["5.25,9.5,0.75"] * 17)
    header = ",".join(f"{name}_{axis}" for name in COCO for axis in ("x", "y", "score"))
    with path.open("w") as file:
        file.write(f"frame,{header}\n")
        file.writelines(f"{n},{row}\n" for n in range(100_000))
    command = [sys.executable, "-c", _MILLION, str(path), str(tmp_path / "out")]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3], env={**os.environ}
    )
    read, kept, count, peak = map(int, done.stdout.split())
    assert (read, kept, count) == (1, 1, 100_000)
    assert peak < 500_000  # kilobytes; the keypoints alone are 20,000


def test_a_sequence_beyond_the_limit_is_quarantined_by_its_name(take, dump, monkeypatch):
    monkeypatch.setattr("data.importers.clips.to_sequence.MAX_SEQUENCE_VALUES", 17 * 3 * 4)
    sequences, (refused,) = take(dump("a.json", frames()), image=ImageSize(480))
    assert (sequences, refused.reason) == ([], "there are # frames, more than a sequence may have")
    assert "the limit is 4" in refused.detail


def test_crowds_are_rejected(take, dump):
    pose = frames()[0][0]
    _, (refused,) = take(dump("a.json", [[pose] * 500] * 2), image=ImageSize(480))
    assert refused.reason == "there are # people in a frame"
