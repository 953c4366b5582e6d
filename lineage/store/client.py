"""ML Metadata's client, which waits for a locked store and explains why a call failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ml_metadata.errors import AbortedError, InternalError, UnavailableError, UnknownError
from ml_metadata.metadata_store import MetadataStore

from data.errors import PoselineError
from lineage.store.locking import when_unlocked

_FAILURES = (InternalError, UnavailableError, UnknownError)
"""Errors of the store itself; the others answer the question, for example that there is no such context."""


class StoreClient(MetadataStore):
    """A client of ML Metadata.

    Args:
        place: the store, for messages.
        explain: function that returns the error to raise for a message of ML Metadata; None for an unknown message.
        arguments: arguments of ML Metadata's client.
    """

    def __init__(
        self,
        *arguments: Any,
        place: str = "",
        explain: Callable[[str], PoselineError | None] = lambda _: None,
        **more: Any,
    ) -> None:
        super().__init__(*arguments, **more)
        self._place, self._explain = place, explain

    def _call(self, *arguments: Any, **more: Any) -> Any:
        """Call ML Metadata; every method does so by this one."""
        waits = self._config.HasField("sqlite")
        try:
            return when_unlocked(
                lambda: super(StoreClient, self)._call(*arguments, **more),
                lambda error: waits and isinstance(error, AbortedError),
                self._place,
            )
        except _FAILURES as error:
            explained = self._explain(str(error))
            if explained is None:
                raise
            raise explained from error
