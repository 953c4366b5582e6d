import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from data.errors import GateError

SCHEMAS = Path(__file__).parents[2] / "schema"
LABELS = ("lift_the_sky", "bounce_on_the_toes")
HEALTH = {
    "missing_share": 0.1, "mean_confidence": 0.9, "torso_length": 0.3,
    "fps": 30.0, "stillness": 0.1, "window_fill": 1.0,
}  # fmt: skip


def windows():
    """Columns of twenty sound windows for schema/baduanjin.pbtxt."""
    from schema import read_window_contract

    values = int(np.prod(read_window_contract(SCHEMAS / "baduanjin.pbtxt").shape))
    keypoints = np.random.default_rng(0).random((20, values), dtype=np.float32).tolist()
    return {
        "keypoints": keypoints,
        "label": [[LABELS[n % 2].encode()] for n in range(20)],
        "label_id": [[7 * (n % 2)] for n in range(20)],
        **{name: [[b"x"]] * 20 for name in ("subject", "sequence_id", "view")},
        "start_frame": [[n] for n in range(20)],
        **{name: [[figure]] * 20 for name, figure in HEALTH.items()},
    }


def statistics_of(columns):
    from tensorflow_data_validation.statistics import stats_impl, stats_options

    kinds = {bytes: pa.binary(), int: pa.int64(), float: pa.float32()}
    arrays = {
        name: pa.array(rows, pa.large_list(kinds[type(next(row for row in rows if row)[0])]))
        for name, rows in columns.items()
    }
    return stats_impl.generate_statistics_in_memory(pa.RecordBatch.from_pydict(arrays), stats_options.StatsOptions())


@pytest.fixture
def gate(tmp_path):
    """Run the real ExampleValidator and the real DataGate on windows; returns the blessing."""

    def run(columns, policy="{}"):
        from tfx.components.example_validator.executor import Executor as Validator
        from tfx.types import standard_artifacts

        from components.artifacts import DataBlessing
        from components.data_gate.executor import Executor

        artifacts = {
            "statistics": standard_artifacts.ExampleStatistics(),
            "anomalies": standard_artifacts.ExampleAnomalies(),
            "schema": standard_artifacts.Schema(),
            "blessing": DataBlessing(),
        }
        for name, artifact in artifacts.items():
            artifact.uri = str(tmp_path / name)
        statistics, anomalies, schema, blessing = ([artifact] for artifact in artifacts.values())
        statistics[0].split_names = '["train"]'
        (tmp_path / "statistics" / "Split-train").mkdir(parents=True)
        content = statistics_of(columns).SerializeToString()
        (tmp_path / "statistics" / "Split-train" / "FeatureStats.pb").write_bytes(content)
        (tmp_path / "schema").mkdir()
        (tmp_path / "schema" / "schema.pbtxt").write_text((SCHEMAS / "baduanjin.pbtxt").read_text())
        Validator().Do({"statistics": statistics, "schema": schema}, {"anomalies": anomalies}, {})
        Executor().Do({"anomalies": anomalies, "statistics": statistics}, {"blessing": blessing}, {"policy": policy})
        return blessing[0]

    return run


def changed(name, change):
    columns = windows()
    columns[name] = change(columns[name])
    return columns


def one(value):
    return lambda rows: [*rows[:3], value, *rows[4:]]


def with_number(value):
    return lambda rows: [[value, *rows[0][1:]], *rows[1:]]


def test_sound_windows_pass(gate):
    blessing = gate(windows())
    assert blessing.get_int_custom_property("blessed") == 1
    verdict = json.loads(Path(blessing.uri, "verdict.json").read_text())
    assert verdict["blessed"] == 1
    assert verdict["warnings"] == []


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (changed("keypoints", with_number(float("nan"))), ["keypoints", "NaN values", "finite numbers", "import"]),
        (
            changed("keypoints", lambda rows: (np.float32(rows) * 480).tolist()),
            ["keypoints", "Out-of-range", "at least -2 and at most 4", "units"],
        ),
        (changed("keypoints", lambda rows: [row[:-51] for row in rows]), ["keypoints", "shape [64, 17, 3]", "layout"]),
        (changed("label", one([b"zumba"])), ["label", "zumba", "one of 8 values", "schema's list"]),
        (changed("fps", one([1.0])), ["fps", "1<5", "at least 5 and at most 240"]),
        (changed("torso_length", one([52.0])), ["torso_length", "at most 3"]),
        (changed("start_frame", one([-4])), ["start_frame", "at least 0"]),
        (changed("subject", one(None)), ["subject", "once in every window"]),
    ],
)
def test_each_fault_stops_the_run_readably(gate, tmp_path, columns, words):
    with pytest.raises(GateError) as raised:
        gate(columns)
    text = str(raised.value)
    assert "train" in text
    assert [word for word in words if word not in text] == []
    assert raised.value.exit_code == 1
    assert not (tmp_path / "blessing" / "verdict.json").exists()


def test_every_fault_is_in_the_table(gate):
    columns = windows()
    columns["fps"] = one([1.0])(columns["fps"])
    columns["label"] = one([b"zumba"])(columns["label"])
    with pytest.raises(GateError, match="2 faults") as raised:
        gate(columns)
    header, *lines = raised.value.what.splitlines()[1:]
    assert header.split() == ["split", "feature", "anomaly", "expected"]
    rows = [line for line in lines if line.startswith("train")]
    assert [row.split()[1] for row in rows] == ["fps", "label"]
    assert (
        sum(line.startswith("    found ") for line in lines) == sum(line.startswith("    -> ") for line in lines) == 2
    )
    assert max(map(len, lines)) <= 120


def test_policy_lets_named_anomalies_pass_with_a_warning(gate):
    blessing = gate(changed("fps", one([1.0])), json.dumps({"warn": ["fps/Out-of-range values"]}))
    (warning,) = json.loads(Path(blessing.uri, "verdict.json").read_text())["warnings"]
    assert (warning["feature"], warning["stops"]) == ("fps", False)


def test_policy_names_patterns_not_everything(gate):
    with pytest.raises(GateError, match="zumba"):
        gate(changed("label", one([b"zumba"])), json.dumps({"warn": ["fps/*", "label/Invalid values"]}))


def test_means_of_a_split_are_bounded(gate):
    policy = json.dumps({"means": {"missing_share": {"max": 0.05}, "fps": {"min": 10, "max": 60}}})
    with pytest.raises(GateError, match=r"missing_share +Mean out of bounds +at most 0\.05\n +found mean 0\.1\n"):
        gate(windows(), policy)


def test_a_mean_of_an_unknown_feature_stops(gate):
    with pytest.raises(GateError, match=r"sharpness +No statistics"):
        gate(windows(), json.dumps({"means": {"sharpness": {"min": 0}}}))


def test_unreadable_anomalies_stop(tmp_path):
    from tfx.types import standard_artifacts

    from components.artifacts import DataBlessing
    from components.data_gate.executor import Executor

    anomalies, statistics, blessing = (
        standard_artifacts.ExampleAnomalies(), standard_artifacts.ExampleStatistics(), DataBlessing()
    )  # fmt: skip
    anomalies.uri, anomalies.split_names = str(tmp_path), '["train"]'
    inputs = {"anomalies": [anomalies], "statistics": [statistics]}
    with pytest.raises(GateError, match="split 'train' cannot be read"):
        Executor().Do(inputs, {"blessing": [blessing]}, {"policy": "{}"})


def test_component_compiles_with_its_channels():
    from tfx.types import Channel, standard_artifacts

    from components.data_gate.component import DataGate

    gate = DataGate(
        Channel(type=standard_artifacts.ExampleAnomalies), Channel(type=standard_artifacts.ExampleStatistics)
    )
    assert gate.exec_properties == {"policy": "{}"}
    assert gate.outputs["blessing"].type_name == "PoselineDataBlessing"


def test_executor_works_without_tensorflow():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'apache_beam']));"
        "import components.data_gate.executor; print([m for m in sys.modules if m.startswith('tfx.components')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
