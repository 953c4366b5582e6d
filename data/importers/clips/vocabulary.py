"""The names that files give to times, units and the fields of a clip."""

from functools import lru_cache
from typing import Any

from data.errors import InputError
from data.importers.clips.types import TimeUnit, Unit

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

_TIMES: dict[str, TimeUnit] = {
    "timestamp": "auto",
    "time": "auto",
    "t": "auto",
    "ts": "auto",
    "timestampms": "ms",
    "timems": "ms",
    "timestampinmilliseconds": "ms",
    "ms": "ms",
    "timestampus": "us",
    "timestampsec": "s",
    "timestamps": "auto",
    "seconds": "s",
    "sec": "s",
    "frame": "frames",
    "frameindex": "frames",
    "framenumber": "frames",
    "frameid": "frames",
    "frameno": "frames",
    "frameidx": "frames",
    "framenum": "frames",
}
_FIELDS = {
    "label": ("label", "action", "class", "classname"),
    "subject": ("subject", "subjectid", "person", "personid", "performer", "participant", "user"),
    "view": ("view", "camera", "cam"),
    "split": ("split",),
    "repetitions": ("repetitions", "reps"),
    "quality": ("quality",),
    "fps": ("fps", "framerate"),
    "width": ("width", "imagewidth", "videowidth", "framewidth"),
    "height": ("height", "imageheight", "videoheight", "frameheight"),
    "unit": ("units", "unit"),
    "name": ("sequenceid", "sequence", "id", "clip", "clipid", "video", "videoid", "videoname", "name", "session"),
}


@lru_cache(maxsize=1024)
def simplified(name: str) -> str:
    """Return the name of a member or column in lower case, without separators."""
    return "".join(character for character in name.lower() if character.isalnum())


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
