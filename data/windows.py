"""Windows: a fixed number of frames of one sequence, the input of the model in training and on the device.

Uses NumPy only.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from data.records import KeypointSequence

MAX_GAP_SECONDS = 0.5
"""Longest time between two frames for which a pose between them is interpolated; beyond it its confidence is 0."""


class WindowSpec(BaseModel):
    """The rules by which windows are cut.

    Attributes:
        length: number of frames of a window.
        stride: number of frames between the starts of two consecutive windows (`slide` only).
        fps: frame rate that sequences are resampled to, in frames per second (`slide` only).
        fit: `slide` moves a window over the sequence at `fps`; `stretch` resamples the whole clip to `length` frames.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    length: int = Field(ge=2)
    stride: int = Field(default=16, ge=1)
    fps: float = Field(default=30.0, gt=0, le=1000)
    fit: Literal["slide", "stretch"] = "slide"


class Window(NamedTuple):
    """One window of a sequence.

    Attributes:
        keypoints: float32 `[length, J, C]`, a read-only view if the sequence needed no resampling.
        start_frame: frame of the sequence at which the window begins.
        frames: number of recorded frames; the frames after them are padding.
        step: time between two frames, in seconds.
        source_fps: frame rate of the recording, in frames per second.
    """

    keypoints: np.ndarray
    start_frame: int
    frames: int
    step: float
    source_fps: float


def cut_windows(sequence: KeypointSequence, spec: WindowSpec) -> Iterator[Window]:
    """Yield the windows of a sequence.

    With `slide`, the sequence is resampled to `spec.fps`. A window starts every `stride` frames, and one more ends with
    the sequence, so that no frame is lost. A sequence shorter than a window is padded with its last pose, with
    confidence 0. With `stretch` there is one window: the whole clip, resampled evenly in time to `length` frames.
    """
    times = sequence.frame_times
    if spec.fit == "stretch":
        targets = np.linspace(times[0], times[-1], spec.length)
        step = float(targets[1] - targets[0]) or 1 / sequence.fps
        yield Window(resample(sequence.keypoints, times, targets), 0, spec.length, step, sequence.frame_rate)
        return
    if sequence.timestamps is None and sequence.fps == spec.fps:
        keypoints, targets = sequence.keypoints, times
    else:
        # The tolerance keeps a last frame that rounding puts just beyond the last target.
        targets = times[0] + np.arange(int((times[-1] - times[0]) * spec.fps + 1 + 1e-6)) / spec.fps
        keypoints = resample(sequence.keypoints, times, targets)
    frames = min(len(keypoints), spec.length)
    if frames < spec.length:
        keypoints = _pad(keypoints, spec.length)
    views = np.moveaxis(np.lib.stride_tricks.sliding_window_view(keypoints, spec.length, axis=0), -1, 1)
    starts = np.arange(0, len(views), spec.stride)
    if starts[-1] != len(views) - 1:
        starts = np.append(starts, len(views) - 1)
    # Half a microsecond of tolerance: a target that falls on a frame must find it in spite of rounding.
    sources = np.searchsorted(times, targets[starts] + 5e-7, side="right") - 1
    for start, source in zip(starts, sources, strict=True):
        yield Window(views[start], int(source), frames, 1 / spec.fps, sequence.frame_rate)


def resample(keypoints: np.ndarray, times: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Interpolate positions linearly; a confidence is the lower one of the two neighbours.

    Args:
        keypoints: float32 `[T, J, C]`, confidence last.
        times: float64 `[T]`, time of each frame in seconds, increasing.
        targets: float64 `[N]`, times to interpolate at, in seconds.

    Returns:
        float32 `[N, J, C]`, the keypoints at the targets.
    """
    if len(keypoints) == 1:
        return np.repeat(keypoints, len(targets), axis=0)
    left = np.clip(np.searchsorted(times, targets, side="right") - 1, 0, len(times) - 2)
    gap = times[left + 1] - times[left]
    share = np.clip((targets - times[left]) / gap, 0, 1)
    # A target that falls on a frame uses only this frame, in spite of rounding.
    share[share * gap < 1e-6] = 0
    share[(1 - share) * gap < 1e-6] = 1
    weight = np.broadcast_to(share.astype(np.float32)[:, None], (len(targets), keypoints.shape[1]))
    before, after = keypoints[left], keypoints[left + 1]
    only_before = (after[..., -1] == 0) & (before[..., -1] > 0)
    only_after = (before[..., -1] == 0) & (after[..., -1] > 0)
    # A joint that only one neighbour has keeps that position instead of drifting towards the zeros of the other.
    place = np.where(only_before, 0, np.where(only_after, 1, weight))[..., None].astype(np.float32)
    result = before * (1 - place) + after * place
    result[..., -1] = np.where(
        weight == 0,
        before[..., -1],
        np.where(weight == 1, after[..., -1], np.minimum(before[..., -1], after[..., -1])),
    )
    unknown = (gap > MAX_GAP_SECONDS) & (share > 0) & (share < 1)
    result[unknown, :, -1] = 0
    return result


def _pad(keypoints: np.ndarray, length: int) -> np.ndarray:
    padding = np.repeat(keypoints[-1:], length - len(keypoints), axis=0)
    padding[..., -1] = 0
    return np.concatenate([keypoints, padding])
