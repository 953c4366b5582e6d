"""Today's code answers questions about an older root as the older code did; answers may only gain keys."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.main import main
from tests.compatibility import questions
from tests.compatibility.older_root import ANSWERS, Place, drawn_dag, restore

PROJECT = Path(__file__).parents[2]
RECORDED = json.loads(ANSWERS.read_text(encoding="utf-8"))
NAMES = sorted(RECORDED.keys() - {"dag"})


@pytest.fixture(scope="module", params=["in its place", "moved"])
def answers(tmp_path_factory, request) -> dict:
    folder = tmp_path_factory.mktemp("before")
    (folder / "written").mkdir()
    place = restore(folder / "place", only_move=request.param == "moved")
    return questions.answer(main, place, folder / "written")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    return restore(tmp_path_factory.mktemp("compiled") / "place")


def differences(before: Any, now: Any, place: str = "answer") -> Iterator[str]:
    """Yield what an answer lost or says differently; a key that it did not have before is no difference."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key, value in before.items():
            if key in now:
                yield from differences(value, now[key], f"{place}.{key}")
            else:
                yield f"{place}.{key} is missing, was {value!r}"
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, pair in enumerate(zip(before, now, strict=True)):
            yield from differences(*pair, f"{place}[{index}]")
    elif before != now:
        yield f"{place} is {now!r}, was {before!r}"


def poseline(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_question_was_asked_before(answers):
    assert sorted(answers) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_as_before(answers, name):
    assert list(differences(RECORDED[name], answers[name])) == []


def test_the_dag_is_drawn_as_before(place, airflow_python):
    assert drawn_dag(airflow_python, PROJECT, place) == RECORDED["dag"]


def test_the_older_manifest_is_stale_and_a_run_begins_from_a_new_one(place):
    older = place.root / "manifests" / "baduanjin.json"
    refused = prepare(older, place, "baduanjin-stale")
    assert refused.returncode == 2
    assert "the manifest is stale: node ReferenceBuilder is new" in refused.stderr
    assert "run `poseline compile --config baduanjin`" in refused.stderr
    manifest = place.folder / "compiled.json"
    settings = [part for key in json.loads(older.read_text())["source"]["overrides"] for part in ("--set", key)]
    compiled = poseline("compile", "--root", str(place.root), "--to", str(manifest), *settings)
    assert compiled.returncode == 0, compiled.stderr
    begun = prepare(manifest, place, "baduanjin-after")
    assert begun.returncode == 0, begun.stderr
    plan = json.loads(begun.stdout)
    step = ["--ir", plan["plan_file"], "--run-id", plan["run_id"], "--root", str(place.root)]
    done = poseline("node", "ImportSchemaGen", *step)
    assert done.returncode == 0, done.stderr
    trace = poseline("lineage", "trace", str(place.root / "pushed/baduanjin/2"), "--root", str(place.root), "--json")
    now = json.loads(place.neutral(trace.stdout))
    assert list(differences(RECORDED["trace version 2"]["output"], now)) == []


def test_a_bundle_without_references_and_settings_coaches_and_is_measured(place):
    bundle = str(place.root / "pushed/baduanjin/2")
    coached = poseline("coach", bundle, str(place.data), "--json")
    assert coached.returncode == 0, coached.stderr
    notes = [line for line in coached.stderr.splitlines() if line.startswith("note: ")]
    assert [note.partition(":")[2].partition(":")[0] for note in notes] == [
        " the bundle has no coach.json",
        " the bundle has no references.json",
    ]
    segments = [segment for session in json.loads(coached.stdout)["sessions"] for segment in session["segments"]]
    assert segments
    assert {segment["score"] for segment in segments} == {None}
    measured = poseline("evaluate", "--sessions", "--bundle", bundle, "--data", str(place.data), "--json")
    assert measured.returncode == 0, measured.stderr
    answer = json.loads(measured.stdout)
    assert answer["recordings"] > 0
    assert {"form_auc", "false_alarms", "frame_accuracy"} <= answer["missing"].keys()


def prepare(manifest: Path, place: Place, run_id: str) -> subprocess.CompletedProcess[str]:
    return poseline("prepare", "--manifest", str(manifest), "--root", str(place.root), "--run-id", run_id)
