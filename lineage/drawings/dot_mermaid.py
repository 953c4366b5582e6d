"""Drawings as text for other programs: DOT for Graphviz, Mermaid for Markdown."""

from __future__ import annotations

from data.text import harmless
from lineage.drawings.drawing import Box, Drawing

# State to a DOT style; the sign in the label names the state for those who cannot see the colour.
_DOT_STYLES = {
    "COMPLETE": 'style="filled", fillcolor="#d9ece4"',
    "CACHED": 'style="filled,dashed", fillcolor="#dce9f5"',
    "FAILED": 'style="filled,bold", fillcolor="#f9ddcb"',
    "CANCELED": 'style="filled,bold", fillcolor="#f9ddcb"',
    "RUNNING": 'style="filled", fillcolor="#fdf0cc"',
    "DELETED": 'style="dashed"',
    "ABANDONED": 'style="filled,bold", fillcolor="#f9ddcb"',
}
_MERMAID_STYLES = {
    "COMPLETE": "fill:#d9ece4,stroke:#007a5a,color:#111",
    "CACHED": "fill:#dce9f5,stroke:#0072b2,color:#111,stroke-dasharray:5 3",
    "FAILED": "fill:#f9ddcb,stroke:#b34700,color:#111,stroke-width:3px",
    "CANCELED": "fill:#f9ddcb,stroke:#b34700,color:#111,stroke-width:3px",
    "RUNNING": "fill:#fdf0cc,stroke:#8a6100,color:#111",
    "LIVE": "fill:#f3f3f3,stroke:#555,color:#111",
    "DELETED": "fill:#fff,stroke:#777,color:#555,stroke-dasharray:2 3",
    "ABANDONED": "fill:#f9ddcb,stroke:#b34700,color:#111,stroke-width:3px",
}


def as_dot(drawing: Drawing) -> str:
    """Return the drawing in DOT, for Graphviz."""
    lines = [
        "digraph lineage {",
        f"  graph [label={_dot(drawing.title)}, labelloc=t, fontname=Helvetica];",
        '  node [fontname=Helvetica, fontsize=11]; edge [fontname=Helvetica, fontsize=9, color="#777777"];',
    ]
    for box in drawing.boxes.values():
        shape = "box" if box.kind == "execution" else "ellipse"
        attributes = [f"label={_dot(box.title, box.subtitle)}", f"shape={shape}"]
        if box.state in _DOT_STYLES:
            attributes.append(_DOT_STYLES[box.state])
        lines.append(f"  {box.key} [{', '.join(attributes)}];")
    lines += [f"  {line.source} -> {line.target} [label={_dot(line.label)}];" for line in drawing.lines]
    return "\n".join([*lines, "}", ""])


def as_mermaid(drawing: Drawing) -> str:
    """Return the drawing as Mermaid text, which GitHub and many wikis render."""
    lines = ["flowchart TD"]
    for box in drawing.boxes.values():
        start, end = ("[", "]") if box.kind == "execution" else ("([", "])")
        style = f":::{box.state}" if box.state in _MERMAID_STYLES else ""
        lines.append(f'  {box.key}{start}"{_mermaid(box.title)}<br/>{_mermaid(box.subtitle)}"{end}{style}')
    lines += [f"  {line.source} --> {line.target}" for line in drawing.lines]
    used = {box.state for box in drawing.boxes.values()} & _MERMAID_STYLES.keys()
    return "\n".join([*lines, *(f"  classDef {state} {_MERMAID_STYLES[state]}" for state in sorted(used)), ""])


def label_of(box: Box) -> str:
    """Return both lines of a box as one."""
    return f"{harmless(box.title)}, {harmless(box.subtitle)}"


def _dot(*lines: str) -> str:
    """Return a quoted DOT string, in which only quotes, backslashes and entities have a meaning."""
    signs = str.maketrans({"\\": "\\\\", '"': '\\"', "&": "&amp;"})
    return '"' + "\\n".join(harmless(line).translate(signs) for line in lines) + '"'


def _mermaid(text: str) -> str:
    """Return text for Mermaid, in which every sign that could have a meaning is an entity code."""
    text = harmless(text).replace("\\n", "\\x0a")  # Mermaid begins a line at `\n`, even at its entity codes
    return "".join(c if c.isalnum() or c in " .,-·…_" else f"#{ord(c)};" for c in text)
