import json
import os
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


def _file(path, **changes):
    """Return an edit that gives a listed file another path, or other values."""

    def edit(folder):
        content = json.loads((folder / "manifest.json").read_text())
        content["files"].append(content["files"][0] | {"path": path} | changes)
        (folder / "manifest.json").write_text(json.dumps(content))

    return edit


def _text(old, new):
    def edit(folder):
        text = (folder / "manifest.json").read_text()
        assert old in text
        (folder / "manifest.json").write_text(text.replace(old, new, 1))

    return edit


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        *[
            (_file(path), "path inside the bundle|a file twice|must not include")
            for path in (
                *("/etc/passwd", "a/../b", "./a", "a//b", "a/", "", "a\0b", "a\nb", "a\\b", "C:\\b"),
                *("model_int8.tflite", "MODEL_int8.tflite", "model_\uff49nt8.tflite", "Manifest.json"),
            )
        ],
        (_file("a" * 5000), "at most 1000 characters"),
        (_file("a", bytes=2**40), "files.2.bytes"),
        (_file("a", bytes=10**9), "not stand for more than 953 MB together"),
        (_file("a", sha256="0"), "files.2.sha256"),
        (
            _edit(files=[{"path": "a", "sha256": "0" * 64, "bytes": 1}]),
            "must include model_float.tflite and model_int8",
        ),
        (_edit(files=[{"path": str(n), "sha256": "0" * 64, "bytes": 1} for n in range(2000)]), "at most 1000 items"),
        (_edit(labels=["left", "left", "right"]), "the same text twice"),
        (_edit(labels=["left", "", "right"]), "labels.1"),
        (_edit(labels=["left", "a\nb", "right"]), "labels.1"),
        (_edit(labels=["left", "x" * 5000, "right"]), "labels.1"),
        (_edit(fps=0), "fps"),
        (_edit(fps=1e300), "fps"),
        (_edit(window={"length": 10**9, "stride": 1, "fit": "slide"}), "window.length"),
        (_edit(version=2**31), "version"),
        (_edit(created="yesterday"), "created"),
        (_edit(channels=["x", "x", "confidence"]), "the same text twice"),
        (_text('"fps": 10.0', '"fps": NaN'), "a number is not finite"),
        (_text('"max_bytes": 1', '"max_bytes": 1e999'), "a number is not finite"),
        (_text('"version": 2', f'"version": {"9" * 5000}'), "an integer has more than 64 bits"),
        (_text('"version": 2', '"version": 2, "version": 2'), "a key is repeated"),
        (_text('"max_bytes": 1', f'"max_bytes": {"[" * 60 + "]" * 60}'), "nested more than 50 levels deep"),
        (_text('"max_bytes": 1', f'"max_bytes": {"[" * 10**5 + "]" * 10**5}'), "nested more than 50 levels deep"),
        (_text('"standin"', '"\\ud800"'), "surrogates not allowed"),
        (_text('"standin"', f'"{"x" * 2_000_000}"'), "more than 1000000 bytes"),
        (_text('"standin"', f'"{"x" * 2000}"'), "name: String should have at most 1000 characters"),
    ],
)
def test_a_manifest_out_of_bounds_is_a_short_error(target, spoil, expected):
    spoil(target / "2")
    with pytest.raises(InputError, match=expected) as caught:
        load_bundle(target)
    assert len(str(caught.value)) < 2000


def _link(name, to):
    def spoil(folder):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(to)

    return spoil


def _fifo(folder):
    (folder / "model_float.tflite").unlink()
    os.mkfifo(folder / "model_float.tflite")


def _manifest_fifo(folder):
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: (folder / "other.tflite").write_bytes(b"x"), "other.tflite is not in the manifest"),
        (lambda folder: shutil.copytree(folder, folder / "saved_model"), "saved_model/.* is not in the manifest"),
        (_link("model_float.tflite", "/etc/hostname"), "model_float.tflite is a link that leads out of the bundle"),
        (_link("manifest.json", "../1/manifest.json"), "manifest.json is a link that leads out of the bundle"),
        (_link("saved_model", "../1"), "saved_model is a link that leads out of the bundle"),
        (_link("model_float.tflite", "model_float.tflite"), "model_float.tflite is missing"),
        (_link("extra", "model_int8.tflite"), "extra is not in the manifest"),
        (_link("model_float.tflite", "model_int8.tflite"), None),  # the content is the same
        (_fifo, "model_float.tflite is not a regular file|model_float.tflite is not in the manifest"),
        (_manifest_fifo, "the manifest cannot be read: it is not a regular file"),
        (lambda folder: os.truncate(folder / "manifest.json", 2**40), "more than 1000000 bytes"),
        (_link("../latest", "../../elsewhere"), "`latest` leads out of the target"),
        (_link("../latest", "latest"), "`latest` points to latest, which does not exist"),
    ],
)
def test_files_that_are_not_the_published_ones_are_refused(target, spoil, expected):
    spoil(target / "2")
    if expected is None:
        load_bundle(target)
        return
    with pytest.raises(InputError, match=expected):
        load_bundle(target)


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
