"""Drawings as SVG, as a file or as an element of a page."""

from __future__ import annotations

import itertools
from pathlib import Path

from markupsafe import Markup

from data.output.pages import templates
from data.text import harmless
from lineage.drawings.dot_mermaid import label_of
from lineage.drawings.drawing import BOX_SIZE, Drawing
from lineage.drawings.layered_layout import Layout

TEMPLATES = Path(__file__).parent / "templates"

MARGIN = 16.0
_TITLE_LETTERS, _SUBTITLE_LETTERS = 25, 35

pages = templates(TEMPLATES)


def as_svg(drawing: Drawing) -> str:
    """Return the drawing as the content of an SVG file."""
    return pages.get_template("graph.svg").render(picture=picture(drawing, standalone=True))


def picture(drawing: Drawing, *, standalone: bool = False) -> Markup:
    """Return the drawing as an `<svg>` element.

    Args:
        drawing: drawing to show.
        standalone: whether the element contains its own style and background.
    """
    layout = drawing.layout()
    boxes = []
    for key, box in drawing.boxes.items():
        width, height = BOX_SIZE[box.kind]
        x, y = layout.centres[key]
        boxes.append(
            {
                "key": key,
                "kind": box.kind,
                "state": box.state.lower(),
                "x": round(x - width / 2, 1),
                "y": round(y - height / 2, 1),
                "width": width,
                "height": height,
                "title": harmless(box.title, _TITLE_LETTERS),
                "subtitle": harmless(box.subtitle, _SUBTITLE_LETTERS),
                "whole": label_of(box),
            }
        )
    lines = [
        {"source": line.source, "target": line.target, "label": harmless(line.label), "path": _path(drawing, layout, n)}
        for n, line in enumerate(drawing.lines)
    ]
    return Markup(
        pages.get_template("picture.svg").render(
            title=harmless(drawing.title),
            boxes=boxes,
            lines=lines,
            left=-MARGIN,
            width=round(layout.width + 2 * MARGIN, 1),
            height=round(layout.height + 2 * MARGIN, 1),
            standalone=standalone,
        )
    )


def _path(drawing: Drawing, layout: Layout, number: int) -> str:
    """Return the path of a line from box to box through its corners; it is vertical at each of them."""
    line = drawing.lines[number]
    (x1, y1), (x2, y2) = layout.centres[line.source], layout.centres[line.target]
    down = 1 if y2 >= y1 else -1
    start = (x1, y1 + down * BOX_SIZE[drawing.boxes[line.source].kind][1] / 2)
    end = (x2, y2 - down * BOX_SIZE[drawing.boxes[line.target].kind][1] / 2)
    points = [start, *layout.corners.get((line.source, line.target), []), end]
    path = [f"M{start[0]:.1f} {start[1]:.1f}"]
    for (ax, ay), (bx, by) in itertools.pairwise(points):
        middle = (ay + by) / 2
        path.append(f"C{ax:.1f} {middle:.1f} {bx:.1f} {middle:.1f} {bx:.1f} {by:.1f}")
    return "".join(path)
