from __future__ import annotations

from pathlib import Path

import pytest

from data.files import write_atomically


def test_the_file_stands_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_atomically(path, "Größe")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        write_atomically(path, "text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]
