"""The signature of a bundle: an Ed25519 signature of its manifest, which lists the digest of every file.

The signature is the 64 bytes that `openssl pkeyutl -sign -rawin` writes, and keys are PEM files as OpenSSL writes them.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError
from data.settings.json_text import read_bytes
from serving_targets.manifest import MANIFEST, MANIFEST_BYTES, SIGNATURE

if TYPE_CHECKING:  # at run time, only who has a key imports the library
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_KEY_BYTES = 10_000
_SIGNATURE_BYTES = 64


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        InputError: the file cannot be read, others can read it, or it is not an Ed25519 key without a passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read_key(path)
    if path.stat().st_mode & 0o077:
        raise InputError("other users can access the private key", str(path), f"run: chmod 600 {path}")
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError:
        raise InputError(
            "the private key has a passphrase, which nobody can type during a run",
            str(path),
            f"protect the file instead of the key: openssl pkey -in {path} -out NEW.pem; chmod 600 NEW.pem",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(
            "the file is not an Ed25519 private key in PEM", str(path), "run: openssl genpkey -algorithm ed25519"
        )
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        InputError: the file cannot be read, or is not an Ed25519 public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read_key(path))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(
            "the file is not an Ed25519 public key in PEM",
            str(path),
            "make it from the private key: openssl pkey -in PRIVATE.pem -pubout",
        )
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """Return the SHA-256 of a public key in DER, by which people compare keys."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def sign(folder: Path, key: Ed25519PrivateKey) -> None:
    """Write the signature of the manifest in a folder."""
    (folder / SIGNATURE).write_bytes(key.sign((folder / MANIFEST).read_bytes()))


def signature_of(folder: Path, key: Ed25519PublicKey | None) -> str:
    """Describe the signature of a bundle, in words that follow "the bundle is".

    Args:
        folder: folder of the version.
        key: key that must have signed the manifest; None if any bundle may be used.

    Raises:
        InputError: there is a key, but the manifest is not signed with it.
    """
    is_signed = os.path.lexists(folder / SIGNATURE)
    if key is None:
        return "signed, but not verified: no key was given" if is_signed else "unsigned"
    if not is_signed:
        raise _refusal("the bundle is unsigned", folder, key)
    if not is_signed_with(folder, key):
        raise _refusal("the signature is wrong: another key made it, or the manifest was changed", folder, key)
    return f"signed by {fingerprint(key)}"


def is_signed_with(folder: Path, key: Ed25519PublicKey) -> bool:
    """Return whether the manifest in a folder is signed with a key."""
    from cryptography.exceptions import InvalidSignature

    try:
        signature = read_bytes(folder / SIGNATURE, _SIGNATURE_BYTES)
        key.verify(signature, read_bytes(folder / MANIFEST, MANIFEST_BYTES))
    except (InvalidSignature, OSError, ValueError):
        return False
    return True


def _read_key(path: Path) -> bytes:
    try:
        return read_bytes(path, _KEY_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"the key cannot be read: {reason}", str(path), "name a PEM file") from error


def _refusal(what: str, folder: Path, key: Ed25519PublicKey) -> InputError:
    return InputError(
        what, str(folder), f"do not use it: get a bundle that is signed with the key of fingerprint {fingerprint(key)}"
    )
