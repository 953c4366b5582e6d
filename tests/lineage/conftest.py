"""Metadata stores of three kinds with the same history of real runs in each; servers run on loopback."""

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from lineage.store import backend
from lineage.store.reader import LineageStore
from pipelines.cli.main import main
from tests.lineage.browser import chromium  # noqa: F401

PROJECT = Path(__file__).parents[2]
BACKENDS = ("sqlite", "postgresql", "mysql")
PASSWORD = "s3cret/with:signs@"
ENCODED = "s3cret%2Fwith%3Asigns%40"


@dataclass
class Answer:
    """The output and the exit code of a command."""

    code: int
    text: str

    @property
    def json(self):
        return json.loads(self.text)


@dataclass
class Recorded:
    """A root with recorded runs."""

    root: Path
    url: str | None

    @property
    def environment(self):
        return {backend.URL_VARIABLE: self.url} if self.url else {backend.URL_VARIABLE: ""}

    @property
    def log(self):
        return json.loads((self.root / "history.json").read_text())

    def connection(self):
        return backend.parse_url(self.url) if self.url else backend.sqlite_connection(self.root / "metadata.sqlite")

    def store(self):
        return LineageStore(self.connection())

    def ask(self, *arguments, expect=0):
        """Run `poseline lineage ...` on this root."""
        result = CliRunner().invoke(main, ["lineage", *arguments, "--root", str(self.root)], env=self.environment)
        assert result.exit_code == expect, f"{arguments}: exit code {result.exit_code}\n{result.output}"
        return Answer(result.exit_code, result.output)

    def runs_named(self, what):
        return [entry["run"] for entry in self.log if entry["what"] == what]


class Servers:
    """Database servers, started when they are needed."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="poseline-servers-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._running = {}

    def database(self, kind):
        """Return the URL of a new, empty database."""
        if kind not in self._running:
            self._running[kind] = self._postgresql() if kind == "postgresql" else self._mariadb()
        return self._running[kind][1](f"lineage_{secrets.token_hex(4)}")

    def stop(self):
        for process, _ in self._running.values():
            # These signals also end open connections: SIGINT of PostgreSQL (-F), SIGTERM of MariaDB.
            process.send_signal(signal.SIGINT if process.args[-1] == "-F" else signal.SIGTERM)
            process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _postgresql(self):
        import psycopg

        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not programs or os.getuid() != 0:
            pytest.skip("PostgreSQL is not installed, or the tests cannot switch to its user (they need root)")
        binaries, data, port = programs[-1].parent, self._folder("postgres"), _free_port()
        key = self.folder / "key"
        key.write_text(PASSWORD)
        key.chmod(0o644)
        options = ["-D", str(data), "-U", "keeper", "-A", "scram-sha-256", "--pwfile", str(key), "--no-sync"]
        _run(_as("postgres", [str(binaries / "initdb"), *options, "-E", "UTF8", "--locale=C.UTF-8"]))
        server = _as(
            "postgres",
            [str(binaries / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(data), "-F"],
        )
        process = self._start(server, "postgres", port)

        def create(name):
            place = f"host=127.0.0.1 port={port} user=keeper dbname=postgres"
            with psycopg.connect(place, password=PASSWORD, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return f"postgresql://keeper:{ENCODED}@127.0.0.1:{port}/{name}"

        _until(lambda: psycopg.connect(f"host=127.0.0.1 port={port} user=keeper dbname=postgres", password=PASSWORD))
        return process, create

    def _mariadb(self):
        import pymysql

        server, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
        if not server or not install or os.getuid() != 0:
            pytest.skip("MariaDB is not installed, or the tests cannot switch to its user (they need root)")
        data, port = self._folder("mysql"), _free_port()
        common = ["--no-defaults", f"--datadir={data}", "--user=mysql"]
        _run([install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"])
        command = [server, *common, "--bind-address=127.0.0.1", f"--port={port}", f"--socket={data}/socket"]
        process = self._start(_as("mysql", [*command, "--innodb-flush-log-at-trx-commit=0"]), "mysql", port)

        def create(name):
            place = {"unix_socket": f"{data}/socket", "user": "root"}
            with pymysql.connect(**place) as connection, connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
                cursor.execute("CREATE USER IF NOT EXISTS keeper@'127.0.0.1' IDENTIFIED BY %s", (PASSWORD,))
                cursor.execute(f"GRANT ALL ON {name}.* TO keeper@'127.0.0.1'")
            return f"mysql://keeper:{ENCODED}@127.0.0.1:{port}/{name}"

        _until(lambda: pymysql.connect(unix_socket=f"{data}/socket", user="root"))
        return process, create

    def _folder(self, user):
        folder = self.folder / user
        folder.mkdir()
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        return folder

    def _start(self, command, name, port):
        log = (self.folder / f"{name}.log").open("wb")
        return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def _as(user, command):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command]


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _until(connect, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        try:
            connect().close()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def record(root, url, length):
    """Record a history into a root, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT), backend.URL_VARIABLE: url or ""}
    done = subprocess.run(
        [sys.executable, "-m", "tests.lineage.record_history", str(root), length],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return Recorded(root, url)


@pytest.fixture(scope="session")
def servers():
    made = Servers()
    yield made
    made.stop()


@pytest.fixture(scope="session", params=BACKENDS)
def database(request, servers):
    """A function that returns the URL of a new database of one kind; None for SQLite under the root."""
    kind = request.param
    return lambda: None if kind == "sqlite" else servers.database(kind)


@pytest.fixture(scope="session")
def recorded(database, tmp_path_factory):
    """The short history, in a store of each kind; tests must not change it."""
    return record(tmp_path_factory.mktemp("recorded"), database(), "short")


@pytest.fixture(scope="session")
def fifty(tmp_path_factory):
    """Fifty runs, in SQLite; tests must not change them."""
    return record(tmp_path_factory.mktemp("fifty"), None, "long")


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """A history in SQLite and a copy to restore it from, at the same path because artifacts contain it."""
    root = tmp_path_factory.mktemp("changeable") / "root"
    record(root, None, "short")
    shutil.copytree(root, root.with_name("copy"), symlinks=True)
    return root


@pytest.fixture
def changeable(original):
    """A history in SQLite that tests may change."""
    shutil.rmtree(original)
    shutil.copytree(original.with_name("copy"), original, symlinks=True)
    return Recorded(original, None)


@pytest.fixture(scope="session")
def record_more():
    """A function that runs the last variant of a history once more and returns the states of its nodes."""

    def more(recorded):
        return record(recorded.root, recorded.url, "again").log[-1]["states"]

    return more
