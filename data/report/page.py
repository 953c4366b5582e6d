"""The HTML page of a report: one file that needs no network and no other file."""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup, escape

from data.errors import InputError
from data.files import output
from data.health import NONE
from data.layouts import load_layout
from data.output.pages import templates
from data.quarantine import Quarantined, read_quarantine
from data.report.collect import Picture, Shown, collect
from data.report.compare import compare
from data.report.draw import Moving, histogram, moving
from data.store import list_spans, read_index, span_folder
from data.text import harmless, natural

SHOWN = 12
"""Number of random, of worst and of quarantined clips that are drawn."""

STYLE, SCRIPT = Path(__file__).parent / "page.css", Path(__file__).parent / "page.js"
"""Files with the style and the script of this page and of others that look like it."""

_ROWS = 60
_SPANS = 20
_NAME_LENGTH = 80
_UNITS = {"image_height": "image heights", "metre": "metres"}

_FIGURES = {
    "missing_share": ("missing joints", "fraction of joints x frames"),
    "mean_confidence": ("confidence", "mean of all joints"),
    "torso_length": ("torso length", "{unit}"),
    "limb_variation": ("limb variation", "standard deviation of bone lengths divided by their mean"),
    "extent": ("extent", "longest side of the body in torso lengths"),
    "stillness": ("stillness", "fraction of steps without movement"),
    "fps": ("frame rate", "frames per second"),
    "centre_x": ("position, x", "of the hips, {unit}"),
    "centre_y": ("position, y", "of the hips, {unit}"),
    "centre_z": ("position, z", "of the hips, {unit}"),
}


class Row(NamedTuple):
    """A bar of a chart.

    Attributes:
        name: name of the bar.
        number: count that the bar shows.
        percent: length of the bar, in percent of the longest.
        other: length of the bar of the other span, in percent; None without another span.
    """

    name: str
    number: int
    percent: float
    other: float | None


class Card(NamedTuple):
    """A clip on the page.

    Attributes:
        name: id of the clip.
        notes: lines of text below the drawing.
        drawing: moving skeleton; None if the clip cannot be drawn.
    """

    name: str
    notes: Sequence[str]
    drawing: Moving | None


def write_report(span_dir: Path, target: Path, against: Path | None = None, *, overwrite: bool = False) -> None:
    """Write the page of a span.

    Args:
        span_dir: the `span-N` folder.
        target: the HTML file; see `data.files.output` for what it may replace.
        against: folder of a span to compare with; None for no comparison.
        overwrite: whether it may replace a file that is not an earlier output.

    Raises:
        InputError: if a sequence of either span is invalid, or the target must not be replaced.
    """
    with output(target, overwrite=overwrite) as made:
        made.write_text(render(span_dir, against), encoding="utf-8")


def render(span_dir: Path, against: Path | None = None) -> str:
    """Return the HTML of the page; see `write_report` for the arguments."""
    here = collect(span_dir, SHOWN)
    other = collect(against) if against else None
    environment = templates(Path(__file__).parent)
    environment.filters |= {"shown": partial(harmless, limit=_NAME_LENGTH), "breakable": _breakable}
    script = SCRIPT.read_text(encoding="utf-8")
    reasons, quarantined = _quarantine(span_dir)
    return environment.get_template("page.html.j2").render(
        title=f"{span_dir.absolute().parent.name} / {span_dir.name}",
        against=f"{against.absolute().parent.name} / {against.name}" if against else None,
        style=STYLE.read_text(encoding="utf-8"),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        layout=here.layout,
        description=here.description,
        clips=here.clips,
        charts=_charts(here, other),
        spans=_spans(span_dir),
        lengths=histogram(here.seconds, other.seconds if other else None),
        figures=_figures(here, other),
        confidence=_confidence(here),
        heat=_heat(here),
        health=_words(here, other),
        differences=compare(here, other) if other else [],
        random=[_card(shown, here) for shown in here.random],
        worst=[_card(shown, here) for shown in here.worst],
        reasons=reasons,
        quarantined=quarantined,
    )


def _charts(here: Picture, other: Picture | None) -> dict[str, tuple[list[Row], int]]:
    """Return the rows of each chart, and the number of rows that were left out."""

    def chart(name: str) -> tuple[list[Row], int]:
        counts: Mapping[str, int] = getattr(here.description, name)
        # Another span has other people.
        return _rows(counts, getattr(other.description, name) if other and name != "subjects" else None)

    charts = {"Classes": chart("classes")}
    if here.description.segments:
        charts["Actions in sessions"] = chart("segments")
    return charts | {"People": chart("subjects"), "Views": chart("views"), "Splits": chart("splits")}


def _rows(counts: Mapping[str, int], other: Mapping[str, int] | None) -> tuple[list[Row], int]:
    total, others = sum(counts.values()), sum(other.values()) if other else 0
    shares = {name: count / total for name, count in counts.items()}
    before = {name: other.get(name, 0) / others for name in counts} if other else {}
    top = max([*shares.values(), *before.values()])
    rows = [
        Row(name, count, 100 * shares[name] / top, 100 * before[name] / top if other else None)
        for name, count in list(counts.items())[:_ROWS]
    ]
    return rows, len(counts) - len(rows)


def _spans(span_dir: Path) -> tuple[list[Row], int]:
    """Return the number of sequences of each span in the data folder."""
    folder = span_dir.absolute().parent
    numbers = list_spans(folder)
    counts = {f"span {n}": len(read_index(span_folder(folder, n))) for n in numbers[-_SPANS:]}
    rows, _ = _rows(counts, None) if counts else ([], 0)
    return rows, len(numbers) - len(rows)


def _figures(here: Picture, other: Picture | None) -> list[dict[str, Any]]:
    unit = _UNITS[here.layout.unit]
    return [
        {
            "title": title,
            "unit": words.format(unit=unit),
            "bars": histogram(here.figures[name], other.figures.get(name) if other else None),
            "median": float(np.median(here.figures[name])),
            "other": float(np.median(other.figures[name])) if other and name in other.figures else None,
        }
        for name, (title, words) in _FIGURES.items()
        if name in here.figures
    ]


def _confidence(here: Picture) -> list[tuple[str, float]]:
    return [(joint, float(mean)) for joint, mean in zip(here.layout.joints, here.confidence, strict=True)]


def _heat(here: Picture) -> dict[str, Any]:
    labels = sorted(here.missing, key=lambda label: -float(here.missing[label].mean()))[:_ROWS]
    labels = [label for label in here.missing if label in set(labels)]
    shares = np.stack([here.missing[label] for label in labels], axis=1)
    top = max(float(shares.max()), 0.01)
    return {
        "labels": labels,
        "left_out": len(here.missing) - len(labels),
        "top": top,
        "rows": [
            (joint, side, [(float(share), round(float(share) / top, 3)) for share in row])
            for joint, side, row in zip(here.layout.joints, here.layout.sides, shares, strict=True)
        ],
    }


def _words(here: Picture, other: Picture | None) -> dict[str, tuple[list[Row], int]]:
    return {
        "Left and right": _rows(_by_count(here.words["sides"]), other.words["sides"] if other else None),
        "Broken joints": _rows(_by_count(here.words["broken_joint"]), other.words["broken_joint"] if other else None),
    }


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (item[0] != NONE, -item[1], natural(item[0]))))


def _card(shown: Shown, here: Picture) -> Card:
    about = " · ".join(shown.about)
    return Card(shown.name, (*shown.faults, about), moving(shown.keypoints, here.layout, shown.seconds, shown.joint))


def _quarantine(span_dir: Path) -> tuple[list[tuple[str, int]], list[Card]]:
    """Return the number of records by reason, and some records, with as many different reasons as possible."""
    reasons: Counter[str] = Counter()
    chosen: list[tuple[int, Quarantined]] = []
    for record in read_quarantine(span_dir):
        if reasons[record.reason] < SHOWN and len(chosen) < SHOWN * _ROWS:
            chosen.append((reasons[record.reason], record))
        reasons[record.reason] += 1
    chosen.sort(key=lambda entry: entry[0])
    cards = [
        Card(
            record.sequence_id or f"record {record.record}",
            (record.reason, record.detail, f"{Path(record.file).name}, record {record.record}"),
            _quarantined_drawing(record),
        )
        for _, record in chosen[:SHOWN]
    ]
    return reasons.most_common(_ROWS), cards


def _quarantined_drawing(record: Quarantined) -> Moving | None:
    """Return the drawing of a quarantined record, None if it does not have the shape of poses."""
    if not record.poses or not record.layout:
        return None
    try:
        layout = load_layout(record.layout)
        poses = np.array(record.poses, np.float32)
    except (InputError, ValueError):
        return None
    if poses.ndim != 3 or poses.shape[1] != len(layout.joints) or poses.shape[2] not in (3, 4):
        return None
    poses[~np.isfinite(poses).all(axis=-1)] = 0
    return moving(poses, layout, len(poses) / 4)


def _breakable(text: object) -> Markup:
    """Return a safe text in HTML that may break after an underscore."""
    return escape(harmless(text, _NAME_LENGTH)).replace("_", Markup("_<wbr>"))
