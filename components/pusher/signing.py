"""The key of a push: the file that the configuration names, checked against the fingerprint in the cache key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import NodeError
from serving_targets.signature import fingerprint, read_private_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNER = "signer"
"""Execution property with the fingerprint of the public key. It decides whether an earlier push is used."""

KEY_FILE = "signing_key"
"""Execution property with the path of the private key, which is given at launch and recorded nowhere."""


def read_signing_key(parameters: Mapping[str, Any]) -> Ed25519PrivateKey | None:
    """Return the private key to sign with; None if the configuration names none.

    Raises:
        InputError: the key cannot be used.
        NodeError: the key is not the one that the cache was asked for.
    """
    if not parameters.get(SIGNER):
        return None
    path = Path(parameters[KEY_FILE])
    key = read_private_key(path)
    if fingerprint(key.public_key()) != parameters[SIGNER]:
        raise NodeError("the signing key was changed during the run", str(path), "run again")
    return key
