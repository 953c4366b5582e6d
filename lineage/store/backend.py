"""The metadata store that is in use: where it is, and how to connect to it.

The store is a SQLite file under the root, unless the environment names another one: `POSELINE_METADATA` contains a URL,
or `POSELINE_METADATA_FILE` the path of a file with a URL. This keeps a password off the command line, and
Poseline never writes it to a file or a log.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from data.errors import InputError, PoselineError
from data.system.faults import explain_text
from lineage.places import SQLITE_NAME
from lineage.store.client import StoreClient
from lineage.store.locking import DAMAGED, LockedError, is_locked_sqlite, when_unlocked

URL_VARIABLE, FILE_VARIABLE = "POSELINE_METADATA", "POSELINE_METADATA_FILE"
_standard_error = threading.Lock()
_FORMS = "sqlite:///path, postgresql://user:password@host:port/database or mysql://user:password@host:port/database"


def connection(root: Path) -> metadata_store_pb2.ConnectionConfig:
    """Return the connection of the metadata store in which the runs of a root are recorded.

    Raises:
        InputError: the environment contains a URL that is not understood, or names a file that cannot be read.
    """
    url = _url_of_environment()
    return parse_url(url) if url else sqlite_connection(root / SQLITE_NAME)


def sqlite_connection(path: Path) -> metadata_store_pb2.ConnectionConfig:
    """Return the connection of a SQLite file."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return config


def parse_url(url: str) -> metadata_store_pb2.ConnectionConfig:
    """Return the connection that a URL describes.

    Args:
        url: URL of a known form; reserved characters in user and password are percent-encoded.

    Raises:
        InputError: the URL has another form. The message never contains the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad_url("its host or port cannot be read") from None
    config = metadata_store_pb2.ConnectionConfig()
    if parts.scheme == "sqlite":
        if parts.netloc or not parts.path.startswith("/"):
            raise _bad_url("a SQLite path is absolute")
        return sqlite_connection(Path(unquote(parts.path)))
    if parts.scheme not in ("postgresql", "postgres", "mysql", "mariadb"):
        raise _bad_url(f"{parts.scheme or 'nothing'!r} is not a kind of store")
    if "@" in parts.path:  # the first part of a password with a slash looks like a port, the rest like a database
        raise _bad_url("reserved characters in user, password and database must be percent-encoded")
    host, database = parts.hostname, unquote(parts.path.lstrip("/"))
    if not host or not database:
        raise _bad_url("host or database is missing")
    if parts.scheme.startswith("postgres"):
        _fill_postgresql(config, parts, host, port, database)
    else:
        _fill_mysql(config, parts, host, port, database)
    return config


def describe(config: metadata_store_pb2.ConnectionConfig) -> str:
    """Return kind, host and database of a store as text, without user and password."""
    kind = config.WhichOneof("config")
    if kind == "sqlite":
        return config.sqlite.filename_uri
    if kind == "postgresql":
        return f"postgresql://{config.postgresql.host}:{config.postgresql.port}/{config.postgresql.dbname}"
    return f"mysql://{config.mysql.host}:{config.mysql.port}/{config.mysql.database}"


def exists(config: metadata_store_pb2.ConnectionConfig) -> bool:
    """Return whether there is a store to read: an empty file is none, a server's database is assumed to exist."""
    if not config.HasField("sqlite"):
        return True
    path = Path(config.sqlite.filename_uri)
    return path.exists() and path.stat().st_size > 0


def read_only(config: metadata_store_pb2.ConnectionConfig) -> metadata_store_pb2.ConnectionConfig:
    """Return a connection for reading the same store; SQLite then refuses to write."""
    copy = metadata_store_pb2.ConnectionConfig()
    copy.CopyFrom(config)
    if copy.HasField("sqlite"):
        copy.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    return copy


def open_store(config: metadata_store_pb2.ConnectionConfig, *, upgrade: bool = False) -> MetadataStore:
    """Connect to a metadata store.

    Args:
        config: connection of the store.
        upgrade: whether to migrate a store of an older version; `lineage.store.upgrading` makes a backup first.

    Raises:
        InputError: nothing has been recorded yet, the store is of an older or newer version than ML Metadata, or it
            remains locked.
        PoselineError: the store is damaged, or the server cannot be reached or refuses the connection.
    """
    if not exists(config) and not _may_create(config):
        raise InputError(
            "nothing has been recorded yet", describe(config), "run the pipeline, or name another root with --root"
        )
    store_class = _store_class(config)
    messages: list[str] = []
    patient = metadata_store_pb2.ConnectionConfig()
    patient.CopyFrom(config)
    if config.HasField("sqlite"):
        patient.retry_options.max_num_retries = 1  # the client tries again
    place = describe(config)

    def connect() -> MetadataStore:
        if config.HasField("sqlite") and is_locked_sqlite(config.sqlite.filename_uri):
            raise LockedError
        with contextlib.nullcontext() if config.HasField("sqlite") else _native_messages(messages):
            return store_class(
                patient,
                enable_upgrade_migration=upgrade,
                place=place,
                folder=Path(config.sqlite.filename_uri).parent if config.HasField("sqlite") else None,
                is_own=_is_own(config),
                explain=functools.partial(_known, config),
            )

    try:
        return when_unlocked(connect, lambda error: isinstance(error, LockedError), place)
    except PoselineError:
        raise
    except Exception as error:
        raise _explained(config, " ".join([str(error), *messages])) from None


def _store_class(config: metadata_store_pb2.ConnectionConfig) -> type[StoreClient]:
    if not config.HasField("postgresql"):
        return StoreClient
    from lineage.store import postgresql

    postgresql.check_version()
    return postgresql.PostgresqlStore


def _is_own(config: metadata_store_pb2.ConnectionConfig) -> bool:
    """Return whether a store belongs to a root; if the environment names one, several roots may use it."""
    return Path(config.sqlite.filename_uri).name == SQLITE_NAME and not _url_of_environment()


def _may_create(config: metadata_store_pb2.ConnectionConfig) -> bool:
    return config.sqlite.connection_mode != metadata_store_pb2.SqliteMetadataSourceConfig.READONLY


def _url_of_environment() -> str | None:
    file = os.environ.get(FILE_VARIABLE)
    if not file:
        return os.environ.get(URL_VARIABLE) or None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(
            f"the file that names the metadata store cannot be read: {error.strerror}",
            file,
            f"put a URL into it: {_FORMS}; or unset {FILE_VARIABLE}",
        ) from error


def _fill_postgresql(
    config: metadata_store_pb2.ConnectionConfig, parts: SplitResult, host: str, port: int | None, database: str
) -> None:
    config.postgresql.host = host
    config.postgresql.port = str(port or 5432)
    config.postgresql.user = unquote(parts.username or "")
    config.postgresql.password = unquote(parts.password or "")
    config.postgresql.dbname = database
    config.postgresql.skip_db_creation = True


def _fill_mysql(
    config: metadata_store_pb2.ConnectionConfig, parts: SplitResult, host: str, port: int | None, database: str
) -> None:
    config.mysql.host = "127.0.0.1" if host == "localhost" else host  # for localhost the client would use a socket
    config.mysql.port = port or 3306
    config.mysql.user = unquote(parts.username or "")
    config.mysql.password = unquote(parts.password or "")
    config.mysql.database = database
    config.mysql.skip_db_creation = True


def _bad_url(why: str) -> InputError:
    return InputError(f"the URL of the metadata store is not understood: {why}", URL_VARIABLE, f"give {_FORMS}")


def _explained(config: metadata_store_pb2.ConnectionConfig, message: str) -> PoselineError:
    """Return an error that names the cause of a message from ML Metadata or a client library."""
    where = describe(config)
    if "is older than library version" in message or "Schema migration is disabled" in message:
        return InputError(
            "the metadata store is of an older version than this library reads",
            where,
            "upgrade it with `poseline lineage upgrade`, which makes a backup first",
        )
    if "is greater than library version" in message or "newer than" in message:
        return InputError("the metadata store is of a newer version than this library reads", where, "update Poseline")
    return _known(config, message) or PoselineError(
        f"the metadata store cannot be used: {_without_password(config, message)}", where, "see the server's log"
    )


def _known(config: metadata_store_pb2.ConnectionConfig, message: str) -> PoselineError | None:
    """Return an error that names the cause, if it is one of the known ones; None if it is not."""
    for pattern, (cause, remedy) in _causes(config).items():
        if re.search(pattern, message):
            return PoselineError(f"the metadata store cannot be used: {cause}", describe(config), remedy)
    if config.HasField("sqlite") and (fault := explain_text(message)):
        return PoselineError(f"the metadata store cannot be used: {fault.what}", describe(config), fault.remedy)
    return None


def _causes(config: metadata_store_pb2.ConnectionConfig) -> dict[str, tuple[str, str]]:
    """Return the known causes of a failure with their remedies, by a pattern in the message."""
    if config.HasField("sqlite"):
        return {r"disk image is malformed|file is not a database|no such table|subset of tables": DAMAGED}
    nobody = ("nobody answers there", "start the server")
    lost = ("the connection was lost", "see that the server runs, then run again")
    fix = f"correct {URL_VARIABLE} or the file that {FILE_VARIABLE} names"
    refused = "the server refused this user, password or database"
    # The MySQL client sometimes reports a missing plugin, whatever the cause.
    plugin = (
        f"{refused}, or asks for a kind of login that the client lacks",
        f"{fix}; let the user log in with mysql_native_password",
    )
    return {
        r"ECONNREFUSED|[Cc]onnection refused|\(111\)|Can't connect": nobody,
        r"closed the connection|no connection to the server|terminating connection|gone away|Lost connection": lost,
        r"authentication failed|Access denied|no password supplied": (refused, fix),
        r"database \"?.*\"? does not exist|Unknown database": ("no such database", "create it on the server"),
        r"could not translate host|resolve|Unknown .*server host": ("the host is unknown", "correct the URL"),
        r"plugin|caching_sha2": plugin if _answers(config) else nobody,
    }


def _answers(config: metadata_store_pb2.ConnectionConfig) -> bool:
    """Return whether a MySQL server accepts connections; True for other kinds of store."""
    if not config.HasField("mysql"):
        return True
    try:
        socket.create_connection((config.mysql.host, config.mysql.port), timeout=3).close()
    except OSError:
        return False
    return True


def _without_password(config: metadata_store_pb2.ConnectionConfig, message: str) -> str:
    for password in (config.postgresql.password, config.mysql.password):
        if password:
            message = message.replace(password, "***")
    return " ".join(message.split())


@contextlib.contextmanager
def _native_messages(messages: list[str]) -> Iterator[None]:
    """Collect what the client library writes to standard error: it reports the cause of a failure only there."""
    with _standard_error, tempfile.TemporaryFile() as caught:
        saved = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            messages.append(caught.read().decode(errors="replace"))
