"""ML Metadata's client, which waits for a locked store and explains why a call failed.

In a store that belongs to a root, the folders of payloads are recorded by their paths below the root, so that a root
that is moved or copied works in its new place. Stores of older versions recorded absolute paths, and so does a store
that the environment names, which several roots may use; what such a store recorded before as a root's own is relative
to its folder.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from ml_metadata.errors import AbortedError, InternalError, UnavailableError, UnknownError
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2, metadata_store_service_pb2

from data.errors import PoselineError
from lineage.places import below_root, former_root, in_folder, in_root
from lineage.store.locking import when_unlocked
from payloads.push import recorded_targets, targets_in

_HOLDING_ARTIFACTS = {"ArtifactAndEvent", "ArtifactEventPair", "LineageGraph"}
_TARGETS = "targets"
_FAILURES = (InternalError, UnavailableError, UnknownError)
"""Errors of the store itself; the others answer the question, for example that there is no such context."""


class StoreClient(MetadataStore):
    """A client of ML Metadata.

    Args:
        place: the store, for messages.
        folder: folder of the store's file, from which relative places are meant; None for a server.
        is_own: whether the store belongs to the root in its folder, so that places are recorded relative to it; several
            roots may use another store.
        explain: function that returns the error to raise for a message of ML Metadata; None for an unknown message.
        arguments: arguments of ML Metadata's client.
    """

    def __init__(
        self,
        *arguments: Any,
        place: str = "",
        folder: Path | None = None,
        is_own: bool = False,
        explain: Callable[[str], PoselineError | None] = lambda _: None,
        **more: Any,
    ) -> None:
        super().__init__(*arguments, **more)
        self._place, self._folder, self._is_own, self._explain = place, folder, is_own, explain

    def _call(self, *arguments: Any, **more: Any) -> Any:
        """Call ML Metadata; every method does so by this one, with its name, a request and a response."""
        _, request, response = arguments[:3]
        if self._folder is not None and self._is_own:
            if isinstance(request, metadata_store_service_pb2.GetArtifactsByURIRequest):
                request.uris.extend([below_root(self._folder, uri) for uri in request.uris])
            for artifact in _artifacts(request):
                artifact.uri = below_root(self._folder, artifact.uri)
                _change_targets(artifact, functools.partial(recorded_targets, self._folder))
        waits = self._config.HasField("sqlite")
        try:
            result = when_unlocked(
                lambda: super(StoreClient, self)._call(*arguments, **more),
                lambda error: waits and isinstance(error, AbortedError),
                self._place,
            )
        except _FAILURES as error:
            explained = self._explain(str(error))
            if explained is None:
                raise
            raise explained from error
        if self._folder is not None:
            for artifact in _artifacts(response):
                former = former_root(artifact.uri) if self._is_own else None
                artifact.uri = (in_root if self._is_own else in_folder)(self._folder, artifact.uri)
                _change_targets(artifact, functools.partial(targets_in, self._folder, former=former))
        return result


def _change_targets(artifact: metadata_store_pb2.Artifact, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Change the folders of push targets, which are recorded as JSON in a property of a PushedModel."""
    if _TARGETS not in artifact.custom_properties:
        return
    value = artifact.custom_properties[_TARGETS]
    with contextlib.suppress(ValueError, TypeError, AttributeError):  # damaged: left as it is
        value.string_value = json.dumps(change(json.loads(value.string_value)))


def _artifacts(message: Message) -> Iterator[metadata_store_pb2.Artifact]:
    """Yield the artifacts in a request or a response."""
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for inner in value if field.is_repeated else (value,):
            if isinstance(inner, metadata_store_pb2.Artifact):
                yield inner
            elif field.message_type.name in _HOLDING_ARTIFACTS:
                yield from _artifacts(inner)
