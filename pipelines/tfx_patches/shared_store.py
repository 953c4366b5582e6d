"""Keeps one open connection to the metadata store for each thread.

TFX opens the store again for each of its steps, nine times for each node. With a server each connection takes a tenth
of a second. Reported as tensorflow/tfx#4911.
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

_IDLE_SECONDS = 30.0  # a training takes hours, and a server may close a connection that is idle for so long
_ATTEMPTS = 5
_local = threading.local()


def shared_store(connection: metadata_store_pb2.ConnectionConfig) -> MetadataStore:
    """Return this thread's open store; it is opened again if it was not used for a while."""
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
        except PoselineError as error:  # processes that create the tables of a new database at once disturb each other
            if isinstance(error, InputError):
                raise
            time.sleep(random.random())
    return open_store(connection)


class SharedMetadata(metadata.Metadata):
    """TFX's handle of the metadata store, which uses this thread's open store."""

    def __enter__(self) -> SharedMetadata:
        self._store = shared_store(self._connection_config)
        self._users += 1
        return self
