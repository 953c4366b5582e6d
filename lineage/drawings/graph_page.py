"""A drawing as one self-contained HTML page with zoom, search, and details on click."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from markupsafe import Markup

from data.text import harmless
from lineage.drawings.drawing import SIGNS, Drawing
from lineage.drawings.graph_svg import TEMPLATES, pages, picture

_LEGEND = ("COMPLETE", "CACHED", "FAILED", "RUNNING", "DELETED")


def as_page(drawing: Drawing) -> str:
    """Return the drawing as an HTML page, whose security policy allows its own script only."""
    script = (TEMPLATES / "graph.js").read_text(encoding="utf-8")
    return pages.get_template("graph.html").render(
        title=harmless(drawing.title),
        executions=sum(box.kind == "execution" for box in drawing.boxes.values()),
        artifacts=sum(box.kind == "artifact" for box in drawing.boxes.values()),
        picture=picture(drawing),
        details=json_for_script(
            {
                key: {"title": harmless(box.title), "rows": list(box.details.items())}
                for key, box in drawing.boxes.items()
            }
        ),
        legend=[(state.lower(), *SIGNS[state]) for state in _LEGEND],
        script=Markup(script),
        script_hash=script_hash(script),
    )


def script_hash(script: str) -> str:
    """Return the hash by which a content security policy allows a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def json_for_script(value: Any) -> Markup:
    """Return JSON for a script element: nothing in it ends the element or begins a comment."""
    text = json.dumps(value, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
