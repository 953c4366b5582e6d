"""Hostile files end in a sentence, within seconds and 500 MB; what reads them may crash, hang or fill the memory."""

import itertools
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.errors import InputError
from data.importers import bounded_reading
from data.importers.bounded_reading import BoundedReading, read_bounded
from data.system import silence
from tests.data.importers import hostile_files
from tests.datasets import DATASETS

ROOT = Path(__file__).parents[3]
MAX_MEGABYTES = 500
MAX_CPU_SECONDS = 30
"""Twice the 14 s that the largest of the files may take: starting the child counts as well, on slow machines too."""
LIMITED = ["prlimit", "--as=4096000000", sys.executable]

SAID = {
    "label.pkl": "label is a list",
    "split.pkl": "a name in split is a list",
    "image.pkl": "a value is malformed",
    "itself.pkl": "a value is malformed",
    "nobody.pkl": "there are 0 people",
    "nothing.pkl": "a joint has 0 coordinates",
    "crowd.pkl": "there are 9000 people in a frame",
    "copies.pkl": "more than 256 MB of memory",
    "lies.parquet": "more than 256 MB of memory",
    "many.parquet": "stands for more than # MB of records",
    "text.parquet": "more than 256 MB of memory",
    "segments.parquet": "more than 256 MB of memory",
    "labels.npz": "more than 256 MB of memory",
    "names.npz": "more than 256 MB of memory",
    "header.npz": "the array cannot be read",
    "character.npz": "a number that is no character",
    "deep.json": "nested too deeply",
    "lists.json": "no joint is seen in any frame",
    "objects.json": "MB of memory",
    "digits.json": "the file is not complete JSON",
    "nested.json": "label is a list",
    "rate.json": "fps is 1e-09",
    "fast.json": "fps is 1e+300",
    "nan.json": "fps is nan",
    "negative.json": "fps is -30",
    "late.json": "a timestamp is not a finite number",
    "image.json": "a side of the image has # pixels",
    "surrogate.json": "control characters",
    "zero.json": "control characters",
    "numbers.json": "the name of an image is too long",
    "spaces.json": "the name of an image is too long",
    "joints.csv": "names of joints",
    "columns.csv": "columns",
    "row.csv": "a row is longer than",
    "quotes.csv": "a row has 1 of 4 columns",
    "bodies.skeleton": "a value is malformed",
    "frames.skeleton": "the file is truncated",
    "laughs.eaf": "declares a document type or entities",
    "digits.eaf": "a time is '999",
    "superscript.eaf": "a time is '1²'",
    "spaces.eaf": "longer than 1000 characters",
    "deep.eaf": "not a valid ELAN document",
    "deeper.eaf": "the file takes more than",
    "wide.csv": "more than 256 columns",
    "huge.csv": "from 1e+308 to inf is invalid",
    "odd": "kept 1 of 1",
    "pipe as source": "the source is a pipe",
    "pipe as sidecar": "the source is a pipe",
    "socket as source": "the source is a socket",
    "socket as sidecar": "the source is a socket",
    "device as source": "the source is a device",
    "device as sidecar": "the source is a device",
    "loop as source": "the source does not exist",
    "loop as sidecar": "Too many levels of symbolic links",
    "pattern": "does not match --pattern",
}
"""Part of what is said about each case of `hostile_files`."""


def test_hostile_files_end_in_a_sentence_within_the_budget(tmp_path):
    place = tmp_path / "hostile"
    place.mkdir()
    command = [str(Path(hostile_files.__file__))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *command, "make", str(place)], check=True, env=environment)
    done = subprocess.run(
        [*LIMITED, *command, "import", str(place)], check=True, capture_output=True, text=True, env=environment
    )
    cases = {case["name"]: case for case in map(json.loads, done.stdout.splitlines())}
    assert cases.keys() == SAID.keys()
    for name, case in cases.items():
        assert SAID[name] in case["said"], name
        assert "unexpected" not in case["said"], name
        assert case["cpu"] < MAX_CPU_SECONDS, name
        assert case["peak"] < MAX_MEGABYTES, name
    assert not done.stderr


HOSTILE = DATASETS / "hostile"
ROWS = {
    "pickle_nested_name.pkl": "frame_dir is a list",
    "pickle_no_people.pkl": "there are 0 people",
    "parquet_run_length.parquet": "there are 4000000 frames x 17 joints x 3 channels",
    "npz_text_labels.npz": "array 'labels' is text, not integers",
    "ok.json": "not a valid ELAN document",
}


@pytest.mark.skipif(not HOSTILE.is_dir(), reason="the shared data are absent")
@pytest.mark.parametrize("name", ROWS)
def test_the_reported_files_are_refused(name, tmp_path):
    given = [str(HOSTILE / name), "--to", str(tmp_path / "out")]
    if name == "ok.json":
        given += ["--segments", str(HOSTILE / "elan" / "superscript_time.eaf"), "--image-size", "640x480"]
    _is_refused([*LIMITED, "-m", "pipelines.cli", "data", "import", *given], ROWS[name], tmp_path)


def test_a_file_name_cannot_control_the_terminal(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "e\x1b]0;owned\x07.json").write_text("nonsense")
    given = ["--from", "tfjs", str(tmp_path / "clips"), "--to", str(tmp_path / "out")]
    said = _is_refused([*LIMITED, "-m", "pipelines.cli", "data", "import", *given], "not complete JSON", tmp_path)
    assert "\x1b" not in said
    assert "e\\x1b]0;owned\\x07.json" in said


def _is_refused(command, message, tmp_path):
    report = tmp_path / "rusage"
    script = "import resource, subprocess, sys; done = subprocess.run(sys.argv[2:]);"
    script += "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss));"
    script += "sys.exit(done.returncode)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(report), *command], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert int(report.read_text()) < MAX_MEGABYTES << 10
    return done.stdout + done.stderr


def read(job):
    """Yield one result, then do what the job says."""
    yield job
    match job:
        case "python loop":
            while True:
                pass
        case "swallowing loop":
            while True:
                try:
                    sum(range(1000))
                except Exception:
                    continue
        case "C loop":
            sum(itertools.repeat(1))
        case "memory":
            bytearray(1 << 30)
        case "small pieces":
            kept = (bytes(200 << 20),)  # the rest is then soon used up, long before the CPU time is
            while True:
                kept = (kept, bytes(400))  # so that no piece of the usual sizes is left
        case "results":
            yield from (bytes(1 << 18) for _ in range(10))
        case "crash":
            os.abort()
        case "kill":
            os.kill(os.getpid(), 9)
        case "exit":
            os._exit(0)
        case "input error":
            raise InputError("the reader's own words")
        case "bug":
            raise ZeroDivisionError


@pytest.mark.parametrize("spooled", [False, True])
def test_whatever_a_reader_does_becomes_an_error_and_the_next_file_is_read(spooled, tmp_path):
    # In a process of its own: memory that other tests have freed would be lent to the readers.
    script = "from tests.data.importers.test_bounded_reading import check_faults; "
    script += f"check_faults({spooled}, {str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def check_faults(spooled, folder):
    """Let readers commit every fault, and compare what is said with what is expected."""
    bounded_reading.MIN_SECONDS, bounded_reading.MIN_RESULTS = 1.0, 1 << 20
    tmp_path = Path(folder)
    path = tmp_path / "a"
    path.write_text("a")
    faults = {
        "python loop": "takes more than 1 s of CPU time",
        "swallowing loop": "takes more than 1 s of CPU time",
        "memory": "takes more than 256 MB of memory",
        "small pieces": "takes more than 256 MB of memory",
        "results": "stands for more than 1 MB",
        "crash": "ended by SIGABRT",
        "kill": "ended by SIGKILL",
        "input error": "the reader's own words",
        "bug": "unexpected fault",
    }
    if not spooled:
        faults["C loop"] = "takes more than 1 s of CPU time"  # 3 s
    jobs = [job for fault in faults for job in (fault, "good")]
    with BoundedReading(jobs, read, lambda _: [path], tmp_path if spooled else None) as reading:
        found = list(reading)
    for number, job in enumerate(jobs):
        results = [result for at, result in found if at == number]
        assert results[0] == job
        errors = [result for result in results if isinstance(result, InputError)]
        said = [error.what for error in errors]
        assert [faults[job] in what for what in said] == ([True] if job in faults else []), f"{job}: {said}"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reading_that_is_left_ends_its_child(tmp_path):
    (tmp_path / "a").write_text("a")
    with BoundedReading(["C loop"], read, lambda _: [tmp_path / "a"]) as reading:
        assert next(iter(reading)) == (0, "C loop")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_system_that_hides_its_own_files_is_not_a_fault_of_each_file(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("a")
    monkeypatch.setattr(bounded_reading, "_STATM", tmp_path / "absent")
    with pytest.raises(InputError, match="the system's own files are hidden"):
        BoundedReading([tmp_path / "a"] * 2, lambda _: iter(["read"]), lambda path: [path])


def test_a_large_file_has_a_large_budget(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    budget = bounded_reading.Budget.of([tmp_path / "large"])
    assert budget.seconds > 1000
    assert budget.memory == bounded_reading.MAX_MEMORY
    assert read_bounded(lambda path: path.name, tmp_path / "large") == "large"


def test_results_that_cannot_be_written_end_the_import_instead_of_being_lost(tmp_path):
    source = tmp_path / "source"
    source.write_text("x")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        reading = BoundedReading([source] * 2, lambda _: iter([b"x" * 60_000] * 3), lambda _: [source], tmp_path)
        with reading, pytest.raises(InputError, match="could not hand over what it had read"):
            list(reading)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def wait(job):
    """Yield one result, then wait in the given way."""
    yield job
    if job == "forever":
        source, _ = os.pipe()
        os.read(source, 1)
    if job == "at work":
        until = time.process_time() + 4 * silence.SILENT_SECONDS
        while time.process_time() < until:
            pass


@pytest.mark.parametrize("spooled", [False, True])
def test_a_reader_that_waits_forever_is_ended_and_one_that_works_is_not(spooled, tmp_path, monkeypatch):
    monkeypatch.setattr(silence, "SILENT_SECONDS", 1)
    path = tmp_path / "a"
    path.write_text("a")
    jobs = ["at work", "forever", "good"]
    with BoundedReading(jobs, wait, lambda _: [path], tmp_path if spooled else None) as reading:
        *found, (number, error), last = reading
    assert (found, last) == ([(0, "at work"), (1, "forever")], (2, "good"))
    assert number == 1
    assert isinstance(error, InputError)
    assert "nothing has come from it for 1 s" in error.what


def test_a_reader_dies_with_the_process_that_started_it(tmp_path):
    """The reader holds the writing end of a pipe, whose end shows that it has died."""
    source, target = os.pipe()
    never, _ = os.pipe()
    parent = os.fork()
    if parent == 0:

        def block(_):
            os.write(target, b"reading")
            os.read(never, 1)

        (tmp_path / "a").write_text("a")
        read_bounded(block, tmp_path / "a")
    os.close(target)
    with os.fdopen(source, "rb", buffering=0) as pipe:
        assert pipe.read(7) == b"reading"
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        assert select.select([pipe], [], [], 60)[0]
        assert pipe.read(1) == b""
