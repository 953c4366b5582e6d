"""What a node learns at launch and not at compilation.

Before the cache is asked: which span is used and what its content is. After it: places and moments (folders, run id),
which must not decide whether a result is used again.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.proto.orchestration import pipeline_pb2
from tfx.types.artifact import Artifact

from data.errors import InputError
from data.splits import SplitPolicy
from data.store import content_digest, span_folder
from data.validation import validate_span
from lineage.nodes import NodeId
from pipelines.config import PipelineConfig
from pipelines.running.cache_key import CacheKey
from pipelines.running.run_context import RunContext
from schema.window_contract import read_window_contract
from serving_targets.releases import destination_holds


def chosen_span(config: PipelineConfig, span: int | None) -> Path:
    """The folder of the span that a run reads.

    Raises:
        InputError: the configuration names no data, or the folder or span does not exist.
    """
    if config.data is None:
        raise InputError(
            f"configuration {config.name!r} names no data", "data", "give a folder of canonical Parquet with --data DIR"
        )
    return span_folder(config.data, span)


def bind_before_cache(config: PipelineConfig, span: int | None, node: pipeline_pb2.PipelineNode) -> None:
    """Fills in the parameters that say which data a run reads, by content.

    Raises:
        InputError: the data cannot be trained on; names file, row, reason and remedy.
    """
    if node.node_info.id != NodeId.KEYPOINT_EXAMPLE_GEN:
        return
    folder = chosen_span(config, span)
    contract = read_window_contract(config.schema_file)
    state = tuple((part.name, part.stat().st_size, part.stat().st_mtime_ns) for part in sorted(folder.iterdir()))
    parameters = node.parameters.parameters
    parameters["span"].field_value.int_value = int(folder.name.rpartition("-")[2])
    parameters["span_digest"].field_value.string_value = _checked_digest(
        folder, state, config.layout, contract.channels, config.split.model_dump_json()
    )


@functools.lru_cache(maxsize=1)
def _checked_digest(folder: Path, state: object, layout: str, channels: int, policy: str) -> str:
    """Content digest of a span that can be trained on.

    A run forecasts before it launches: what has the same `state` as a moment ago is not read a second time.
    """
    del state
    validate_span(folder, layout=layout, channels=channels, policy=SplitPolicy.model_validate_json(policy))
    return content_digest(folder)


def late_properties(run: RunContext, node_id: str, key: CacheKey) -> dict[str, Any]:
    """Execution properties that the executor gets but the cache key does not hold."""
    config = run.plan.config
    if node_id == NodeId.KEYPOINT_EXAMPLE_GEN:
        return {"data_folder": str(chosen_span(config, run.span).parent)}
    if node_id == NodeId.TRAINER:
        custom = json.loads(_parameter(run.node(node_id), "custom_config"))
        custom["checkpoint_dir"] = str(run.workspace.checkpoints(config.name) / key.digest[:16])
        return {"custom_config": json.dumps(custom)}
    if node_id == NodeId.PUSHER:
        targets = config.targets or {config.name: run.workspace.pushed / config.name}
        facts = json.loads(_parameter(run.node(node_id), "manifest_facts"))
        return {
            "targets": json.dumps({name: str(path) for name, path in targets.items()}),
            "manifest_facts": json.dumps(facts | dict(run.facts) | {"run_id": run.run_id, "pipeline": config.name}),
        }
    return {}


def why_stale(config: PipelineConfig, outputs: Mapping[str, Sequence[Artifact]]) -> str | None:
    """Why cached outputs can't be used although they exist, if so: a push whose destination lost what it got."""
    for pushed in outputs.get("pushed_model", ()):
        if not pushed.get_int_custom_property("pushed"):
            continue
        digest = pushed.get_string_custom_property("digest")
        for name, path in json.loads(pushed.get_string_custom_property("targets")).items():
            if not destination_holds(Path(path), digest):
                return f"target {name!r} does not hold what was pushed"
    return None


def _parameter(node: pipeline_pb2.PipelineNode, name: str) -> str:
    return node.parameters.parameters[name].field_value.string_value
