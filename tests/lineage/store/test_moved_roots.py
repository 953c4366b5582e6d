"""The places that a store records, after its root was moved, copied, or named in another way."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from data.digests import ListedFile
from lineage.places import SQLITE_NAME
from lineage.store import backend
from payloads.push import PushRecord

PAYLOAD = "artifacts/mine/Pusher/pushed_model/1"


@pytest.fixture(autouse=True)
def no_store_in_the_environment(monkeypatch):
    monkeypatch.delenv(backend.URL_VARIABLE, raising=False)
    monkeypatch.delenv(backend.FILE_VARIABLE, raising=False)


def opened(root):
    return backend.open_store(backend.sqlite_connection(root / SQLITE_NAME))


def put(root, uri, targets):
    root.mkdir(exist_ok=True)
    store = opened(root)
    artifact = pb.Artifact(type_id=store.put_artifact_type(pb.ArtifactType(name="PushedModel")), uri=str(uri))
    artifact.custom_properties["targets"].string_value = json.dumps(targets)
    store.put_artifacts([artifact])


def read(store):
    [artifact] = store.get_artifacts()
    return artifact.uri, json.loads(artifact.custom_properties["targets"].string_value)


def recorded(root, change=None):
    """Return what the file has, after a change of it: the older form of a record."""
    with closing(sqlite3.connect(root / SQLITE_NAME)) as database, database:
        if change:
            database.execute("UPDATE Artifact SET uri = ?", (change[0],))
            database.execute("UPDATE ArtifactProperty SET string_value = ?", (json.dumps(change[1]),))
        [[uri]] = database.execute("SELECT uri FROM Artifact").fetchall()
        [[targets]] = database.execute("SELECT string_value FROM ArtifactProperty").fetchall()
    return uri, json.loads(targets)


def rewrite(root):
    """Put all artifacts as they were read, as `lineage prune` does."""
    store = opened(root)
    store.put_artifacts(store.get_artifacts())


def test_a_target_outside_of_the_root_keeps_its_place_while_it_is_not_mounted(tmp_path):
    root = tmp_path / "root"
    targets = {"default": str(root / "pushed/mine"), "nas": "/mnt/no such place/pushed/mine"}
    put(root, root / PAYLOAD, targets)
    (root / "pushed/mine").mkdir(parents=True)
    assert read(opened(root)) == (str(root / PAYLOAD), targets)
    rewrite(root)
    assert recorded(root) == (PAYLOAD, {"default": "pushed/mine", "nas": "/mnt/no such place/pushed/mine"})


@pytest.mark.parametrize("way", [shutil.copytree, shutil.move])
@pytest.mark.parametrize("form", ["today's", "older"])
def test_targets_go_with_the_root_whether_or_not_the_former_place_exists(tmp_path, way, form):
    root, new = tmp_path / "root", tmp_path / "new"
    targets = {"default": str(root / "pushed/mine"), "phone": str(root / "phones"), "nas": "/mnt/nas/pushed/mine"}
    put(root, root / PAYLOAD, targets)
    for name in ("pushed/mine", "phones"):
        (root / name).mkdir(parents=True)
    if form == "older":
        recorded(root, (str(root / PAYLOAD), targets))
    way(root, new)
    moved = {"default": str(new / "pushed/mine"), "phone": str(new / "phones"), "nas": "/mnt/nas/pushed/mine"}
    assert read(opened(new)) == (str(new / PAYLOAD), moved)
    rewrite(new)
    assert recorded(new) == (PAYLOAD, {"default": "pushed/mine", "phone": "phones", "nas": "/mnt/nas/pushed/mine"})


def test_a_root_given_through_a_link_records_the_same(tmp_path):
    root, link = tmp_path / "root", tmp_path / "link"
    root.mkdir()
    link.symlink_to(root)
    targets = {"default": str(root / "pushed/mine")}
    put(link, link / PAYLOAD, targets)
    assert recorded(root) == (PAYLOAD, {"default": "pushed/mine"})
    assert read(opened(link))[1] == read(opened(root))[1] == targets
    record = PushRecord(pushed=True, version=1, targets=targets)
    for place in (link, tmp_path / "root/../link", root):
        record.write(place / PAYLOAD)
        assert json.loads((root / PAYLOAD / PushRecord.FILE).read_text())["targets"] == {"default": "pushed/mine"}
        assert PushRecord.read(place / PAYLOAD).targets == targets


def test_an_older_record_in_a_copied_root_is_found_by_what_the_store_knows(tmp_path):
    root, new = tmp_path / "root", tmp_path / "new"
    targets = {"default": str(root / "pushed/mine"), "nas": "/mnt/nas/pushed/mine"}
    put(root, root / PAYLOAD, targets)
    recorded(root, (str(root / PAYLOAD), targets))
    files = {"default": (ListedFile(path="a", bytes=1, sha256="0" * 64),)}
    PushRecord(pushed=True, version=1, targets=targets, files=files).write(root / PAYLOAD)
    payload = root / PAYLOAD / PushRecord.FILE
    payload.write_text(json.dumps(json.loads(payload.read_text()) | {"targets": targets}))
    shutil.copytree(root, new)
    uri, places = read(opened(new))
    assert PushRecord.find(Path(uri), json.dumps(places)).versions == {
        new / "pushed/mine/1": files["default"], Path("/mnt/nas/pushed/mine/1"): (),
    }  # fmt: skip
    assert PushRecord.find(Path(uri), "damaged {").targets == targets
    assert PushRecord.find(tmp_path / "nowhere", None) is None


def test_the_store_of_a_root_that_is_named_by_a_url_finds_its_payloads(tmp_path, monkeypatch):
    root = tmp_path / "root"
    targets = {"default": str(root / "pushed/mine")}
    put(root, root / PAYLOAD, targets)
    assert recorded(root)[0] == PAYLOAD
    monkeypatch.setenv(backend.URL_VARIABLE, f"sqlite://{root / SQLITE_NAME}")
    store = backend.open_store(backend.connection(tmp_path / "another root"))
    assert read(store) == (str(root / PAYLOAD), targets)
    store.put_artifacts(store.get_artifacts())
    assert read(store) == (str(root / PAYLOAD), targets)
    recorded(root, ("/another/root/" + PAYLOAD, {}))
    assert read(store)[0] == "/another/root/" + PAYLOAD  # several roots may use such a store


@pytest.mark.parametrize("older", [False, True], ids=["relative", "absolute"])
def test_a_payload_is_found_by_its_path(tmp_path, older):
    root = tmp_path / "root"
    put(root, root / PAYLOAD, {})
    if older:
        recorded(root, (str(root / PAYLOAD), {}))
    [found] = opened(root).get_artifacts_by_uri(str(root / PAYLOAD))
    assert found.uri == str(root / PAYLOAD)
