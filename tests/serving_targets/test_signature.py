"""Signatures, made and verified by Poseline and by OpenSSL."""

import json
import shutil
import subprocess

import pytest

from data.errors import InputError
from pipelines.config import load_config
from serving_targets.bundle import file_signature, load_bundle
from serving_targets.releases import destination_holds, rollback
from serving_targets.signature import fingerprint, read_private_key, read_public_key, sign

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Files with a key pair, `private.pem` and `public.pem`, and the same with the prefix `other_`."""
    folder = tmp_path_factory.mktemp("keys")
    for prefix in ("", "other_"):
        openssl("genpkey", "-algorithm", "ed25519", "-out", folder / f"{prefix}private.pem")
        openssl("pkey", "-in", folder / f"{prefix}private.pem", "-pubout", "-out", folder / f"{prefix}public.pem")
    return folder


def test_openssl_verifies_a_signature(target, keys):
    folder = target / "2"
    sign(folder, read_private_key(keys / "private.pem"))
    manifest, signature = folder / "manifest.json", folder / "manifest.json.sig"
    verify = ("pkeyutl", "-verify", "-pubin", "-inkey", keys / "public.pem", "-rawin")
    assert b"Successfully" in openssl(*verify, "-in", manifest, "-sigfile", signature)
    der = openssl("pkey", "-pubin", "-in", keys / "public.pem", "-outform", "DER")
    (keys / "public.der").write_bytes(der)
    digest = openssl("dgst", "-sha256", "-r", keys / "public.der").split()[0].decode()
    assert load_bundle(target, read_public_key(keys / "public.pem")).signature == f"signed by sha256:{digest}"


def test_a_signature_by_openssl_is_verified(target, keys):
    folder = target / "2"
    made = ("pkeyutl", "-sign", "-inkey", keys / "private.pem", "-rawin", "-in", folder / "manifest.json")
    openssl(*made, "-out", folder / "manifest.json.sig")
    public = read_public_key(keys / "public.pem")
    signed = f"signed by {fingerprint(public)}"
    assert file_signature(target, public) == signed
    assert file_signature(folder / "model_int8.tflite", public) == signed
    assert file_signature(folder, None) == "signed, but not verified: no key was given"
    assert file_signature(target / "1", None) == "unsigned"
    assert file_signature(keys, None) is None
    assert destination_holds(target, 2, public)
    assert not destination_holds(target, 1, public)


def _change(folder):
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"run-2"', '"run-3"'))


def _unlisted(folder):
    (folder / "new.tflite").write_bytes(b"x")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_change, "the signature is wrong"),
        (lambda folder: (folder / "manifest.json.sig").write_bytes(b"x" * 64), "the signature is wrong"),
        (lambda folder: (folder / "manifest.json.sig").write_bytes(b"x" * 10**6), "the signature is wrong"),
        (lambda folder: (folder / "manifest.json.sig").unlink(), "the bundle is unsigned"),
        (lambda folder: (folder / "model_int8.tflite").write_bytes(b"x"), "has changed since it was published"),
        (_unlisted, "new.tflite is not in the manifest"),
    ],
)
def test_what_the_key_did_not_sign_is_refused(target, keys, spoil, expected):
    folder = target / "2"
    sign(folder, read_private_key(keys / "private.pem"))
    spoil(folder)
    public = read_public_key(keys / "public.pem")
    for use in (load_bundle, file_signature):
        with pytest.raises(InputError, match=expected):
            use(target, public)
    with pytest.raises(InputError, match=expected):
        rollback(target, 2, public)


def test_another_key_is_refused(target, keys):
    sign(target / "2", read_private_key(keys / "other_private.pem"))
    with pytest.raises(InputError, match="the signature is wrong: another key made it"):
        load_bundle(target, read_public_key(keys / "public.pem"))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x"), "has a passphrase"),
        (("genpkey", "-algorithm", "x25519"), "not an Ed25519 private key in PEM"),
        (("genpkey", "-algorithm", "ed25519", "-outform", "DER"), "not an Ed25519 private key in PEM"),
        (("version",), "not an Ed25519 private key in PEM"),
    ],
)
def test_a_key_that_cannot_sign_is_noticed_when_the_configuration_is_read(tmp_path, make, expected):
    key = tmp_path / "key.pem"
    key.write_bytes(openssl(*make))
    key.chmod(0o600)
    with pytest.raises(InputError, match=expected) as caught:
        load_config("baduanjin", [f"signing_key={json.dumps(str(key))}"])
    assert caught.value.where == str(key)


def test_a_key_that_others_can_read_is_refused(keys, tmp_path):
    key = shutil.copy(keys / "private.pem", tmp_path / "key.pem")
    key.chmod(0o640)
    with pytest.raises(InputError, match="other users can access"):
        load_config("baduanjin", [f"signing_key={json.dumps(str(key))}"])
    key.chmod(0o600)
    assert load_config("baduanjin", [f"signing_key={json.dumps(str(key))}"]).signing_key == key
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_config("baduanjin", ["signing_key=/nothing/there.pem"])
