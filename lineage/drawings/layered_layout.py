"""Places the boxes of a directed graph in layers, edges pointing down.

The classic layered layout: longest-path layers, corners of long edges as invisible boxes, barycentre sweeps against
crossings, then positions by least squares. It is here because what there is does not fit: grandalf is no longer kept
up, igraph is GPL, networkx orders no layers, Graphviz is a program that may be missing.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_SWEEPS = 12
_CORNER_WIDTH = 14.0
_MOST_IN_A_ROW = 24


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands, in pixels.

    Attributes:
        centres: box to the centre of it.
        corners: (source, target) of an edge to the points that it passes on its way, in order.
        width: of the drawing.
        height: of the drawing.
    """

    centres: dict[Hashable, tuple[float, float]]
    corners: dict[tuple[Hashable, Hashable], list[tuple[float, float]]]
    width: float
    height: float


@dataclass(slots=True)
class _Grid:
    """Boxes and corners in their layers; neighbours are always one layer apart."""

    layers: list[list[Hashable]]
    above: dict[Hashable, list[Hashable]] = field(default_factory=dict)
    below: dict[Hashable, list[Hashable]] = field(default_factory=dict)


def place(
    sizes: Mapping[Hashable, tuple[float, float]],
    edges: Iterable[tuple[Hashable, Hashable]],
    *,
    gap: tuple[float, float] = (18.0, 30.0),
) -> Layout:
    """Lays a graph out.

    Args:
        sizes: box to its width and height; the order breaks ties.
        edges: pairs of boxes; edges that would close a circle do not count for the layers.
        gap: between boxes of a layer, and between layers.
    """
    pairs = [pair for pair in dict.fromkeys(edges) if pair[0] != pair[1]]
    layer_of = _layers(list(sizes), pairs)
    # An edge that closes a circle is laid as if it pointed down.
    laid = {pair: pair if layer_of[pair[0]] < layer_of[pair[1]] else pair[::-1] for pair in pairs}
    grid = _grid(list(sizes), laid.values(), layer_of)
    _order(grid)
    # Many boxes in a layer stand in several rows, each box to the right of the one before and one row lower.
    rows = [math.ceil(sum(box in sizes for box in layer) / _MOST_IN_A_ROW) or 1 for layer in grid.layers]
    shares = {
        box: (sizes[box][0] + gap[0]) / count - gap[0] if box in sizes else _CORNER_WIDTH
        for layer, count in zip(grid.layers, rows, strict=True)
        for box in layer
    }
    x = _positions(grid, shares, gap[0])
    left = min((centre - (sizes[box][0] if box in sizes else 0.0) / 2 for box, centre in x.items()), default=0.0)
    x = {box: centre - left for box, centre in x.items()}
    y, top = dict[Hashable, float](), 0.0
    for layer, count in zip(grid.layers, rows, strict=True):
        height = max((sizes[box][1] for box in layer if box in sizes), default=0.0)
        step = height + gap[1] / 2
        boxes = [box for box in layer if box in sizes]
        y |= {box: top + height / 2 + step * (number % count) for number, box in enumerate(boxes)}
        y |= {box: top + height / 2 + step * (count - 1) / 2 for box in layer if box not in sizes}
        top += height + step * (count - 1) + gap[1]
    corners = {}
    for pair, (upper, lower) in laid.items():
        points = [(x[c], y[c]) for c in _corners(upper, layer_of[upper] + 1, layer_of[lower])]
        corners[pair] = points if pair == (upper, lower) else points[::-1]
    centres = {box: (x[box], y[box]) for box in sizes}
    right = max((x[box] + size[0] / 2 for box, size in sizes.items()), default=0.0)
    return Layout(centres, corners, max([right, *x.values()]), max(0.0, top - gap[1]))


def _layers(boxes: Sequence[Hashable], pairs: Sequence[tuple[Hashable, Hashable]]) -> dict[Hashable, int]:
    """Longest path from a source; what has fewer edges in than out then moves down to what needs it."""
    after: dict[Hashable, list[Hashable]] = {box: [] for box in boxes}
    before: dict[Hashable, list[Hashable]] = {box: [] for box in boxes}
    for source, target in pairs:
        after[source].append(target)
        before[target].append(source)
    order = _topological(boxes, after)
    rank = {box: number for number, box in enumerate(order)}
    layer = dict.fromkeys(boxes, 0)
    for box in order:
        layer[box] = max((layer[b] + 1 for b in before[box] if rank[b] < rank[box]), default=0)
    for box in reversed(order):
        lower = [layer[b] for b in after[box] if rank[b] > rank[box]]
        if lower and len(before[box]) < len(lower) + (not before[box]):
            layer[box] = min(lower) - 1
    return layer


def _topological(boxes: Sequence[Hashable], after: Mapping[Hashable, Sequence[Hashable]]) -> list[Hashable]:
    """Boxes by depth-first search, without recursion; where there is a circle, some edge of it points back."""
    done: dict[Hashable, None] = {}
    seen: set[Hashable] = set()
    for start in reversed(boxes):
        stack = [(start, iter(after[start]))] if start not in seen else []
        seen.add(start)
        while stack:
            box, rest = stack[-1]
            following = next((b for b in rest if b not in seen), None)
            if following is None:
                done[box] = None
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(after[following])))
    return list(done)[::-1]


def _corners(source: Hashable, first: int, last: int) -> list[Hashable]:
    """Corners of the edges from a source; edges from one source share them, so that they run as one line."""
    return [("corner", source, layer) for layer in range(first, last)]


def _grid(
    boxes: Sequence[Hashable], pairs: Iterable[tuple[Hashable, Hashable]], layer_of: Mapping[Hashable, int]
) -> _Grid:
    depth = max(layer_of.values(), default=-1) + 1
    grid = _Grid([[] for _ in range(depth)])
    links: dict[tuple[Hashable, Hashable], None] = {}
    placed = dict(layer_of)
    for source, target in pairs:
        chain = [source, *_corners(source, layer_of[source] + 1, layer_of[target]), target]
        placed |= {corner: layer_of[source] + number for number, corner in enumerate(chain[:-1])}
        links |= dict.fromkeys(itertools.pairwise(chain))
    for box, layer in placed.items():
        grid.layers[layer].append(box)
        grid.above[box], grid.below[box] = [], []
    for upper, lower in links:
        grid.below[upper].append(lower)
        grid.above[lower].append(upper)
    return grid


def _order(grid: _Grid) -> None:
    """Orders each layer by the mean place of its neighbours, down and up in turn; the order with fewest crossings."""
    best, fewest = [list(layer) for layer in grid.layers], _crossings(grid)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        near = grid.above if down else grid.below
        for fixed, layer in itertools.pairwise(grid.layers if down else grid.layers[::-1]):
            rank = {box: number for number, box in enumerate(fixed)}
            own = {box: number for number, box in enumerate(layer)}
            layer.sort(key=lambda b: sum(rank[n] for n in near[b]) / len(near[b]) if near[b] else own[b])
        crossings = _crossings(grid)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in grid.layers], crossings
        if not fewest:
            break
    grid.layers = best


def _crossings(grid: _Grid) -> int:
    total = 0
    for upper, lower in itertools.pairwise(grid.layers):
        rank = {box: number for number, box in enumerate(lower)}
        passed: list[int] = []
        for box in upper:
            ends = sorted(rank[b] for b in grid.below[box])
            total += sum(len(passed) - bisect.bisect_right(passed, end) for end in ends)
            for end in ends:
                bisect.insort(passed, end)
    return total


def _positions(grid: _Grid, width: Mapping[Hashable, float], gap: float) -> dict[Hashable, float]:
    """Centres, left to right: each layer as near to its neighbours as the order and the gaps let it."""
    x: dict[Hashable, float] = {}
    for layer in grid.layers:
        left = 0.0
        for box in layer:
            x[box] = left + width[box] / 2
            left += width[box] + gap
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in grid.layers if down else reversed(grid.layers):
            wanted = []
            for box in layer:
                near = grid.above[box] if down else grid.below[box]
                near = near or grid.above[box] + grid.below[box]
                wanted.append(sum(x[n] for n in near) / len(near) if near else x[box])
            x |= dict(zip(layer, _spread(wanted, [width[box] for box in layer], gap), strict=True))
    return x


def _spread(wanted: Sequence[float], widths: Sequence[float], gap: float) -> list[float]:
    """Centres nearest to the wanted ones in least squares that keep order and gaps (isotonic regression)."""
    offsets, at = [], 0.0
    for number, width in enumerate(widths):
        at += (widths[number - 1] + width) / 2 + gap if number else 0.0
        offsets.append(at)
    blocks: list[tuple[float, int]] = []  # mean, count
    for place_, offset in zip(wanted, offsets, strict=True):
        mean, count = place_ - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, others = blocks.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        blocks.append((mean, count))
    means = [mean for mean, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
