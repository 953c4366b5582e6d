"""Which metadata store is used, and how to reach it.

SQLite under the root unless the environment names another: `POSELINE_METADATA` holds a URL, or `POSELINE_METADATA_FILE`
names a file that does, so that a password stands on no command line. The connection is made when it is needed and is
never written anywhere.
"""

from __future__ import annotations

import contextlib
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
from lineage.places import SQLITE_NAME

URL_VARIABLE, FILE_VARIABLE = "POSELINE_METADATA", "POSELINE_METADATA_FILE"
_standard_error = threading.Lock()
_FORMS = "sqlite:///path, postgresql://user:password@host:port/database or mysql://user:password@host:port/database"


def connection(root: Path) -> metadata_store_pb2.ConnectionConfig:
    """Connection of the metadata store that the runs of a root are recorded in.

    Raises:
        InputError: the environment names a store in a form that is not understood.
    """
    url = _url_of_environment()
    return parse_url(url) if url else sqlite_connection(root / SQLITE_NAME)


def sqlite_connection(path: Path) -> metadata_store_pb2.ConnectionConfig:
    """Connection of a SQLite file."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return config


def parse_url(url: str) -> metadata_store_pb2.ConnectionConfig:
    """Connection that a URL describes; reserved characters in user and password are percent-encoded.

    Raises:
        InputError: not a URL of a known kind. The message never repeats the password.
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
        raise _bad_url(f"{parts.scheme or 'nothing'!r} is no kind of store")
    host, database = parts.hostname, unquote(parts.path.lstrip("/"))
    if not host or not database:
        raise _bad_url("host or database is missing")
    if parts.scheme.startswith("postgres"):
        _fill_postgresql(config, parts, host, port, database)
    else:
        _fill_mysql(config, parts, host, port, database)
    return config


def describe(config: metadata_store_pb2.ConnectionConfig) -> str:
    """The store in a form that may be shown: kind, place and database, without user and password."""
    kind = config.WhichOneof("config")
    if kind == "sqlite":
        return config.sqlite.filename_uri
    if kind == "postgresql":
        return f"postgresql://{config.postgresql.host}:{config.postgresql.port}/{config.postgresql.dbname}"
    return f"mysql://{config.mysql.host}:{config.mysql.port}/{config.mysql.database}"


def exists(config: metadata_store_pb2.ConnectionConfig) -> bool:
    """Whether there is anything to read: a SQLite file; a server's database is taken to be there."""
    return not config.HasField("sqlite") or Path(config.sqlite.filename_uri).exists()


def read_only(config: metadata_store_pb2.ConnectionConfig) -> metadata_store_pb2.ConnectionConfig:
    """The same store for reading; SQLite then makes sure that nothing is written."""
    copy = metadata_store_pb2.ConnectionConfig()
    copy.CopyFrom(config)
    if copy.HasField("sqlite"):
        copy.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    return copy


def open_store(config: metadata_store_pb2.ConnectionConfig, *, upgrade: bool = False) -> MetadataStore:
    """Connects.

    Args:
        config: where to.
        upgrade: whether an older schema may be brought up to date; see `poseline lineage upgrade`.

    Raises:
        InputError: nothing was recorded yet, or the schema is older or newer than this library's.
        PoselineError: the server cannot be reached or says no.
    """
    if not exists(config) and not _creates(config):
        raise InputError(
            "nothing has been recorded yet", describe(config), "run the pipeline, or name another root with --root"
        )
    said: list[str] = []
    try:
        with _native_messages(said) if not config.HasField("sqlite") else contextlib.nullcontext():
            return _kind(config)(config, enable_upgrade_migration=upgrade)
    except Exception as error:
        raise _explained(config, " ".join([str(error), *said])) from None


def _kind(config: metadata_store_pb2.ConnectionConfig) -> type[MetadataStore]:
    if not config.HasField("postgresql"):
        return MetadataStore
    from lineage.store.postgresql import PostgresqlStore

    return PostgresqlStore


def _creates(config: metadata_store_pb2.ConnectionConfig) -> bool:
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
    config.mysql.host = "127.0.0.1" if host == "localhost" else host  # the client takes localhost for a socket
    config.mysql.port = port or 3306
    config.mysql.user = unquote(parts.username or "")
    config.mysql.password = unquote(parts.password or "")
    config.mysql.database = database
    config.mysql.skip_db_creation = True


def _bad_url(why: str) -> InputError:
    return InputError(f"the URL of the metadata store is not understood: {why}", URL_VARIABLE, f"give {_FORMS}")


def _explained(config: metadata_store_pb2.ConnectionConfig, message: str) -> PoselineError:
    where = describe(config)
    if "is older than library version" in message or "Schema migration is disabled" in message:
        return InputError(
            "the metadata store is of an older version than this library reads",
            where,
            "bring it up to date with `poseline lineage upgrade` (it makes a backup first)",
        )
    if "is greater than library version" in message or "newer than" in message:
        return InputError("the metadata store is of a newer version than this library reads", where, "update Poseline")
    nobody = "nobody answers there", "start the server"
    causes = {
        r"ECONNREFUSED|[Cc]onnection refused|\(111\)|Can't connect": nobody,
        r"authentication failed|Access denied|no password supplied": (
            "the server refused this user, password or database",
            f"mend {URL_VARIABLE} or the file that {FILE_VARIABLE} names",
        ),
        r"database \"?.*\"? does not exist|Unknown database": ("no such database", "create it on the server"),
        r"could not translate host|resolve|Unknown .*server host": ("the host is unknown", "mend the URL"),
        # All that the MySQL client tells at times, whatever the cause.
        r"plugin|caching_sha2": (
            "the server refused this user, password or database, or asks for a kind of login that the client lacks",
            f"mend {URL_VARIABLE} or the file that {FILE_VARIABLE} names; let the user log in with "
            "mysql_native_password",
        )
        if _answers(config)
        else nobody,
    }
    for pattern, (cause, remedy) in causes.items():
        if re.search(pattern, message):
            return PoselineError(f"the metadata store cannot be opened: {cause}", where, remedy)
    return PoselineError(
        f"the metadata store cannot be opened: {_without_password(config, message)}", where, "see the server's log"
    )


def _answers(config: metadata_store_pb2.ConnectionConfig) -> bool:
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
def _native_messages(said: list[str]) -> Iterator[None]:
    """Catches what the client library writes to standard error: the cause of a failure is told nowhere else."""
    with _standard_error, tempfile.TemporaryFile() as caught:
        saved = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            said.append(caught.read().decode(errors="replace"))
