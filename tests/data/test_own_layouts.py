"""Layouts of the user's own: a short file is enough, and the definition goes wherever a name could."""

import json

import numpy as np
import pytest

from data.errors import InputError
from data.importers import ImportOptions, import_to_span
from data.layouts import joint_mapping, layout_label, load_layout, read_own_layout
from data.store import read_sequences

UPPER = """
name: upper_body
joints: [head, left_shoulder, right_shoulder, left_elbow, right_elbow, left_hip, right_hip]
bones:
  head: [left_shoulder, right_shoulder]
  left_shoulder: [left_elbow, left_hip]
  right_shoulder: [right_elbow, right_hip]
"""


def _write(folder, text):
    path = folder / "layout.yaml"
    path.write_text(text)
    return path


def test_usual_names_need_only_joints_and_bones(tmp_path):
    layout = read_own_layout(_write(tmp_path, UPPER))
    assert layout.sides == ("centre", "left", "right", "left", "right", "left", "right")
    assert layout.root == (5, 6)
    assert layout.torso == ((1, 2), (5, 6))
    assert layout.across == ((1, 2), (5, 6))


def test_the_definition_is_the_whole_layout_and_is_shown_by_its_name(tmp_path):
    layout = read_own_layout(_write(tmp_path, UPPER))
    assert load_layout(layout.reference) == layout
    assert layout_label(layout.reference) == "upper_body"
    assert layout.to_dict()["definition"] == layout.reference
    assert "definition" not in load_layout("coco17").to_dict()


def test_two_layouts_of_one_name_are_two_layouts(tmp_path):
    one = read_own_layout(_write(tmp_path, UPPER))
    other = read_own_layout(_write(tmp_path, UPPER.replace("left_elbow, right_elbow", "right_elbow, left_elbow")))
    assert one.name == other.name
    assert one.reference != other.reference


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace("head: [left_shoulder, right_shoulder]", "head: [left_shoulder]"), "one parent"),
        (lambda text: text.replace("left_hip, right_hip]", "left_leg, right_leg]"), "`root` must be given"),
        (lambda text: text.replace("[right_elbow, right_hip]", "[right_hip]\n  left_hip: [right_elbow]"), "other side"),
        (lambda text: text + "root: [left_hip]\n", "one side only"),
        (lambda text: text + "colour: red\n", "colour"),
        (lambda text: text.replace("name: upper_body", "name: ../up"), "name"),
        (lambda text: text + "torso: {upper: [head], lower: [head]}\n", "same joints"),
        (lambda text: "joints: 5\n", "joints"),
        (lambda text: "- 1\n", "layout is not valid"),
        (lambda text: "a: [\n", "cannot be read"),
        (lambda text: "#" * 50_000, "more than"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, damage, message):
    with pytest.raises(InputError, match=message) as error:
        read_own_layout(_write(tmp_path, damage(UPPER)))
    assert str(tmp_path) in str(error.value.where)


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"name":"a"}', '{"name":"a","joints":["b","b"],"bones":{}}', "{" * 100_000, '{"joints":null}']
)
def test_a_wrong_definition_is_an_input_error(text):
    with pytest.raises(InputError):
        load_layout(text)


def test_a_definition_in_another_form_is_refused(tmp_path):
    values = json.loads(read_own_layout(_write(tmp_path, UPPER)).reference)
    with pytest.raises(InputError, match="usual form"):
        load_layout(json.dumps(values, indent=1))


def test_named_joints_of_an_own_layout_are_imported(tmp_path):
    layout = read_own_layout(_write(tmp_path, UPPER))
    names = ["RightHip", "LeftHip", "head", "LeftShoulder", "RightShoulder", "LeftElbow"]
    poses = np.random.default_rng(0).uniform(0.2, 0.8, (40, len(names), 3))
    lines = [",".join(f"{name}_{axis}" for name in names for axis in ("x", "y", "confidence"))]
    lines += [",".join(map(str, pose.ravel())) for pose in poses]
    (tmp_path / "clip.csv").write_text("\n".join(lines) + "\n")
    options = ImportOptions(label="wave", layout=layout.reference)
    summary = import_to_span("csv", tmp_path / "clip.csv", tmp_path / "data", options=options)
    [sequence] = read_sequences(summary.span_dir)
    assert load_layout(sequence.layout) == layout
    np.testing.assert_allclose(sequence.keypoints[:, layout.index("left_hip")], poses[:, 1], atol=1e-6)
    assert not sequence.keypoints[:, layout.index("right_elbow"), -1].any()


def test_known_joints_are_mapped_to_an_own_layout(tmp_path):
    layout = read_own_layout(_write(tmp_path, UPPER))
    mapping = joint_mapping("coco17", layout.reference)
    assert mapping.target == layout
    assert mapping.unmapped == ()
