"""The performance of a person: key poses in a personal style, with faults, joined to one smooth motion."""

from dataclasses import dataclass, field

import numpy as np

from data.synthetic.curves import drift, monotone_curve
from data.synthetic.form_faults import FAULTS
from data.synthetic.movements import Key, Movement
from data.synthetic.person import KEY_SPREAD, SINKING, STANCE, SUPPLE, Person
from data.synthetic.poses import CHANNELS, Floats, Pose, columns

_REACH = columns("arm.reach")


@dataclass
class Performance:
    """A sequence of key poses with their times.

    Attributes:
        person: person who performs.
        rng: random generator of all variation.
        pace: factor of all durations.
        times: times of the key poses so far, in seconds.
        poses: joint parameters of the key poses so far, float64 `[len(CHANNELS)]` each.
    """

    person: Person
    rng: np.random.Generator
    pace: float
    times: list[float] = field(default_factory=list)
    poses: list[Floats] = field(default_factory=list)

    @property
    def now(self) -> float:
        """Time of the last key pose, in seconds."""
        return self.times[-1] if self.times else 0.0

    def rest(self, pose: Pose, seconds: float) -> None:
        """Stay in a pose, with small movements."""
        end = self.now + seconds
        while True:
            step = min(float(self.rng.uniform(0.7, 2.5)), end - self.now)
            self._add(Key(pose, step), self._style(pose, self._noise()))
            if end - self.now < 0.2:
                return

    def enter(self, movement: Movement, faults: dict[str, float]) -> None:
        """Move from standing to the beginning of a movement."""
        self._perform(movement.entry, faults)

    def begin(self, movement: Movement, faults: dict[str, float], mirrored: bool) -> None:
        """Start at the beginning of a movement, which is the last key pose of a repetition."""
        cycle, style = self.person.keys(movement)
        last = cycle[-1].mirrored() if mirrored else cycle[-1]
        self._perform((Key(last.pose, 0.0, last.hold * float(self.rng.random())),), faults, style[-1:])

    def repeat(self, movement: Movement, faults: dict[str, float], mirrored: bool) -> None:
        """Perform one repetition."""
        cycle, style = self.person.keys(movement)
        self._perform(tuple(key.mirrored() for key in cycle) if mirrored else cycle, faults, style)

    def leave(self, movement: Movement, faults: dict[str, float]) -> None:
        """Move back to standing."""
        self._perform(movement.exit, faults)

    def motion(self, fps: float) -> Floats:
        """Return the joint parameters at `fps`, float64 `[T, len(CHANNELS)]`, with small random movements."""
        times = np.array(self.times)
        at = np.arange(0.0, times[-1], 1 / fps)
        motion = monotone_curve(times, np.array(self.poses), at)
        motion += 0.15 * drift(self.rng, len(at), fps, 1.2, (len(CHANNELS),)) * KEY_SPREAD
        motion[:, _REACH] = np.clip(motion[:, _REACH], 0.3, 0.995)
        return motion

    def _perform(self, keys: tuple[Key, ...], faults: dict[str, float], style: Floats | None = None) -> None:
        hurry = abs(faults.get("hasty", 0.0))
        for number, key in enumerate(keys):
            offset = 0.4 * self._noise() + (0.0 if style is None else style[number])
            pose = self._style(key.pose, offset)
            for fault, severity in faults.items():
                FAULTS[fault](pose[None], severity)
            uneven = self.pace * np.exp(self.rng.normal(0.0, (0.12, 0.3)))
            seconds = key.seconds * float(uneven[0]) * (1 - 0.3 * hurry)
            hold = key.hold * float(uneven[1]) * (1 - 0.85 * hurry)
            self._add(Key(key.pose, seconds, hold), pose)

    def _style(self, pose: Pose, offset: Floats) -> Floats:
        """Return the joint parameters of a pose in this person's style."""
        person = self.person
        vector = pose.to_vector()
        vector[SINKING] *= person.depth
        vector[STANCE] *= person.stance
        vector[SUPPLE] *= person.supple
        return vector + person.habit + offset

    def _add(self, key: Key, pose: Floats) -> None:
        if not self.times:
            self.times.append(0.0)
            self.poses.append(pose)
        elif key.seconds > 0:
            self.times.append(self.now + key.seconds)
            self.poses.append(pose)
        if key.hold > 0:
            self.times.append(self.now + key.hold)
            self.poses.append(pose)

    def _noise(self) -> Floats:
        return self.rng.standard_normal(len(CHANNELS)) * KEY_SPREAD
