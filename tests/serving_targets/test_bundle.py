import json
import shutil

import pytest

from data.errors import InputError
from serving_targets.bundle import load_bundle
from serving_targets.contract import channel_names
from serving_targets.manifest import BundleFile, Manifest, behaviour_digest, read_manifest


def test_a_target_is_read_as_its_latest_version(target):
    assert load_bundle(target).manifest.version == 2
    assert load_bundle(target / "1").manifest.version == 1
    assert load_bundle(target / "latest").int8_model.is_file()


def test_the_manifest_comes_back_as_it_was_written(target):
    text = (target / "2" / "manifest.json").read_text()
    assert read_manifest(target / "2").to_json() == text
    content = json.loads(text)
    assert content["labels"] == ["left", "middle", "right"]
    assert content["layout"]["joints"][5] == "left_shoulder"
    assert content["window"] == {"length": 8, "stride": 8, "fit": "slide"}
    assert read_manifest(target / "2").window_shape == (8, 17, 3)


def _alter(folder):
    content = bytearray((folder / "model_int8.tflite").read_bytes())
    content[-1] ^= 1
    (folder / "model_int8.tflite").write_bytes(content)


def _edit(**changes):
    def edit(folder):
        content = json.loads((folder / "manifest.json").read_text()) | changes
        (folder / "manifest.json").write_text(json.dumps(content))

    return edit


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_alter, "model_int8.tflite has changed since it was published"),
        (lambda folder: (folder / "model_float.tflite").unlink(), "model_float.tflite is missing"),
        (lambda folder: (folder / "manifest.json").unlink(), "no manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text('{"schema'), "cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "version None"),
        (_edit(schema_version=2), "version 2, but only version 1 can be read"),
        (_edit(labels=["only"]), "labels: "),
        (_edit(files=[{"path": "../../etc/passwd", "sha256": "0" * 64, "bytes": 1}]), "path inside the bundle"),
        (shutil.rmtree, "`latest` points to 2, which does not exist"),
    ],
)
def test_a_bundle_that_is_not_as_it_was_published_is_an_error(target, spoil, expected):
    spoil(target / "2")
    with pytest.raises(InputError, match=expected) as caught:
        load_bundle(target)
    assert str(target) in caught.value.where
    assert caught.value.remedy


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_bundle(tmp_path / "nothing")


def test_the_digest_differs_when_the_behaviour_differs(target):
    manifest = read_manifest(target / "2")

    def digest(**changes):
        values = {
            "files": manifest.files,
            "labels": manifest.labels,
            "layout": "coco17",
            "channels": channel_names(3),
            "window": manifest.window_spec,
        }
        return behaviour_digest(**values | changes)

    assert digest() == manifest.digest
    assert digest(files=manifest.files[::-1]) == manifest.digest
    other = [
        digest(labels=manifest.labels[::-1]),
        digest(layout="openpose18"),
        digest(channels=channel_names(4)),
        digest(window=manifest.window_spec.model_copy(update={"stride": 4})),
        digest(files=[*manifest.files[:1], BundleFile(path="model_float.tflite", sha256="0" * 64, bytes=3)]),
    ]
    assert len({*other, digest()}) == 6


def test_unknown_facts_of_the_origin_are_kept(target):
    content = json.loads((target / "2" / "manifest.json").read_text())
    content["provenance"]["operator"] = "Jo"
    assert Manifest.model_validate(content).model_dump()["provenance"]["operator"] == "Jo"
