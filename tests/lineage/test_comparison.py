"""Payloads are compared with their digests by reading only what changed since the last comparison."""

import os
import time

import pytest

from data.digests import list_folder
from lineage import comparison
from lineage.comparison import describe_payload, differences, still_holds
from lineage.places import comparison_file, listing_file


@pytest.fixture
def payload(tmp_path):
    """A payload that was described long enough ago for the times of its files to tell a change."""
    folder = tmp_path / "artifacts/tiny/Trainer/model/7"
    (folder / "inner").mkdir(parents=True)
    (folder / "a").write_text("one")
    (folder / "inner" / "b").write_text("two")
    time.sleep(0.2)
    return folder, describe_payload(tmp_path, folder).digest


@pytest.fixture
def read(monkeypatch):
    """Names of the files that are read, as they are read."""
    names, real = [], comparison.list_entry

    def listed(folder, name, state):
        names.append(name)
        return real(folder, name, state)

    monkeypatch.setattr(comparison, "list_entry", listed)
    return names


def found(tmp_path, payload, **options):
    return [(d.kind, os.path.relpath(d.path, payload[0])) for d in differences(tmp_path, *payload, **options)]


def test_an_unchanged_payload_is_not_read_again_unless_thoroughly(tmp_path, payload, read):
    assert found(tmp_path, payload) == []
    assert read == []
    assert found(tmp_path, payload, thorough=True) == []
    assert read == ["a", "inner/b"]


def test_a_flipped_byte_is_found_although_the_old_time_was_restored(tmp_path, payload, read):
    times = (payload[0] / "a").stat()
    (payload[0] / "a").write_text("onf")
    os.utime(payload[0] / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert found(tmp_path, payload) == [("altered", "a")]
    assert read == ["a"]


def test_a_touched_or_copied_payload_is_read_once(tmp_path, payload, read):
    os.utime(payload[0] / "a", (1, 1))
    time.sleep(0.2)
    assert found(tmp_path, payload) == []
    assert found(tmp_path, payload) == []
    assert read == ["a"]


def test_a_file_that_has_just_been_written_is_read_again(tmp_path, read):
    folder = tmp_path / "payload"
    folder.mkdir()
    (folder / "a").write_text("one")
    digest = describe_payload(tmp_path, folder).digest
    read.clear()
    assert differences(tmp_path, folder, digest) == []
    assert read == ["a"], "a change within the same step of the clock would have the same time"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"files": [[1]], "begin_ns": 1}', "[" * 99_999, None])
def test_a_damaged_or_missing_record_costs_time_only(tmp_path, payload, read, content):
    record = comparison_file(tmp_path, payload[0])
    if content is None:
        record.unlink()
    else:
        record.write_text(content)
    assert found(tmp_path, payload) == []
    assert read == ["a", "inner/b"]
    (payload[0] / "a").write_text("onf")
    assert found(tmp_path, payload) == [("altered", "a")]


def test_files_that_are_missing_added_or_links_are_named(tmp_path, payload):
    folder, _ = payload
    (folder / "a").rename(tmp_path / "elsewhere")
    (folder / "a").symlink_to(tmp_path / "elsewhere")
    (folder / "inner" / "b").unlink()
    (folder / "inner" / "nowhere").symlink_to("/nowhere")
    os.mkfifo(folder / "pipe")
    (folder / "empty").mkdir()
    kinds = [("altered", "a"), ("missing", "inner/b"), ("extra", "inner/nowhere"), ("extra", "pipe")]
    assert found(tmp_path, payload) == kinds
    listing_file(tmp_path, payload[1]).write_text("damaged")
    [unnamed] = differences(tmp_path, *payload)
    assert (unnamed.kind, unnamed.path) == ("altered", str(folder))
    assert "cannot be named" in str(unnamed)


def test_a_published_version_is_read_again_only_if_its_files_changed(tmp_path, payload, read):
    folder, _ = payload
    files = list_folder(folder).files
    comparison_file(tmp_path, folder).unlink()
    assert still_holds(tmp_path, folder, files)
    assert read == ["a", "inner/b"]
    (folder / "added").write_text("by somebody")
    time.sleep(0.2)
    read.clear()
    assert still_holds(tmp_path, folder, files), "more files may be there"
    assert read == ["added"]
    times = (folder / "a").stat()
    (folder / "a").write_text("onf")
    os.utime(folder / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not still_holds(tmp_path, folder, files)
    (folder / "a").write_text("one")
    assert still_holds(tmp_path, folder, files)
    (folder / "inner" / "b").unlink()
    assert not still_holds(tmp_path, folder, files)
