import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from data.files import STAGING
from schema.gates import SessionEvaluatorThresholds

pytestmark = pytest.mark.e2e

BEFORE_TRAINER = {
    "KeypointExampleGen",
    "StatisticsGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "DataGate",
    "Transform",
}
AFTER_TRAINER = {
    *("Trainer", "Evaluator", "EdgeConverter", "ModelValidator", "ServingSmoke"),
    *("ReferenceBuilder", "CoachCalibrator", "SessionEvaluator", "Pusher"),
}


def latest(bench) -> Path:
    return bench.root / "pushed" / "baduanjin" / "latest"


def test_first_run_pushes_a_bundle(bench, first_run):
    assert first_run["state"] == "pushed"
    states = bench.states(first_run)
    assert {node for node, state in states.items() if state == "done"} == BEFORE_TRAINER | AFTER_TRAINER
    assert {"train", "eval", "test"} == first_run["data"].keys()
    not_passed = {verdict["gate"]: verdict["lacks_data"] for verdict in first_run["verdicts"] if not verdict["passed"]}
    assert all(not_passed.values())
    assert set(not_passed) < set(SessionEvaluatorThresholds.model_fields)  # the data have no session
    [pushed] = first_run["pushed"].values()
    assert Path(pushed).resolve() == latest(bench).resolve()
    names = {path.name for path in latest(bench).iterdir()}
    assert {"manifest.json", "model_int8.tflite", "model_float.tflite", "saved_model"} <= names
    assert {"references.json", "coach.json"} <= names


def test_nothing_is_left_running_or_half_written(bench, first_run):
    assert not list((bench.root / "running").iterdir())
    assert not [path for path in (bench.root / "pushed" / "baduanjin").iterdir() if path.name.startswith(STAGING)]


def test_every_format_gives_the_same_answer(bench, first_run):
    """On windows of real sequences, SavedModel `raw` and float TFLite agree to 1e-4, and int8 to its gate."""
    script = """
import json, sys
import numpy as np, tensorflow as tf
from pathlib import Path
from data.store import read_sequences
from data.windows import WindowSpec, cut_windows
bundle, span = Path(sys.argv[1]), Path(sys.argv[2])
manifest = json.loads((bundle / "manifest.json").read_text())
spec = WindowSpec(**manifest["window"])
windows = np.stack([w.keypoints for s in read_sequences(span) for w in cut_windows(s, spec)])[:64]
saved = tf.saved_model.load(str(bundle / "saved_model"))
raw = next(iter(saved.signatures["raw"](keypoints=tf.constant(windows)).values())).numpy() \
    if "raw" in saved.signatures else saved.raw(windows)["probabilities"].numpy()
result = {"saved": raw.tolist()}
for name in ("float", "int8"):
    interpreter = tf.lite.Interpreter(str(bundle / f"model_{name}.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    [source], [result_of] = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for window in windows:
        interpreter.set_tensor(source["index"], window[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(result_of["index"])[0].tolist())
    result[name] = rows
print(json.dumps(result))
"""
    done = subprocess.run(
        [bench.command()[0], "-c", script, str(latest(bench)), str(bench.data / "span-1")],
        cwd=bench.project,
        env=bench.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {name: np.array(rows) for name, rows in json.loads(done.stdout.splitlines()[-1]).items()}
    assert np.abs(found["saved"] - found["float"]).max() <= 1e-4
    assert np.abs(found["float"] - found["int8"]).mean() <= 0.05
    assert np.allclose(found["saved"].sum(axis=1), 1, atol=1e-4)


def test_the_bundle_is_evaluated_without_tensorflow(bench, first_run):
    done = bench.poseline("evaluate", "--bundle", str(latest(bench)), "--data", str(bench.data), "--json")
    report = json.loads(done.stdout)
    assert report["sequences"] == 48
    assert 0 <= report["sequence_accuracy"] <= 1
    assert report["latency_ms"]["p50"] <= report["latency_ms"]["p95"]
    assert len(report["per_class"]) == 8


def test_unchanged_runs_nothing(bench, first_run):
    report = bench.run()
    assert report["did_nothing"]
    assert set(bench.states(report).values()) == {"cached", "resolved"}


def test_touched_data_and_a_comment_in_dags_run_nothing(bench, first_run):
    for part in (bench.data / "span-1").iterdir():
        os.utime(part, (1, 1))
    with (bench.project / "dags" / "poseline.py").open("a") as file:
        file.write("# a comment\n")
    forecast = bench.poseline(*bench.run_arguments("--dry-run", "--json")).stdout
    assert not [entry for entry in json.loads(forecast) if entry["runs"]]


def test_one_changed_frame_runs_everything(bench, first_run, tmp_path):
    changed = tmp_path / "data"
    shutil.copytree(bench.data, changed)
    part = next((changed / "span-1").iterdir())
    table = pq.read_table(part)
    column = table.schema.get_field_index("keypoints")
    rows = table.column(column).to_pylist()
    rows[0][0] += 0.01
    table = table.set_column(column, table.schema.field(column), pa.array(rows, table.schema.field(column).type))
    pq.write_table(table, part)
    forecast = json.loads(bench.poseline(*bench.run_arguments("--dry-run", "--json", data=changed)).stdout)
    kept = {entry["node"] for entry in forecast if not entry["runs"]}
    assert kept == {"ImportSchemaGen"}
    [first] = [entry for entry in forecast if entry["node"] == "KeypointExampleGen"]
    assert [line.split(":")[0] for line in first["changes"]] == ["parameter span_digest"]


def test_moved_data_runs_nothing(bench, first_run, tmp_path):
    shutil.copytree(bench.data, tmp_path / "elsewhere")
    forecast = bench.poseline(*bench.run_arguments("--dry-run", "--json", data=tmp_path / "elsewhere")).stdout
    assert not [entry for entry in json.loads(forecast) if entry["runs"]]


def test_a_lost_push_is_pushed_again_and_only_that(bench, first_run):
    shutil.rmtree(latest(bench).resolve())
    report = bench.run()
    assert {node for node, state in bench.states(report).items() if state == "done"} == {"Pusher"}
    assert (latest(bench) / "model_int8.tflite").exists()


def test_an_edit_to_the_trainer_runs_the_trainer_and_what_follows(bench, first_run):
    before = latest(bench).resolve()
    source = bench.project / "trainer_module" / "run.py"
    source.write_text(source.read_text() + "\n# edited\n")
    explained = json.loads(bench.poseline("explain-cache", "Trainer", *bench.run_arguments("--json")[1:]).stdout)
    assert any("trainer_module/run.py" in change for change in explained["changes"])
    report = bench.run()
    states = bench.states(report)
    assert {node for node in BEFORE_TRAINER if states[node] != "cached"} == set()
    assert states["Trainer"] == "done"
    assert report["state"] == "pushed"
    again = bench.run()
    assert again["did_nothing"], "the second model was used as its own baseline"
    assert latest(bench).exists()
    assert before.exists()


def test_runs_are_listed(bench, first_run):
    runs = json.loads(bench.poseline("runs", "--root", str(bench.root), "--json", "--limit", "100").stdout)
    assert runs[-1]["run_id"] == first_run["run_id"]
    assert runs[-1]["state"] == "done"


def test_what_each_executor_used_is_recorded(bench, first_run):
    question = ("lineage", "run", first_run["run_id"], "--root", str(bench.root), "--json")
    used = {attempt["node"]: attempt for attempt in json.loads(bench.poseline(*question).stdout)["attempts"]}
    assert used["Trainer"]["cpu_seconds"] > 1
    assert used["Trainer"]["peak_megabytes"] > 200  # TensorFlow alone needs more


def test_tfx_registered_the_keys_that_were_computed(bench, first_run):
    """The names of TFX's cache contexts are the digests that `pipelines.running.cache_key` computes."""
    script = """
import json, sys
from pipelines.processes.import_blocker import block_heavy_imports
block_heavy_imports()
from pathlib import Path
from ml_metadata.metadata_store import MetadataStore
from pipelines.running.registration import connection_of
from pipelines.workspace import Workspace
store = MetadataStore(connection_of(Workspace(Path(sys.argv[1]))))
registered = {c.name for c in store.get_contexts_by_type("execution_cache")}
used = {json.loads(f.read_text())["digest"] for f in Path(sys.argv[1]).glob("runs/*/*.json")} - {None}
print(json.dumps([len(registered), sorted(used - registered)]))  # a killed node registers a key and records nothing
"""
    done = subprocess.run(
        [bench.command()[0], "-c", script, str(bench.root)],
        cwd=bench.project,
        env=bench.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    count, unregistered = json.loads(done.stdout)
    assert count >= 11
    assert unregistered == []


def test_a_part_can_be_run_and_the_rest_later(bench, first_run):
    until = bench.run("--until", "Transform")
    assert set(bench.states(until)) == BEFORE_TRAINER | {"LastBlessedStatistics"}
    rest = bench.run("--from", "Trainer")
    assert set(bench.states(rest)) == AFTER_TRAINER | {"LatestBlessedModel"}


def test_a_gate_that_rejects_keeps_the_served_version(bench, first_run):
    served = latest(bench).resolve()
    report = bench.run("--set", "gates.model_validator.max_bytes=1000", expect=1)
    assert report["state"] == "refused"
    assert report["rejected"] == ["max_bytes"]
    assert report["rejected_since"] is None
    assert latest(bench).resolve() == served
    again = bench.run("--set", "gates.model_validator.max_bytes=1000", expect=1)
    assert again["did_nothing"]
    assert again["rejected_since"].startswith(f"{report['run_id']} of 20")


def test_a_rejection_by_a_measured_time_is_measured_again(bench, first_run):
    """Also if the run after it would otherwise do nothing; what is not a time stays cached."""
    slow = ("--set", "gates.serving_smoke.max_latency_p95_ms=0.00001")
    for _ in range(2):
        report = bench.run(*slow, expect=1)
        states = bench.states(report)
        assert report["rejected"] == ["max_latency_p95_ms"]
        assert report["rejected_since"] is None
        assert {node for node, state in states.items() if state == "done"} == {"ServingSmoke", "Pusher"}
    assert (
        "measured again, because the rejection by max_latency_p95_ms"
        in bench.poseline(*bench.run_arguments("--dry-run", "--json", *slow)).stdout
    )
    warned = (*slow, "--set", "only_warn=[serving_smoke]")
    report = bench.run(*warned)
    said = [report[name] for name in ("state", "rejected", "warned", "warned_by")]
    assert said == ["pushed", [], ["max_latency_p95_ms"], ["ServingSmoke"]]
    assert bench.run(*warned)["did_nothing"]  # a gate that only warns rejects nothing


_RECORD_AGAIN = """
import sys
from pathlib import Path
from lineage.comparison import describe_payload
from lineage.store import backend
root, folder = map(Path, sys.argv[1:])
store = backend.open_store(backend.connection(root))
[artifact] = store.get_artifacts_by_uri(str(folder))
artifact.custom_properties["content_digest"].string_value = describe_payload(root, folder).digest
store.put_artifacts([artifact])
"""


def _not_built_in(path):
    model = flatbuffer_utils.read_model(str(path))
    code = model.operatorCodes[-1]
    code.builtinCode = code.deprecatedBuiltinCode = flatbuffer_utils.BuiltinOperator.CUSTOM
    code.customCode = b"FlexErf"
    flatbuffer_utils.write_model(model, str(path))


def _five_megabytes(path):
    path.write_bytes(path.read_bytes() + bytes(5_000_000))


@pytest.mark.parametrize(
    ("damage", "seed", "refused_by", "gates", "reason"),
    [
        (
            _not_built_in,
            8,
            ["ModelValidator", "ServingSmoke", "SessionEvaluator"],
            {"max_custom_operators", "max_failed_formats"},
            "max_custom_operators: 1 (at most 0 operators): FlexErf",
        ),
        # The contract is found from the end of the file.
        (_five_megabytes, 9, ["ModelValidator", "SessionEvaluator"], {"max_bytes"}, "(at most 300,000 bytes)"),
    ],
)
def test_a_damaged_file_is_rejected_and_the_served_version_stays(
    bench, first_run, damage, seed, refused_by, gates, reason
):
    served = latest(bench).resolve()
    other = ("--set", f"edge.seed={seed}")
    bench.run("--until", "EdgeConverter", *other)
    made = max((bench.root / "artifacts/baduanjin/EdgeConverter/edge_model").iterdir(), key=lambda path: int(path.name))
    damage(made / "model_int8.tflite")
    refused = bench.run(*other, expect=3)
    assert "made by EdgeConverter" in refused["error"]
    assert "model_int8.tflite was altered" in refused["error"]
    subprocess.run(  # from here on the converter has made the file like this
        [bench.command()[0], "-c", _RECORD_AGAIN, str(bench.root), str(made)],
        cwd=bench.project,
        env=bench.environment,
        check=True,
    )
    report = bench.run(*other, expect=1)
    assert report["state"] == "refused"
    assert gates <= set(report["rejected"])
    pushes = (bench.root / "artifacts/baduanjin/Pusher/pushed_model").iterdir()
    record = json.loads((max(pushes, key=lambda path: int(path.name)) / "push.json").read_text())
    assert record["refused_by"] == refused_by
    assert any(reason in recorded for recorded in record["reasons"])
    assert latest(bench).resolve() == served


def test_rollback_and_forward(bench, first_run):
    newest = latest(bench).resolve()
    before = json.loads(bench.poseline("rollback", "baduanjin", "--root", str(bench.root), "--json").stdout)
    assert latest(bench).resolve() != newest
    bench.poseline("rollback", "baduanjin", "--root", str(bench.root), "--to", str(before["from"]))
    assert latest(bench).resolve() == newest
