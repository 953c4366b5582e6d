"""Records of how the coach's references and settings were made."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from payloads.json_payload import JsonPayload
from payloads.verdict import Figure


class MovementRecord(BaseModel):
    """What the reference of a movement was made of.

    Attributes:
        people: number of people.
        repetitions: number of repetitions of all people.
    """

    model_config = ConfigDict(frozen=True)

    people: int
    repetitions: int


class ReferenceRecord(JsonPayload):
    """What ReferenceBuilder made of which repetitions. Nothing in it names a person.

    Attributes:
        movements: label to what its reference was made of.
        left_out: label without reference to the reason.
        bytes: size of the references.
    """

    FILE: ClassVar[str] = "record.json"

    movements: dict[str, MovementRecord]
    left_out: dict[str, str]
    bytes: int


class CalibrationRecord(JsonPayload):
    """How CoachCalibrator chose the coach's settings.

    Attributes:
        windows: number of windows of the eval split that the temperature was chosen by.
        sessions: number of sessions of the eval split that background, priors, heads and networks were chosen by.
        loss_before: mean negative log likelihood of these windows without calibration; None without windows.
        loss_after: the same with the temperature.
        session_score: mean of frame accuracy, edit score and F1 at 50 % of these sessions; of each with heads and
            networks that were fitted to others, if there are any; None without sessions.
        reasons: setting to why it is as it is, for each that could not be calibrated.
    """

    FILE: ClassVar[str] = "record.json"

    windows: int
    sessions: int
    loss_before: Figure = None
    loss_after: Figure = None
    session_score: Figure = None
    reasons: dict[str, str] = Field(default_factory=dict)
