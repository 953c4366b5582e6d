import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from data.records import KeypointSequence
from data.windows import WindowSpec, cut_windows


def ramp(frames, fps=30.0, timestamps=None):
    """Return a sequence in which x of all joints is the frame number."""
    keypoints = np.ones((frames, 17, 3), np.float32)
    keypoints[..., 0] = np.arange(frames)[:, None]
    return KeypointSequence("s", "p", "a", fps, "coco17", keypoints, timestamps=timestamps)


def cut(sequence, **spec):
    return list(cut_windows(sequence, WindowSpec(**spec)))


def xs(window):
    return window.keypoints[:, 0, 0]


def test_slide_covers_every_frame_with_an_aligned_tail():
    windows = cut(ramp(25), length=10, stride=8)
    assert [window.start_frame for window in windows] == [0, 8, 15]
    np.testing.assert_array_equal(xs(windows[2]), np.arange(15, 25))
    assert all(window.frames == 10 for window in windows)


@settings(max_examples=60, deadline=None)
@given(frames=st.integers(1, 80), length=st.integers(2, 30), stride=st.integers(1, 40), fps=st.floats(5, 90))
def test_windows_have_their_shape_and_keep_the_last_frame(frames, length, stride, fps):
    windows = cut(ramp(frames, fps), length=length, stride=min(stride, length), fps=30.0)
    assert all(window.keypoints.shape == (length, 17, 3) for window in windows)
    assert all(np.isfinite(window.keypoints).all() for window in windows)
    last = xs(windows[-1])[windows[-1].frames - 1]
    assert last > frames - 1 - max(1.0, fps / 30) - 1e-3
    assert all(0 <= window.start_frame < frames for window in windows)


def test_short_sequences_repeat_the_last_pose_unseen():
    (window,) = cut(ramp(4), length=6)
    np.testing.assert_array_equal(xs(window), [0, 1, 2, 3, 3, 3])
    np.testing.assert_array_equal(window.keypoints[:, 0, 2], [1, 1, 1, 1, 0, 0])
    assert window.frames == 4


def test_resampling_interpolates_by_time():
    (window,) = cut(ramp(5, fps=15.0), length=9, fps=30.0)
    np.testing.assert_allclose(xs(window), np.arange(9) / 2, atol=1e-6)
    late = np.array([0.0, 0.1, 0.2, 0.4])  # the frame at 0.3 s was dropped
    (window,) = cut(ramp(4, timestamps=late), length=5, fps=10.0)
    np.testing.assert_allclose(xs(window), [0, 1, 2, 2.5, 3], atol=1e-5)
    assert window.source_fps == pytest.approx(7.5)


def test_start_frame_counts_frames_of_the_source():
    windows = cut(ramp(40, fps=60.0), length=5, stride=5, fps=30.0)
    assert [window.start_frame for window in windows] == [0, 10, 20, 30]


def test_confidence_is_never_invented():
    sequence = ramp(3, fps=10.0)
    sequence.keypoints[1, 4] = 0  # missing: at the origin with confidence 0
    sequence.keypoints[2, 5, 2] = 0.25
    (window,) = cut(sequence, length=5, fps=20.0)
    np.testing.assert_array_equal(window.keypoints[:, 4, 2], [1, 0, 0, 0, 1])
    np.testing.assert_allclose(window.keypoints[[0, 1, 3, 4], 4, 0], [0, 0, 2, 2])  # held, not drawn to the origin
    np.testing.assert_array_equal(window.keypoints[:, 5, 2], [1, 1, 1, 0.25, 0.25])


def test_nothing_is_known_inside_a_long_gap():
    (window,) = cut(ramp(3, timestamps=np.array([0.0, 0.1, 1.1])), length=12, fps=10.0)
    np.testing.assert_array_equal(window.keypoints[:, 0, 2], [1, 1, *[0] * 9, 1])


def test_stretch_makes_one_window_of_the_whole_clip():
    (window,) = cut(ramp(101), length=11, fit="stretch")
    np.testing.assert_allclose(xs(window), np.arange(11) * 10, atol=1e-4)
    assert (window.start_frame, window.frames) == (0, 11)
    (window,) = cut(ramp(1), length=4, fit="stretch")
    np.testing.assert_array_equal(xs(window), [0, 0, 0, 0])
    np.testing.assert_array_equal(window.keypoints[..., 2], 1)


@pytest.mark.parametrize("wrong", [{"length": 1}, {"stride": 0}, {"fps": 0}, {"fit": "squeeze"}, {"lenght": 3}])
def test_invalid_specs_are_rejected(wrong):
    with pytest.raises(ValidationError):
        WindowSpec(**{"length": 8} | wrong)
