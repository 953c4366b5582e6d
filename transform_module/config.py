"""Configuration of Transform."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TransformConfig(BaseModel):
    """How raw keypoints become a normalised pose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    confidence_threshold: float = Field(
        0.05, gt=0, le=1, description="a joint seen with less confidence is blended with what is known around it"
    )
    align_view: bool = Field(True, description="turn three-dimensional poses so that the person faces the camera")
    align_upright: bool = Field(
        False,
        description="with align_view: turn them upright, too, for cameras that look down; not where people lie",
    )
    align_side: bool = Field(
        False,
        description="mirror windows in which the left side moves more; not where a label tells the side",
    )
