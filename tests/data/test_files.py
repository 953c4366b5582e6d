from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from data.errors import InputError
from data.files import STAGING, creating, creating_folder, open_own, output, replacing, write_atomically


def write_and_fail(path: Path) -> None:
    path.write_text("second")
    raise RuntimeError


def test_a_file_is_complete_and_alone(tmp_path: Path) -> None:
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


def test_a_file_that_is_written_in_pieces_is_hidden_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with replacing(path) as temporary, temporary.open("w") as file:
        file.write("first")
        assert [entry.name.startswith(STAGING) for entry in path.parent.iterdir()] == [True]
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        write_and_fail(temporary)
    assert path.read_text() == "first"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_a_folder_appears_whole_with_usual_permissions(tmp_path: Path) -> None:
    path, usual = tmp_path / "new" / "folder", tmp_path / "usual"
    usual.mkdir()
    with creating_folder(path) as temporary:
        (temporary / "a").write_text("a")
        assert not path.exists()
        assert temporary.parent.name.startswith(STAGING)
    assert [entry.name for entry in path.iterdir()] == ["a"]
    assert [entry.name for entry in path.parent.iterdir()] == ["folder"]
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), creating_folder(tmp_path / "folder") as temporary:
        write_and_fail(temporary / "inside")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_a_new_path_becomes_a_file_or_a_folder(tmp_path: Path, make) -> None:
    for name in ("a", "b"):
        with creating(tmp_path / name) as temporary:
            make(temporary)
            assert [entry for entry in tmp_path.iterdir() if entry.name == name] == []
    with pytest.raises(RuntimeError), creating(tmp_path / "c") as temporary:
        write_and_fail(temporary)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_a_folder_never_replaces_what_exists(tmp_path: Path, make) -> None:
    path = tmp_path / "folder"
    with pytest.raises(FileExistsError, match="folder"), creating_folder(path) as temporary:
        make(path)  # another process was faster
    assert os.path.lexists(path)
    with pytest.raises(FileExistsError, match="folder"), creating_folder(path):
        pytest.fail("the block must not run")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    assert not temporary.exists()


@pytest.mark.parametrize("replace", [replacing, creating_folder])
def test_the_temporary_path_can_be_in_another_folder(tmp_path: Path, replace) -> None:
    with replace(tmp_path / "data" / "one", staging=tmp_path / "staging") as temporary:
        assert temporary.parent.parent == tmp_path / "staging"
        assert not (tmp_path / "data").exists()
        if replace is replacing:
            temporary.touch()
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["one"]
    assert list((tmp_path / "staging").iterdir()) == []


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_an_output_never_replaces_what_another_process_makes_meanwhile(tmp_path: Path, make) -> None:
    path = tmp_path / "x.csv"

    def write(temporary: Path) -> None:
        temporary.write_text("ours")
        make(path)

    with pytest.raises(InputError, match="exists already"), output(path, overwrite=False) as temporary:
        write(temporary)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.csv"]
    assert path.is_symlink() or path.is_dir() or path.read_text() == ""


def test_a_link_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    for name in ("link", "dangling"):
        (tmp_path / name).symlink_to("victim" if name == "link" else "nowhere")
        write_atomically(tmp_path / name, "ours")
        assert not (tmp_path / name).is_symlink()
        (tmp_path / f"{name}.lock").symlink_to("victim" if name == "link" else "nowhere")
        with pytest.raises(OSError, match=name):
            open_own(tmp_path / f"{name}.lock", os.O_RDWR | os.O_CREAT)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        open_own(tmp_path / "pipe", os.O_RDWR)
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
