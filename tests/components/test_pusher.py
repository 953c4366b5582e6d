import errno
import importlib
import json
import pickle
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tfx.types import Channel
from tfx.types.standard_artifacts import InfraBlessing, Model, ModelBlessing, PushedModel

from components.artifacts.types import (
    CoachSettingsArtifact,
    EdgeBlessing,
    EdgeModel,
    ReferencesArtifact,
    SessionBlessing,
)
from components.edge_converter.metadata import embed_contract
from components.pusher import publish as publishing
from components.pusher import sbom
from components.pusher.blessing_inputs import BLESSINGS
from components.pusher.component import Pusher
from components.pusher.executor import Executor
from components.pusher.publish import publish
from components.pusher.release import ModelFiles, Release
from data.digests import list_folder
from data.errors import InputError, NodeError
from data.project import PROJECT_ROOT
from lineage.comparison import AlteredPayloadError
from lineage.measures import JUDGEMENTS
from lineage.node_ids import NodeId
from lineage.nodes import GATES, MODEL_GATES
from payloads.push import PushRecord
from serving_targets.bundle import load_bundle
from serving_targets.contract import read_contract
from serving_targets.manifest import SBOM
from serving_targets.releases import destination_holds, latest_version, rollback, versions
from serving_targets.signature import fingerprint, read_private_key
from tests.surroundings import make_surroundings, new_names, snapshot


@pytest.fixture
def release(trained, converted, blessed, smoked, coached, edge):
    return _release(trained, converted, coached, (blessed, smoked), edge.facts)


@pytest.fixture
def other_release(trained, converted, blessed, smoked, coached, edge, tmp_path_factory):
    """A release with other behaviour: its labels differ."""
    files = _with_labels(converted, tmp_path_factory.mktemp("other") / "files", ("a", "b", "c"))
    return _release(trained, files, coached, (blessed, smoked), edge.facts)


@pytest.fixture
def push(trained, converted, blessed, smoked, coached, edge, tmp_path):
    """Run the executor; return its output artifact."""

    def run(
        targets, model_blessed=1, edge_blessed=1, only_warn=(), infra_blessed=1, session_blessed=1, altered=None, **more
    ):
        pushed = edge.artifact(PushedModel, tmp_path / "pushed")
        model = edge.artifact(Model, trained / "model")
        model.id = 42
        edge_blessing = edge.artifact(EdgeBlessing, blessed.uri, blessed=edge_blessed)
        evaluated = tmp_path / "evaluated"
        evaluated.mkdir(exist_ok=True)
        inputs = {
            "model": [model],
            "edge_model": [edge.artifact(EdgeModel, converted)],
            "references": [edge.artifact(ReferencesArtifact, coached.references)],
            "settings": [edge.artifact(CoachSettingsArtifact, coached.settings)],
            "model_blessing": [edge.artifact(ModelBlessing, evaluated, blessed=model_blessed)],
            "edge_blessing": [edge_blessing],
            "infra_blessing": [edge.artifact(InfraBlessing, smoked.uri, blessed=infra_blessed)],
            "session_blessing": [edge.artifact(SessionBlessing, coached.blessing, blessed=session_blessed)],
        }
        for key, [artifact] in inputs.items():
            digest = "0" * 64 if key == altered else list_folder(Path(artifact.uri)).digest
            artifact.set_string_custom_property("content_digest", digest)
        Executor().Do(
            inputs,
            {"pushed_model": [pushed]},
            {
                "targets": json.dumps({name: str(path) for name, path in targets.items()}),
                "manifest_facts": json.dumps(edge.facts),
                "only_warn": json.dumps(only_warn),
                **more,
            },
        )
        return pushed

    return run


def _release(trained, converted, coached, judged, facts):
    files = ModelFiles(trained / "model" / "Format-Serving", converted, coached.references, coached.settings)
    return Release.of(files, [Path(found.uri) for found in judged], facts)


def _with_labels(files, copy, labels, names=("model_int8.tflite", "model_float.tflite")):
    shutil.copytree(files, copy)
    for name in names:
        content = (copy / name).read_bytes()
        contract = read_contract(copy / name).model_copy(update={"labels": labels})
        (copy / name).write_bytes(embed_contract(content, contract))
    return copy


def _everything(folder):
    """Return every entry with its content, also hidden ones, but not the lock file."""
    return {
        path.relative_to(folder): path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
        if path.name != ".lock"
    }


def test_a_bundle_has_a_valid_bill_of_materials(push, tmp_path):
    push({"phone": tmp_path / "phone"})
    bundle = load_bundle(tmp_path / "phone")
    text = (bundle.folder / SBOM).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert len(text) < 200_000
    found = json.loads(text)
    assert found["metadata"]["component"]["version"] == bundle.manifest.digest
    shipped = {part["name"]: part["hashes"][0]["content"] for part in found["components"] if part["type"] == "file"}
    assert shipped == {file.path: file.sha256 for file in bundle.manifest.files if file.path != SBOM}
    packages = {part["name"]: part for part in found["components"] if part["type"] == "library"}
    assert {"tensorflow", "ai-edge-quantizer"} <= packages.keys()
    assert "pytest" not in packages
    assert {package["scope"] for package in packages.values()} == {"excluded"}  # they are not in the bundle
    [file] = packages["tfx"]["externalReferences"]
    assert file["hashes"][0]["content"] in (PROJECT_ROOT / "uv.lock").read_text()


def test_an_equal_model_is_the_same_release_although_packages_were_updated(push, tmp_path, monkeypatch):
    targets = {"phone": tmp_path / "phone"}
    digest = push(targets).get_string_custom_property("digest")
    before = sbom.bundle_sbom("a", digest, ())
    assert sbom.bundle_sbom("a", digest, ()) == before
    lock = tmp_path / "uv.lock"
    lock.write_text(re.sub(r'hash = "sha256:.{8}', 'hash = "sha256:00000000', (PROJECT_ROOT / "uv.lock").read_text()))
    monkeypatch.setattr(sbom, "LOCK", lock)
    assert sbom.bundle_sbom("a", digest, ()) != before
    assert push(targets).get_string_custom_property("digest") == digest
    assert versions(tmp_path / "phone") == [1]


def test_a_blessed_model_is_published_whole_at_every_target(push, edge, tmp_path):
    targets = {"phone": tmp_path / "phone", "web": tmp_path / "deep" / "web"}
    pushed = push(targets)
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("version") == "1"
    assert json.loads(pushed.get_string_custom_property("targets")) == {n: str(p) for n, p in targets.items()}
    for target in targets.values():
        bundle = load_bundle(target)
        assert bundle.folder == target / "1"
        names = {file.path for file in bundle.manifest.files}
        assert {"model_int8.tflite", "model_float.tflite", "saved_model/saved_model.pb"} <= names
        assert {"references.json", "coach.json"} <= names
        assert bundle.manifest.labels == edge.labels
        assert bundle.manifest.layout.joints[0] == "nose"
        assert bundle.manifest.channels == ("x", "y", "confidence")
        assert bundle.manifest.window_spec.model_dump() == edge.model_facts["window"]
        assert bundle.manifest.provenance.model_artifact_id == 42
        assert bundle.manifest.provenance.run_id == "run-1"
        assert bundle.manifest.thresholds == edge.facts["gates"]
        assert all(verdict.passed or verdict.lacks_data for verdict in bundle.manifest.verdicts)
        assert destination_holds(target, pushed.get_string_custom_property("digest"))
    record = json.loads((Path(pushed.uri) / "push.json").read_text())
    assert (record["pushed"], record["version"], record["already_there"]) == (True, 1, [])
    assert sorted(path.name for path in Path(pushed.uri).iterdir()) == ["push.json"]


@pytest.mark.parametrize(
    ("blessings", "refused"),
    [
        ({"model_blessed": 0}, ["Evaluator"]),
        ({"edge_blessed": 0}, ["ModelValidator"]),
        ({"infra_blessed": 0}, ["ServingSmoke"]),
        ({"session_blessed": 0}, ["SessionEvaluator"]),
        ({"model_blessed": 0, "edge_blessed": 0}, ["Evaluator", "ModelValidator"]),
    ],
)
def test_a_rejected_model_is_not_published(push, tmp_path, blessings, refused):
    pushed = push({"phone": tmp_path / "phone"}, **blessings)
    assert pushed.get_int_custom_property("pushed") == 0
    record = json.loads((Path(pushed.uri) / "push.json").read_text())
    nothing = {"version": None, "digest": None, "targets": {}, "files": {}, "already_there": [], "signed_by": None}
    assert record == {"pushed": False, "refused_by": refused, "warned_by": [], "reasons": [], **nothing}
    assert not (tmp_path / "phone").exists()


@pytest.mark.parametrize("key", ["model", "edge_model", *(blessing.channel for blessing in BLESSINGS.values())])
def test_a_payload_that_is_not_as_recorded_is_not_published(push, tmp_path, key):
    with pytest.raises(AlteredPayloadError, match="altered after it was judged"):
        push({"phone": tmp_path / "phone"}, altered=key)
    assert not (tmp_path / "phone").exists()


def test_a_file_that_changes_between_comparison_and_copy_is_not_published(push, tmp_path, monkeypatch):
    copy = shutil.copyfile

    def other(source, target):
        copy(source, target)
        if target.name == "model_int8.tflite":
            target.write_bytes(target.read_bytes()[:-1] + b"!")

    monkeypatch.setattr(publishing.shutil, "copyfile", other)
    with pytest.raises(NodeError, match="a copy went wrong"):
        push({"phone": tmp_path / "phone"})
    assert latest_version(tmp_path / "phone") is None


def test_a_gate_that_only_warns_is_recorded_and_stops_nothing(push, tmp_path):
    pushed = push({"phone": tmp_path / "phone"}, model_blessed=0, only_warn=["Evaluator"])
    assert pushed.get_int_custom_property("pushed") == 1
    assert json.loads((Path(pushed.uri) / "push.json").read_text())["warned_by"] == ["Evaluator"]
    assert "Evaluator" in (tmp_path / "phone" / "latest" / "manifest.json").read_text()


def test_the_other_gate_still_stops_a_push(push, tmp_path):
    pushed = push({"phone": tmp_path / "phone"}, model_blessed=0, edge_blessed=0, only_warn=["Evaluator"])
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "phone").exists()


def test_targets_must_be_given_and_differ(push, tmp_path):
    with pytest.raises(InputError, match="share a folder"):
        push({})
    with pytest.raises(InputError, match="share a folder"):
        push({"a": tmp_path / "x", "b": tmp_path / "y" / ".." / "x"})


def test_versions_count_up_and_rollback_goes_back(release, other_release, tmp_path):
    assert publish(release, [tmp_path]).version == 1
    assert publish(other_release, [tmp_path]).version == 2
    assert load_bundle(tmp_path).manifest.labels == ("a", "b", "c")
    assert rollback(tmp_path) == (2, 1)
    assert load_bundle(tmp_path).folder == tmp_path / "1"


def test_a_model_that_is_there_already_becomes_latest_again(release, other_release, tmp_path):
    publish(release, [tmp_path])
    publish(other_release, [tmp_path])
    again = publish(release, [tmp_path])
    assert (again.version, again.new) == (1, ())
    assert (versions(tmp_path), latest_version(tmp_path)) == ([1, 2], 1)


def test_a_target_that_was_rolled_back_stays_there_until_a_new_version(release, other_release, tmp_path):
    target, other = tmp_path / "a", tmp_path / "b"
    publish(release, [target])
    publish(other_release, [target])
    rollback(target)
    publish(other_release, [target, other])
    assert (latest_version(target), latest_version(other)) == (1, 2)
    publish(release, [target], altered=[target / "1"])
    assert (versions(target), latest_version(target)) == ([1, 2, 3], 3)


def test_a_damaged_version_is_not_used_again(release, tmp_path):
    publish(release, [tmp_path])
    (tmp_path / "1" / "model_int8.tflite").write_bytes(b"no model")
    assert not destination_holds(tmp_path, release.digest)
    assert publish(release, [tmp_path]).version == 2


def test_targets_share_one_number(release, other_release, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    publish(other_release, [old])
    publish(release, [old])
    assert publish(release, [old, new]).version == 2
    assert (versions(old), versions(new)) == ([1, 2], [2])
    shutil.rmtree(old / "2")
    publish(other_release, [old, new])
    assert (latest_version(old), latest_version(new)) == (3, 3)


def test_folders_that_are_no_versions_are_left_alone(release, tmp_path):
    for name in ("notes", "007", "12.old"):
        (tmp_path / name).mkdir()
    assert publish(release, [tmp_path]).version == 1


def test_a_push_changes_nothing_but_its_versions_and_latest(release, other_release, tmp_path):
    target = make_surroundings(tmp_path / "target")
    (target / ".lock").write_text("somebody else's")
    (target / "1").write_text("a file with the name of a version")
    before = snapshot(target)
    for one, version in ((release, 2), (other_release, 3)):
        publish(one, [target])
        added = {name.partition("/")[0] for name in new_names(before, target)}
        assert added == {"latest", *map(str, range(2, version + 1))}
    assert rollback(target) == (3, 2)
    before |= {name: one for name, one in snapshot(target).items() if name.partition("/")[0] in ("2", "3")}
    assert new_names(before, target) == {"latest"}


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("photos/1")])
def test_a_latest_of_somebody_else_is_kept(release, tmp_path, make):
    make(tmp_path / "latest")
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match="is not a link to a version") as caught:
        publish(release, [tmp_path])
    assert "move it away" in caught.value.remedy
    assert new_names(before, tmp_path) == {".lock"}


def test_a_lock_that_is_a_link_is_not_followed(release, tmp_path):
    (tmp_path / ".lock").symlink_to("victim")
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match="the lock is not a regular file"):
        publish(release, [tmp_path])
    assert new_names(before, tmp_path) == set()


def _fail_on_call(monkeypatch, owner, name, number):
    """Make a function fail as on a full disk when it is called for the `number`th time."""
    real, calls = getattr(owner, name), []

    def fail(*arguments, **options):
        calls.append(arguments)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, "No space left on device", str(arguments[0]))
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, fail)


@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        (publishing.shutil, "copyfile", 1),
        (publishing.shutil, "copyfile", 8),
        (Path, "write_text", 2),
        (Path, "rename", 1),
        (Path, "rename", 2),
        (Path, "symlink_to", 1),
        (Path, "symlink_to", 2),
        (Path, "replace", 2),
    ],
)
def test_a_push_that_fails_leaves_all_targets_as_they_were(
    release, other_release, tmp_path, monkeypatch, owner, name, number
):
    targets = [tmp_path / "a", tmp_path / "b"]
    publish(other_release, targets)
    before = _everything(tmp_path)
    with monkeypatch.context() as patch:
        _fail_on_call(patch, owner, name, number)
        with pytest.raises(NodeError, match="nothing was published: No space left") as caught:
            publish(release, targets)
    assert caught.value.remedy
    assert _everything(tmp_path) == before
    assert publish(release, targets).version == 2


def test_a_target_that_is_a_file_is_an_error_and_the_other_target_stays_empty(release, tmp_path):
    (tmp_path / "b").write_text("I am a file")
    with pytest.raises(NodeError, match="nothing was published"):
        publish(release, [tmp_path / "a", tmp_path / "b"])
    assert versions(tmp_path / "a") == []
    assert latest_version(tmp_path / "a") is None


def test_a_bad_copy_is_noticed(release, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing.shutil, "copyfile", lambda _, to: Path(to).write_bytes(b"0"))
    with pytest.raises(NodeError, match="a copy went wrong"):
        publish(release, [tmp_path])
    assert _everything(tmp_path) == {}


def test_a_file_that_is_missing_is_an_error(trained, converted, blessed, smoked, coached, edge, tmp_path):
    shutil.copytree(converted, tmp_path / "edge")
    (tmp_path / "edge" / "model_float.tflite").unlink()
    with pytest.raises(NodeError, match="1 files of the model are missing"):
        _release(trained, tmp_path / "edge", coached, (blessed, smoked), edge.facts)


def test_files_that_contradict_each_other_are_an_error(trained, converted, blessed, smoked, coached, edge, tmp_path):
    files = _with_labels(converted, tmp_path / "edge", ("a", "b", "c"), names=["model_float.tflite"])
    with pytest.raises(NodeError, match=r"the contracts in model_int8.tflite, model_float.tflite differ"):
        _release(trained, files, coached, (blessed, smoked), edge.facts)


def test_another_format_is_shipped_if_it_lies_with_the_others(
    release, trained, converted, blessed, smoked, coached, edge, tmp_path
):
    assert not [name for name in release.sources if "float16" in name]
    shutil.copytree(converted, tmp_path / "edge")
    (tmp_path / "edge" / "compared" / "model_float16.tflite").rename(tmp_path / "edge" / "model_float16.tflite")
    wider = _release(trained, tmp_path / "edge", coached, (blessed, smoked), edge.facts)
    assert "model_float16.tflite" in wider.sources
    assert wider.digest != release.digest


KILLED_PUSH = """
import os, pickle, signal, sys
from pathlib import Path
from components.edge_converter.metadata import embed_contract
from components.pusher import publish as publishing
moment, release, targets = pickle.loads(Path(sys.argv[1]).read_bytes())
owner, name, number = moment
owner = {"Path": Path, "publish": publishing, "shutil": publishing.shutil}[owner]
real, calls = getattr(owner, name), []
def dies(*arguments, **options):
    calls.append(name)
    if len(calls) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)
setattr(owner, name, dies)
publishing.publish(release, targets)
"""


@pytest.mark.parametrize(
    "moment",
    [
        ("shutil", "copyfile", 7),
        ("Path", "rename", 1),
        ("Path", "rename", 2),
        ("publish", "move_latest", 1),
        ("publish", "move_latest", 2),
        ("Path", "replace", 1),
    ],
    ids=lambda moment: "-".join(map(str, moment)),
)
def test_a_push_that_is_killed_is_completed_by_the_next(release, other_release, tmp_path, moment):
    targets = [tmp_path / "a", tmp_path / "b"]
    publish(other_release, targets)
    (tmp_path / "job").write_bytes(pickle.dumps((moment, release, targets)))
    done = subprocess.run([sys.executable, "-c", KILLED_PUSH, str(tmp_path / "job")], check=False)
    assert done.returncode == -signal.SIGKILL
    for target in targets:
        load_bundle(target)  # what is served is whole, whichever version it is

    assert publish(release, targets).version == 2
    for target in targets:
        assert load_bundle(target).manifest.digest == release.digest
        assert sorted(path.name for path in target.iterdir()) == [".lock", "1", "2", "latest"]


def test_readers_never_see_a_version_half_published(release, other_release, tmp_path):
    publish(release, [tmp_path])
    publish(other_release, [tmp_path])

    def read():
        for _ in range(300):
            load_bundle(tmp_path)

    with ThreadPoolExecutor() as pool:
        reader = pool.submit(read)
        while not reader.done():
            rollback(tmp_path, 1)
            publish(other_release, [tmp_path])
        reader.result()
    assert versions(tmp_path) == [1, 2]


def test_simultaneous_pushes_exclude_each_other(release, other_release, tmp_path):
    """A lock belongs to an open file, so that threads exclude each other as processes do."""
    with ThreadPoolExecutor() as pool:
        pushed = list(pool.map(lambda each: publish(each, [tmp_path]), [release, other_release, release] * 3))
    assert versions(tmp_path) == [1, 2]
    assert {tuple(load_bundle(tmp_path / str(p.version)).manifest.labels) for p in pushed} == {
        tuple(release.contract.labels),
        tuple(other_release.contract.labels),
    }


def test_every_gate_on_models_can_stop_a_push():
    assert tuple(BLESSINGS) == MODEL_GATES


@pytest.mark.parametrize("gate", [gate for gate in GATES.values() if gate != NodeId.EVALUATOR])
def test_every_gate_records_its_verdicts_where_lineage_reads_them(gate):
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", gate).lower()
    component = getattr(importlib.import_module(f"components.{name}.component"), gate)
    assert component.SPEC_CLASS.OUTPUTS["blessing"].type.TYPE_NAME in JUDGEMENTS


def test_the_component_learns_its_targets_at_launch():
    node = Pusher(
        model=Channel(type=Model),
        edge_model=Channel(type=EdgeModel),
        references=Channel(type=ReferencesArtifact),
        settings=Channel(type=CoachSettingsArtifact),
        blessings={gate: Channel(type=blessing.kind) for gate, blessing in BLESSINGS.items()},
        manifest_facts={},
    )
    kinds = {"model_blessing": ModelBlessing, "edge_blessing": EdgeBlessing, "infra_blessing": InfraBlessing}
    assert {name: node.inputs[name].type for name in kinds} == kinds
    assert node.outputs["pushed_model"].type is PushedModel
    assert node.exec_properties["targets"] == "{}"


@pytest.fixture
def key(tmp_path):
    """Write a new private key and return its file."""

    def make(name="key"):
        path = tmp_path / f"{name}.pem"
        content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    return make


def test_a_release_is_published_again_for_a_new_signature(release, key, tmp_path):
    target, first, second = tmp_path / "phone", *(read_private_key(key(name)) for name in ("first", "second"))
    pushes = [publish(replace(release, key=each), [target]) for each in (None, first, first, second, None)]
    assert [push.version for push in pushes] == [1, 2, 2, 3, 3]
    for version, signer in ((2, first), (3, second)):
        assert load_bundle(target / str(version), signer.public_key()).manifest.version == version
        assert destination_holds(target, version, signer.public_key())
    assert not destination_holds(target, release.digest, Ed25519PrivateKey.generate().public_key())


def test_only_the_fingerprint_of_the_key_is_recorded(push, key, tmp_path):
    file = key()
    signer = fingerprint(read_private_key(file).public_key())
    pushed = push({"phone": tmp_path / "phone"}, signer=signer, signing_key=str(file))
    assert pushed.get_string_custom_property("signed_by") == signer
    record = PushRecord.read(Path(pushed.uri))
    assert record.signed_by == signer
    assert "manifest.json.sig" in {listed.path for listed in record.files["phone"]}
    secret = file.read_text().splitlines()[1]
    written = [path.read_bytes() for path in (*Path(pushed.uri).rglob("*"), *(tmp_path / "phone/1").rglob("*.json*"))]
    assert not any(secret.encode() in content or str(file).encode() in content for content in written)
    key()
    with pytest.raises(NodeError, match="the signing key was changed during the run"):
        push({"phone": tmp_path / "phone"}, signer=signer, signing_key=str(file))
