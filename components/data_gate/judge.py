"""Holds anomalies and statistics against a policy, and puts what it finds into words."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList as Statistics

_SCHEMA_REMEDY = "compare the data with this feature's entry in the schema"

# By the beginning of TFDV's reason type: what a person can do about it.
_REMEDIES = {
    "ENUM_TYPE_UNEXPECTED": "correct the value in the data; if it is new, add it at the end of the schema's list",
    "FLOAT_TYPE_HAS": "import the data again: a missing joint is 0 with confidence 0",
    "FLOAT_TYPE": "check units and frame rate in the import, or correct the domain in the schema",
    "INT_TYPE": "correct the value in the data, or the domain in the schema",
    "INVALID_FEATURE_SHAPE": "windows, layout and schema must agree: check the layout and windows.length",
    "FEATURE_TYPE": "every window needs this feature exactly once",
    "SCHEMA_NEW_COLUMN": "add the feature to the schema",
}


class Bound(BaseModel):
    """Between which figures a mean must lie."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: float | None = None
    max: float | None = None

    def holds(self, figure: float) -> bool:
        """Tell whether the figure is within; NaN never is."""
        return (self.min is None or figure >= self.min) and (self.max is None or figure <= self.max)

    def __str__(self) -> str:
        return _range(self.min, self.max)


class Policy(BaseModel):
    """What stops a run.

    Attributes:
        warn: `feature/anomaly` patterns (`*` for any) of anomalies that are only told, with TFDV's short description
            for the anomaly, such as `fps/Out-of-range values`. Every other anomaly of severity ERROR stops the run.
        means: feature to the bound that its mean must keep in every split. Single odd windows are in all real
            recordings; a whole split of them is a fault.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    warn: list[str] = Field(default_factory=list)
    means: dict[str, Bound] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        split: it was found in.
        feature: it was found in.
        anomaly: its short name.
        figure: what was found.
        bound: what was expected.
        remedy: what to do.
        stops: whether it stops the run.
    """

    split: str
    feature: str
    anomaly: str
    figure: str
    bound: str
    remedy: str
    stops: bool


def judge(anomalies: Mapping[str, Anomalies], statistics: Mapping[str, Statistics], policy: Policy) -> list[Finding]:
    """Return all findings, those that stop the run first.

    Args:
        anomalies: of each split.
        statistics: of each split.
        policy: what stops.
    """
    findings = [finding for split, found in anomalies.items() for finding in _anomalies(split, found, policy)]
    findings += [finding for split, stats in statistics.items() for finding in _means(split, stats, policy)]
    return sorted(findings, key=lambda finding: not finding.stops)


def as_table(findings: list[Finding]) -> str:
    """Return the findings as aligned lines of text; below each what was found and what to do."""
    rows = [("split", "feature", "anomaly", "expected")]
    rows += [(f.split, f.feature, f.anomaly, f.bound) for f in findings]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    below = [
        textwrap.fill(text, 110, initial_indent=f"    {mark} ", subsequent_indent=" " * (len(mark) + 5))
        for f in findings
        for mark, text in (("found", f.figure), ("->", f.remedy))
    ]
    return "\n".join(
        [lines[0], *(part for n, line in enumerate(lines[1:]) for part in (line, *below[2 * n : 2 * n + 2]))]
    )


def _anomalies(split: str, found: Anomalies, policy: Policy) -> Iterator[Finding]:
    if found.data_missing:
        yield Finding(split, "(data set)", "No data", "0 windows", "some", "check the split policy", True)
    infos = sorted(found.anomaly_info.items())
    if found.HasField("dataset_anomaly_info"):
        infos.append(("(data set)", found.dataset_anomaly_info))
    for name, info in infos:
        feature = ".".join(info.path.step) or name
        for reason in info.reason:
            kind = AnomalyInfo.Type.Name(reason.type)
            demoted = any(fnmatchcase(f"{feature}/{reason.short_description}", pattern) for pattern in policy.warn)
            yield Finding(
                split=split,
                feature=feature,
                anomaly=reason.short_description,
                figure=reason.description.replace("(upto six significant digits)", "").strip(),
                bound=_expected(found.baseline, feature, kind),
                remedy=next((text for start, text in _REMEDIES.items() if kind.startswith(start)), _SCHEMA_REMEDY),
                stops=info.severity == AnomalyInfo.ERROR and not demoted,
            )


def _means(split: str, statistics: Statistics, policy: Policy) -> Iterator[Finding]:
    means = {
        ".".join(feature.path.step) or feature.name: feature.num_stats.mean
        for dataset in statistics.datasets
        for feature in dataset.features
        if feature.HasField("num_stats")
    }
    for name, bound in policy.means.items():
        if name not in means:
            yield Finding(
                split, name, "No statistics", "-", f"mean {bound}", "name features of the windows in the policy", True
            )
        elif not bound.holds(means[name]):
            yield Finding(
                split=split,
                feature=name,
                anomaly="Mean out of bounds",
                figure=f"mean {means[name]:.4g}",
                bound=str(bound),
                remedy="look at the recordings of this split with `poseline data describe`, or change the bound",
                stops=True,
            )


def _expected(schema: Schema, name: str, kind: str) -> str:
    """What the schema asks of a feature, as far as this kind of anomaly is about it."""
    feature = next((feature for feature in schema.feature if feature.name == name), None)
    if feature is None:
        return "-"
    if kind.startswith("ENUM"):
        return f"one of {len(feature.string_domain.value)} values"
    if kind == "INVALID_FEATURE_SHAPE":
        return "shape [" + ", ".join(str(dim.size) for dim in feature.shape.dim) + "]"
    if kind.endswith(("HAS_NAN", "HAS_INF")):
        return "finite numbers"
    if kind.startswith(("FLOAT_TYPE", "INT_TYPE")):
        limits = feature.float_domain if kind.startswith("FLOAT") else feature.int_domain
        return _range(*(getattr(limits, end) if limits.HasField(end) else None for end in ("min", "max")))
    return "once in every window"


def _range(low: float | None, high: float | None) -> str:
    ends = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    return " and ".join(filter(None, ends))
