"""A root that an older commit made, unpacked and moved to a folder where tests may write.

The root was made in `/poseline-before`. It is either only moved, as with `mv`, or made to look as if it had been made
in its new place, which changes these places, and nothing else:

- the metadata store: `Artifact.uri` and the text of all properties,
- the manifest that Airflow draws its graph from,
- `push.json`, which names the folders that were published to. Its artifact gets the content digest of the new text.

`Place.neutral` undoes this in an answer, so that answers from different folders can be compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PREFIX = "/poseline-before"
ARCHIVE = Path(__file__).with_name("before.tar.xz")
ANSWERS = Path(__file__).with_name("answers.json")


@dataclass
class Place:
    """A restored copy.

    Attributes:
        folder: the folder that holds `data/` and `root/`.
        digests: content digest in this copy to the one in `/poseline-before`, of the artifacts that hold a `push.json`.
        added_bytes: bytes that the new path adds to the `push.json` of one published version.
    """

    folder: Path
    digests: dict[str, str] = field(default_factory=dict)
    added_bytes: int = 0

    @property
    def root(self) -> Path:
        """The root folder of the runs."""
        return self.folder / "root"

    @property
    def data(self) -> Path:
        """The folder with the span that the runs read."""
        return self.folder / "data"

    def neutral(self, text: str) -> str:
        """Return a text as it would be if the copy were in `/poseline-before`."""
        text = text.replace(str(self.folder), PREFIX)
        for here, before in self.digests.items():
            text = text.replace(here, before)
        return text


def restore(folder: Path, *, only_move: bool = False) -> Place:
    """Unpack the archive into a new folder.

    Args:
        folder: the folder.
        only_move: whether the paths that are recorded in the root stay as they are.
    """
    folder.mkdir(parents=True)
    place = Place(folder.resolve())
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    if only_move:
        return place
    for manifest in (place.root / "manifests").iterdir():
        _move_text(manifest, place.folder)
    with contextlib.closing(sqlite3.connect(place.root / "metadata.sqlite")) as store, store:
        change = (PREFIX, str(place.folder))
        store.execute("UPDATE Artifact SET uri = replace(uri, ?, ?)", change)
        for table in ("ArtifactProperty", "ExecutionProperty", "ContextProperty"):
            store.execute(f"UPDATE {table} SET string_value = replace(string_value, ?, ?)", change)
        for record in sorted(place.root.glob("artifacts/*/*/*/*/push.json")):
            before = _listing(record)
            place.added_bytes = max(place.added_bytes, _move_text(record, place.folder))
            _replace_digest(store, place, before, _listing(record))
    return place


def _move_text(file: Path, folder: Path) -> int:
    """Replace the folder's name in a file; return the number of bytes that the file grows by."""
    before = file.read_text(encoding="utf-8")
    moved = before.replace(PREFIX, str(folder))
    file.write_text(moved, encoding="utf-8")
    return len(moved.encode()) - len(before.encode())


def _listing(file: Path) -> str:
    """Return the text whose SHA-256 is the content digest of a folder with this file alone."""
    content = file.read_bytes()
    return f"{hashlib.sha256(content).hexdigest()} {len(content)} {json.dumps(file.name)}\n"


def _replace_digest(store: sqlite3.Connection, place: Place, before: str, listing: str) -> None:
    old, new = (hashlib.sha256(text.encode()).hexdigest() for text in (before, listing))
    file = place.root / "listings" / new[:2] / f"{new}.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text(listing, encoding="utf-8")
    store.execute("UPDATE ArtifactProperty SET string_value = ? WHERE string_value = ?", (new, old))
    place.digests[new] = old


def drawn_dag(python: Path, project: Path, place: Place) -> dict[str, Any]:
    """Return the DAG that a project's DAG file builds from the restored manifest, as JSON values.

    Args:
        python: Airflow's interpreter.
        project: checkout with `dags/`.
        place: restored copy; its folder becomes Airflow's home as well.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
        "PYTHONPATH": f"{project}/dags:{project}/dags/plugins",
        "AIRFLOW_HOME": str(place.folder / "airflow"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": f"{project}/dags/plugins",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "POSELINE_ROOT": str(place.root),
        "POSELINE_PIPELINES": "baduanjin",
    }
    command = [python, Path(__file__).with_name("dag_probe.py"), project / "dags/poseline.py"]
    done = subprocess.run(command, env=environment, cwd=place.folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-3000:])
    return json.loads(place.neutral(done.stdout.splitlines()[-1]))
