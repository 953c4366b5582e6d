"""What decides whether an earlier result is used: the key that signs a push, and what a gate could not measure."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.standard_artifacts import InfraBlessing

from data.errors import InputError
from data.project import PROJECT_ROOT
from data.store import content_digest
from payloads.judgements import FormatFigures, ServingJudgement
from payloads.verdict import check_threshold
from pipelines.config import load_config
from pipelines.running import late_binding
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
    bind_before_cache(config, Path("no root"), None, node)
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


@pytest.fixture
def span(tmp_path):
    """The bundled sample's span in a data folder, older than the steps in which file systems count time."""
    shutil.copytree(PROJECT_ROOT / "data" / "sample", tmp_path / "data")
    (tmp_path / "root").mkdir()
    time.sleep(0.2)
    return tmp_path / "data" / "span-1"


def _digest(span, **overrides):
    """Return the digest of a span as a new process finds it."""
    late_binding._checked_digest.cache_clear()
    config = load_config("baduanjin", [f"data={span.parent}", *(f"{key}={value}" for key, value in overrides.items())])
    node = pipeline_pb2.PipelineNode(node_info=pipeline_pb2.NodeInfo(id="KeypointExampleGen"))
    bind_before_cache(config, span.parents[1] / "root", None, node)
    return node.parameters.parameters["span_digest"].field_value.string_value


def _read_again(*_, **__):
    raise AssertionError("the span was read again")


def test_a_span_that_was_checked_is_not_read_again_until_a_file_changes(span, monkeypatch):
    digest = _digest(span)
    assert digest == content_digest(span)
    with monkeypatch.context() as patch:
        patch.setattr(late_binding, "validate_span", _read_again)
        patch.setattr(late_binding, "content_digest", _read_again)
        assert _digest(span) == digest
        with pytest.raises(AssertionError, match="read again"):
            _digest(span, split="{method: hash}")  # the people of each split are checked, too
    part = next(span.glob("*.parquet"))
    content, times = part.read_bytes(), part.stat()
    part.write_bytes(content[:-8] + bytes([content[-8] ^ 1]) + content[-7:])
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    for _ in range(2):  # what is wrong is never taken as checked
        with pytest.raises(InputError, match="Parquet"):
            _digest(span)
    part.write_bytes(content)
    assert _digest(span) == digest
    part.rename(part.with_name("part-00001.parquet"))
    assert _digest(span) == content_digest(span) != digest


def test_a_linked_part_is_read_every_time(span, monkeypatch):
    part = next(span.glob("*.parquet"))
    part.rename(span.parents[1] / part.name)
    part.symlink_to(span.parents[1] / part.name)
    time.sleep(0.2)
    assert _digest(span) == content_digest(span)
    monkeypatch.setattr(late_binding, "validate_span", _read_again)
    with pytest.raises(AssertionError, match="read again"):
        _digest(span)
