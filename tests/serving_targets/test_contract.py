import json
import shutil
import subprocess
import zipfile

import pytest

from data.digests import file_digest
from data.errors import InputError
from data.windows import WindowSpec
from serving_targets.bundle import load_bundle
from serving_targets.classifier import Classifier
from serving_targets.contract import make_contract, read_contract, with_contract

FACTS = {
    "name": "standin",
    "labels": ["left", "middle", "right"],
    "layout": "coco17",
    "channels": 3,
    "window": WindowSpec(length=8, stride=8, fps=10),
    "normalisation": "0123456789ab",
    "schema_digest": "1" * 64,
    "saved_model_digest": "2" * 64,
}


@pytest.fixture
def contract():
    return make_contract(**FACTS)


@pytest.fixture
def described(tflite_model, contract, tmp_path):
    """A TFLite file with a contract."""
    path = tmp_path / "described.tflite"
    path.write_bytes(with_contract(tflite_model.read_bytes(), contract))
    return path


def test_a_file_with_a_contract_still_runs(described, tflite_model, contract):
    assert read_contract(described) == contract
    assert Classifier(described).contract == contract
    assert contract.window_shape == Classifier(described).window_shape
    assert contract.joints[5] == "left_shoulder"
    assert Classifier(tflite_model).contract is None


def test_the_same_bytes_every_time(tflite_model, contract):
    content = tflite_model.read_bytes()
    assert with_contract(content, contract) == with_contract(content, contract)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_reads_it(described):
    done = subprocess.run(["unzip", "-p", described, "labels.txt"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == FACTS["labels"]


@pytest.mark.parametrize(
    "change",
    [{"labels": ["left", "right"]}, {"window": WindowSpec(length=9, stride=8, fps=10)}, {"layout": "kinect20"}],
)
def test_a_file_that_contradicts_its_contract_is_an_error(tflite_model, tmp_path, change):
    path = tmp_path / "model.tflite"
    path.write_bytes(with_contract(tflite_model.read_bytes(), make_contract(**FACTS | change)))
    with pytest.raises(InputError, match="its metadata say"):
        Classifier(path)


def _archive(path, name, text):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "cannot be read"),
        ('{"labels": ["one"]}', "cannot be read"),
        (" " * 70_000, "more than 65536 bytes"),
    ],
)
def test_metadata_that_make_no_sense_are_an_error(tflite_model, tmp_path, text, expected):
    path = tmp_path / "model.tflite"
    shutil.copyfile(tflite_model, path)
    _archive(path, "contract.json", text)
    with pytest.raises(InputError, match=expected):
        read_contract(path)


@pytest.mark.parametrize(
    ("labels", "how"),
    [
        ("left\nright\nmiddle\n", zipfile.ZIP_STORED),
        ("left\nmiddle\n", zipfile.ZIP_STORED),
        ("left\nmiddle\nright\n", zipfile.ZIP_BZIP2),
        (None, zipfile.ZIP_STORED),
    ],
)
def test_labels_that_are_not_the_contracts_are_an_error(tflite_model, contract, tmp_path, labels, how):
    path = tmp_path / "model.tflite"
    shutil.copyfile(tflite_model, path)
    with zipfile.ZipFile(path, "a", how) as archive:
        archive.writestr("contract.json", contract.model_dump_json(), zipfile.ZIP_STORED)
        if labels:
            archive.writestr("labels.txt", labels)
    with pytest.raises(InputError, match=r"labels.txt (has other labels|is there twice, is compressed)"):
        read_contract(path)


def test_an_archive_without_a_contract_is_ignored(tflite_model, tmp_path):
    path = tmp_path / "model.tflite"
    shutil.copyfile(tflite_model, path)
    _archive(path, "notes.txt", "hello")
    assert read_contract(path) is None


def test_a_damaged_archive_is_an_error(described):
    content = described.read_bytes()
    described.write_bytes(content.replace(b'"name":"standin"', b'"name":"stalion"', 1))
    with pytest.raises(InputError, match="cannot be read"):
        read_contract(described)


@pytest.fixture
def bundle(target, contract):
    """A target whose latest version has files with contracts and a manifest that agrees with them."""
    folder = target / "2"
    for name in ("model_int8.tflite", "model_float.tflite"):
        (folder / name).write_bytes(with_contract((folder / name).read_bytes(), contract))
    _edit(folder, normalisation="0123456789ab", schema_digest="1" * 64, saved_model_digest="2" * 64)
    return target


def _edit(folder, **changes):
    """Change the manifest and the digests in it, so that the digests do not reveal the change."""
    content = json.loads((folder / "manifest.json").read_text()) | changes
    for file in content["files"]:
        path = folder / file["path"]
        file |= {"sha256": file_digest(path), "bytes": path.stat().st_size}
    (folder / "manifest.json").write_text(json.dumps(content))


def test_manifest_and_contracts_agree(bundle, contract):
    assert load_bundle(bundle).manifest.contract == contract


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"labels": ["right", "middle", "left"]}, "labels"),
        ({"fps": 30.0}, "fps"),
        ({"normalisation": "ba9876543210"}, "normalisation"),
        ({"window": {"length": 8, "stride": 4, "fit": "stretch"}}, "window"),
    ],
)
def test_a_manifest_that_was_changed_contradicts_the_files(bundle, change, names):
    _edit(bundle / "2", **change)
    with pytest.raises(InputError, match=f"manifest contradict each other: {names}"):
        load_bundle(bundle)


def test_labels_without_a_contract_must_be_the_manifests(bundle, tflite_model):
    for name in ("model_int8.tflite", "model_float.tflite"):
        shutil.copyfile(tflite_model, bundle / "2" / name)
        _archive(bundle / "2" / name, "labels.txt", "left\nright\nmiddle\n")
    _edit(bundle / "2", saved_model_digest="")
    with pytest.raises(InputError, match="contradict each other: labels"):
        load_bundle(bundle)


def test_a_file_that_lost_its_metadata_is_an_error(bundle, tflite_model):
    shutil.copyfile(tflite_model, bundle / "2" / "model_float.tflite")
    _edit(bundle / "2")
    with pytest.raises(InputError, match=r"model_float.tflite has no contract"):
        load_bundle(bundle)
