"""Files of motion capture."""

import numpy as np
import pytest

from data.layouts import load_layout

KINECT = load_layout("kinect20").joints
TINY = {"rtol": 1e-4, "atol": 1e-4}


def bvh(rows, prefix="", unit=1.0):
    """Return a BVH file of a person whose arms hang down; channels are those of the root and of the left arm."""

    def bone(kind, name, offset, inner, channels="3 Zrotation Xrotation Yrotation"):
        place = " ".join(str(value * unit) for value in offset)
        return [f"{kind} {prefix}{name}", "{", f"OFFSET {place}", f"CHANNELS {channels}", *inner, "}"]

    def fixed(name, offset, inner):
        place = " ".join(str(value * unit) for value in offset)
        return [f"JOINT {prefix}{name}", "{", f"OFFSET {place}", "CHANNELS 0", *inner, "}"]

    end = ["End Site", "{", "OFFSET 0 -5 0", "}"]

    def leg(side, x):
        foot = fixed(f"{side}Foot", (0, -40, 0), end)
        return fixed(f"{side}UpLeg", (x, 0, 0), fixed(f"{side}Leg", (0, -40, 0), foot))

    def forearm(side):
        return fixed(f"{side}ForeArm", (0, -30, 0), fixed(f"{side}Hand", (0, -25, 0), end))

    left = bone("JOINT", "LeftArm", (20, 45, 0), forearm("Left"))
    right = fixed("RightArm", (-20, 45, 0), forearm("Right"))
    neck = fixed("Neck", (0, 50, 0), fixed("Head", (0, 10, 0), end))
    inner = [*leg("Left", 10), *leg("Right", -10), *neck, *left, *right]
    root = bone("ROOT", "Hips", (0, 0, 0), inner, "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
    motion = ["MOTION", f"Frames: {len(rows)}", "Frame Time: 0.04", *(" ".join(map(str, row)) for row in rows)]
    return "\n".join(["HIERARCHY", *root, *motion]) + "\n"


@pytest.mark.parametrize("prefix", ["", "mixamorig:"])
@pytest.mark.parametrize("unit", [1, 0.01, 10])
def test_bvh_rotates_offsets_in_the_order_of_the_channels(take, dump, prefix, unit):
    still = [0, 90 * unit, 0, 0, 0, 0]
    rows = [[*still, 0, 0, 0], [*still, 90, 0, 0], [*still, 90, 90, 0], [0, 90 * unit, 0, 0, 0, 90, 90, 0, 0]]
    ((sequence,), quarantined) = take(dump("wave.bvh", bvh(rows, prefix, unit)))
    assert (take.format, quarantined, sequence.fps, sequence.layout) == ("bvh", [], 25, "kinect20")
    places = dict(zip(KINECT, sequence.keypoints.transpose(1, 0, 2), strict=True))
    np.testing.assert_allclose(places["left_ankle"][:3, :3], [[0.1, 0.1, 0]] * 3, **TINY)
    np.testing.assert_allclose(places["left_shoulder"][:3, :3], [[0.2, 1.35, 0]] * 3, **TINY)
    # Down, then to the side about z; the x axis of a turned arm is y; a turn of the body takes the arm with it.
    np.testing.assert_allclose(
        places["left_wrist"][:, :3], [[0.2, 0.8, 0], [0.75, 1.35, 0], [0.2, 1.35, -0.55], [0, 1.35, -0.75]], **TINY
    )
    assert places["left_hand"].max() == 0


def test_a_bvh_without_a_person_and_one_that_is_cut_are_explained(take, dump):
    text = bvh([[0] * 9] * 2)
    _, (refused,) = take(dump("a.bvh", text.replace("Arm", "Wing").replace("Leg", "Claw")))
    assert "by name" in refused.detail
    _, (refused,) = take(dump("b.bvh", text[:-4]))
    assert "2 frames of 9 channels" in refused.detail
