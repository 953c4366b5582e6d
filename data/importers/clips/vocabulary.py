"""The names that files give to times, units and the fields of a clip."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from data.errors import InputError
from data.importers.clips.types import ImageSize, TimeUnit, Unit
from data.text import listed

CLIP_FIELDS = ("label", "subject", "view", "split", "repetitions", "quality")
"""Fields of a sequence that files may state."""

SEQUENCE_FIELDS = (*CLIP_FIELDS, "source")
"""Fields of a sequence that sidecars and path patterns may state."""

UNITS: dict[str, Unit] = {
    "pixels": "pixels",
    "normalized": "fractions",
    "image_heights": "image_heights",
    "metres": "metres",
}
"""Units of coordinates, by the names that files use."""

CONFIDENCES = frozenset(
    (
        *("v", "c", "s", "p", "conf", "confidence", "confidences", "confidencescore", "confscore"),
        *("score", "scores", "keypointscore", "kpscore", "kptscore", "jointscore", "detectionscore"),
        *("vis", "visibility", "visible", "visibilityscore", "inframelikelihood", "presence"),
        *("prob", "probability", "proba", "likelihood", "certainty", "reliability"),
    )
)
"""Simplified names of the confidence of a joint."""

_MOST_NAMES = 8

_AUTO = ("timestamp", "timestamps", "time", "times", "t", "ts", "datetime", "date", "clock", "utc", "unixtime", "epoch")
_TIMES: dict[str, TimeUnit] = {
    **dict.fromkeys((*_AUTO, "elapsed", "elapsedtime", "videotime", "frametime", "currenttime", "posixtime"), "auto"),
    **dict.fromkeys(("timeofday", "capturetime", "recordedat", "createdat", "localtime", "systemtime"), "auto"),
    **dict.fromkeys(("pts", "ptstime", "relativetime", "mediatime"), "auto"),
    **dict.fromkeys(("seconds", "second", "sec", "secs", "timestampsec", "timestampseconds"), "s"),
    **dict.fromkeys(("timesec", "timesecs", "timeseconds", "timeinseconds", "elapsedseconds"), "s"),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "milliseconds", "millisecond", "timestampms"), "ms"),
    **dict.fromkeys(("timems", "timemsec", "timemillis", "timemilliseconds", "timestampmsec"), "ms"),
    **dict.fromkeys(("timestampmillis", "timestampmilliseconds", "timestampinmilliseconds", "timeinms"), "ms"),
    **dict.fromkeys(("elapsedms", "posmsec"), "ms"),
    **dict.fromkeys(("us", "usec", "micros", "microseconds", "timeus", "timeusec", "timemicros", "timestampus"), "us"),
    **dict.fromkeys(("timemicroseconds", "timestampusec", "timestampmicros", "timestampmicroseconds"), "us"),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanoseconds", "timens", "timestampns", "timestampnanos"), "ns"),
    **dict.fromkeys(("timestampnanoseconds", "timenanos"), "ns"),
    **dict.fromkeys(("frame", "frameindex", "framenumber", "frameid", "frameno", "frameidx"), "frames"),
    **dict.fromkeys(("framenum", "framenr", "framecounter", "framepos", "fidx", "nframe"), "frames"),
    **dict.fromkeys(("counter", "imageindex", "imagenumber", "imageno", "sampleindex", "samplenumber"), "frames"),
}
_FIELDS = {
    "label": (
        *("label", "action", "actionname", "actionlabel", "class", "classname"),
        *("activity", "activityname", "exercise", "exercisename", "gesture", "posture", "movement", "labelname"),
    ),
    "subject": (
        *("subject", "subjectid", "person", "personid", "performer", "participant", "participantid"),
        *("user", "userid", "athlete", "patient", "patientid"),
    ),
    "view": ("view", "camera", "cam"),
    "split": ("split",),
    "repetitions": ("repetitions", "reps"),
    "quality": ("quality",),
    "fps": ("fps", "framerate", "framespersecond", "videofps", "capturefps", "samplerate", "samplingrate", "hz"),
    "width": ("width", "imagewidth", "videowidth", "framewidth", "imgwidth", "imgw"),
    "height": ("height", "imageheight", "videoheight", "frameheight", "imgheight", "imgh"),
    "size": ("resolution", "imagesize", "videosize", "framesize", "imageresolution", "videoresolution", "imgshape"),
    "unit": ("units", "unit"),
    "name": (
        *("sequenceid", "sequence", "id", "clip", "clipid", "clipname", "video", "videoid", "videoname", "name"),
        *("session", "file", "filename", "filepath", "videofile", "videofilename", "videopath", "sourcefile"),
    ),
}


@lru_cache(maxsize=1024)
def simplified(name: str) -> str:
    """Return the name of a member or column in lower case, without separators."""
    return "".join(character for character in name.lower() if character.isalnum())


@lru_cache(maxsize=1024)
def is_confidence(name: str) -> bool:
    """Return whether a member or column of this name holds the confidence of a joint."""
    return simplified(name) in CONFIDENCES


@lru_cache(maxsize=1024)
def time_unit_of(name: str) -> TimeUnit | None:
    """Return the unit of the times under this name, None if the name does not stand for times."""
    return _TIMES.get(simplified(name))


@lru_cache(maxsize=1024)
def field_of(name: str) -> str | None:
    """Return the field of a clip that a member or column of this name holds, None if there is none."""
    wanted = simplified(name)
    return next((field for field, names in _FIELDS.items() if wanted in names), None)


def text_of(value: Any, name: str) -> str:
    """Return a text or a number of a file as text.

    Nothing else has a text form that is sure to end: a list can hold itself a million times.

    Args:
        value: the value, as decoded.
        name: name of the value, for errors.

    Raises:
        InputError: if it is neither text nor number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and value.bit_length() > 128:  # Python does not write integers of thousands of digits
        raise InputError(f"{name} is a number of {value.bit_length()} bits", None, "write it as text")
    if isinstance(value, (int, float)):
        return str(value)
    kind = "a list" if isinstance(value, (list, tuple)) else "no text"
    raise InputError(f"{name} is {kind}", None, "write a text or a number")


_RATE = re.compile(
    r"(\d+(?:\.\d+)?)(?:/(\d+(?:\.\d+)?))?\s*(?:fps|hz|frames?\s*(?:/|per)\s*s(?:ec(?:ond)?)?)?", re.IGNORECASE
)
_SIZE = re.compile(r"\D*(\d+(?:\.\d+)?)\D+(\d+(?:\.\d+)?)\D*")


def rate_of(value: Any) -> float:
    """Return a rate or a length, written as a number, or as in `60fps`, `30 Hz` and `30000/1001`.

    Raises:
        ValueError: if it is none of these.
    """
    if isinstance(value, str) and (match := _RATE.fullmatch(value.strip())):
        return float(match[1]) / float(match[2] or 1) if float(match[2] or 1) else 0.0
    return float(value)


def size_of(value: Any) -> ImageSize:
    """Return an image size, written as `640x480`, as `[640, 480]`, or as an object with width and height.

    Raises:
        ValueError: if it is none of these.
    """
    if isinstance(value, dict):
        named = {field_of(text_of(name, "a name")): number for name, number in value.items()}
        value = [named.get("width", value.get("w")), named.get("height", value.get("h"))]
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        value = match.groups()
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        raise ValueError(f"{str(value)[:40]!r} is not the size of an image")
    return ImageSize(height=float(value[1]), width=float(value[0]))


def unread_note(kind: str, names: Sequence[str]) -> list[str]:
    """Return a note on the names that nobody reads.

    Args:
        kind: what they name, such as `columns`.
        names: the names.
    """
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return [f"{kind} that are not read: {listed(names[:_MOST_NAMES])}{more}"] if names else []
