import numpy as np
import pytest

from data.errors import InputError
from data.importers.clips.units import (
    ImageSize,
    Scaling,
    image_scaling,
    pixels_or_fractions,
    room_scaling,
    scaling_of_unit,
)
from data.layouts import load_layout

POSES = np.array([[[0.5, 0.25, 0.9], [0, 0, 0], [2, 1, 0]]], np.float32)
KINECT = load_layout("kinect20")


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("pixels", [[0.5 / 480, 0.25 / 480, 0.9], [0, 0, 0], [2 / 480, 1 / 480, 0]]),
        ("fractions", [[0.5 * 4 / 3, 0.25, 0.9], [0, 0, 0], [2 * 4 / 3, 1, 0]]),
        ("signed_fractions", [[1.5 * 2 / 3, 1.25 / 2, 0.9], [0, 0, 0], [2, 1, 0]]),
        ("image_heights", POSES[0]),
        ("metres", POSES[0]),
    ],
)
def test_units_become_canonical_and_missing_joints_stay_zero(unit, expected):
    scaled = scaling_of_unit(unit, 2, ImageSize(480, 640)).apply(POSES)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("unit", "image"), [("pixels", None), ("fractions", ImageSize(480)), ("signed_fractions", None)]
)
def test_a_unit_that_needs_an_image_size_asks_for_it(unit, image):
    with pytest.raises(InputError, match=r"is unknown(\n.*)*--image-size"):
        scaling_of_unit(unit, 2, image)


def test_depth_has_the_scale_of_x_and_may_be_absent():
    scaling = scaling_of_unit("fractions", 3, ImageSize(100, 200))
    np.testing.assert_array_equal(scaling.factors, [2, 1, 2])
    np.testing.assert_array_equal(scaling.apply(POSES)[..., 0], POSES[..., 0] * 2)


def test_half_precision_is_scaled_in_single_precision():
    poses = np.full((1, 1, 3), 0.1, np.float16)
    scaled = Scaling(np.full(2, 0.01, np.float32)).apply(poses)
    np.testing.assert_array_equal(scaled[0, 0, :2], np.float16(0.1).astype(np.float32) * np.float32(0.01))


@pytest.mark.parametrize(("length", "factor"), [(0.5, 1), (50, 0.01), (500, 0.001), (0, 1)])
def test_the_torso_distinguishes_metres_from_smaller_units(length, factor):
    positions = np.full((2, len(KINECT.joints), 3), np.nan, np.float32)
    upper, lower = KINECT.torso
    positions[:, list(lower)], positions[:, list(upper)] = 0, (0, length, 0)
    scaling = room_scaling(positions, KINECT)
    np.testing.assert_allclose(scaling.factors, factor)
    assert bool(scaling.note) == (factor != 1)


def test_the_range_of_coordinates_distinguishes_pixels_from_fractions():
    assert pixels_or_fractions(POSES) == "fractions"  # missing joints do not count
    assert pixels_or_fractions(POSES * (600, 400, 1)) == "pixels"
    assert pixels_or_fractions(POSES * 0) == "pixels"
    assert image_scaling(POSES[..., :2] * 400, None).note == (
        "the image height is unknown: assuming 480 pixels, because y reaches 400"
    )
    np.testing.assert_array_equal(image_scaling(POSES[..., :2], 1.5).factors, [1.5, 1])
