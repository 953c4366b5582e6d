import fcntl
import shutil

import pytest

from benchmarks.fuzz_bundles import fix
from data.errors import InputError
from serving_targets import releases
from serving_targets.bundle import load_bundle
from serving_targets.manifest import read_manifest
from serving_targets.releases import destination_holds, latest_version, list_releases, rollback, rolled_back_to


def test_releases_are_listed_oldest_first(target):
    (target / "2" / "manifest.json").write_text("")
    listed = list_releases(target)
    assert [(entry.version, entry.is_latest) for entry in listed] == [(1, False), (2, True)]
    assert listed[0].manifest.provenance.run_id == "run-1"
    assert listed[1].manifest is None


@pytest.mark.parametrize("to", [None, 1, "1"])
def test_rollback_moves_latest_and_nothing_else(target, to):
    assert rollback(target, to) == (2, 1)
    assert load_bundle(target).manifest.version == 1
    assert sorted(path.name for path in target.iterdir()) == [".lock", "1", "2", "latest"]


def test_rollback_can_go_forward_again(target):
    rollback(target)
    assert rollback(target, 2) == (1, 2)


def test_a_rollback_is_distinguished_from_a_push(target):
    assert rolled_back_to(target) is None
    rollback(target)
    assert rolled_back_to(target) == 1
    rollback(target, 2)
    assert rolled_back_to(target) is None, "the highest version is where a push would point to"
    rollback(target, 1)
    (target / "1" / "notes.txt").write_text("added by somebody")
    assert rolled_back_to(target) == 1, "only a command moves `latest` away from where a rollback put it"
    shutil.rmtree(target / "1")
    assert rolled_back_to(target) is None


def test_a_link_that_leads_out_of_the_target_is_no_version(target):
    (target / "latest").unlink()
    (target / "latest").symlink_to(target.parent / "2")
    assert latest_version(target) is None


@pytest.mark.parametrize(
    ("prepare", "to", "expected"),
    [
        (rollback, None, "no version before 1"),
        (lambda _: None, 7, "version 7 does not exist"),
        (lambda _: None, "latest", "version latest does not exist"),
        (lambda target: (target / "1" / "model_int8.tflite").unlink(), None, "model_int8.tflite is missing"),
    ],
)
def test_a_rollback_that_can_not_be_is_an_error_and_latest_stays(target, prepare, to, expected):
    prepare(target)
    before = latest_version(target)
    with pytest.raises(InputError, match=expected):
        rollback(target, to)
    assert latest_version(target) == before


def test_a_folder_without_versions_is_no_target(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match="no version has been published here"):
            rollback(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_another_process_holds_is_not_touched(target, monkeypatch):
    monkeypatch.setattr(releases, "LOCK_SECONDS", 1)
    with (target / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another push or rollback"):
            rollback(target)
    assert rollback(target) == (2, 1)


def test_only_undamaged_versions_count_as_published(target):
    digest = read_manifest(target / "2").digest
    assert destination_holds(target, 2)
    assert destination_holds(target, digest)
    assert not destination_holds(target, 3)
    assert not destination_holds(target, "0" * 64)
    assert not destination_holds(target / "nothing", digest)
    rollback(target)
    assert destination_holds(target, digest)
    (target / "2" / "model_int8.tflite").write_bytes(b"")
    assert not destination_holds(target, digest)
    assert not destination_holds(target, 2)


def test_a_version_that_only_claims_a_digest_does_not_count(target):
    """Whoever can change a file can also fix the manifest, but not so that the digest comes out the same."""
    digest = read_manifest(target / "2").digest
    (target / "2" / "model_int8.tflite").write_bytes(b"changed")
    fix(target / "2")
    assert read_manifest(target / "2").digest == digest
    assert destination_holds(target, 2)
    assert not destination_holds(target, digest)


def test_a_lock_file_that_is_a_link_is_not_followed(target, tmp_path):
    (tmp_path / "mine").write_text("mine")
    (target / ".lock").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match="the lock is not a regular file"):
        rollback(target)
    assert (tmp_path / "mine").read_text() == "mine"
    assert latest_version(target) == 2
