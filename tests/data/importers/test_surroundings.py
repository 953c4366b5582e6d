"""Exports and imports change nothing but what has their own names, whatever is in the folder."""

import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from data.errors import InputError
from data.importers import FORMATS, import_to_span, span_import
from data.importers.span_export import export_span
from data.layouts import load_layout
from data.quarantine import quarantine_folder
from data.records import KeypointSequence
from data.store import write_span
from pipelines.cli.main import main
from tests.surroundings import NAMES, make_surroundings, new_names, snapshot

LAYOUTS = {"mediapipe": "blazepose33", "openpose": "openpose25", "ntu": "kinect25"}
DEPTHS = {"mediapipe": 3, "ntu": 3}
WRITERS = [name for name, one in FORMATS.items() if one.write is not None]


@pytest.fixture
def place(tmp_path):
    return make_surroundings(tmp_path / "place")


@pytest.fixture
def span(tmp_path):
    """Return a function that makes a span that a format can express."""

    def make(name="csv"):
        layout, depth = LAYOUTS.get(name, "coco17"), DEPTHS.get(name, 2)
        keypoints = np.random.default_rng(0).uniform(0.1, 1, (4, len(load_layout(layout).joints), depth + 1))
        keypoints[..., -1] = 1
        clip = KeypointSequence("clip", "unknown", "unknown", 30.0, layout, keypoints.astype(np.float32))
        return write_span(tmp_path / name, 1, [clip])

    return make


@pytest.mark.parametrize("format_", WRITERS)
def test_an_export_changes_nothing_but_its_target(place, span, format_):
    span = span(format_)
    before = snapshot(place)
    for name in NAMES:
        export_span(span, format_, place / name)
        assert {new.partition("/")[0] for new in new_names(before, place)} == {name}
        before = snapshot(place)


@pytest.mark.parametrize("name", [".git", ".sockets", ".pipe", ".x.csv", ".dangling", ".ssh/id/x"])
def test_what_is_no_file_is_never_replaced(place, span, name):
    before = snapshot(place)
    with pytest.raises((InputError, OSError)):
        export_span(span(), "csv", place / name, overwrite=True)
    assert new_names(before, place) == set()


@pytest.mark.parametrize("name", [".bashrc", "victim"])
def test_a_file_of_somebody_else_is_replaced_only_with_overwrite(place, span, name):
    before = snapshot(place)
    made = span().parent
    command = ["data", "export", str(made), "--as", "csv", "--to", str(place / name)]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, "--overwrite" in done.output) == (2, True), done.output
    assert new_names(before, place) == set()
    mode = (place / name).stat().st_mode
    assert CliRunner().invoke(main, [*command, "--overwrite"]).exit_code == 0
    assert new_names({key: value for key, value in before.items() if key != name}, place) == {name}
    assert (place / name).stat().st_mode == mode


@pytest.mark.parametrize("change", [lambda path: path.write_text("mine"), lambda path: os.removexattr(path, ATTRIBUTE)])
def test_an_earlier_export_is_replaced_until_somebody_edits_it(tmp_path, span, change):
    target = tmp_path / "out.csv"
    for _ in range(2):
        export_span(span("csv" if not target.exists() else "tfjs"), "csv", target)
    change(target)
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match="is not an unchanged output"):
        export_span(tmp_path / "csv" / "span-1", "csv", target)
    assert new_names(before, tmp_path) == set()


ATTRIBUTE = "user.poseline.sha256"


@pytest.mark.parametrize(("umask", "file_mode", "folder_mode"), [(0o000, 0o666, 0o777), (0o077, 0o600, 0o700)])
def test_permissions_are_what_the_umask_says(tmp_path, span, umask, file_mode, folder_mode):
    spans = span(), span("openpose")
    before = os.umask(umask)
    try:
        export_span(spans[0], "csv", tmp_path / "made" / "x.csv")
        export_span(spans[1], "openpose", tmp_path / "made" / "folder")
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "made").rglob("*")}
    assert len(modes) > 3
    assert all(mode == (folder_mode if path.is_dir() else file_mode) for path, mode in modes.items()), modes


KILLED = """
import os, signal, sys
from pathlib import Path
from data.files import staging_folder
with staging_folder(Path(sys.argv[1])) as folder:
    (folder / "content").mkdir()
    (folder / "content" / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_else(place, span):
    from data.files import STAGING, staging_folder

    before = snapshot(place)
    with staging_folder(place) as alive:
        subprocess.run([sys.executable, "-c", KILLED, str(place)], check=False)
        [dead] = {place / name for name in new_names(before, place) if "/" not in name} - {alive}
        assert dead.name.startswith(STAGING)
        # The next process that writes here, whatever it is.
        command = [sys.executable, "-m", "pipelines.cli", "data", "export", str(span().parent), "--as", "csv", "--to"]
        subprocess.run([*command, str(place / "git")], check=True, stdout=subprocess.DEVNULL)
        assert not dead.exists()
        assert alive.exists()
    assert new_names(before, place) == {"git"}


def test_an_import_adds_a_span_and_its_quarantine_and_nothing_else(place, span, tmp_path, monkeypatch):
    source = tmp_path / "source"
    export_span(span("ntu"), "ntu", source)
    for number in range(3):
        (source / f"bad{number}.skeleton").write_text("nonsense")
    monkeypatch.setattr(span_import, "BATCH_BYTES", 1)  # so that two processes read
    (place / "span-3").write_text("a file with the name of a span")
    before = snapshot(place)
    for workers in (1, 2):
        import_to_span("ntu", source, place, workers=workers, max_quarantined=1)
    added = {name.partition("/")[0] for name in new_names(before, place)}
    assert added == {"span-4", "span-4.quarantine", "span-5", "span-5.quarantine"}


def test_a_quarantine_never_takes_the_place_of_something_else(place, span, tmp_path):
    source = tmp_path / "source.csv"
    export_span(span(), "csv", source)
    folder = quarantine_folder(place / "span-1")
    for make in (
        lambda: folder.symlink_to(".git"),
        lambda: folder.write_text("mine"),
        lambda: (folder.mkdir(), (folder / "summary.json").write_text("mine")),
    ):
        make()
        before = snapshot(place)
        with pytest.raises(InputError, match="the place of the quarantine"):
            import_to_span("csv", source, place, span=1)
        assert new_names(before, place) == set()
        if folder.is_dir() and not folder.is_symlink():
            (folder / "summary.json").unlink()
            folder.rmdir()
        else:
            folder.unlink()
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps({"quarantined": {}}))
    (folder / "quarantine.jsonl").write_text("")
    (folder / "notes.txt").write_text("mine")
    import_to_span("csv", source, place, span=1)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"], "files of an earlier import are gone, no others"
