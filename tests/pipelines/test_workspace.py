import shutil
import sqlite3
from collections import namedtuple

import pytest

from data.errors import InputError
from lineage.store import locking
from pipelines.workspace import Workspace


def test_prepare_makes_the_root_and_leaves_nothing_else(tmp_path):
    Workspace(tmp_path / "a" / "b").prepare()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_root_that_is_a_file_is_rejected(tmp_path):
    (tmp_path / "root").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Workspace(tmp_path / "root").prepare()


def test_a_full_disk_is_rejected(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 99, 1))
    with pytest.raises(InputError, match="disk is full"):
        Workspace(tmp_path).prepare()


def test_a_locked_store_is_rejected(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    connect = sqlite3.connect
    holder = connect(workspace.metadata_file)
    holder.execute("CREATE TABLE t (x)")
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout: connect(path, timeout=0.05))
    monkeypatch.setattr(locking, "TRIES", 1)
    with pytest.raises(InputError, match="locked"):
        workspace.prepare()
    holder.rollback()
    workspace.prepare()


def test_a_damaged_store_is_rejected_and_left_as_it_is(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.metadata_file.write_bytes(b"not a database, but long enough to look at" * 50)
    before = workspace.metadata_file.read_bytes()
    with pytest.raises(InputError, match="damaged"):
        workspace.prepare()
    assert workspace.metadata_file.read_bytes() == before
