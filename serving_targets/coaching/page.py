"""The HTML page about coached recordings: one file that needs no network and no other file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.files import output
from data.layouts import load_layout
from data.output.pages import templates
from data.records import KeypointSequence
from data.report.draw import Moving, moving
from data.report.page import SCRIPT, STYLE
from serving_targets.coach.form.references import References
from serving_targets.coach.metrics import GOOD
from serving_targets.coach.movement.angles import ANGLES
from serving_targets.coach.movement.signals import DEGREES_PER_TORSO, PLACES, Signal
from serving_targets.coach.movement.skeleton import JOINT, LAYOUT
from serving_targets.coach.timeline import Segment, Timeline
from serving_targets.coach.words import advice, clock, correction_text
from serving_targets.coaching.repetitions import Repetition, performed
from serving_targets.coaching.shipped_coach import ShippedCoach

MOST_SEGMENTS = 60
"""Number of movements that are drawn."""
_TURN = np.radians(35)
"""3-D poses are drawn half from the side, so that movement forward is seen, too."""
_COLOURS = ("#3f7f93", "#c8643c", "#6f8f3a", "#8a5fa8", "#b8912e", "#4b6cb7", "#a8476a", "#4f8f74")
_CENTRES = {
    "hip_center": ("left_hip", "right_hip"),
    "shoulder_center": ("left_shoulder", "right_shoulder"),
    "spine": ("left_hip", "right_hip", "left_shoulder", "right_shoulder"),
}
"""Joints of the trunk that the signal lacks, as means of others."""


class Coached(NamedTuple):
    """A recording and what the coach found in it."""

    sequence: KeypointSequence
    timeline: Timeline


class _Card(NamedTuple):
    """One movement on the page."""

    number: int
    label: str
    colour: str
    time: str
    left: float
    width: float
    repeated: str
    score: str
    style: str
    advice: tuple[str, ...]
    repetitions: Sequence[Repetition]
    person: Moving | None
    reference: Moving | None


class _Session(NamedTuple):
    """One recording on the page."""

    name: str
    length: str
    ignored: str
    cards: Sequence[_Card]
    hidden: int


def write_page(
    coached: Iterable[Coached], shipped: ShippedCoach, language: str, target: Path, *, overwrite: bool = False
) -> None:
    """Write the page.

    Args:
        coached: recordings with their timelines.
        shipped: coach of the bundle.
        language: language of the corrections.
        target: the HTML file; see `data.files.output` for what it may replace.
        overwrite: whether it may replace a file that is not an earlier output.
    """
    with output(target, overwrite=overwrite) as made:
        made.write_text(render(coached, shipped, language), encoding="utf-8")


def render(coached: Iterable[Coached], shipped: ShippedCoach, language: str) -> str:
    """Return the HTML of the page; see `write_page` for the arguments."""
    colours = {label: _COLOURS[number % len(_COLOURS)] for number, label in enumerate(shipped.bundle.manifest.labels)}
    sessions, left = [], MOST_SEGMENTS
    timelines: list[Timeline] = []
    for each in coached:
        shown = each.timeline.segments[:left]
        left -= len(shown)
        timelines.append(each.timeline)
        sessions.append(_session(each, shown, colours, shipped.references, language))
    script = SCRIPT.read_text(encoding="utf-8")
    scores = [timeline.score for timeline in timelines if timeline.score is not None]
    manifest = shipped.bundle.manifest
    return (
        templates(Path(__file__).parent)
        .get_template("page.html.j2")
        .render(
            title=f"{manifest.name} {manifest.version}",
            style=STYLE.read_text(encoding="utf-8"),
            script=script,
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            layout=load_layout(LAYOUT),
            language=language,
            lacks=shipped.lacks,
            good=GOOD,
            tiles=[
                ("recordings", f"{len(timelines):,}"),
                ("movements", f"{sum(len(timeline.segments) for timeline in timelines):,}"),
                ("repetitions", f"{sum(timeline.repetitions for timeline in timelines):,.1f}"),
                ("mean score", f"{np.mean(scores):.0f}" if scores else "-"),
            ],
            sessions=sessions,
        )
    )


def _session(
    each: Coached,
    shown: Sequence[Segment],
    colours: dict[str, str],
    references: References | None,
    language: str,
) -> _Session:
    times = each.sequence.frame_times
    length = max(float(times[-1] - times[0]), 0.1)
    cards = [
        _card(number, each.sequence, segment, length, colours.get(segment.label, _COLOURS[0]), references, language)
        for number, segment in enumerate(shown, 1)
    ]
    ignored = ", ".join(f"{count:,} x {reason}" for reason, count in each.timeline.ignored.items())
    return _Session(each.timeline.sequence_id, clock(length), ignored, cards, len(each.timeline.segments) - len(shown))


def _card(
    number: int,
    sequence: KeypointSequence,
    segment: Segment,
    length: float,
    colour: str,
    references: References | None,
    language: str,
) -> _Card:
    found = performed(sequence, segment, references)
    joint = segment.corrections[0].joint if segment.corrections else None
    person = reference = None
    if found.cycle is not None:
        seconds = float(np.median([each.end - each.start for each in found.repetitions]))
        person, reference = _overlaid(found.cycle, found.reference, seconds, joint)
    advised = tuple(correction_text(each, language) for each in segment.corrections)
    return _Card(
        number=number,
        label=segment.label,
        colour=colour,
        time=f"{clock(segment.start)} to {clock(segment.end)}",
        left=100 * segment.start / length,
        width=max(100 * (segment.end - segment.start) / length, 0.4),
        repeated=f"{segment.repetitions:.1f}",
        score="-" if segment.score is None else f"{segment.score:.0f}",
        style="" if segment.score is None or segment.score >= GOOD else "bad",
        advice=tuple(filter(None, advised or (advice(segment, language),))),
        repetitions=found.repetitions,
        person=person,
        reference=reference,
    )


def _overlaid(
    cycle: Signal, reference: Signal | None, seconds: float, joint: str | None
) -> tuple[Moving, Moving | None]:
    """Return the drawings of a repetition and its reference, in the same scale."""
    layout = load_layout(LAYOUT)
    both = np.concatenate([_poses(cycle), _poses(cycle if reference is None else reference)])
    drawn = moving(both, layout, seconds, "shoulder_center" if joint == "trunk" else joint)
    middle = len(cycle)
    person = Moving(
        [(side, colour, frames[:middle]) for side, colour, frames in drawn.paths],
        (drawn.dots[0][:middle], drawn.dots[1][:middle]) if drawn.dots else None,
        drawn.seconds,
    )
    if reference is None:
        return person, None
    return person, Moving([(side, "", frames[middle:]) for side, _, frames in drawn.paths], None, drawn.seconds)


def _poses(cycle: Signal) -> np.ndarray:
    """Return poses of the coach's layout, turned by `_TURN`, for a cycle of the signal."""
    places = cycle[:, len(ANGLES) :].reshape(len(cycle), len(PLACES), 3) / DEGREES_PER_TORSO
    poses = np.zeros((len(cycle), len(JOINT), 4), np.float32)
    for number, name in enumerate(PLACES):
        poses[:, JOINT[name], :3] = np.nan_to_num(places[:, number])
        poses[:, JOINT[name], 3] = float(np.isfinite(places[:, number]).all() and places[:, number].any())
    for name, parts in _CENTRES.items():
        poses[:, JOINT[name]] = poses[:, [JOINT[part] for part in parts]].mean(axis=1)
        poses[:, JOINT[name], 3] = poses[:, [JOINT[part] for part in parts], 3].min(axis=1)
    turn = _TURN if poses[..., 2].any() else 0.0
    poses[..., 0] = poses[..., 0] * np.cos(turn) + poses[..., 2] * np.sin(turn)
    poses[..., 2] = 0
    return poses
