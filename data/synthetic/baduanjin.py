"""The generator of synthetic sequences: clips and sessions of invented people who perform the eight movements."""

from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from data.errors import InputError
from data.layouts import joint_mapping, load_layout
from data.records import SESSION_LABEL, KeypointSequence, Segment
from data.synthetic.camera import place_camera
from data.synthetic.estimator import draw_estimator, estimate
from data.synthetic.form_faults import draw_faults, quality
from data.synthetic.kinematics import animate
from data.synthetic.movements import MOVEMENTS, Movement
from data.synthetic.performance import Performance
from data.synthetic.person import Person, invent_person

SOURCE = "synthetic baduanjin"
"""Source of every sequence."""

TEST_SHARE, EVAL_SHARE = 0.25, 0.125
"""Fractions of people in the splits `test` and `eval`."""

_POSITION_GRID, _CONFIDENCE_GRID = 2048, 64
_PERSON, _CLIP, _SESSION = range(3)  # so that no two random streams are the same


class SyntheticSpec(BaseModel):
    """The specification of synthetic data.

    Attributes:
        subjects: number of people.
        repetitions: number of clips of each movement and person.
        sessions: number of whole practice sessions, given to the people in turn, beginning with the last person.
        cycles: smallest and largest number of repetitions of the movement in a clip.
        fps: frames per second.
        layout: name of the layout, one in image heights.
        noise: strength of the pose estimators' errors, 0 for none, 1 for the usual.
        seed: seed of all random numbers; the same seed makes the same data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subjects: int = Field(default=24, ge=1, le=10_000)
    repetitions: int = Field(default=3, ge=0, le=1000)
    sessions: int = Field(default=0, ge=0, le=100_000)
    cycles: tuple[int, int] = (1, 2)
    fps: float = Field(default=15.0, ge=5, le=240)
    layout: str = "coco17"
    noise: float = Field(default=1.0, ge=0, le=10)
    seed: int = Field(default=0, ge=0)

    @field_validator("layout")
    @classmethod
    def _is_flat(cls, name: str) -> str:
        if load_layout(name).unit != "image_height":
            raise InputError(
                f"layout {name} is not for images", remedy="choose coco17 or another layout in image heights"
            )
        return name

    @field_validator("cycles")
    @classmethod
    def _is_range(cls, cycles: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= cycles[0] <= cycles[1]:
            raise ValueError("give the smallest and the largest number of repetitions, at least 1")
        return cycles


def generate(spec: SyntheticSpec) -> Iterator[KeypointSequence]:
    """Yield the sequences: for each person the clips, then the sessions.

    Each sequence has random numbers of its own, so that it does not depend on the number of others.
    """
    for number in range(spec.subjects):
        person = _person(spec, number)
        split = _split(number, spec.subjects)
        for kind, movement in enumerate(MOVEMENTS):
            for repetition in range(spec.repetitions):
                rng = np.random.default_rng([spec.seed, _CLIP, number, kind, repetition])
                yield _clip(spec, person, movement, f"{person.name}_{movement.label}_{repetition + 1}", split, rng)
        for session in range(spec.subjects - 1 - number, spec.sessions, spec.subjects):
            rng = np.random.default_rng([spec.seed, _SESSION, session])
            yield _session(spec, person, f"{person.name}_session_{session // spec.subjects + 1}", split, rng)


def _person(spec: SyntheticSpec, number: int) -> Person:
    digits = max(2, len(str(spec.subjects)))
    # Another seed makes other people, who must have other names.
    return invent_person(f"s{spec.seed}p{number + 1:0{digits}d}", np.random.default_rng([spec.seed, _PERSON, number]))


def _split(number: int, subjects: int) -> str:
    """Return the split of a person: the last people are in `test`, those before them in `eval`."""
    test = max(1, round(TEST_SHARE * subjects))
    if number >= subjects - test:
        return "test"
    return "eval" if number >= subjects - test - round(EVAL_SHARE * subjects) else "train"


def _clip(
    spec: SyntheticSpec, person: Person, movement: Movement, name: str, split: str, rng: np.random.Generator
) -> KeypointSequence:
    """Return a clip of one movement, sometimes with the transition before or after it, and not cut exactly."""
    repetitions = int(
        rng.integers(spec.cycles[0], spec.cycles[1] + 1, 2).min()
    )  # mostly few, because long clips need space
    faults = draw_faults(movement.faults, person.skill, rng)
    performance = Performance(person, rng, _pace(person, rng))
    mirrored = movement.sided and bool(rng.random() < 0.5)
    if rng.random() < 0.45:
        performance.rest(movement.exit[-1].pose, float(rng.uniform(0.2, 1.0)))
        performance.enter(movement, faults)
    else:
        performance.begin(movement, faults, mirrored)
    _repeat(performance, movement, faults, repetitions, mirrored)
    if rng.random() < 0.4:
        performance.leave(movement, faults)
    keypoints, view = _record(spec, performance, rng)
    start, end = (int(len(keypoints) * rng.uniform(0.0, 0.03)) for _ in range(2))
    return KeypointSequence(
        sequence_id=name,
        subject=person.name,
        label=movement.label,
        fps=spec.fps,
        layout=spec.layout,
        keypoints=keypoints[start : len(keypoints) - end],
        repetitions=float(repetitions),
        quality=round(quality(faults), 2),
        view=view,
        split=split,
        source=SOURCE,
    )


def _session(spec: SyntheticSpec, person: Person, name: str, split: str, rng: np.random.Generator) -> KeypointSequence:
    """Return a session: all movements in order, several times each, with rests between them."""
    performance = Performance(person, rng, _pace(person, rng))
    blocks: list[tuple[float, float, str, int]] = []
    goodness = []
    for movement in MOVEMENTS:
        performance.rest(movement.exit[-1].pose, float(rng.uniform(1.5, 5.0)))
        faults = draw_faults(movement.faults, person.skill, rng)
        goodness.append(quality(faults))
        repetitions = int(rng.integers(1, 4)) * 2 if movement.sided else int(rng.integers(2, 5))
        start = performance.now
        performance.enter(movement, faults)
        _repeat(performance, movement, faults, repetitions, mirrored=False)
        performance.leave(movement, faults)
        blocks.append((start, performance.now, movement.label, repetitions))
    performance.rest(MOVEMENTS[-1].exit[-1].pose, float(rng.uniform(1.5, 4.0)))
    keypoints, view = _record(spec, performance, rng)
    return KeypointSequence(
        sequence_id=name,
        subject=person.name,
        label=SESSION_LABEL,
        fps=spec.fps,
        layout=spec.layout,
        keypoints=keypoints,
        segments=tuple(
            Segment(round(start * spec.fps), round(end * spec.fps), label, float(repetitions))
            for start, end, label, repetitions in blocks
        ),
        quality=round(float(np.mean(goodness)), 2),
        view=view,
        split=split,
        source=SOURCE,
    )


def _pace(person: Person, rng: np.random.Generator) -> float:
    return person.pace * float(np.exp(rng.normal(-0.1, 0.15)))


def _repeat(
    performance: Performance, movement: Movement, faults: dict[str, float], repetitions: int, mirrored: bool
) -> None:
    """Add repetitions of a movement, with alternating sides if it has sides."""
    for turn in range(repetitions):
        performance.repeat(movement, faults, movement.sided and mirrored != (turn % 2 == 1))


def _record(spec: SyntheticSpec, performance: Performance, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """Return the keypoints of a performance, float32 `[T, J, 3]`, as a camera and an estimator see it, and the view."""
    person = performance.person
    figure = animate(person.body, performance.motion(spec.fps))
    camera = place_camera(person.body, rng)
    keypoints = estimate(figure, person, camera, draw_estimator(rng, spec.noise), spec.fps, rng)
    # Rounding, finer than the accuracy of any estimator, makes files smaller and equal on every processor.
    grid = np.array([_POSITION_GRID, _POSITION_GRID, _CONFIDENCE_GRID])
    rounded = (np.round(keypoints * grid) / grid).astype(np.float32)
    return joint_mapping("coco17", spec.layout).apply(rounded), camera.view
