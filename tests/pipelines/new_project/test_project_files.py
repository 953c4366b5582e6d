"""The files of a new pipeline: new labels and recordings come in, and what the user changed stays."""

import os
import re
from dataclasses import replace

import numpy as np
import pytest

from data.errors import InputError
from data.importers import ImportOptions
from data.layouts import load_layout, read_own_layout
from data.splits import assign_splits
from data.store import read_index
from pipelines.config import load_config
from pipelines.new_project.create import create_project
from pipelines.new_project.project_files import check_folder, merge, merged_text
from pipelines.new_project.raw_recordings import import_recordings
from schema.window_contract import read_window_contract
from tests.pipelines.new_project.recordings import clip, people, span

MADE = "a: 1\nb: 2\nc: 3\nd: 4\n"


@pytest.mark.parametrize(
    ("own", "new", "merged"),
    [
        (MADE, "a: 1\nb: 9\nc: 3\nd: 4\n", "a: 1\nb: 9\nc: 3\nd: 4\n"),
        ("a: 1\nb: 7\nc: 3\nd: 4\n", "a: 1\nb: 9\nc: 8\nd: 4\n", "a: 1\nb: 7\nc: 8\nd: 4\n"),
        ("a: 1\nb: 2\nmine: 0\nc: 3\nd: 4\n", "a: 1\nb: 2\nc: 3\n", "a: 1\nb: 2\nmine: 0\nc: 3\n"),
        ("b: 2\nc: 3\nd: 4\nlast: 1\n", "a: 5\nb: 2\nc: 3\nd: 4\n", "b: 2\nc: 3\nd: 4\nlast: 1\n"),
        ("a: 1\nb: 2\nc: 3\nd: 4", MADE + "e: 5\n", "a: 1\nb: 2\nc: 3\nd: 4"),
    ],
)
def test_a_line_that_the_user_changed_stays_and_all_others_are_new(own, new, merged):
    assert merge(own, MADE, new) == merged


def test_more_recordings_change_only_what_the_user_did_not(tmp_path):
    data, folder = tmp_path / "data", tmp_path / "mine"
    first = create_project("mine", span(data, people(5, ("curl", "raise"))), folder)
    config = folder / "mine.yaml"
    text = config.read_text()
    epochs = next(line for line in text.splitlines() if "epochs:" in line)
    config.write_text(text.replace(epochs, "  epochs: 3  # mine") + "description: my own\n")
    again = create_project("mine", span(data, people(7, ("curl", "press", "raise")), 2), folder)
    assert (first.is_new, again.is_new) == (True, False)
    loaded = load_config(str(config))
    assert (loaded.training.epochs, loaded.description) == (3, "my own")
    assert read_window_contract(loaded.schema_file).labels == ("curl", "raise", "press")
    assert '+    value: "press"' in again.changes["schema.pbtxt"]
    assert not any("epochs" in line for line in again.changes["mine.yaml"].splitlines() if line[:1] in "+-")
    assert f"+# Made by `poseline init` from {7 * 6} clips" in again.changes["mine.yaml"]


def test_the_same_recordings_change_nothing_wherever_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = span(tmp_path / "data", people(5, ("curl", "press")))
    create_project("mine", data, tmp_path / "mine")
    again = create_project("mine", data, tmp_path / "mine")
    assert not any(again.changes.values())


def test_people_stay_in_their_split_when_others_are_added(tmp_path):
    data, folder = tmp_path / "data", tmp_path / "mine"
    create_project("mine", span(data, people(6, ("curl", "press"))), folder)
    before = load_config(str(folder / "mine.yaml")).split.seed
    create_project("mine", span(data, people(9, ("curl", "press")), 2), folder)
    assert load_config(str(folder / "mine.yaml")).split.seed == before


def test_a_file_of_somebody_else_is_not_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "schema.pbtxt").write_text("not yours")
    with pytest.raises(InputError, match=r"but no \.made/schema\.pbtxt"):
        create_project("mine", span(tmp_path / "data", people(4, ("curl", "press"))), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["schema.pbtxt"]


def test_a_place_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(InputError, match="the place of the pipeline is no folder"):
            check_folder(tmp_path / name, "mine.yaml")
    check_folder(tmp_path / "new", "mine.yaml")


def test_files_that_cannot_be_merged_are_refused_and_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / ".made").mkdir()
    (tmp_path / ".made" / "pipe").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / ".made" / "binary").touch()
    for name, reason in (("pipe", "not a regular file"), ("binary", "can't decode")):
        with pytest.raises(InputError, match=reason):
            merged_text(tmp_path, name, "new")


def _write_raw(raw):
    for sequence in people(4, ("curl", "press"), 1):
        folder = raw / sequence.label
        folder.mkdir(parents=True, exist_ok=True)
        joints = load_layout("coco17").joints
        lines = [",".join(f"{joint}_{axis}" for joint in joints for axis in ("x", "y", "confidence"))]
        lines += [",".join(map(str, pose.ravel().tolist())) for pose in sequence.keypoints]
        (folder / f"{sequence.sequence_id}.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("folder", ["raw", "raw/mine", "raw/../raw"])
def test_recordings_are_never_the_folder_of_the_pipeline(folder, tmp_path):
    _write_raw(tmp_path / "raw")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="among the recordings"):
        import_recordings(tmp_path / "raw", tmp_path / folder, ImportOptions(), 1)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_format_of_the_files_can_be_given(tmp_path):
    _write_raw(tmp_path / "raw")
    with pytest.raises(InputError, match=r"no \.json file"):
        import_recordings(tmp_path / "raw", tmp_path / "mine", ImportOptions(), 1, "openpose")
    assert import_recordings(tmp_path / "raw", tmp_path / "mine", ImportOptions(), 1, "csv").sequences == 8


def test_a_folder_has_one_pipeline(tmp_path):
    data = span(tmp_path / "data", people(5, ("curl", "press")))
    create_project("mine", data, tmp_path / "mine")
    before = (tmp_path / "mine" / "schema.pbtxt").read_text()
    with pytest.raises(InputError, match="has the pipeline 'mine'"):
        create_project("other", data, tmp_path / "mine")
    assert (tmp_path / "mine" / "schema.pbtxt").read_text() == before
    assert not (tmp_path / "mine" / "other.yaml").exists()


def test_a_label_that_is_left_out_need_not_be_in_the_schema(tmp_path):
    data, folder = tmp_path / "data", tmp_path / "mine"
    create_project("mine", span(data, people(5, ("curl", "press"))), folder)
    with (folder / "mine.yaml").open("a") as file:
        file.write("description: mine\n")
    text = (folder / "mine.yaml").read_text()
    (folder / "mine.yaml").write_text(text.replace("split:\n", "split:\n  leave_out: [walk]\n"))
    create_project("mine", span(data, people(5, ("curl", "press", "walk")), 2), folder)
    config = load_config(str(folder / "mine.yaml"))
    assert read_window_contract(config.schema_file).labels == ("curl", "press")
    assert config.split.leave_out == ("walk",)


def test_figures_describe_the_division_that_the_user_chose(tmp_path):
    data, folder = span(tmp_path / "data", people(8, ("curl", "press"), 6)), tmp_path / "mine"
    first = create_project("mine", data, folder)
    file = folder / "mine.yaml"
    file.write_text(file.read_text().replace("method: hash", "method: recordings"))
    again = create_project("mine", data, folder)
    assert not any("people in training" in note for note in first.warnings)
    assert any("people in training" in note for note in again.warnings)
    splits = assign_splits(read_index(data / "span-1"), load_config(str(file)).split)
    tested = sum(split == "test" for split in splits.values())
    assert f"of {tested} test clips" in file.read_text()


def _bounds(schema, feature):
    found = re.search(rf'name: "{feature}"[^@]*?float_domain {{ min: (\S+) max: (\S+)', schema)
    assert found
    return float(found[1]), float(found[2])


def test_the_schema_allows_people_at_another_distance(tmp_path):
    created = create_project("mine", span(tmp_path / "data", people(5, ("curl", "press"), 1)), tmp_path / "mine")
    schema = (tmp_path / "mine" / "schema.pbtxt").read_text()
    assert created.is_new
    for feature in ("torso_length", "extent"):
        seen = re.search(rf'name: "{feature}"[^@]*?# Seen: (\S+) to (\S+)\.\n', schema)
        low, high = _bounds(schema, feature)
        assert low <= float(seen[1]) / 1.99
        assert high >= float(seen[2]) * 1.99
    low, high = _bounds(schema, "centre_x")
    assert high - low >= 1


def test_the_schema_allows_every_window_of_many(tmp_path):
    ordinary = [clip(f"{n}", ("curl", "press")[n % 2], f"p{n % 5}", 0.1, 10.0) for n in range(4200)]
    far = replace(ordinary[2049], keypoints=ordinary[2049].keypoints * np.array([9, 9, 1], np.float32))
    ordinary[2049] = far
    create_project("mine", span(tmp_path / "data", ordinary), tmp_path / "mine")
    schema = (tmp_path / "mine" / "schema.pbtxt").read_text()
    assert _bounds(schema, "keypoints")[1] >= far.keypoints[..., :2].max()


def test_the_same_files_are_imported_once(tmp_path):
    _write_raw(tmp_path / "raw")
    first = import_recordings(tmp_path / "raw", tmp_path / "mine", ImportOptions(), 1)
    assert first.sequences == 8
    assert import_recordings(tmp_path / "raw", tmp_path / "mine", ImportOptions(), 1) is None
    other = import_recordings(tmp_path / "raw", tmp_path / "mine", ImportOptions(fps=15.0), 1)
    assert other.span == 2


HAND = """
name: my_hand
joints: [wrist, thumb, index, middle]
bones: {wrist: [thumb, index, middle]}
root: [wrist]
torso: {upper: [middle], lower: [wrist]}
"""


def test_a_layout_of_the_users_own_is_written_next_to_the_configuration(tmp_path):
    file = tmp_path / "hand.yaml"
    file.write_text(HAND)
    layout = read_own_layout(file)
    waves = [
        clip(f"{who}{label}", label, who, layout=layout.reference) for who in "abcde" for label in ("fist", "wave")
    ]
    created = create_project("mine", span(tmp_path / "data", waves), tmp_path / "mine")
    config = load_config(created.config)
    assert load_layout(config.layout) == layout
    assert "layout: layout.yaml" in (tmp_path / "mine" / "mine.yaml").read_text()
    assert read_own_layout(tmp_path / "mine" / "layout.yaml") == layout
