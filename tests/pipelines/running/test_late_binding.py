"""The key that signs a push decides whether an earlier push is used."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tfx.proto.orchestration import pipeline_pb2

from pipelines.config import load_config
from pipelines.running.late_binding import bind_before_cache
from serving_targets.signature import fingerprint


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    return path


def _bound(config):
    node = pipeline_pb2.PipelineNode(node_info=pipeline_pb2.NodeInfo(id="Pusher"))
    bind_before_cache(config, None, node)
    return {name: value.field_value.string_value for name, value in node.parameters.parameters.items()}


def test_the_cache_key_of_a_push_has_the_fingerprint_of_the_signing_key(key_file):
    assert _bound(load_config("baduanjin", [])) == {}
    for _ in range(2):
        key = Ed25519PrivateKey.generate()
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        config = load_config("baduanjin", [f"signing_key={json.dumps(str(key_file))}"])
        assert _bound(config) == {"signer": fingerprint(key.public_key())}
