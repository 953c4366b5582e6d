"""The files of a new pipeline: new labels and recordings come in, and what the user changed stays."""

import pytest

from data.errors import InputError
from data.importers import ImportOptions
from data.layouts import load_layout, read_own_layout
from pipelines.config import load_config
from pipelines.new_project.create import create_project
from pipelines.new_project.project_files import merge
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


def test_the_same_recordings_change_nothing(tmp_path):
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
    with pytest.raises(InputError, match="but no .made/schema.pbtxt"):
        create_project("mine", span(tmp_path / "data", people(4, ("curl", "press"))), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["schema.pbtxt"]


def test_the_same_files_are_imported_once(tmp_path):
    for sequence in people(4, ("curl", "press"), 1):
        folder = tmp_path / "raw" / sequence.label
        folder.mkdir(parents=True, exist_ok=True)
        joints = load_layout("coco17").joints
        lines = [",".join(f"{joint}_{axis}" for joint in joints for axis in ("x", "y", "confidence"))]
        lines += [",".join(map(str, pose.ravel().tolist())) for pose in sequence.keypoints]
        (folder / f"{sequence.sequence_id}.csv").write_text("\n".join(lines) + "\n")
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
