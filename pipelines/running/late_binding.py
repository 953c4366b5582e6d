"""Node parameters that are filled in when the node is launched, not when the plan is compiled.

Before the cache lookup a node gets the span and the digest of its content. After the lookup it gets folders and the run
id, because they must not decide whether an earlier result is used.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact

from components.pusher.signing import KEY_FILE, SIGNER
from data.digests import Listing
from data.errors import InputError
from data.files import write_atomically
from data.splits import SplitPolicy
from data.store import content_digest, digest_of_parts, span_folder
from data.text import listed
from data.validation import validate_span
from lineage.comparison import known_listing, read_listing
from lineage.measures import BLESSINGS, FORMS
from lineage.node_ids import NodeId
from lineage.nodes import NODES
from lineage.places import checked_file
from payloads.judgements import Judgement
from payloads.push import PushRecord
from payloads.verdict import Verdict
from pipelines.compilation.fingerprint import closure
from pipelines.config import PipelineConfig
from pipelines.pushed import altered_versions, push_targets, why_push_again
from pipelines.running.cache_key import CacheKey
from pipelines.running.run_context import RunContext
from pipelines.tfx_patches.shared_store import shared_store
from pipelines.workspace import Workspace
from schema.window_contract import read_window_contract
from serving_targets.signature import fingerprint, read_private_key


def chosen_span(config: PipelineConfig, span: int | None) -> Path:
    """Return the folder of the span that a run reads.

    Raises:
        InputError: the configuration names no data, or the folder or span does not exist.
    """
    if config.data is None:
        raise InputError(
            f"configuration {config.name!r} names no data", "data", "give a folder of canonical Parquet with --data DIR"
        )
    return span_folder(config.data, span)


def bind_before_cache(config: PipelineConfig, root: Path, span: int | None, node: pipeline_pb2.PipelineNode) -> None:
    """Set the parameters that decide whether an earlier result is used: the span that is read, the key that signs.

    Args:
        config: configuration of the run.
        root: root of the runs, which remembers the spans that were checked.
        span: number of the span to read; None reads the latest.
        node: node whose parameters are set.

    Raises:
        InputError: the data cannot be trained on, or the key cannot be used; the message names file, row, reason and
            remedy.
    """
    if node.node_info.id == NodeId.PUSHER and config.signing_key:
        signer = fingerprint(read_private_key(config.signing_key).public_key())
        node.parameters.parameters[SIGNER].field_value.string_value = signer
    if node.node_info.id != NodeId.KEYPOINT_EXAMPLE_GEN:
        return
    folder = chosen_span(config, span)
    contract = read_window_contract(config.schema_file)
    parameters = node.parameters.parameters
    parameters["span"].field_value.int_value = int(folder.name.rpartition("-")[2])
    parameters["span_digest"].field_value.string_value = _checked_digest(
        root, folder, _state(folder), config.layout, contract.channels, config.split.model_dump_json()
    )


def _state(folder: Path) -> tuple[tuple[str | int, ...], ...]:
    states = ((part.name, part.stat()) for part in sorted(folder.iterdir()))
    return tuple((name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for name, s in states)


@functools.lru_cache(maxsize=1)
def _checked_digest(root: Path, folder: Path, state: object, layout: str, channels: int, policy: str) -> str:
    """Return the digest of a span's content after a check that it can be trained on.

    A span that was checked before, with the same settings and by the same code, is read again only if the names, sizes
    and times of its files are no longer what they were then (`lineage/comparison.py`). A run predicts its nodes before
    it launches them, so this is called twice; the second call reads nothing if `state` is the same.
    """

    def note(digest: str) -> Path:
        code = closure(["data.validation"]).digest()
        key = "\n".join((digest, layout, str(channels), policy, code))
        return checked_file(root, hashlib.sha256(key.encode()).hexdigest())

    known = known_listing(root, folder)
    if known is not None and note(_span_digest(known)).exists():
        return _span_digest(known)
    validate_span(folder, layout=layout, channels=channels, policy=SplitPolicy.model_validate_json(policy))
    digest = content_digest(folder)
    if root.is_dir():
        with contextlib.suppress(OSError):  # without the note the span is checked again
            listed = _span_digest(read_listing(root, folder))
            if listed == digest and _state(folder) == state:
                write_atomically(note(digest), "")
    return digest


def _span_digest(listing: Listing) -> str:
    """Return the content digest of a span from the listing of its folder; what is in a subfolder is no part of it."""
    parts = (file for file in listing.files if file.path.endswith(".parquet") and "/" not in file.path)
    return digest_of_parts((file.path, file.sha256) for file in parts)


def refuse_changed_span(config: PipelineConfig, root: Path, properties: Mapping[str, Any]) -> None:
    """Raise an error if a span changed while a node read it; the node's result would be cached for other data.

    Args:
        config: configuration of the run.
        root: root of the runs.
        properties: execution properties of the node; without `span_digest` it does not read a span.

    Raises:
        InputError: the span is no longer what it was when the node was launched.
    """
    if "span_digest" not in properties:
        return
    node = pipeline_pb2.PipelineNode(node_info=pipeline_pb2.NodeInfo(id=NodeId.KEYPOINT_EXAMPLE_GEN))
    bind_before_cache(config, root, properties["span"], node)
    if _parameter(node, "span_digest") != properties["span_digest"]:
        raise InputError(
            "the data changed while they were read",
            str(chosen_span(config, properties["span"])),
            "run again when nothing writes to the span any more",
        )


def late_properties(run: RunContext, node_id: str, key: CacheKey) -> dict[str, Any]:
    """Return the execution properties that the executor gets but that are not part of the cache key."""
    config = run.plan.config
    if node_id == NodeId.KEYPOINT_EXAMPLE_GEN:
        return {"data_folder": str(chosen_span(config, run.span).parent)}
    if node_id == NodeId.IMPORT_SCHEMA_GEN:
        return {"schema_file": str(config.schema_file)}
    if node_id == NodeId.TRAINER:
        custom = json.loads(_parameter(run.node(node_id), "custom_config"))
        custom["checkpoint_dir"] = str(run.workspace.checkpoints(config.name) / key.digest[:16])
        return {"custom_config": json.dumps(custom)}
    if node_id == NodeId.PUSHER:
        targets = push_targets(config, run.workspace)
        altered = altered_versions(shared_store(run.connection), config.name, targets)
        facts = json.loads(_parameter(run.node(node_id), "manifest_facts"))
        return {
            "targets": json.dumps({name: str(path) for name, path in targets.items()}),
            "altered_versions": json.dumps([str(folder) for folder in altered]),
            "manifest_facts": json.dumps(facts | dict(run.facts) | {"run_id": run.run_id, "pipeline": config.name}),
            KEY_FILE: str(config.signing_key or ""),
        }
    return {}


def why_stale(
    config: PipelineConfig, workspace: Workspace, node_id: str, outputs: Mapping[str, Sequence[Artifact]]
) -> str | None:
    """Return why cached outputs cannot be used; None if they can.

    The outputs of a push cannot be used if the targets are not as the configuration wants them, and a rejection cannot
    be used if it rests on a measurement of time or on a crash, which another try may not repeat. What a gate says
    that only warns is no rejection, but what it could not say is asked again.
    """
    for blessing in outputs.get("blessing", ()):
        if blessing.type_name not in BLESSINGS:
            continue
        only_warns = NODES[NodeId(node_id)].gate in config.only_warn
        to_repeat = _to_repeat(blessing)
        if is_open := [verdict.gate for verdict in to_repeat if verdict.is_open]:
            return f"measured again, because {listed(is_open)} could not be judged"
        if not only_warns and (rejected := [verdict.gate for verdict in to_repeat]):
            return f"measured again, because the rejection by {listed(rejected)} may not repeat itself"
    for pushed in outputs.get("pushed_model", ()):
        record = PushRecord.find(Path(pushed.uri), pushed.get_string_custom_property("targets"))
        if record is None:
            return "its record cannot be read"
        if why := why_push_again(workspace.root, record, push_targets(config, workspace)):
            return why
    return None


def _to_repeat(blessing: Artifact) -> tuple[Verdict, ...]:
    judgement = FORMS[blessing.type_name].read_if_sound(Path(blessing.uri))
    return judgement.to_repeat if isinstance(judgement, Judgement) else ()


def _parameter(node: pipeline_pb2.PipelineNode, name: str) -> str:
    return node.parameters.parameters[name].field_value.string_value
