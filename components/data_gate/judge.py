"""Compares anomalies and statistics with the policy of DataGate and describes every finding."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo, DriftSkewInfo
from tensorflow_metadata.proto.v0.schema_pb2 import Feature, Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList as Statistics
from tensorflow_metadata.proto.v0.statistics_pb2 import FeatureNameStatistics, Histogram

from components.data_gate.window_evidence import UNKNOWN, Deviation, WindowEvidence, among, not_among, outside
from payloads.data_judgement import Finding
from schema.gates import Bound, DataPolicy

# Prefix of TFDV's reason type to the name of the anomaly in policies and tables, and what a person can do about it.
_KINDS = {
    "ENUM_TYPE_UNEXPECTED": ("value", "correct the value in the data; a new one goes to the end of the schema's list"),
    "FLOAT_TYPE_HAS": ("not finite", "import the data again: a missing joint is 0 with confidence 0"),
    "FLOAT_TYPE_": ("range", "check units and frame rate in the import, or correct the domain in the schema"),
    "INT_TYPE_": ("range", "correct the value in the data, or the domain in the schema"),
    "INVALID_FEATURE_SHAPE": ("shape", "windows, layout and schema must agree: check the layout and windows.length"),
    "FEATURE_TYPE_": ("presence", "every window needs this feature exactly once"),
    "SCHEMA_NEW_COLUMN": ("new feature", "add the feature to the schema"),
    "SCHEMA_MISSING_COLUMN": ("presence", "every window needs this feature exactly once"),
    "COMPARATOR_CONTROL_DATA": ("not compared", "the other side has no such feature: compare again with the next span"),
    "COMPARATOR_TREATMENT_DATA": ("not compared", "compare again with the next span"),
}
MOST_SPREAD = 2.0
"""Largest ratio of a feature's spread in the training split to that of the last blessed span at which drift may be
chance. If some people are faulty, the people differ so much that any distance would look like chance."""

Measurement = DriftSkewInfo.Measurement
_OTHER = ("other", "compare the data with this feature's entry in the schema")
_TOO_FAR = ("COMPARATOR_L_INFTY", "COMPARATOR_JENSEN", "COMPARATOR_NORMALIZED")  # taken from the measurements

_MEASURES = {
    Measurement.JENSEN_SHANNON_DIVERGENCE: "Jensen-Shannon divergence",
    Measurement.L_INFTY: "largest difference of frequencies",
    Measurement.NORMALIZED_ABSOLUTE_DIFFERENCE: "normalised difference",
}

# Prefix of a health feature to advice that is more specific than that for the kind of anomaly.
_REMEDIES = {
    "sides": "left and right are swapped, or the image is mirrored: check the layout and the mirroring in the import",
    "broken_joint": "look at the joint with `poseline data report`; fix the tracker or the order of joints",
    "centre_": "people are in another part of the image: check origin, cropping and units in the import",
    "torso_length": "people have another size: check units and image height in the import",
    "extent": "limbs are too long or too short for the torso: check joint order and units in the import",
    "limb_variation": "limbs change their length as they move: check joint order, tracking and the person selected",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Input of the gate.

    Attributes:
        anomalies: anomalies of each split, by its name.
        statistics: statistics of each split, by its name.
        baseline: statistics of each split of the last blessed span, by its name; empty if there is none.
        baseline_name: name of the last blessed span for messages.
        windows: search for the windows that show an anomaly.
    """

    anomalies: Mapping[str, Anomalies]
    statistics: Mapping[str, Statistics]
    baseline: Mapping[str, Statistics]
    baseline_name: str
    windows: WindowEvidence


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of a comparison.

    Attributes:
        here: statistics that are judged.
        there: statistics that they are compared with.
    """

    here: Statistics
    there: Statistics

    @property
    def windows(self) -> int:
        """Number of windows of the smaller side."""
        return min(side.datasets[0].num_examples for side in (self.here, self.there))

    @property
    def people(self) -> tuple[int, int]:
        """Number of people on either side."""
        here, there = (_feature(side, "subject").string_stats.unique for side in (self.here, self.there))
        return here, there


def judge(evidence: Evidence, policy: DataPolicy) -> list[Finding]:
    """Return all findings, those that stop the run first."""
    findings: list[Finding] = []
    for split in evidence.anomalies:
        findings += [*_anomalies(split, evidence, policy), *_comparisons(split, evidence, policy)]
    findings += [finding for split in evidence.statistics for finding in _means(split, evidence, policy)]
    return sorted(findings, key=lambda finding: ("stop", "warn", "pass").index(finding.verdict))


def _anomalies(split: str, evidence: Evidence, policy: DataPolicy) -> Iterator[Finding]:
    found = evidence.anomalies[split]
    if found.data_missing:
        yield Finding(
            split=split,
            feature="(data set)",
            anomaly="no data",
            figure="0 windows",
            bound="some",
            remedy="check the split policy",
            verdict="stop",
        )
    infos = sorted(found.anomaly_info.items())
    if found.HasField("dataset_anomaly_info"):
        infos.append(("(data set)", found.dataset_anomaly_info))
    schema = {feature.name: feature for feature in found.baseline.feature}
    for name, info in infos:
        feature = ".".join(info.path.step) or name
        for reason in info.reason:
            type_name = AnomalyInfo.Type.Name(reason.type)
            if type_name.startswith(_TOO_FAR):
                continue
            kind, remedy = next((entry for start, entry in _KINDS.items() if type_name.startswith(start)), _OTHER)
            bound, deviation = _expected(schema.get(feature), found.baseline, kind)
            yield Finding(
                split=split,
                feature=feature,
                anomaly=kind,
                figure=reason.description.replace("(upto six significant digits)", "").strip(),
                bound=bound,
                remedy=_remedy(feature, remedy),
                verdict=policy.reaction(feature, kind) if info.severity == AnomalyInfo.ERROR else "warn",
                witness=evidence.windows.find(split, feature, deviation) if deviation else UNKNOWN,
            )


def _comparisons(split: str, evidence: Evidence, policy: DataPolicy) -> Iterator[Finding]:
    """Yield a finding for each distance above its threshold."""
    here = evidence.statistics[split]
    for info in evidence.anomalies[split].drift_skew_info:
        feature = ".".join(info.path.step)
        for kind, measured, there, name in (
            ("drift", info.drift_measurements, evidence.baseline.get(split), evidence.baseline_name),
            ("skew", info.skew_measurements, evidence.statistics.get("train"), "train"),
        ):
            for measurement in measured:
                if there is None or measurement.value <= measurement.threshold:
                    continue
                change, deviation = _change(_feature(here, feature), _feature(there, feature), name)
                finding = Finding(
                    split=split,
                    feature=feature,
                    anomaly=kind,
                    figure=f"{_MEASURES[measurement.type]} {measurement.value:.2f}; {change}",
                    bound=f"at most {measurement.threshold:g} from {name}",
                    remedy=_remedy(feature, "look at both with `poseline data report DIR --against OTHER`"),
                    verdict=policy.reaction(feature, kind),
                    witness=evidence.windows.find(split, feature, deviation),
                )
                yield _warn_if_chance_explains(finding, measurement.value, Sides(here, there), evidence, policy)


def _warn_if_chance_explains(
    finding: Finding, distance: float, sides: Sides, evidence: Evidence, policy: DataPolicy
) -> Finding:
    """Let a finding only warn if a side is small, or if random groups of the training people differ as much.

    For drift, these people are themselves judged: they must not differ much more than those of the last blessed span.
    """
    if finding.verdict != "stop":
        return finding
    if sides.windows < policy.min_windows or min(sides.people) < policy.min_people:
        reason = f" (one side has no more than {sides.windows} windows or {min(sides.people)} people)"
    else:
        bound = evidence.windows.chance_bound(finding.feature, min(sides.people) / sum(sides.people))
        if bound is None or distance > bound or (finding.anomaly == "drift" and _is_wider(finding.feature, evidence)):
            return finding
        reason = f" (chance: random groups of the training people are up to {bound:.2f} apart)"
    return finding.model_copy(update={"verdict": "warn", "figure": finding.figure + reason})


def _is_wider(feature: str, evidence: Evidence) -> bool:
    """Return whether a feature is spread much more over the training split than over that of the last blessed span."""
    if "train" not in evidence.statistics or "train" not in evidence.baseline:
        return False
    here, before = (_feature(side["train"], feature) for side in (evidence.statistics, evidence.baseline))
    return _spread(here) > MOST_SPREAD * _spread(before)


def _spread(statistics: FeatureNameStatistics) -> float:
    """Return the standard deviation of numbers; of words the root of the probability that two of them differ."""
    if statistics.HasField("num_stats"):
        return statistics.num_stats.std_dev
    return math.sqrt(max(0.0, 1 - sum(share**2 for share in _shares(statistics).values())))


def _change(here: FeatureNameStatistics, there: FeatureNameStatistics, name: str) -> tuple[str, Deviation]:
    """Describe the difference between two statistics of a feature; return also the deviation that causes it."""
    if not here.HasField("num_stats"):
        shares, before = _shares(here), _shares(there)
        gained = max(shares, key=lambda word: shares[word] - before.get(word, 0.0), default="")
        words = f"{json.dumps(gained)} in {shares.get(gained, 0):.0%} of windows, {before.get(gained, 0):.0%} in {name}"
        return words, among(frozenset([gained]))
    low, high = _middle(there)
    return (
        f"mean {here.num_stats.mean:.3g}, {there.num_stats.mean:.3g} in {name}, where 80 % lie in {low:.3g} to"
        f" {high:.3g}; the windows outside are counted",
        outside(low, high),
    )


def _shares(statistics: FeatureNameStatistics) -> dict[str, float]:
    counts = {bucket.label: bucket.sample_count for bucket in statistics.string_stats.rank_histogram.buckets}
    total = sum(counts.values()) or 1.0
    return {word: count / total for word, count in counts.items()}


def _middle(statistics: FeatureNameStatistics) -> tuple[float, float]:
    """Return the first and the last decile."""
    deciles = next(h.buckets for h in statistics.num_stats.histograms if h.type == Histogram.QUANTILES)
    return deciles[0].high_value, deciles[-1].low_value


def _means(split: str, evidence: Evidence, policy: DataPolicy) -> Iterator[Finding]:
    for name, bound in policy.means.items():
        statistics = _feature(evidence.statistics[split], name)
        if not statistics.HasField("num_stats"):
            yield Finding(
                split=split,
                feature=name,
                anomaly="mean",
                figure="no statistics",
                bound=f"mean {bound}",
                remedy="use only features of the windows in the policy (data_gate.means)",
                verdict="stop",
            )
        elif not bound.allows(statistics.num_stats.mean):
            mean = statistics.num_stats.mean
            finding = Finding(
                split=split,
                feature=name,
                anomaly="mean",
                figure=f"mean {mean:.4g}",
                bound=f"mean {bound}",
                remedy=_remedy(name, "look at the recordings with `poseline data report`, or change the bound"),
                verdict=policy.reaction(name, "mean"),
                witness=evidence.windows.find(split, name, outside(bound.min, bound.max)),
            )
            off = evidence.windows.chance_of_mean(split, name) if finding.verdict == "stop" else None
            if off and (bound.allows(mean - off) or bound.allows(mean + off)):
                reason = f" (chance: the mean of as many training people is up to {off:.2g} off)"
                finding = finding.model_copy(update={"verdict": "warn", "figure": finding.figure + reason})
            yield finding


def _feature(statistics: Statistics, name: str) -> FeatureNameStatistics:
    """Return the statistics of a feature; empty ones if there are none."""
    features = (feature for dataset in statistics.datasets for feature in dataset.features)
    return next((f for f in features if (".".join(f.path.step) or f.name) == name), FeatureNameStatistics())


def _expected(feature: Feature | None, schema: Schema, kind: str) -> tuple[str, Deviation | None]:
    """Return what the schema expects of a feature, in words, and the deviation of windows that differ."""
    if feature is None:
        return "-", None
    if kind == "value":
        words = feature.string_domain.value
        if feature.domain:
            words = next(domain.value for domain in schema.string_domain if domain.name == feature.domain)
        named = ", ".join(words) if len(words) <= 3 else f"one of {len(words)} values"
        mass = feature.distribution_constraints.min_domain_mass
        return named + (f" in {mass:.0%} of windows" if mass < 1 else ""), not_among(frozenset(words))
    if kind == "shape":
        return "shape [" + ", ".join(str(dim.size) for dim in feature.shape.dim) + "]", None
    if kind == "not finite":
        return "finite numbers", None
    if kind == "range":
        limits = feature.int_domain if feature.HasField("int_domain") else feature.float_domain
        ends = Bound(**{end: getattr(limits, end) for end in ("min", "max") if limits.HasField(end)})
        return str(ends), outside(ends.min, ends.max)
    return ("-" if kind == "not compared" else "once in every window"), None


def _remedy(feature: str, otherwise: str) -> str:
    return next((text for start, text in _REMEDIES.items() if feature.startswith(start)), otherwise)
