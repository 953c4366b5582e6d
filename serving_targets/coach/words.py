"""What the coach says, in the words of a language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from data.layouts.layout import read_yaml
from serving_targets.coach.timeline import Correction, Segment

_FOLDER = Path(__file__).parent / "languages"
LANGUAGES = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
"""Languages that the coach speaks, each a file `languages/NAME.yaml`."""
_STEP = 5
"""Degrees are said in such steps: nobody can correct a joint by a single degree."""


@cache
def words_of(language: str) -> Mapping[str, Mapping[str, str]]:
    """Return the sentences of a language: joint and direction to sentence, and what else is said under `coach`."""
    return read_yaml(_FOLDER / f"{language}.yaml")


def correction_text(correction: Correction, language: str) -> str:
    """Return a correction as a sentence with its time."""
    words = words_of(language)
    degrees = max(_STEP * round(correction.degrees / _STEP), _STEP)
    sentence = words[correction.joint][correction.direction].format(degrees=degrees)
    return words["coach"]["at"].format(correction=sentence, time=clock(correction.at))


def advice(segment: Segment, language: str) -> str:
    """Return the most important correction of a segment, or that there is none; nothing if it was not judged."""
    if segment.corrections:
        return correction_text(segment.corrections[0], language)
    return "" if segment.score is None else words_of(language)["coach"]["good"]


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds, `1:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
