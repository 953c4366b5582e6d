"""Upgrade of a metadata store that an older version of ML Metadata wrote, after a backup.

ML Metadata migrates the tables itself when it connects with `enable_upgrade_migration`. It keeps no copy, so SQLite's
backup interface or the server's own dump program makes one first. Nothing private of ML Metadata is used.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from data.errors import InputError, PoselineError
from data.files import creating
from lineage.store import backend


def upgrade(config: metadata_store_pb2.ConnectionConfig, backups: Path) -> Path:
    """Back up a store, then let ML Metadata migrate it.

    Args:
        config: connection of the store.
        backups: folder for the backup.

    Returns:
        File with the backup.

    Raises:
        InputError: there is no store, or no program that can back it up.
        PoselineError: the backup or the migration failed; the store has the content of the backup.
    """
    if not backend.exists(config):
        raise InputError("nothing has been recorded yet", backend.describe(config), "there is nothing to upgrade")
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S")
    if config.HasField("sqlite"):
        backup = backups / f"metadata-{moment}.sqlite"
        with (
            creating(backup) as made,
            sqlite3.connect(config.sqlite.filename_uri) as source,
            contextlib.closing(sqlite3.connect(made)) as target,
        ):
            source.backup(target)
    elif config.HasField("postgresql"):
        backup = backups / f"metadata-{moment}.sql"
        _dump(["pg_dump"], _postgresql_arguments(config), {"PGPASSWORD": config.postgresql.password}, backup)
    else:
        backup = backups / f"metadata-{moment}.sql"
        _dump(["mariadb-dump", "mysqldump"], _mysql_arguments(config), {"MYSQL_PWD": config.mysql.password}, backup)
    backend.open_store(config, upgrade=True)
    return backup


def _postgresql_arguments(config: metadata_store_pb2.ConnectionConfig) -> list[str]:
    server = config.postgresql
    user = ["--username", server.user, "--no-password"]
    return ["--host", server.host, "--port", server.port, *user, server.dbname]


def _mysql_arguments(config: metadata_store_pb2.ConnectionConfig) -> list[str]:
    server = config.mysql
    user = ["--user", server.user, "--single-transaction"]
    return ["--host", server.host, "--port", str(server.port), *user, server.database]


def _dump(programs: list[str], arguments: list[str], password: dict[str, str], backup: Path) -> None:
    """Write a backup with the server's own program, which gets the password from the environment."""
    program = next((found for name in programs if (found := shutil.which(name))), None)
    if program is None:
        raise InputError(
            "the program that makes the backup is not installed", " or ".join(programs), "install it, then upgrade"
        )
    with creating(backup) as made:
        with made.open("wb") as file:
            done = subprocess.run(
                [program, *arguments], stdout=file, stderr=subprocess.PIPE, env={**os.environ, **password}, check=False
            )
        if done.returncode:
            raise PoselineError(f"the backup failed: {done.stderr.decode(errors='replace').strip()}", program)
