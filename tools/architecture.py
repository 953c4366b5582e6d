"""Draws docs/images/architecture.svg from the imports that the code really has.

    .venv/bin/python -m tools.architecture

A box is a package. It shows the package's members (modules and folders) in rows: a member imports only from the rows
below its own. The last line names the packages that it imports. Arrows show these imports, too, except those that a
path of other arrows implies.
"""

from __future__ import annotations

import graphlib
import importlib
import inspect
import itertools
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import grimp

from data.files import write_atomically
from data.project import PROJECT_ROOT
from lineage.drawings.layered_layout import Layout, place

PICTURE = PROJECT_ROOT / "docs" / "images" / "architecture.svg"

FOLDERS = {
    "poseline_dags": "dags/poseline_dags/",
    "benchmarks": "benchmarks/",
    "pipelines": "pipelines/",
    "components": "components/",
    "trainer_module": "trainer_module/",
    "transform_module": "transform_module/",
    "lineage": "lineage/",
    "serving_targets": "serving_targets/",
    "payloads": "payloads/",
    "schema": "schema/",
    "data": "data/",
}
"""Packages drawn, with their folders."""

STARTS = ("poseline_dags", "pipelines")
"""Airflow's tasks start `poseline` as processes: drawn as a dashed arrow, as there is no import."""

# Sizes in pixels: a row of names; space inside a box, between names, around the picture; a line of text; a tip.
_ROW, _PAD, _GAP, _MARGIN, _LINE, _TIP = 26.0, 12.0, 8.0, 24.0, 15.0, 9.0
# Width of a letter of a name and of a sentence, in pixels.
_NAME_LETTER, _TEXT_LETTER = 6.7, 6.1
_ROW_WIDTH = 370
"""Width after which a row of names continues on the next line, in pixels."""
_TEXT_LETTERS = 62
"""Letters after which a sentence continues on the next line."""
_FEW = 3
"""Greatest number of an imported package's members that are named one by one."""

_STYLE = """
text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: 11px; fill: #1d2733 }
.title { font-size: 14px; font-weight: 700 }
.about { font-family: "DejaVu Sans", sans-serif; fill: #52606d }
.package { fill: #f5f7fa; stroke: #3e4c59 }
.member { fill: #fff; stroke: #9aa5b1 }
.arrow { fill: none; stroke: #3e4c59; stroke-width: 1.6 }
.starts { stroke-dasharray: 6 4 }
"""

_MARKER = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z" fill="#3e4c59"/></marker></defs>'
)


@dataclass(frozen=True)
class Package:
    """A package as it is drawn.

    Attributes:
        title: folder of the package.
        about: first line of its docstring, wrapped.
        rows: names of its modules and folders; each imports from later rows only.
        imports: sentence on the packages that it imports, wrapped.
    """

    title: str
    about: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    imports: tuple[str, ...]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, in pixels."""
        rows = [sum(_member_width(member) + _GAP for member in row) - _GAP for row in self.rows]
        lines = [len(line) * _TEXT_LETTER for line in (*self.about, *self.imports)]
        height = 30 + _LINE * (len(self.about) + len(self.imports)) + _ROW * len(self.rows) + _PAD
        return max(*rows, *lines, 200.0, 0.0) + 2 * _PAD, height


def read_imports() -> grimp.ImportGraph:
    """Return the graph of all imports, including those inside functions."""
    folder = str(PROJECT_ROOT / "dags")
    if folder not in sys.path:
        sys.path.append(folder)
    return grimp.build_graph(*FOLDERS, cache_dir=None)


def find_arrows(graph: grimp.ImportGraph) -> set[tuple[str, str]]:
    """Return (importer, imported) of all pairs of packages."""
    pairs = {
        (module.partition(".")[0], imported.partition(".")[0])
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    return {(importer, imported) for importer, imported in pairs if importer != imported}


def draw(graph: grimp.ImportGraph) -> str:
    """Return the picture as SVG.

    Raises:
        graphlib.CycleError: if packages, or modules or folders of one, import each other; the error names them.
    """
    arrows = find_arrows(graph)
    packages = {name: _describe(graph, name, arrows) for name in FOLDERS}
    lines = [*sorted(_without_implied(arrows)), STARTS]
    layout = place({name: package.size for name, package in packages.items()}, lines, gap=(34.0, 44.0))
    bands = _find_bands(packages, layout)
    body = [_draw_arrow(packages, layout, bands, line) for line in lines]
    body += [_draw_box(package, *layout.centres[name]) for name, package in packages.items()]
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}">',
            f"<title>The packages of Poseline and their imports</title>\n<style>{_STYLE}</style>\n{_MARKER}",
            f'<rect x="{-_MARGIN:.0f}" y="{-_MARGIN:.0f}" width="100%" height="100%" fill="#fff"/>',
            *body,
            "</svg>\n",
        )
    )


def _describe(graph: grimp.ImportGraph, name: str, arrows: set[tuple[str, str]]) -> Package:
    about = (inspect.getdoc(importlib.import_module(name)) or "").partition("\n")[0].replace("`", "")
    imported = [_name_imported(graph, name, other) for other in FOLDERS if (name, other) in arrows]
    return Package(
        FOLDERS[name],
        tuple(textwrap.wrap(about, _TEXT_LETTERS)),
        tuple(_find_rows(graph, name)),
        tuple(textwrap.wrap(f"imports {', '.join(imported) or 'none of these'}", _TEXT_LETTERS)),
    )


def _name_imported(graph: grimp.ImportGraph, package: str, other: str) -> str:
    """Return the folder of an imported package; its modules and folders that are imported, where they are few."""
    members = sorted(graph.find_children(other))
    used = [
        member for member in members if graph.direct_import_exists(importer=package, imported=member, as_packages=True)
    ]
    if not 0 < len(used) <= _FEW or len(used) == len(members):
        return FOLDERS[other]
    names = [member.rpartition(".")[2] for member in used]
    return FOLDERS[other] + (names[0] if len(names) == 1 else f"{{{','.join(names)}}}")


def _find_rows(graph: grimp.ImportGraph, package: str) -> Iterator[tuple[str, ...]]:
    """Yield rows of a package's modules and folders, those with the longest chain of imports first."""
    members = sorted(graph.find_children(package))
    below = {
        member: {
            other
            for other in members
            if other != member and graph.direct_import_exists(importer=member, imported=other, as_packages=True)
        }
        for member in members
    }
    level: dict[str, int] = {}
    for member in graphlib.TopologicalSorter(below).static_order():
        level[member] = 1 + max((level[other] for other in below[member]), default=-1)
    for number in range(max(level.values(), default=-1), -1, -1):
        row: tuple[str, ...] = ()
        for member in members:
            name = member.rpartition(".")[2] + ("/" if graph.find_children(member) else "")
            if level[member] != number:
                continue
            if row and sum(_member_width(each) + _GAP for each in (*row, name)) > _ROW_WIDTH:
                yield row
                row = ()
            row = (*row, name)
        yield row


def _member_width(name: str) -> float:
    return len(name) * _NAME_LETTER + 14


def _without_implied(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the arrows that no path of several arrows implies (transitive reduction)."""
    below: dict[str, set[str]] = {}
    for importer, imported in arrows:
        below.setdefault(importer, set()).add(imported)
    graphlib.TopologicalSorter(below).prepare()  # a circle has no reduction

    def reach(start: str) -> set[str]:
        found = below.get(start, set())
        return found.union(*map(reach, found))

    return {(a, b) for a, b in arrows if not any(b in reach(other) for other in below[a] - {b})}


def _find_bands(packages: dict[str, Package], layout: Layout) -> dict[float, tuple[float, float]]:
    """Return the top and bottom of each layer by the height of its centre."""
    bands: dict[float, tuple[float, float]] = {}
    for name, package in packages.items():
        y, half = layout.centres[name][1], package.size[1] / 2
        top, bottom = bands.get(y, (y, y))
        bands[y] = (min(top, y - half), max(bottom, y + half))
    return bands


def _draw_arrow(
    packages: dict[str, Package], layout: Layout, bands: dict[float, tuple[float, float]], line: tuple[str, str]
) -> str:
    """Return a line that is straight inside layers, so that it crosses no box, and curved between them."""
    (x1, y1), (x2, y2) = (layout.centres[name] for name in line)
    stations = [(x1, y1 + packages[line[0]].size[1] / 2, bands[y1][1])]
    stations += [(x, *bands[y]) for x, y in layout.corners.get(line, ())]
    stations.append((x2, bands[y2][0] - _TIP, y2 - packages[line[1]].size[1] / 2 - 1))
    path = f"M{x1:.0f} {stations[0][1]:.0f} V{stations[0][2]:.0f}"
    for (x, _, bottom), (next_x, top, next_bottom) in itertools.pairwise(stations):
        middle = (bottom + top) / 2
        path += f" C{x:.0f} {middle:.0f} {next_x:.0f} {middle:.0f} {next_x:.0f} {top:.0f} V{next_bottom:.0f}"
    kind, verb = ("arrow starts", "starts processes of") if line == STARTS else ("arrow", "imports")
    title = f"{FOLDERS[line[0]]} {verb} {FOLDERS[line[1]]}"
    return f'<path class="{kind}" d="{path}" marker-end="url(#tip)"><title>{title}</title></path>'


def _draw_box(package: Package, x: float, y: float) -> str:
    width, height = package.size
    left, at = x - width / 2 + _PAD, y - height / 2 + 20
    parts = [
        f'<rect class="package" x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="6"/>',
        f'<text class="title" x="{left:.1f}" y="{at:.1f}">{package.title}</text>',
    ]
    for text in package.about:
        at += _LINE
        parts.append(f'<text class="about" x="{left:.1f}" y="{at:.1f}">{escape(text)}</text>')
    at += 8
    for row in package.rows:
        member_left = left
        for member in row:
            parts.append(
                f'<rect class="member" x="{member_left:.1f}" y="{at:.1f}" width="{_member_width(member):.1f}" '
                f'height="20" rx="3"/><text x="{member_left + 7:.1f}" y="{at + 14:.1f}">{member}</text>'
            )
            member_left += _member_width(member) + _GAP
        at += _ROW
    for text in package.imports:
        at += _LINE
        parts.append(f'<text class="about" x="{left:.1f}" y="{at - 3:.1f}">{escape(text)}</text>')
    return "\n".join(parts)


def main() -> None:
    """Write the picture."""
    write_atomically(PICTURE, draw(read_imports()))
    sys.stdout.write(f"{PICTURE.relative_to(PROJECT_ROOT)}\n")


if __name__ == "__main__":
    main()
