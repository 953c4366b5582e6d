"""A simulated pose estimator, whose keypoints tremble, are missing, are swapped or have a wrong confidence."""

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
    """The errors of the estimator in one recording.

    Attributes:
        bias: strength of the person's fixed offsets and of the variation of confidence, 0 to 1.
        tremble: standard deviation of a joint's slow error, in torso lengths.
        flicker: standard deviation of a joint's error from frame to frame, in torso lengths.
        doubt: loss of confidence of all joints, 0 to 1.
        gaps: fraction of frames in which a joint is missing without a reason.
        losses: number of times a minute that the whole person is not found.
        swaps: number of times a minute that left and right are exchanged.
        outliers: fraction of joints with a wrong position and an unchanged confidence.
        threshold: confidence below which a joint is missing.
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
    """Draw an estimator.

    Args:
        rng: random generator.
        noise: strength of the errors, 0 for none, 1 for the usual mixture of good and bad estimators.
    """
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
    """Estimate the poses of a moving figure.

    Returns:
        float64 `[T, 17, 3]`: x and y in image heights, and confidence; (0, 0, 0) for a missing joint.
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
    """Return the length of the torso in the image if it were upright, in image heights."""
    spine = figure.joints[:, _SHOULDERS].mean(axis=1) - figure.joints[:, _HIPS].mean(axis=1)
    return float(camera.focal / camera.distance * np.linalg.norm(spine, axis=-1).mean())


def _hidden(figure: Figure, camera: Camera, image: Floats, frame: Floats) -> Floats:
    """Return how much each joint is hidden by trunk, head or the other limb: `[T, 17]`, 0 to 1."""
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
    # When the face turns away, the far ear is hidden first, then eyes and nose.
    sight = camera.turn(figure.face_front)
    hidden[:, _FACE] = np.clip(0.25 - sight[:, 2], 0.0, 0.8)[:, None]
    for ear, sign in ((3, 1), (4, -1)):
        turned = sign * sight[:, 0]
        hidden[:, ear] = np.clip(1.6 * turned - 0.3, 0.0, 0.85)
    return hidden


def _confidence(hidden: Floats, estimator: Estimator, fps: float, rng: np.random.Generator) -> Floats:
    frames, joints = hidden.shape
    typical = 0.93 - 0.04 * _HARDNESS - estimator.doubt * (0.4 + 0.5 * _HARDNESS) - 0.62 * hidden
    wander = 0.05 * (1 + 2 * hidden) * drift(rng, frames, fps, 0.5, (joints,))
    confidence = typical + estimator.bias * wander
    # Sometimes the confidence is high for a hidden joint, or low for a visible one.
    wrong = _bursts(rng, (frames, joints), np.full((frames, joints), estimator.gaps), fps, seconds=0.6)
    confidence = np.where(wrong, rng.uniform(0.15, 0.95, (frames, joints)), confidence)
    return np.clip(confidence, 0.02, 0.995)


def _exchange(positions: Floats, estimator: Estimator, fps: float, rng: np.random.Generator) -> None:
    """Exchange left and right for short times: of the arms, of the legs, or of the whole body."""
    for moment in _moments(rng, len(positions), estimator.swaps, fps):
        joints = np.arange(17)[(_ARMS, _LEGS, slice(0, 17))[int(rng.integers(3))]]
        positions[moment, joints] = positions[moment, _MIRROR[joints]]


def _displace(positions: Floats, torso: float, estimator: Estimator, rng: np.random.Generator) -> None:
    """Move single joints to wrong positions, without a change of their confidence."""
    frames, joints = positions.shape[:2]
    away = rng.random((frames, joints)) < estimator.outliers * _HARDNESS
    positions[away] += 0.4 * torso * rng.standard_normal((int(away.sum()), 2))


def _moments(rng: np.random.Generator, frames: int, per_minute: float, fps: float) -> list[slice]:
    """Return short random runs of frames, a third of a second long on average."""
    starts = rng.integers(frames, size=rng.poisson(per_minute * frames / fps / 60))
    return [slice(int(start), int(start) + 1 + int(rng.exponential(0.3) * fps)) for start in starts]


def _bursts(rng: np.random.Generator, shape: tuple[int, int], share: Floats, fps: float, seconds: float) -> np.ndarray:
    """Return random events, bool `[T, J]`.

    Args:
        rng: random generator.
        shape: T and J.
        share: fraction of the time that the events take.
        fps: frames per second.
        seconds: mean duration of an event.
    """
    last = max(1.0, seconds * fps)
    starts = rng.random(shape) < np.clip(share / last, 0.0, 1.0)
    lengths = np.ceil(rng.exponential(last, shape))
    left = np.zeros(shape[1])
    events = np.zeros(shape, bool)
    for frame in range(shape[0]):
        left = np.where(starts[frame], np.maximum(left, lengths[frame]), left - 1)
        events[frame] = left > 0
    return events
