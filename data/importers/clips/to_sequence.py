"""The conversion of a raw clip to a canonical sequence: one person, canonical units, and time in seconds.

Timestamps are kept as the file has them; those of a clock (more than a day) are counted from the first. Frame numbers
become seconds if they skip frames. A frame that repeats the timestamp before it is left out; a timestamp that goes back
is an error. Frames without the person are kept, as zeros with confidence 0. If they last no longer than `fill_gap`, the
pose is interpolated, with the lower confidence of the two neighbours. If most frames repeat a timestamp that rarely
changes, and show one person who moves on, the clock is coarser than the frames, which are spread evenly between its
changes. Where the person is away for longer than
`max_gap`, the sequence is split into `<id>#1`, `<id>#2` and so on.

A clip with `keep_frames` comes from an archive of prepared sequences: none of its frames is left out or interpolated,
and frames without a person are not a gap.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from data.errors import InputError
from data.importers.clips.clock import dates_in_digits, is_coarse, movements, spread
from data.importers.clips.confidence import as_fractions
from data.importers.clips.people import choose_person, trusted_tracks
from data.importers.clips.types import (
    CLIPPED,
    FILLED,
    PEOPLE,
    REPEATED,
    ImportOptions,
    RawClip,
    TimeUnit,
)
from data.importers.clips.units import PIXELS_FROM, ImageSize, Reach, Scaling, room_scaling, scaling_of_unit
from data.records import MAX_SEQUENCE_VALUES, SESSION_LABEL, KeypointSequence, Segment, check_fps
from data.windows import resample

MAX_PEOPLE = 64
"""Largest number of people in a frame."""

CLOCK = 86_400.0
"""Seconds from which a timestamp is that of a clock instead of a time since the beginning of the recording."""

_TIME_UNITS: dict[TimeUnit, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_FRAME_RATES = ((4.0, 400.0), (0.4, 1000.0))
"""Frame rates of usual recordings, and of unusual ones."""

_UPSIDE_DOWN = 0.8
"""Fraction of frames with shoulders below hips or hips below shoulders, from which a person is upside down."""

_CROWD = 6
"""Number of people in a frame from which they are compared."""

_SAME_PERSON = 0.1
"""Mean distance of the joints of two poses, in heights of a person, below which they are of one person."""

_LEVEL = 0.8
"""Part of a torso along z, in its length, from which it is along z."""

_CENTRED = 0.2
"""Fraction of negative coordinates, in x and in y, from which the origin is not the corner of the image."""


def to_sequence(
    clip: RawClip, options: ImportOptions, fields: dict[str, str]
) -> tuple[KeypointSequence, Counter[str], list[str]]:
    """Return the sequence of one person.

    Args:
        clip: the clip, as it was read.
        options: options of the import.
        fields: label, subject and other fields of the sequence, as texts.

    Returns:
        The sequence, the number of repairs by name, and what was assumed.

    Raises:
        InputError: if the clip is unusable, with frame and joint.
    """
    repairs = Counter(clip.repairs)
    notes = list(clip.notes)
    check_clip(clip, clip.fps or options.frame_rate)
    poses = clip.poses
    if options.dimensions == 2 and poses.shape[-1] == 4:
        poses = np.delete(poses, 2, axis=-1)
    poses = _with_confidences(poses, repairs, notes)
    scaling = _scaling(clip, poses, options.image or clip.image or options.likely_image)
    notes += [scaling.note] if scaling.note else []
    notes += _outside(clip, poses, options) + _centred(clip, poses)
    if clip.keep_frames:
        if not poses[..., -1].any():
            raise InputError("no joint is seen in any frame", None, None)
        keypoints = scaling.apply(poses)
    else:
        keypoints = _one_person(replace(clip, poses=poses), scaling, options, repairs, notes)
    keypoints, timestamps, fps = _timed(keypoints, clip, options, repairs, notes)
    if options.y_up:
        _turn_over(keypoints, clip)
    notes += _upside_down(keypoints, clip)
    if not clip.keep_frames:
        times = np.arange(len(keypoints)) / fps if timestamps is None else timestamps
        repairs[FILLED] += _fill(keypoints, times, options.fill_gap)
    sequence = KeypointSequence(
        sequence_id=clip.name,
        subject=fields.get("subject") or "unknown",
        label=SESSION_LABEL if clip.segments else fields.get("label") or options.label,
        fps=fps,
        layout=clip.layout.reference,
        keypoints=keypoints,
        timestamps=timestamps,
        segments=clip.segments,
        repetitions=number(fields, "repetitions"),
        quality=number(fields, "quality"),
        view=fields.get("view"),
        split=fields.get("split"),
        source=fields.get("source"),
    )
    return sequence, +repairs, notes


def _with_confidences(poses: np.ndarray, repairs: Counter[str], notes: list[str]) -> np.ndarray:
    """Return poses whose confidences are from 0 to 1."""
    poses, converted = as_fractions(poses)
    notes += converted
    confidence = poses[..., -1]
    if outside := int(((confidence < 0) | (confidence > 1)).sum()):
        repairs[CLIPPED] += outside
        poses = poses.copy()
        poses[..., -1] = confidence.clip(0, 1)
    return poses


def _one_person(
    clip: RawClip, scaling: Scaling, options: ImportOptions, repairs: Counter[str], notes: list[str]
) -> np.ndarray:
    """Return the keypoints of the chosen person, in canonical units; frames without this person are 0."""
    _check_people(clip)
    clip.tracks, doubt = trusted_tracks(clip)
    notes += [doubt] if doubt else []
    chosen = choose_person(clip, options.person, clip.fps or options.frame_rate, options.max_gap)
    present = chosen >= 0
    if not present.any():
        raise InputError("no joint is seen in any frame", None, None)
    if (others := int(np.any(clip.poses[..., -1] > 0, axis=1).sum() - present.sum())) and options.person == "tracked":
        notes.append("several people are in view: the one who is largest in sum is taken, see --person")
    repairs[PEOPLE] += others
    keypoints = np.zeros((clip.count, *clip.poses.shape[1:]), np.float32)
    keypoints[present] = scaling.apply(clip.poses)[chosen[present]]
    return keypoints


def _check_people(clip: RawClip) -> None:
    """Raise InputError if the people of a frame are one person who moves, because frames were taken for people."""
    people = np.bincount(clip.frames)
    if np.median(people[people > 0]) < _CROWD:
        return
    apart = movements(clip.poses)[np.diff(clip.frames) == 0]
    apart = apart[np.isfinite(apart)]
    if len(apart) and np.median(apart) < _SAME_PERSON:
        raise InputError(
            f"the {np.median(people[people > 0]):.0f} people of a frame seem to be one person in as many frames",
            f"there are {clip.count} frames",
            'write a list of frames, or for several clips an object of lists: {"clip_1": [...], "clip_2": [...]}',
        )


def check_size(frames: int, joints: int, channels: int, people: int = 1) -> None:
    """Raise InputError if nothing should be made of poses of this size, by what a file announces.

    Args:
        frames: number of frames.
        joints: number of joints of a pose.
        channels: number of values of a joint.
        people: number of people in a frame.
    """
    if frames <= 0:
        raise InputError(f"there are {frames} frames", None, None)
    if min(joints, channels, people) <= 0:
        raise InputError(f"there are {people} people with {joints} joints of {channels} numbers", None, None)
    if frames * joints * channels > MAX_SEQUENCE_VALUES:
        limit = MAX_SEQUENCE_VALUES // (joints * channels)
        raise InputError(
            f"there are {frames} frames, more than a sequence may have", f"the limit is {limit}", "cut it into parts"
        )
    if people > MAX_PEOPLE:
        raise InputError(f"there are {people} people in a frame", f"the limit is {MAX_PEOPLE}", None)


def check_clip(clip: RawClip, fps: float) -> None:
    """Raise InputError if a clip is too large or has numbers that are not finite.

    Args:
        clip: the clip.
        fps: frames per second, by the file or the options.
    """
    joints, channels = clip.poses.shape[1:]
    check_size(clip.count, joints, channels)
    check_fps(fps, None)
    if not len(clip.poses):
        raise InputError("no joint is seen in any frame", None, None)
    if (most := int(np.bincount(clip.frames).max())) > MAX_PEOPLE:
        raise InputError(f"there are {most} people in a frame", f"the limit is {MAX_PEOPLE}", None)
    # A sum is finite if all its terms are, and needs no memory; the place is searched only if it is not.
    with np.errstate(all="ignore"):
        total = clip.poses.sum(dtype=np.float64)
    if not np.isfinite(total):
        pose, joint, channel = np.argwhere(~np.isfinite(clip.poses))[0]
        raise InputError(
            f"keypoints hold {clip.poses[pose, joint, channel]}",
            f"frame {clip.frames[pose]}, joint {clip.layout.joints[joint]}, channel {channel}",
            "write a missing joint as 0 with confidence 0",
        )


def number(fields: dict[str, str], name: str) -> float | None:
    """Return a field as a number, None if it is absent or empty."""
    text = fields.get(name)
    if text is None or not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name} is {text[:40]!r}, not a number", None, "give a number, or leave it out") from None


def seconds(times: np.ndarray, unit: TimeUnit) -> np.ndarray:
    """Return timestamps in seconds.

    Args:
        times: float64 `[T]`.
        unit: unit of the times; `auto` chooses the unit that gives a plausible frame rate.
    """
    factor = _factor(times, unit)
    if abs(times[0]) * factor >= CLOCK:
        times = times - times[0]
    return times * factor


def _factor(times: np.ndarray, unit: TimeUnit) -> float:
    """Return the seconds in a unit of the times, which `auto` chooses."""
    steps = np.diff(times)
    typical = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    return _TIME_UNITS[_plausible_unit(typical) if unit == "auto" else unit]


def split_gaps(sequence: KeypointSequence, max_gap: float, empty_are_gaps: bool) -> Iterator[KeypointSequence]:
    """Yield the sequence, or its pieces between gaps of more than `max_gap` seconds.

    Segments of a session are cut with it; the repetitions of a segment that is cut are then unknown.

    Args:
        sequence: a sequence with at least one seen joint.
        max_gap: duration of the longest gap that does not split, in seconds.
        empty_are_gaps: whether frames without a single seen joint belong to a gap, or only missing frames do.
    """
    frames = (
        np.any(sequence.keypoints[..., -1] > 0, axis=1) if empty_are_gaps else np.ones(len(sequence.keypoints), bool)
    )
    seen = np.flatnonzero(frames)
    times = sequence.frame_times
    away = np.flatnonzero(np.diff(times[seen]) > max_gap)
    ends = [0, *(seen[away] + 1).tolist()], [*seen[away + 1].tolist(), len(times)]
    late, early = times[seen[0]] - times[0] > max_gap, times[-1] - times[seen[-1]] > max_gap
    first, last = int(seen[0]) if late else 0, int(seen[-1]) + 1 if early else len(times)
    if not len(away) and (first, last) == (0, len(times)):
        yield sequence
        return
    starts = [first, *ends[1][:-1]]
    stops = [*ends[0][1:], last]
    for piece, (start, stop) in enumerate(zip(starts, stops, strict=True), 1):
        segments = tuple(_cut(sequence.segments, start, stop))
        if sequence.segments and not segments:
            continue  # a part of a session without a segment
        yield replace(
            sequence,
            sequence_id=f"{sequence.sequence_id}#{piece}" if len(away) else sequence.sequence_id,
            keypoints=sequence.keypoints[start:stop],
            timestamps=None if sequence.timestamps is None else sequence.timestamps[start:stop],
            segments=segments,
            repetitions=None if len(away) else sequence.repetitions,
        )


def _cut(segments: tuple[Segment, ...], start: int, stop: int) -> Iterator[Segment]:
    for segment in segments:
        low, high = max(segment.start_frame, start), min(segment.end_frame, stop)
        if low < high:
            whole = (low, high) == (segment.start_frame, segment.end_frame)
            yield Segment(low - start, high - start, segment.label, segment.repetitions if whole else None)


def _plausible_unit(step: float) -> TimeUnit:
    """Return the unit in which a typical step between frames is that of a usual recording."""
    for slowest, fastest in _FRAME_RATES:
        for unit, factor in _TIME_UNITS.items():
            if step > 0 and slowest <= 1 / (step * factor) <= fastest:
                return unit
    return "s"


def _timed(
    keypoints: np.ndarray, clip: RawClip, options: ImportOptions, repairs: Counter[str], notes: list[str]
) -> tuple[np.ndarray, np.ndarray | None, float]:
    """Return keypoints, timestamps and frames per second, without frames that repeat a timestamp."""
    times, fps = clip.times, clip.fps or options.frame_rate
    assumed = []
    if clip.fps is None and options.fps is None:
        assumed = [f"the frame rate is not stated: assuming {fps:g} frames per second, see --fps"]
    if times is None:
        notes += assumed
        return keypoints, None, fps
    if not np.isfinite(times).all():
        raise InputError("a timestamp is not a finite number", f"frame {np.argmin(np.isfinite(times))}", None)
    times, unit = _times_and_unit(times, clip, options, notes)
    repeated = np.r_[False, np.diff(times) == 0]
    if unit != "frames" and not clip.keep_frames and is_coarse(times, _factor(times, unit), keypoints):
        finer = spread(times)
        if (np.diff(finer) > 0).all():
            times, repeated = finer, np.zeros(len(times), bool)
            notes.append("the times are coarser than the frames, which are spread evenly between their changes")
    if repeated.any() and not clip.keep_frames:
        repairs[REPEATED] += int(repeated.sum())
        keypoints, times = keypoints[~repeated], times[~repeated]
    if len(times) > 1 and (np.diff(times) < 0).any():
        frame = int((np.diff(times) < 0).argmax()) + 1
        raise InputError(
            f"timestamps do not increase: {times[frame]:g} s", f"frame {frame}", "order the frames by time"
        )
    if unit == "frames":
        notes += assumed
        if (np.diff(times) == 1).all():
            return keypoints, None, fps
        return keypoints, (times - times[0]) / fps, fps
    steps = np.diff(times)
    if unit == "auto" and len(steps) and (found := _plausible_unit(float(np.median(steps)))) != "s":
        unit = found
        notes.append(f"the times are taken as {unit}, by the frame rate that follows, see --time-unit")
    times = seconds(times, unit)
    if clip.fps is None and len(times) > 1:
        fps = float(1 / np.median(np.diff(times)))
    return keypoints, times, fps


def _times_and_unit(
    times: np.ndarray, clip: RawClip, options: ImportOptions, notes: list[str]
) -> tuple[np.ndarray, TimeUnit]:
    """Return the times of a clip and their unit, which may still be `auto`; dates in digits become seconds."""
    if clip.time_unit != "frames" and (dates := dates_in_digits(times)) is not None:
        notes.append(f"times such as {times[0]:.0f} are taken as dates: year, month, day, hour, minute, second")
        return dates, "s"
    unit = clip.time_unit if options.time_unit == "auto" or clip.time_unit == "frames" else options.time_unit
    if unit == "auto" and len(times) > 2 and (np.diff(times) == 1).all():
        unit = "frames" if clip.fps or options.fps else "s"
        taken = "frame numbers" if unit == "frames" else "seconds, one frame per second"
        notes.append(f"the times count 1, 2, 3: they are taken as {taken}, see --time-unit and --fps")
    return times, unit


def _fill(keypoints: np.ndarray, times: np.ndarray, fill_gap: float) -> int:
    """Interpolate, in place, short runs of frames without the person; return the number of these frames."""
    seen = np.any(keypoints[..., -1] > 0, axis=1)
    if seen.all() or not seen.any():
        return 0
    known = np.flatnonzero(seen)
    empty = np.flatnonzero(~seen[known[0] : known[-1]]) + known[0]
    after = np.searchsorted(known, empty)
    short = empty[times[known[after]] - times[known[after - 1]] <= fill_gap]
    if len(short):
        keypoints[short] = resample(keypoints[known], times[known], times[short])
    return len(short)


def _scaling(clip: RawClip, poses: np.ndarray, image: ImageSize | None) -> Scaling:
    if isinstance(clip.unit, Scaling):
        return clip.unit
    if clip.unit == "room":
        return room_scaling(np.where(poses[..., -1:] > 0, poses[..., :-1], np.nan), clip.layout)
    if clip.unit in ("fractions", "signed_fractions"):
        _check_fractions(poses, from_corner=clip.unit == "fractions")
    return scaling_of_unit(clip.unit, poses.shape[-1] - 1, image)


def _check_fractions(poses: np.ndarray, from_corner: bool) -> None:
    """Raise InputError for pixels, or for coordinates around 0, which cannot be fractions from the corner."""
    seen = poses[..., :2][poses[..., -1] > 0]
    if not len(seen):
        return
    low, high = seen.min(axis=0), seen.max(axis=0)
    where = f"x is from {low[0]:.3g} to {high[0]:.3g}, y from {low[1]:.3g} to {high[1]:.3g}"
    if from_corner and _around_zero(seen):
        raise InputError(
            "coordinates should be fractions of the image width and height, but are around 0",
            where,
            "measure them from the upper left corner, from 0 to 1; for landmarks in metres see --space world",
        )
    if np.percentile(np.abs(seen), 90) > PIXELS_FROM:
        raise InputError(
            "coordinates should be fractions of the image width and height, but are pixels",
            where,
            "divide them by the width and the height",
        )


def _around_zero(points: np.ndarray) -> bool:
    """Return whether image coordinates `[N, 2]` are measured from a place in the middle instead of the corner."""
    return bool(len(points) and ((points < 0).mean(axis=0) > _CENTRED).all())


def _centred(clip: RawClip, poses: np.ndarray) -> list[str]:
    """Return a note if the coordinates are measured from the body or from the middle of the image."""
    if clip.unit not in ("pixels", "image_heights") or not _around_zero(poses[..., :2][poses[..., -1] > 0]):
        return []
    return ["coordinates are around 0, not from the corner of the image: where a person is in the image is not known"]


def _outside(clip: RawClip, poses: np.ndarray, options: ImportOptions) -> list[str]:
    """Return a note if the clip reaches beyond the assumed image."""
    assumed = None if options.image or clip.image else options.likely_image
    if clip.unit != "pixels" or assumed is None or (reach := Reach.of(poses)).y <= assumed.height:
        return []
    return [f"y reaches {reach.y:.0f}, beyond the assumed image height of {assumed.height:g}: give --image-size"]


def _turn_over(keypoints: np.ndarray, clip: RawClip) -> None:
    """Turn poses over, in place."""
    present = (keypoints[..., :-1] != 0).any(axis=-1) | (keypoints[..., -1] > 0)
    bottom = 0.0 if clip.layout.unit == "metre" or clip.unit == "metres" else 1.0
    keypoints[..., 1][present] = bottom - keypoints[..., 1][present]


def _upside_down(keypoints: np.ndarray, clip: RawClip) -> list[str]:
    """Return a note if the hips are above the shoulders in nearly all frames that show both."""
    upper, lower = (list(joints) for joints in clip.layout.torso)
    shown = (keypoints[:, upper + lower, -1] > 0).all(axis=1)
    if not shown.any():
        return []
    down = keypoints[shown][:, lower, :-1].mean(axis=1) - keypoints[shown][:, upper, :-1].mean(axis=1)
    if not clip.layout.y_down:
        down[:, 1] *= -1
    if down.shape[1] == 3 and not clip.layout.y_down:
        level = np.abs(down[:, 2]) > _LEVEL * np.linalg.norm(down, axis=1)
        if level.mean() > _UPSIDE_DOWN:
            return ["bodies are upright along z, not y: if nobody lies, write y upwards"]
    # A torso that is nearly level, as in a push-up, says nothing.
    inverted = down[:, 1] < -0.5 * np.linalg.norm(down, axis=1)
    if inverted.mean() <= _UPSIDE_DOWN:
        return []
    return [
        f"the hips are above the shoulders in {inverted.sum()} of {shown.sum()} frames: if the person is not upside"
        " down, y grows the other way, see --y-up"
    ]
