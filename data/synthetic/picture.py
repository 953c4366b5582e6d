"""The animated picture of the eight movements in the documentation.

Run `python -m data.synthetic.picture docs/images/baduanjin.svg` to make it. A viewer without animation shows the
typical pose of each movement.
"""

import sys
from pathlib import Path

import numpy as np

from data.layouts import load_layout
from data.synthetic.camera import Camera
from data.synthetic.curves import monotone_curve
from data.synthetic.kinematics import animate
from data.synthetic.movements import MOVEMENTS, Movement
from data.synthetic.person import AVERAGE_BODY
from data.synthetic.poses import Floats

_COLUMNS, _WIDTH, _HEIGHT, _GAP = 4, 216, 232, 12
_FLOOR = 184
_FRAMES = 28
_LIMBS = {
    "left": (("left_shoulder", "left_elbow", "left_wrist"), ("left_hip", "left_knee", "left_ankle")),
    "right": (("right_shoulder", "right_elbow", "right_wrist"), ("right_hip", "right_knee", "right_ankle")),
}
_TRUNK = ("left_shoulder", "right_shoulder", "right_hip", "left_hip", "left_shoulder")
_KNOWN_BY = (4, 3, 3, 1, 2, 6, 2, 0)
"""Number of the typical key pose of each movement."""

_LAYOUT = load_layout("coco17")
_NOSE, _EARS = _LAYOUT.index("nose"), [_LAYOUT.index("left_ear"), _LAYOUT.index("right_ear")]


def draw() -> str:
    """Return the picture as SVG."""
    rows = -(-len(MOVEMENTS) // _COLUMNS)
    width, height = _COLUMNS * (_WIDTH + _GAP) + _GAP, rows * (_HEIGHT + _GAP) + _GAP
    panels = [_panel(number, movement) for number, movement in enumerate(MOVEMENTS)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            "<title>The eight movements of Baduanjin, synthetic</title>",
            "<style>path{fill:none;stroke-width:7;stroke-linecap:round;stroke-linejoin:round}"
            "text{font:600 12px system-ui,sans-serif;fill:#33415c;text-anchor:middle}</style>",
            *panels,
            "</svg>\n",
        ]
    )


def _panel(number: int, movement: Movement) -> str:
    x = _GAP + number % _COLUMNS * (_WIDTH + _GAP)
    y = _GAP + number // _COLUMNS * (_HEIGHT + _GAP)
    frames, still, seconds = _film(movement, _KNOWN_BY[number])
    timing = f'dur="{seconds:.1f}s" repeatCount="indefinite"'
    lines = [
        f'<g transform="translate({x} {y})">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="14" fill="#f4f1ea"/>',
        f'<path stroke="#ddd6c8" style="stroke-width:2" d="M24 {_FLOOR}H{_WIDTH - 24}"/>',
        f'<text x="{_WIDTH // 2}" y="{_HEIGHT - 14}">{number + 1}  {movement.label.replace("_", " ")}</text>',
    ]
    # The trunk is drawn between the limbs of the two sides.
    for side, strokes in (("right", _LIMBS["right"]), ("centre", (_TRUNK,)), ("left", _LIMBS["left"])):
        paths = [_path(pose, strokes) for pose in (still, *frames)]
        lines.append(
            f'<path stroke="{_LAYOUT.colours[side]}" d="{paths[0]}">'  # type: ignore[index]
            f'<animate attributeName="d" values="{";".join(paths[1:])}" {timing}/></path>'
        )
    film = (still, *frames)
    lines.append(_dot([_head(pose) for pose in film], 12, _LAYOUT.colours["centre"], timing))
    lines.append(_dot([0.3 * _head(pose) + 0.7 * pose[_NOSE] for pose in film], 3, "#f4f1ea", timing))
    return "".join([*lines, "</g>"])


def _film(movement: Movement, known_by: int) -> tuple[Floats, Floats, float]:
    """Return the frames `[_FRAMES, 17, 2]` of one cycle in a panel's coordinates, the typical pose, and the seconds."""
    cycle = movement.cycles[0]
    keys = cycle + tuple(key.mirrored() for key in cycle) if movement.sided else cycle
    times, poses, now = [0.0], [keys[-1].pose.to_vector()], 0.0
    for key in keys:
        for step in (key.seconds, key.hold):
            if step:
                now += step
                times.append(now)
                poses.append(key.pose.to_vector())
    at = np.append(np.linspace(0.0, now, _FRAMES), 0.0)
    motion = np.vstack([monotone_curve(np.array(times), np.array(poses), at[:-1]), cycle[known_by].pose.to_vector()])
    camera = Camera("front", 8.0, 4.0, 0.0, 4.6, 1.85, np.array([0.0, 0.88, 0.0]), _WIDTH / (_HEIGHT - 24))
    image, _ = camera.project(animate(AVERAGE_BODY, motion).joints)
    # The figure stays in the middle of the panel when it steps to the side.
    image[..., 0] += 0.5 * camera.aspect - image[..., 0].mean(axis=1, keepdims=True)
    image *= _HEIGHT - 24
    return image[:-1], image[-1], now


def _path(pose: Floats, strokes: tuple[tuple[str, ...], ...]) -> str:
    points = [[pose[_LAYOUT.index(joint)].round().astype(int) for joint in stroke] for stroke in strokes]
    return "".join("M" + " ".join(f"{x} {y}" for x, y in stroke) for stroke in points)


def _dot(places: list[Floats], radius: int, colour: str, timing: str) -> str:
    """Return a circle that is at the first position without animation, and moves through the others."""
    x, y = np.array(places).round().astype(int).T
    moves = "".join(
        f'<animate attributeName="{name}" values="{";".join(map(str, values[1:]))}" {timing}/>'
        for name, values in (("cx", x), ("cy", y))
    )
    return f'<circle r="{radius}" fill="{colour}" cx="{x[0]}" cy="{y[0]}">{moves}</circle>'


def _head(pose: Floats) -> Floats:
    return pose[_EARS].mean(axis=0)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(), encoding="utf-8")
