"""What decides whether an earlier result is used: the key that signs a push, and what a gate could not measure."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.standard_artifacts import InfraBlessing

from payloads.judgements import FormatFigures, ServingJudgement
from payloads.verdict import check_threshold
from pipelines.config import load_config
from pipelines.running.late_binding import bind_before_cache, why_stale
from pipelines.workspace import Workspace
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


@pytest.mark.parametrize(
    ("only_warn", "is_open", "stale"),
    [
        ("[]", True, "measured again, because max_latency_p95_ms could not be judged"),
        ("[serving_smoke]", True, "measured again, because max_latency_p95_ms could not be judged"),
        ("[]", False, "measured again, because the rejection by max_latency_p95_ms may not repeat itself"),
        ("[serving_smoke]", False, None),
    ],
)
def test_what_could_not_be_judged_is_measured_again_also_by_a_gate_that_only_warns(tmp_path, only_warn, is_open, stale):
    slow = check_threshold("max_latency_p95_ms", 0.31, 0.3, "max", "ms").model_copy(update={"is_open": is_open})
    assert _why_stale(tmp_path, ServingJudgement(verdicts=(slow,)), only_warn) == stale


@pytest.mark.parametrize(("may_pass", "gates"), [(True, "max_failed_formats, min_agreement"), (False, None)])
def test_a_fault_that_always_repeats_is_taken_from_the_cache(tmp_path, may_pass, gates):
    failed = check_threshold("max_failed_formats", 1, 0, "max", "formats")
    unknown = check_threshold("min_agreement", None, 0.9, "min", "share")
    broken = FormatFigures(shipped=True, fault="it did not work", may_pass=may_pass, seconds=1)
    judgement = ServingJudgement(verdicts=(failed, unknown), formats={"model_int8.tflite": broken})
    expected = gates and f"measured again, because the rejection by {gates} may not repeat itself"
    assert _why_stale(tmp_path, judgement, "[]") == expected


def _why_stale(folder, judgement, only_warn):
    blessing = InfraBlessing()
    blessing.uri = str(folder)
    judgement.write(folder)
    config = load_config("baduanjin", [f"only_warn={only_warn}"])
    return why_stale(config, Workspace(folder), "ServingSmoke", {"blessing": [blessing]})
