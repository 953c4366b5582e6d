"""Makes TFX's cache keys independent of the place of the root.

TFX hashes the whole description of each input artifact, also its URI. Everything in a root that was moved or copied
would be computed again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.portable import cache_utils
from tfx.types.artifact import Artifact

from lineage.places import payload_name

_original_cache_context: Callable[..., metadata_store_pb2.Context] = cache_utils.get_cache_context


def apply() -> None:
    """Put the portable key in the place of TFX's."""
    cache_utils.get_cache_context = _cache_context


def portable(artifact: Artifact) -> Artifact:
    """Return a copy of an artifact whose URI does not name the root."""
    copied = copy.deepcopy(artifact)
    copied.uri = payload_name(artifact.uri)
    return copied


def _cache_context(
    *arguments: Any, input_artifacts: Mapping[str, Sequence[Artifact]] | None = None, **more: Any
) -> metadata_store_pb2.Context:
    found = {key: [portable(artifact) for artifact in artifacts] for key, artifacts in (input_artifacts or {}).items()}
    return _original_cache_context(*arguments, input_artifacts=found, **more)
