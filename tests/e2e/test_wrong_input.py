"""Wrong data and wrong use end in an error that says what, where and what to do, and change nothing."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.e2e

Rows = list[dict]


def rewrite(change: Callable[[Rows], Rows | None]) -> Callable[[Path], None]:
    """Return a function that damages a span: it changes all rows and writes them to one file."""

    def damage(span: Path) -> None:
        parts = sorted(span.glob("*.parquet"))
        table = pa.concat_tables([pq.read_table(part) for part in parts])
        rows = table.to_pylist()
        rows = change(rows) or rows
        for part in parts[1:]:
            part.unlink()
        pq.write_table(pa.Table.from_pylist(rows, table.schema), parts[0])

    return damage


def first(**values: object) -> Callable[[Path], None]:
    return rewrite(lambda rows: rows[0].update(values))


def every(**values: object) -> Callable[[Path], None]:
    return rewrite(lambda rows: [row | values for row in rows])


def set_number(value: float) -> Callable[[Path], None]:
    def change(rows: Rows) -> None:
        rows[0]["keypoints"][7] = value

    return rewrite(change)


def without_column(name: str) -> Callable[[Path], None]:
    def damage(span: Path) -> None:
        for part in span.glob("*.parquet"):
            pq.write_table(pq.read_table(part).drop_columns([name]), part)

    return damage


def with_type(name: str, kind: pa.DataType) -> Callable[[Path], None]:
    def damage(span: Path) -> None:
        for part in span.glob("*.parquet"):
            table = pq.read_table(part)
            index = table.schema.get_field_index(name)
            pq.write_table(table.set_column(index, name, pa.nulls(len(table), kind)), part)

    return damage


def cut_short(span: Path) -> None:
    part = next(span.glob("*.parquet"))
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])


def not_parquet(span: Path) -> None:
    next(span.glob("*.parquet")).write_text("sequence_id,label\n")


def drop_a_joint(rows: Rows) -> None:
    row = rows[0]
    frames = np.array(row["keypoints"], np.float32).reshape(row["frames"], row["joints"], row["channels"])
    row["keypoints"] = frames[:, :-1].ravel().tolist()
    row["joints"] -= 1


def unseen_label(rows: Rows) -> Rows:
    people = sorted({row["subject"] for row in rows})
    return (
        rows
        + [
            row | {"label": "handstand", "sequence_id": f"{row['sequence_id']}-h"}
            for row in rows
            if row["subject"] == people[0]
        ][:1]
    )


DAMAGED = {
    "no span": (shutil.rmtree, "span"),
    "empty span": (lambda span: [part.unlink() for part in span.iterdir()], "no .parquet file"),
    "truncated file": (cut_short, "part-00000.parquet"),
    "not parquet": (not_parquet, "part-00000.parquet"),
    "column missing": (without_column("subject"), "subject"),
    "keypoints missing": (without_column("keypoints"), "keypoints"),
    "column of another type": (with_type("label", pa.int64()), "label"),
    "NaN": (set_number(float("nan")), "NaN"),
    "infinite": (set_number(float("inf")), "inf"),
    "zero frames": (first(frames=0, keypoints=[]), "frame"),
    "wrong joint count": (rewrite(drop_a_joint), "joint"),
    "keypoints too short": (rewrite(lambda rows: rows[0].update(keypoints=rows[0]["keypoints"][:-5])), "keypoints"),
    "unknown layout": (every(layout="octopus8"), "octopus8"),
    "another layout": (every(layout="openpose18"), "layout"),
    "mixed layouts": (first(layout="openpose18"), "layout"),
    "confidence above one": (rewrite(lambda rows: rows[0]["keypoints"].__setitem__(2, 1.5)), "confidence"),
    "duplicate ids": (rewrite(lambda rows: [row | {"sequence_id": "same"} for row in rows]), "same"),
    "empty label": (first(label=""), "label"),
    "one class": (every(label="lift_the_sky"), "one label"),
    "one subject": (every(subject="s00"), "one subject"),
    "two subjects": (rewrite(lambda rows: [r | {"subject": f"p{i % 2}"} for i, r in enumerate(rows)]), "subject"),
    "no rows": (rewrite(lambda rows: rows.clear()), "no sequence"),
    "frame rate of zero": (first(fps=0.0), "fps"),
}


def state_of(root: Path) -> dict[str, str]:
    """Return the digests of all pushed files, and the number of push artifacts."""
    files = [path for path in sorted((root / "pushed").rglob("*")) if path.is_file()]
    state = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    with sqlite3.connect(root / "metadata.sqlite") as connection:
        [(live,)] = connection.execute("SELECT count(*) FROM Artifact WHERE state = 2 AND uri LIKE '%Pusher%'")
    return state | {"live pushes": str(live)}


def assert_explains(stderr: str, word: str) -> None:
    assert "Traceback" not in stderr
    assert word.lower() in stderr.lower()
    assert "error:" in stderr or "failed:" in stderr
    assert "remedy:" in stderr


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_data(bench, first_run, tmp_path, name):
    damage, word = DAMAGED[name]
    data = tmp_path / "data"
    shutil.copytree(bench.data, data)
    before = state_of(bench.root)
    damage(data / "span-1")
    done = bench.poseline(*bench.run_arguments(data=data), expect=2)
    assert_explains(done.stderr, word)
    assert state_of(bench.root) == before


def test_a_label_that_the_schema_does_not_know_is_stopped_by_the_gate(bench, first_run, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(bench.data, data)
    before = state_of(bench.root)
    rewrite(lambda rows: [row | {"label": row["label"].replace("bow", "bough")} for row in rows])(data / "span-1")
    done = bench.poseline(*bench.run_arguments(data=data), expect=1)
    assert_explains(done.stderr, "draw_the_bough")
    assert "resume: poseline run" in done.stderr
    assert state_of(bench.root) == before


WRONG_USE = {
    "no data folder": (["run", "--data", "nowhere"], "nowhere"),
    "unknown span": (["run", "--span", "99"], "99"),
    "unknown configuration": (["run", "--config", "baduanjim"], "baduanjin"),
    "unknown key": (["run", "--set", "training.epoch=3"], "training.epochs"),
    "ill-typed value": (["run", "--set", "windows.fps=fast"], "windows.fps"),
    "unknown node": (["run", "--from", "Trainr"], "Trainr"),
    "unpinned runner": (["run", "--set", "runner.beam_args=[--runner=DirectRunner]"], "FnApiRunner"),
    "layout of another size": (["run", "--set", "layout=kinect20"], "kinect20"),
    "not a bundle": (["evaluate", "--bundle", ".", "--data", "data/sample"], "manifest"),
    "not a target": (["rollback", "nowhere"], "nowhere"),
    "not an archive": (["data", "import", "--from", "npz", "README.md", "--to", "x"], "README.md"),
    "missing archive": (["data", "import", "--from", "npz", "nothing.npz", "--to", "x"], "nothing.npz"),
    "missing folder": (["data", "describe", "nowhere"], "nowhere"),
}


@pytest.mark.parametrize("name", WRONG_USE)
def test_wrong_use(bench, first_run, name):
    arguments, word = WRONG_USE[name]
    if arguments[0] in ("run", "rollback"):
        arguments = [*arguments, "--root", str(bench.root)]
    before = state_of(bench.root)
    done = bench.poseline(*arguments, expect=2)
    assert_explains(done.stderr, word)
    assert state_of(bench.root) == before


def test_a_label_of_one_side_whose_mirror_image_has_none(bench, first_run, tmp_path):
    schema = tmp_path / "schema.pbtxt"
    schema.write_text((bench.project / "schema/baduanjin.pbtxt").read_text().replace("draw_the_bow", "draw_bow_left"))
    before = state_of(bench.root)
    settings = ["--set", f"schema_file={schema}", "--set", "transform.align_side=true"]
    done = bench.poseline(*bench.run_arguments(*settings), expect=2)
    assert_explains(done.stderr, "would need the label draw_bow_right, which does not exist")
    assert "align_side hides which side is meant in draw_bow_left" in done.stderr
    assert state_of(bench.root) == before


def test_a_root_that_cannot_be_written(bench, first_run, tmp_path):
    (tmp_path / "root").write_text("a file")
    done = bench.poseline(*bench.run_arguments(root=tmp_path / "root"), expect=2)
    assert_explains(done.stderr, "cannot be written")


def test_a_locked_store(bench, first_run, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    shutil.copy(bench.root / "metadata.sqlite", root)
    # A run waits for minutes; this one gives up after three tries.
    (tmp_path / "sitecustomize.py").write_text("from lineage.store import locking\nlocking.TRIES = 3\n")
    environment = bench.environment | {"PYTHONPATH": f"{tmp_path}:{bench.project}"}
    command = bench.command(*bench.run_arguments(root=root))
    with sqlite3.connect(root / "metadata.sqlite") as holder:
        holder.execute("BEGIN EXCLUSIVE")
        done = subprocess.run(command, cwd=bench.project, env=environment, capture_output=True, text=True, check=False)
        holder.rollback()
    assert done.returncode == 2
    assert_explains(done.stderr, "locked")


def test_with_json_errors_go_to_standard_error(bench, first_run, tmp_path):
    done = bench.poseline("run", "--json", "--data", str(tmp_path), "--root", str(bench.root), expect=2)
    assert not done.stdout or json.loads(done.stdout)
    assert_explains(done.stderr, str(tmp_path))
