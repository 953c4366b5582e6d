"""Brings a metadata store of an older version up to date, after a backup."""

from __future__ import annotations

import datetime
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from data.errors import InputError, PoselineError
from lineage.store import backend


def upgrade(config: metadata_store_pb2.ConnectionConfig, backups: Path) -> Path:
    """Copies the store to a folder, then lets ML Metadata migrate it.

    Returns:
        The backup.

    Raises:
        InputError: there is no store, or no program that can copy it.
        PoselineError: the copy or the migration failed; the store is as the backup has it.
    """
    if not backend.exists(config):
        raise InputError("nothing has been recorded yet", backend.describe(config), "there is nothing to upgrade")
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S")
    backups.mkdir(parents=True, exist_ok=True)
    if config.HasField("sqlite"):
        copy = backups / f"metadata-{moment}.sqlite"
        with sqlite3.connect(config.sqlite.filename_uri) as source, sqlite3.connect(copy) as target:
            source.backup(target)
    elif config.HasField("postgresql"):
        copy = backups / f"metadata-{moment}.sql"
        _dump(["pg_dump"], _postgresql_arguments(config), {"PGPASSWORD": config.postgresql.password}, copy)
    else:
        copy = backups / f"metadata-{moment}.sql"
        _dump(["mariadb-dump", "mysqldump"], _mysql_arguments(config), {"MYSQL_PWD": config.mysql.password}, copy)
    backend.open_store(config, upgrade=True)
    return copy


def _postgresql_arguments(config: metadata_store_pb2.ConnectionConfig) -> list[str]:
    to = config.postgresql
    return ["--host", to.host, "--port", to.port, "--username", to.user, "--no-password", to.dbname]


def _mysql_arguments(config: metadata_store_pb2.ConnectionConfig) -> list[str]:
    to = config.mysql
    return ["--host", to.host, "--port", str(to.port), "--user", to.user, "--single-transaction", to.database]


def _dump(programs: list[str], arguments: list[str], password: dict[str, str], copy: Path) -> None:
    """Lets the server's own program write a backup; the password goes in by the environment."""
    program = next((found for name in programs if (found := shutil.which(name))), None)
    if program is None:
        raise InputError(
            "the program that makes the backup is not installed", " or ".join(programs), "install it, then upgrade"
        )
    with copy.open("wb") as file:
        done = subprocess.run(
            [program, *arguments], stdout=file, stderr=subprocess.PIPE, env={**os.environ, **password}, check=False
        )
    if done.returncode:
        copy.unlink()
        raise PoselineError(f"the backup failed: {done.stderr.decode(errors='replace').strip()}", program)
