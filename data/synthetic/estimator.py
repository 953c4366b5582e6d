"""What a pose estimator makes of an image: keypoints that tremble, go missing, are exchanged or believed wrongly."""

from dataclasses import dataclass

import numpy as np

from data.layouts import load_layout
from data.synthetic.camera import Camera
from data.synthetic.curves import drift
from data.synthetic.kinematics import Figure
from data.synthetic.person import Person
from data.synthetic.poses import Floats

_JOINTS = load_layout("coco17").joints
_MIRROR = np.array(load_layout("coco17").mirror)
_HARD = {
    "eye": 0.6,
    "ear": 0.8,
    "nose": 0.7,
    "shoulder": 0.7,
    "hip": 1.1,
    "elbow": 1.1,
    "wrist": 1.6,
    "knee": 1.0,
    "ankle": 1.4,
}
_HARDNESS = np.array([next(hard for part, hard in _HARD.items() if joint.endswith(part)) for joint in _JOINTS])
_FACE, _ARMS, _LEGS = slice(0, 5), slice(5, 11), slice(11, 17)
_HANDS = slice(7, 11)  # elbows and wrists
_SHOULDERS, _HIPS = [5, 6], [11, 12]


@dataclass(frozen=True)
class Estimator:
    """How well the estimator did on one recording.

    Attributes:
        bias: how much of the person's marks, and of the wavering of confidence, shows, 0..1.
        tremble: deviation of a joint's slow error, in torso lengths.
        flicker: deviation of its error from frame to frame, in torso lengths.
        doubt: how much confidence is lost everywhere, 0..1.
        gaps: share of frames in which a joint is missing for no reason.
        losses: the whole person not found, times a minute.
        swaps: left and right exchanged, times a minute.
        outliers: share of joints that are somewhere else and believed.
        threshold: joints with less confidence are left out.
    """

    bias: float
    tremble: float
    flicker: float
    doubt: float
    gaps: float
    losses: float
    swaps: float
    outliers: float
    threshold: float


def draw_estimator(rng: np.random.Generator, noise: float) -> Estimator:
    """Draws an estimator; `noise` 0 is one without errors, 1 the usual mixture of good and bad ones."""
    grade = float(np.exp(rng.normal(0.0, 0.5))) * noise
    bad = bool(rng.random() < 0.2)
    return Estimator(
        bias=min(noise, 1.0),
        tremble=0.017 * grade,
        flicker=0.005 * grade,
        doubt=float(rng.beta(1.5, 9.0)) * min(noise, 1.0),
        gaps=(0.03 if bad else 0.004) * grade,
        losses=(2.0 if bad else 0.15) * grade,
        swaps=(3.0 if bad else 0.5) * grade,
        outliers=(0.004 if bad else 0.0006) * grade,
        threshold=float(rng.choice([0.0, 0.1, 0.2])) if noise > 0 else 0.0,
    )


def estimate(
    figure: Figure, person: Person, camera: Camera, estimator: Estimator, fps: float, rng: np.random.Generator
) -> Floats:
    """Looks at a moving figure and estimates its pose.

    Returns:
        float64 [T, 17, 3]: x and y in image heights, confidence; (0, 0, 0) where a joint is missing.
    """
    image, frame = camera.project(figure.joints)
    frames, joints = image.shape[:2]
    torso = _torso(figure, camera)
    hidden = _hidden(figure, camera, image, frame)
    error = _HARDNESS[:, None] * estimator.tremble * drift(rng, frames, fps, 0.35, (joints, 2))
    error += _HARDNESS[:, None] * estimator.flicker * rng.standard_normal((frames, joints, 2))
    worse = 1 + 4 * hidden[..., None]
    positions = image + torso * (error * worse + estimator.bias * person.marks)
    confidence = _confidence(hidden, estimator, fps, rng)
    _exchange(positions, estimator, fps, rng)
    _displace(positions, torso, estimator, rng)
    missing = _bursts(rng, (frames, joints), estimator.gaps * (1 + 6 * hidden), fps, seconds=0.25)
    for moment in _moments(rng, frames, estimator.losses, fps):
        missing[moment] = True
    outside = (
        (positions[..., 0] < 0)
        | (positions[..., 0] > camera.aspect)
        | (positions[..., 1] < 0)
        | (positions[..., 1] > 1)
    )
    confidence = np.where(outside, 0.25 * confidence, confidence)
    confidence[missing | (confidence < estimator.threshold) | (outside & (estimator.threshold > 0))] = 0.0
    keypoints = np.concatenate([positions, confidence[..., None]], axis=-1)
    keypoints[confidence == 0] = 0.0
    return keypoints


def _torso(figure: Figure, camera: Camera) -> float:
    """Length of the torso in the image if it were upright, image heights."""
    spine = figure.joints[:, _SHOULDERS].mean(axis=1) - figure.joints[:, _HIPS].mean(axis=1)
    return float(camera.focal / camera.distance * np.linalg.norm(spine, axis=-1).mean())


def _hidden(figure: Figure, camera: Camera, image: Floats, frame: Floats) -> Floats:
    """How far each joint is hidden, 0..1 [T, 17]: behind the trunk, behind the head, or behind the other limb."""
    depth = frame[..., 2]
    hidden = np.zeros(depth.shape)
    corners = [*_SHOULDERS, *_HIPS]
    middle = image[:, corners].mean(axis=1, keepdims=True)
    half = np.abs(image[:, corners] - middle).max(axis=1, keepdims=True)
    inside = (np.abs(image[:, _HANDS] - middle) < half).all(axis=-1)
    behind = depth[:, _HANDS] - depth[:, corners].mean(axis=1, keepdims=True) > 0.08
    hidden[:, _HANDS] = 0.8 * (inside & behind)
    for first, second in zip(range(5, 17, 2), range(6, 17, 2), strict=True):
        close = np.linalg.norm(image[:, first] - image[:, second], axis=-1) < 0.03
        farther = np.where(depth[:, first] > depth[:, second], first, second)
        rows = np.flatnonzero(close & (np.abs(depth[:, first] - depth[:, second]) > 0.1))
        hidden[rows, farther[rows]] = np.maximum(hidden[rows, farther[rows]], 0.6)
    # A face that is turned away: the far ear goes first, then eyes and nose.
    sight = camera.turn(figure.face_front)
    hidden[:, _FACE] = np.clip(0.25 - sight[:, 2], 0.0, 0.8)[:, None]
    for ear, sign in ((3, 1), (4, -1)):
        turned = sign * sight[:, 0]
        hidden[:, ear] = np.clip(1.6 * turned - 0.3, 0.0, 0.85)
    return hidden


def _confidence(hidden: Floats, estimator: Estimator, fps: float, rng: np.random.Generator) -> Floats:
    frames, joints = hidden.shape
    believed = 0.93 - 0.04 * _HARDNESS - estimator.doubt * (0.4 + 0.5 * _HARDNESS) - 0.62 * hidden
    wander = 0.05 * (1 + 2 * hidden) * drift(rng, frames, fps, 0.5, (joints,))
    confidence = believed + estimator.bias * wander
    # Now and then the estimator is sure of what it can't see, or doubts what is plain.
    wrong = _bursts(rng, (frames, joints), np.full((frames, joints), estimator.gaps), fps, seconds=0.6)
    confidence = np.where(wrong, rng.uniform(0.15, 0.95, (frames, joints)), confidence)
    return np.clip(confidence, 0.02, 0.995)


def _exchange(positions: Floats, estimator: Estimator, fps: float, rng: np.random.Generator) -> None:
    """Exchanges left and right for a moment: of the arms, of the legs, or of the whole body."""
    for moment in _moments(rng, len(positions), estimator.swaps, fps):
        joints = np.arange(17)[(_ARMS, _LEGS, slice(0, 17))[int(rng.integers(3))]]
        positions[moment, joints] = positions[moment, _MIRROR[joints]]


def _displace(positions: Floats, torso: float, estimator: Estimator, rng: np.random.Generator) -> None:
    """Puts single joints somewhere else; nobody notices."""
    frames, joints = positions.shape[:2]
    away = rng.random((frames, joints)) < estimator.outliers * _HARDNESS
    positions[away] += 0.4 * torso * rng.standard_normal((int(away.sum()), 2))


def _moments(rng: np.random.Generator, frames: int, per_minute: float, fps: float) -> list[slice]:
    """Short moments, a third of a second on average."""
    starts = rng.integers(frames, size=rng.poisson(per_minute * frames / fps / 60))
    return [slice(int(start), int(start) + 1 + int(rng.exponential(0.3) * fps)) for start in starts]


def _bursts(rng: np.random.Generator, shape: tuple[int, int], share: Floats, fps: float, seconds: float) -> np.ndarray:
    """Events [T, J] that last a while: `share` of the time, `seconds` on average."""
    last = max(1.0, seconds * fps)
    starts = rng.random(shape) < np.clip(share / last, 0.0, 1.0)
    lengths = np.ceil(rng.exponential(last, shape))
    left = np.zeros(shape[1])
    events = np.zeros(shape, bool)
    for frame in range(shape[0]):
        left = np.where(starts[frame], np.maximum(left, lengths[frame]), left - 1)
        events[frame] = left > 0
    return events
