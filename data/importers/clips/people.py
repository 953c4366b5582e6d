"""The choice of one person where several are in view.

- `tracked` (the default) follows people from frame to frame, by the file's own track numbers and by the overlap and
  distance of their bounding boxes, and chooses the person whose boxes are largest in sum. Frames without this person
  have no pose, so a sequence never jumps from one person to another.
- `largest`, `confident`, `left`, `right` and `centre` choose in each frame separately: by the area of the box, the mean
  confidence of the joints, or the position of the box. The centre is that of the image; if its width is unknown, the
  centre of everything that is seen in the clip; for room sensors, the sensor's axis.

A person without any seen joint is ignored.
"""

from dataclasses import dataclass

import numpy as np

from data.importers.clips.types import Person, RawClip
from data.importers.clips.units import ImageSize, Scaling, Unit

_MOST_COMPARED = 16
_FRAMES_COMPARED = 10_000
"""Largest number of people, and of frames, whose numbers are compared with their positions."""

_HICCUPS = 0.05
"""Largest fraction of a number's frames in which it may occur twice by a mistake of the tracker."""

NEAR = 1.0
"""Largest movement of a person's box from one frame to the next, in heights of the box."""


@dataclass(frozen=True, slots=True)
class _Boxes:
    """The bounding boxes of the seen joints of poses.

    Attributes:
        left, top, right, bottom: float64 `[N]`, edges of the boxes.
        seen: bool `[N]`, whether any joint is seen.
    """

    left: np.ndarray
    top: np.ndarray
    right: np.ndarray
    bottom: np.ndarray
    seen: np.ndarray

    @classmethod
    def around(cls, poses: np.ndarray) -> "_Boxes":
        missing = ~(poses[..., -1] > 0)
        low = np.where(missing[..., None], np.inf, poses[..., :2]).min(axis=1).astype(np.float64)
        high = np.where(missing[..., None], -np.inf, poses[..., :2]).max(axis=1).astype(np.float64)
        return cls(low[:, 0], low[:, 1], high[:, 0], high[:, 1], np.any(~missing, axis=1))

    @property
    def area(self) -> np.ndarray:
        return np.where(self.seen, (self.right - self.left) * (self.bottom - self.top), 0)


def choose_person(clip: RawClip, person: Person, fps: float, max_gap: float) -> np.ndarray:
    """Return the chosen pose of each frame.

    Args:
        clip: poses of all people.
        person: the way of choosing.
        fps: frames per second.
        max_gap: seconds after which a person who left the view is no longer followed.

    Returns:
        int64 `[count]`, the position of the chosen pose in `clip.poses`, -1 for frames without one.
    """
    chosen = np.full(clip.count, -1, np.int64)
    if not len(clip.poses):
        return chosen
    several = (np.diff(clip.frames) == 0).any()
    with np.errstate(invalid="ignore"):
        boxes = _Boxes.around(clip.poses)
        if several and person == "tracked":
            track = _follow(clip, boxes, patience=max(1, round(max_gap * fps)))
            totals = np.bincount(track, weights=boxes.area + boxes.seen * 1e-12)
            taken = np.flatnonzero((track == totals.argmax()) & boxes.seen)
        else:
            rank = _rank(clip, boxes, person) if several else np.zeros(len(clip.poses))
            taken = np.lexsort((rank, ~boxes.seen, clip.frames))
            taken = taken[np.r_[True, np.diff(clip.frames[taken]) > 0]]
            taken = taken[boxes.seen[taken]]
    chosen[clip.frames[taken]] = taken
    return chosen


def trusted_tracks(clip: RawClip) -> tuple[np.ndarray | None, str]:
    """Return the file's numbers for people, -1 where they identify nobody, and a note that says so.

    A number that occurs twice in a frame identifies nobody there; if it often does, it identifies nobody anywhere: some
    detectors write 0 for everybody. Numbers that change places from frame to frame are those of a list, such as the
    order of detection.
    """
    tracks = clip.tracks
    if tracks is None or not (tracks >= 0).any():
        return tracks, ""
    pairs, pose, counts = np.unique(np.stack([tracks, clip.frames]), axis=1, return_inverse=True, return_counts=True)
    doubled = (counts > 1) & (pairs[0] >= 0)
    numbers, number = np.unique(pairs[0], return_inverse=True)
    shares = np.bincount(number, weights=doubled) / np.bincount(number)
    often = shares[number] > _HICCUPS
    if doubled.any():
        tracks = np.where((doubled | (often & (pairs[0] >= 0)))[pose.ravel()], -1, tracks)
    if len(twice := numbers[shares > _HICCUPS]):
        names = ", ".join(map(str, twice[:5].tolist())) + (" and others" if len(twice) > 5 else "")
        what = f"the file's number for a person occurs twice in a frame ({names})"
    elif _change_places(clip, tracks):
        what = "the file's numbers for people change places from frame to frame"
        tracks = None
    else:
        return tracks, ""
    return tracks, f"{what}: it identifies nobody, people are followed by their positions"


def _change_places(clip: RawClip, tracks: np.ndarray) -> bool:
    """Return whether a person often has the number that another one had in the frame before."""
    numbers, person = np.unique(tracks, return_inverse=True)
    known = tracks >= 0
    if not 2 <= len(numbers) <= _MOST_COMPARED:
        return False
    count = min(clip.count, _FRAMES_COMPARED)
    boxes = _Boxes.around(clip.poses)
    places = np.full((len(numbers), count, 3), np.nan)
    used = known & boxes.seen & (clip.frames < count)
    with np.errstate(invalid="ignore"):
        middle = boxes.left + boxes.right, boxes.top + boxes.bottom, 2 * (boxes.bottom - boxes.top)
    places[person[used], clip.frames[used]] = np.stack(middle, axis=1)[used] / 2
    now, before = places[:, 1:], places[:, :-1]
    size = np.fmax(now[..., 2], 1e-9)
    own = np.hypot(*(now - before)[..., :2].transpose(2, 0, 1)) / size
    other = np.full(own.shape, np.inf)
    for step in range(1, len(numbers)):
        apart = np.hypot(*(now - np.roll(before, step, axis=0))[..., :2].transpose(2, 0, 1)) / size
        other = np.fmin(other, apart)
    swapped = int(((own > 0.5) & (other < own / 4)).sum())
    return swapped >= 4 and swapped > 0.05 * int(np.isfinite(own).sum())


def _rank(clip: RawClip, boxes: _Boxes, person: Person) -> np.ndarray:
    """Return float64 `[N]`, a rank that is lowest for the person to choose."""
    middle = (boxes.left + boxes.right) / 2
    match person:
        case "largest" | "tracked":
            return -boxes.area
        case "confident":
            return -clip.poses[..., -1].mean(axis=1)
        case "left":
            return middle
        case "right":
            return -middle
        case "centre":
            across, down = _centre(clip.unit, clip.image, boxes)
            return np.hypot(middle - across, (boxes.top + boxes.bottom) / 2 - down)


def _centre(unit: Unit | Scaling, image: ImageSize | None, boxes: _Boxes) -> tuple[float, float]:
    if unit in ("metres", "signed_fractions"):
        return 0.0, 0.0
    if unit == "fractions":
        return 0.5, 0.5
    scale = image.height if image and unit == "image_heights" else 1.0
    if image and image.width:
        return image.width / 2 / scale, image.height / 2 / scale
    left, right = boxes.left[boxes.seen].min(initial=0), boxes.right[boxes.seen].max(initial=0)
    top, bottom = boxes.top[boxes.seen].min(initial=0), boxes.bottom[boxes.seen].max(initial=0)
    return float(left + right) / 2, float(top + bottom) / 2


@dataclass(slots=True)
class _Track:
    """A person who is followed.

    Attributes:
        number: our number for the person.
        box: left, top, right and bottom of the last box.
        frame: frame of the last box.
        file_number: the file's number for the person, -1 if there is none.
    """

    number: int
    box: tuple[float, float, float, float]
    frame: int
    file_number: int


def _follow(clip: RawClip, boxes: _Boxes, patience: int) -> np.ndarray:
    """Return int64 `[N]`, our number for the person of each pose."""
    if clip.tracks is not None and (clip.tracks >= 0).all():
        _, track, counts = np.unique(clip.tracks, return_inverse=True, return_counts=True)
        if (counts == len(np.unique(clip.frames))).all():
            return track  # everybody is in every frame: the file's own numbers are enough
    track = np.zeros(len(clip.poses), np.int64)
    file_numbers = clip.tracks if clip.tracks is not None else np.full(len(clip.poses), -1)
    corners = np.stack([boxes.left, boxes.top, boxes.right, boxes.bottom], axis=1).tolist()
    numbers = file_numbers.tolist()
    alive: list[_Track] = []
    known: dict[int, int] = {}  # our number by the file's number
    count = 0
    starts = np.flatnonzero(np.r_[True, np.diff(clip.frames) > 0]).tolist()
    for first, last in zip(starts, [*starts[1:], len(clip.poses)], strict=True):
        frame = int(clip.frames[first])
        alive = [one for one in alive if frame - one.frame <= patience]
        free = set(range(first, last))
        present = {numbers[pose] for pose in free}
        pairs = [(_affinity(one, corners[pose], numbers[pose], present), -pose, one) for pose in free for one in alive]
        taken: set[int] = set()
        for affinity, negative, one in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
            pose = -negative
            if affinity > -NEAR and pose in free and one.number not in taken:
                one.box, one.frame, one.file_number = tuple(corners[pose]), frame, numbers[pose]
                track[pose] = known[one.file_number] = one.number
                free.remove(pose)
                taken.add(one.number)
        for pose in sorted(free):
            number = known.get(numbers[pose], count) if numbers[pose] >= 0 else count
            if any(one.number == number for one in alive):
                number = count
            alive.append(_Track(number, tuple(corners[pose]), frame, numbers[pose]))
            track[pose] = known[numbers[pose]] = number
            count += number == count
    return track


def _affinity(one: _Track, box: list[float], file_number: int, present: set[int]) -> float:
    """Return how well a pose continues a track.

    Returns:
        2 if the track numbers in the file are equal, 0 to 1 for overlapping boxes, negative for distant ones, and minus
        infinity if the track numbers show that they are different people.
    """
    if one.file_number >= 0 and file_number >= 0:
        if one.file_number == file_number:
            return 2.0
        if one.file_number in present:
            return -np.inf
    left, top, right, bottom = one.box
    width = min(right, box[2]) - max(left, box[0])
    height = min(bottom, box[3]) - max(top, box[1])
    if width > 0 and height > 0:
        shared = width * height
        union = (right - left) * (bottom - top) + (box[2] - box[0]) * (box[3] - box[1]) - shared
        return shared / union
    size = max(bottom - top, box[3] - box[1], 1e-9)
    away = max(abs(left + right - box[0] - box[2]), abs(top + bottom - box[1] - box[3])) / 2
    return -away / size if np.isfinite(away) else -np.inf
