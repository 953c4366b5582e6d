"""The catalogue of layouts: those of the project by name, and those of users by their definition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path

from data.errors import InputError
from data.layouts.layout import TABLES, Layout, parse_layout, read_yaml

_preferred: ContextVar[str | None] = ContextVar("preferred", default=None)


@cache
def layout_names() -> tuple[str, ...]:
    """Return the names of all layouts, sorted."""
    return tuple(sorted(path.stem for path in TABLES.glob("*.yaml") if path.stem[-1].isdigit()))


@lru_cache(maxsize=256)  # definitions come from files of strangers
def load_layout(name: str) -> Layout:
    """Return a layout.

    Args:
        name: name of a layout of the project, or the definition of the user's own (`Layout.reference`).

    Raises:
        InputError: if there is no such layout, or its definition is invalid.
    """
    if is_definition(name):
        from data.layouts.own import parse_definition  # it checks with a library that only layouts of users need

        return parse_definition(name)
    if name not in layout_names():
        raise InputError(f"unknown layout {name[:100]!r}", remedy=f"known layouts: {', '.join(layout_names())}")
    path = TABLES / f"{name}.yaml"
    return parse_layout(name, read_yaml(path), where=str(path))


def find_layout(joint_names: Sequence[str]) -> tuple[Layout, tuple[int, ...]]:
    """Find the smallest layout that has all these joints, in any order.

    Returns:
        The layout, and for each of its joints the position in `joint_names`, -1 where it is absent.

    Raises:
        InputError: if a name occurs twice, or no layout has all of them.
    """
    names = [str(name) for name in joint_names]
    given = set(names)
    if not names or len(given) != len(names):
        raise InputError("joint names must be given, and be unique", where=", ".join(names))
    layouts = sorted((load_layout(name) for name in layout_names()), key=lambda layout: len(layout.joints))
    for layout in layouts:
        if given <= set(layout.joints):
            return layout, tuple(names.index(joint) if joint in given else -1 for joint in layout.joints)
    closest = min(layouts, key=lambda layout: (len(given - set(layout.joints)), len(layout.joints)))
    raise InputError(
        f"no layout has these {len(names)} joints; the closest, {closest.name}, lacks "
        f"{', '.join(sorted(given - set(closest.joints)))}",
        where=", ".join(names),
        remedy=f"name the joints as in data/layouts/*.yaml ({', '.join(layout_names())}), or add a layout there",
    )


def is_definition(reference: str) -> bool:
    """Return whether a text is the definition of a layout of the user's own, and not a name."""
    return reference.startswith("{")


def read_own_layout(path: Path) -> Layout:
    """Read the YAML file of a layout of the user's own.

    Raises:
        InputError: the file cannot be read, or is not a layout.
    """
    from data.layouts.own import parse_file

    return parse_file(path)


def layout_label(reference: str) -> str:
    """Return the name of a layout, to be shown; text that is no layout is returned as it is."""
    return load_layout(reference).name if is_definition(reference) else reference


@contextmanager
def preferring(reference: str | None) -> Iterator[None]:
    """Let files of unknown joints be read with this layout while the block runs, and in processes that it forks."""
    token = _preferred.set(reference)
    try:
        yield
    finally:
        _preferred.reset(token)


def preferred_layout() -> Layout | None:
    """Return the user's own layout, with which files of unknown joints are read; None if there is none."""
    reference = _preferred.get()
    return load_layout(reference) if reference and is_definition(reference) else None
