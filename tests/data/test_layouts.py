import copy
from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from data.layouts import find_layout, joint_mapping, layout_names, load_layout
from data.layouts.layout import TABLES, parse_layout, read_yaml
from tests.datasets import DATASETS

SIZES = {
    "blazepose33": 33,
    "coco17": 17,
    "halpe26": 26,
    "kinect20": 20,
    "kinect25": 25,
    "openpose15": 15,
    "openpose18": 18,
    "openpose25": 25,
    "uiprmd22": 22,
}
STORES = {
    "baduanjin/baduanjin_blazepose33.npz": "blazepose33",
    "baduanjin/baduanjin_coco17.npz": "coco17",
    "dumbbell/pose_trainer18.npz": "openpose18",
    "msr_action3d/msr_action3d.npz": "kinect20",
    "nw_ucla/nw_ucla.npz": "kinect20",
    "ui_prmd/ui_prmd.npz": "uiprmd22",
    "upper5/upper5_train.npz": "openpose15",
}


def test_every_layout_is_known_by_its_number_of_joints():
    assert {name: len(load_layout(name).joints) for name in layout_names()} == SIZES


@pytest.mark.parametrize("name", SIZES)
def test_bones_are_a_tree_that_looks_the_same_in_a_mirror(name: str):
    layout = load_layout(name)
    reached = {layout.bones[0][0]}
    for parent, child in layout.bones:
        assert parent in reached
        assert child not in reached
        reached.add(child)
    assert reached == set(range(len(layout.joints)))
    mirrored = {(layout.mirror[parent], layout.mirror[child]) for parent, child in layout.bones}
    assert mirrored == set(layout.bones)


@pytest.mark.parametrize("name", SIZES)
def test_mirror_swaps_left_and_right_names(name: str):
    layout = load_layout(name)
    assert [layout.mirror[layout.mirror[i]] for i in range(len(layout.joints))] == list(range(len(layout.joints)))
    for i, joint in enumerate(layout.joints):
        other = layout.joints[layout.mirror[i]]
        if "left" in joint:
            assert other == joint.replace("left", "right")
            assert (layout.sides[i], layout.sides[layout.mirror[i]]) == ("left", "right")
        elif "right" not in joint:
            assert other == joint
            assert layout.sides[i] == "centre"


@pytest.mark.parametrize("name", SIZES)
def test_root_and_torso_are_mirror_images_of_themselves(name: str):
    layout = load_layout(name)
    for joints in (layout.root, *layout.torso):
        assert joints
        assert {layout.mirror[joint] for joint in joints} == set(joints)


@pytest.mark.parametrize("name", SIZES)
def test_a_layout_maps_to_itself_unchanged(name: str):
    poses = np.random.default_rng(0).uniform(size=(4, SIZES[name], 3)).astype(np.float32)
    np.testing.assert_array_equal(joint_mapping(name, name).apply(poses), poses)


def test_unknown_layout_names_the_known_ones():
    with pytest.raises(InputError, match="coco17"):
        load_layout("coco18")


def test_layout_is_found_in_any_order():
    layout = load_layout("kinect20")
    shuffled = np.random.default_rng(1).permutation(layout.joints)
    found, order = find_layout(list(shuffled))
    assert found is layout
    assert tuple(shuffled[list(order)]) == layout.joints


def test_some_of_a_layouts_joints_are_found_in_the_smallest_superset():
    found, order = find_layout(["right_hip", "nose", "left_hip", "right_knee"])
    assert found.name == "coco17"
    assert [order[found.index(joint)] for joint in ("nose", "left_hip", "right_hip", "left_knee")] == [1, 2, 0, -1]


@pytest.mark.parametrize("names", [[], ["nose", "nose"], ["nose", "tail"]])
def test_joint_names_of_no_layout_are_an_input_error(names: list[str]):
    with pytest.raises(InputError):
        find_layout(names)


def test_error_of_find_layout_says_which_joint_is_strange():
    with pytest.raises(InputError, match="tail"):
        find_layout([*load_layout("coco17").joints, "tail"])


def test_blazepose_gives_all_of_coco_by_name():
    source, target = load_layout("blazepose33"), load_layout("coco17")
    poses = np.random.default_rng(2).uniform(size=(3, 33, 4)).astype(np.float32)
    mapping = joint_mapping("blazepose33", "coco17")
    mapped = mapping.apply(poses)
    assert mapping.unmapped == ()
    for joint in target.joints:
        np.testing.assert_array_equal(mapped[:, target.index(joint)], poses[:, source.index(joint)])


def test_neck_is_derived_from_the_shoulders_and_as_sure_as_the_worse():
    source, target = load_layout("coco17"), load_layout("openpose25")
    pose = np.zeros((17, 3), np.float32)
    pose[source.index("left_shoulder")] = 2.0, 1.0, 0.9
    pose[source.index("right_shoulder")] = 0.0, 3.0, 0.2
    mapped = joint_mapping("coco17", "openpose25").apply(pose)
    np.testing.assert_allclose(mapped[target.index("neck")], [1.0, 2.0, 0.2])


def test_joint_that_cannot_be_had_has_confidence_zero():
    mapping = joint_mapping("openpose15", "coco17")
    assert mapping.unmapped == ("left_knee", "right_knee", "left_ankle", "right_ankle")
    mapped = mapping.apply(np.ones((2, 15, 3), np.float32))
    np.testing.assert_array_equal(mapped[:, -4:], 0.0)
    np.testing.assert_array_equal(mapped[:, :-4], 1.0)


@pytest.mark.parametrize(("source", "target"), [("kinect20", "uiprmd22"), ("kinect25", "kinect20")])
def test_other_names_for_the_same_joint_map_across_sensors(source: str, target: str):
    assert joint_mapping(source, target).unmapped == ()


def test_every_joint_of_every_recipe_exists_in_some_layout():
    known = {joint for name in layout_names() for joint in load_layout(name).joints}
    recipes = read_yaml(TABLES / "same_joints.yaml")
    for joint, options in recipes.items():
        for name in (joint, *(name for names in options for name in names)):
            assert name.format(side="left") in known


def _without(table: dict[str, Any]) -> None:
    del table["root"]


def _stranger(table: dict[str, Any]) -> None:
    table["root"] = ["tail"]


def _loop(table: dict[str, Any]) -> None:
    table["bones"]["left_ankle"] = ["left_hip"]
    table["bones"]["left_shoulder"].remove("left_hip")


def _two_parents(table: dict[str, Any]) -> None:
    table["bones"]["right_eye"].append("left_ear")


def _twice_mirrored(table: dict[str, Any]) -> None:
    table["mirror"].append(["left_eye", "right_ear"])


def _triple(table: dict[str, Any]) -> None:
    table["mirror"][0].append("nose")


def _unknown_key(table: dict[str, Any]) -> None:
    table["color"] = {}


def _doubled(table: dict[str, Any]) -> None:
    table["joints"].append("nose")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without, "lacks root"),
        (_stranger, "tail"),
        (_loop, "loop"),
        (_two_parents, "one parent"),
        (_twice_mirrored, "two mirror pairs"),
        (_triple, "pairs"),
        (_unknown_key, "color"),
        (_doubled, "twice"),
    ],
)
def test_broken_table_is_explained(damage: Any, message: str):
    table = copy.deepcopy(read_yaml(TABLES / "coco17.yaml"))
    damage(table)
    with pytest.raises(InputError, match=message) as error:
        parse_layout("coco17", table, where="coco17.yaml")
    assert error.value.where == "coco17.yaml"


@pytest.mark.parametrize(("store", "layout"), STORES.items())
def test_real_stores_are_recognised(store: str, layout: str):
    path = DATASETS / store
    if not path.exists():
        pytest.skip(f"real keypoint sequences are not here: {path}")
    with np.load(path, allow_pickle=False) as arrays:
        found, order = find_layout(arrays["joint_names"].tolist())
    assert found.name == layout
    assert -1 not in order
