"""Settings of Transform, the preprocessing node."""

from __future__ import annotations

from pydantic import Field

from data.settings.config_section import ConfigSection


class TransformConfig(ConfigSection):
    """Settings of the normalisation of raw keypoints to a pose."""

    confidence_threshold: float = Field(
        0.05,
        gt=0,
        le=1,
        description="a joint with less confidence is blended with an estimate from frames and joints around it",
    )
    align_view: bool = Field(True, description="rotate three-dimensional poses so that the person faces the camera")
    align_upright: bool = Field(
        False,
        description="with align_view, also rotate poses upright, for tilted cameras; unsuitable where people lie down",
    )
    align_side: bool = Field(
        False,
        description="mirror windows in which the left side moves more; unsuitable where a label names a side",
    )
