"""Connections to the metadata store, shared by what a thread does one after the other.

TFX opens the store anew for each of its steps, nine times a node. A server needs a tenth of a second each time.
"""

from __future__ import annotations

import random
import threading
import time

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from data.errors import InputError, PoselineError
from lineage.store.backend import open_store

_IDLE_SECONDS = 30.0  # a training takes hours: no server is trusted to keep an idle connection that long
_ATTEMPTS = 5
_local = threading.local()


def shared_store(connection: metadata_store_pb2.ConnectionConfig) -> MetadataStore:
    """This thread's open store, or a new one if it was not used for a while."""
    stores: dict[bytes, tuple[float, MetadataStore]] = _local.__dict__.setdefault("stores", {})
    key, now = connection.SerializeToString(deterministic=True), time.monotonic()
    used, store = stores.get(key, (0.0, None))
    if store is None or now - used > _IDLE_SECONDS:
        store = _open(connection)
    stores[key] = (now, store)
    return store


def _open(connection: metadata_store_pb2.ConnectionConfig) -> MetadataStore:
    for _ in range(_ATTEMPTS - 1):
        try:
            return open_store(connection)
        except PoselineError as error:  # several that set up a new database at once are in each other's way
            if isinstance(error, InputError):
                raise
            time.sleep(random.random())
    return open_store(connection)


class SharedMetadata(metadata.Metadata):
    """TFX's handle, on this thread's store."""

    def __enter__(self) -> SharedMetadata:
        self._store = shared_store(self._connection_config)
        self._users += 1
        return self
