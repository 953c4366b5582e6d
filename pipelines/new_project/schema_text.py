"""The text of a curated schema for a span, with the reason for every bound as a comment."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence

from pipelines.new_project.choices import Choices
from pipelines.new_project.survey import Health, Survey
from schema.window_contract import KEYPOINTS, LABEL

MARGIN = 0.5
"""Part of a figure's range by which its bounds are wider than the data: other people and rooms differ."""

FACTOR = 2.0
"""Factor by which bounds of lengths are wider than the data at least: others stand nearer or farther away."""

PLACE = {2: 0.5, 3: 2.0}
"""Distance by which bounds of a place are wider than the data at least, by dimensions: image heights or metres."""

_LENGTHS = ("torso_length", "limb_variation", "extent")

_SHARES = ("missing_share", "mean_confidence", "stillness", "window_fill")
_COMPARED = ("missing_share", "mean_confidence", "torso_length", "limb_variation", "extent")
_DRIFT = 0.3  # above the distance of random halves of the people in each of the four public data sets
_WORD_DRIFT = 0.2
_MASS_MARGIN = 0.1
_COMMON = 0.02  # a category in fewer windows is an exception, which `min_domain_mass` allows


def schema_text(survey: Survey, choices: Choices, health: Health) -> str:
    """Return the schema in the text format of `.pbtxt` files.

    Args:
        survey: the span.
        choices: settings chosen for it.
        health: figures of its windows.
    """
    length, joints = choices.length.value, len(survey.layout.joints)
    low, high = health.ranges[KEYPOINTS]
    place = PLACE[survey.dimensions]
    unit = "metres" if survey.dimensions == 3 else "image heights"
    header = [
        f"# Made by `poseline init` from {health.windows} windows of your recordings. Change what you know better: the",
        "# next `poseline init` keeps your changes. Bounds are those of the data and half their range on either side,",
        f"# and at least a factor of {FACTOR:g} for lengths, and {place:g} {unit} for places: other people differ.",
        "",
        f"# The window: {choices.length.reason}",
    ]
    blocks = [
        _feature(
            KEYPOINTS,
            "FLOAT",
            f"shape {{ dim {{ size: {length} }} dim {{ size: {joints} }} dim {{ size: {survey.channels} }} }}",
            f"# {unit}, seen from {low:.3g} to {high:.3g}; confidence, 0 to 1, shares the range.",
            _float_domain(*_wider(min(low, 0.0), max(high, 1.0), place), "disallow_inf: true"),
        ),
        f"# {choices.labels.reason}",
        _feature(LABEL, "BYTES", *_string_domain(choices.labels.value), *_comparators("infinity_norm", _WORD_DRIFT)),
        _feature(
            "label_id",
            "INT",
            "# -1 stands for a label that is not in the list.",
            f"int_domain {{ min: -1 max: {len(choices.labels.value) - 1} is_categorical: true }}",
        ),
        *(_feature(name, "BYTES") for name in ("subject", "sequence_id", "view")),
        _feature("start_frame", "INT", "int_domain { min: 0 }"),
        "# Health of a window; data/health.py defines each figure.",
        *(_number(name, *found, place) for name, found in health.ranges.items() if name != KEYPOINTS),
        *(_category(name, counts) for name, counts in health.words.items()),
    ]
    return "\n".join([*header, *blocks]) + "\n"


def _feature(name: str, kind: str, *lines: str) -> str:
    own = lines if any(line.startswith("shape") for line in lines) else ("shape { dim { size: 1 } }", *lines)
    body = [f'name: "{name}"', f"type: {kind}", "presence { min_fraction: 1 min_count: 1 }", *own]
    return "\n".join(["feature {", *(f"  {line}" for line in body), "}"])


def _number(name: str, low: float, high: float, place: float) -> str:
    drift = _comparators("jensen_shannon_divergence", _DRIFT) if name in _COMPARED else ()
    return _feature(
        name, "FLOAT", f"# Seen: {low:.3g} to {high:.3g}.", _float_domain(*_bounds(name, low, high, place)), *drift
    )


def _bounds(name: str, low: float, high: float, place: float) -> tuple[float, float]:
    """Return bounds of a figure that hold for other people, too."""
    if name in _SHARES:
        return 0.0, 1.0
    if name == "fps":
        return min(5.0, low / FACTOR), max(240.0, high * FACTOR)
    if name in _LENGTHS:
        wide = _wider(low, high)
        return min(wide[0], low / FACTOR), max(wide[1], high * FACTOR)
    return _wider(low, high, place)


def _wider(low: float, high: float, least: float = 1e-3) -> tuple[float, float]:
    """Return bounds that are wider by `MARGIN` of the range on either side, and by `least`."""
    margin = max(MARGIN * (high - low), MARGIN * 0.1 * abs(high), least)
    return low - margin, high + margin


def _category(name: str, counts: Counter[str]) -> str:
    total = counts.total()
    allowed = sorted({word for word, count in counts.items() if count / total >= _COMMON} | _usual(name))
    mass = sum(counts[word] for word in allowed) / total
    seen = ", ".join(f"{word} {count / total:.0%}" for word, count in counts.most_common(4))
    return _feature(
        name,
        "BYTES",
        f"# Seen: {seen}.",
        *_string_domain(allowed),
        f"distribution_constraints {{ min_domain_mass: {max(0.0, math.floor(100 * (mass - _MASS_MARGIN)) / 100):g} }}",
        *_comparators("infinity_norm", _WORD_DRIFT),
    )


def _usual(name: str) -> set[str]:
    return {"none"} if name == "broken_joint" else {"as_named", "unclear"}


def _string_domain(words: Sequence[str]) -> Iterator[str]:
    yield "string_domain {"
    yield from (f"  value: {_quoted(word)}" for word in words)
    yield "}"


def _quoted(word: str) -> str:
    """Return a word as a string of the text format, whose escapes are those of JSON for ASCII text."""
    return json.dumps(word, ensure_ascii=False)


def _float_domain(low: float, high: float, more: str = "") -> str:
    text = f"min: {_rounded(low, math.floor)} max: {_rounded(high, math.ceil)} disallow_nan: true"
    return f"float_domain {{ {' '.join(filter(None, [text, more]))} }}"


def _rounded(value: float, way: object) -> str:
    """Return a bound with two significant digits, rounded away from the data."""
    if not value:
        return "0"
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return f"{way(value / unit) * unit:.6g}"  # type: ignore[operator]


def _comparators(measure: str, threshold: float) -> Iterator[str]:
    for comparator in ("skew_comparator", "drift_comparator"):
        yield f"{comparator} {{ {measure} {{ threshold: {threshold:g} }} }}"
