"""Files of other people, of every kind, among which Poseline writes, and a snapshot that shows whether they changed."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from pathlib import Path
from typing import Any

NAMES = ("git", "bashrc", "ssh", "cache", "config", "x.csv", "dangling", "sockets", "pipe")
"""Names for outputs: for each there is a hidden file, folder, link, socket or pipe with a dot before it."""

STAGING = ".poseline-abcdefgh"
"""A folder with the form of a staging folder's name, which nobody has marked as one."""


def make_surroundings(folder: Path) -> Path:
    """Fill a folder with files of other people; return it."""
    for name in (
        ".git/HEAD",
        ".ssh/id",
        ".cache/a/b",
        ".staging-photos/one",
        ".import-abcdefgh/1",
        f"{STAGING}/content",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    for name in (".bashrc", ".config", ".latest-notes", ".x.csv.0123456789abcdef", ".probe-1", "victim"):
        (folder / name).write_text(name)
    for name in (".x.csv", f"{STAGING}/lock"):
        (folder / name).symlink_to("victim")
    (folder / ".dangling").symlink_to("nowhere")
    (folder / ".poseline-ijklmnop").symlink_to(".ssh")
    (folder / "victim").chmod(0o444)
    os.mkfifo(folder / ".pipe")
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(".sockets")
    finally:
        os.chdir(here)
    return folder


def snapshot(folder: Path) -> dict[str, Any]:
    """Return inode, mode, time, and content or destination of everything in a folder, without following links."""
    return {str(path.relative_to(folder)): _describe(path) for path in folder.rglob("*")}


def new_names(before: dict[str, Any], folder: Path) -> set[str]:
    """Return the names that were added since a snapshot; fail if anything that was there has changed."""
    after = snapshot(folder)
    assert {name: after.get(name) for name in before} == before
    return after.keys() - before.keys()


def _describe(path: Path) -> tuple[Any, ...]:
    found = path.lstat()
    content = None
    if stat.S_ISREG(found.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    elif stat.S_ISLNK(found.st_mode):
        content = str(path.readlink())
    return found.st_ino, oct(found.st_mode), found.st_nlink, found.st_mtime_ns, content
