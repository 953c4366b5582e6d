"""A value of a new pipeline's settings with the reason for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Choice:
    """A value and the reason for it.

    Attributes:
        value: value of the setting.
        reason: sentence for the user.
    """

    value: Any
    reason: str
