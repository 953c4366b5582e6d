"""What of all that is found stops a run: read from the section `data_gate` of the gates file."""

from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Verdict = Literal["pass", "warn", "stop"]


class Bound(BaseModel):
    """Between which figures something must lie."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: float | None = None
    max: float | None = None

    def holds(self, figure: float) -> bool:
        """Tell whether the figure is within; NaN never is."""
        return (self.min is None or figure >= self.min) and (self.max is None or figure <= self.max)

    def __str__(self) -> str:
        ends = [
            f"at least {self.min:g}" if self.min is not None else "",
            f"at most {self.max:g}" if self.max is not None else "",
        ]
        return " and ".join(filter(None, ends))


class Policy(BaseModel):
    """What stops a run.

    Attributes:
        anomalies: `feature/anomaly` pattern (`*` for any) to `pass`, `warn` or `stop`, for the anomalies that
            `components.data_gate.judge` names; the first that matches decides, and what none matches stops.
        means: feature to the bound that its mean must keep in every split. Single odd windows are in all real
            recordings; a whole split of them is a fault.
        min_windows: fewer on either side of a comparison and it is passed: chance alone sets them apart.
        min_people: the same for people; windows of one person are alike.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    anomalies: dict[str, Verdict] = Field(default_factory=dict)
    means: dict[str, Bound] = Field(default_factory=dict)
    min_windows: int = Field(200, ge=0)
    min_people: int = Field(5, ge=0)

    def verdict(self, feature: str, anomaly: str) -> Verdict:
        """What an anomaly of a feature leads to."""
        name = f"{feature}/{anomaly}"
        return next((verdict for pattern, verdict in self.anomalies.items() if fnmatchcase(name, pattern)), "stop")
