import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from data.errors import GateError
from payloads.window_table import RowWriter

SCHEMAS = Path(__file__).parents[2] / "schema"
LABELS = ("lift_the_sky", "bounce_on_the_toes")
HEALTH = {
    "missing_share": 0.1, "mean_confidence": 0.9, "torso_length": 0.3,
    "limb_variation": 0.1, "extent": 3.0, "stillness": 0.1, "fps": 30.0, "window_fill": 1.0,
    "centre_x": 0.5, "centre_y": 0.5,
}  # fmt: skip
WORDS = {"broken_joint": b"none", "sides": b"as_named"}


def windows():
    """Columns of twenty windows without anomalies for schema/baduanjin.pbtxt."""
    from schema.window_contract import read_window_contract

    values = int(np.prod(read_window_contract(SCHEMAS / "baduanjin.pbtxt").shape))
    keypoints = np.random.default_rng(0).random((20, values), dtype=np.float32).tolist()
    return {
        "keypoints": keypoints,
        "label": [[LABELS[n % 2].encode()] for n in range(20)],
        "label_id": [[7 * (n % 2)] for n in range(20)],
        **{name: [[b"x"]] * 20 for name in ("subject", "view")},
        "sequence_id": [[f"clip {n}".encode()] for n in range(20)],
        "start_frame": [[n] for n in range(20)],
        **{name: [[value]] * 20 for name, value in (HEALTH | WORDS).items()},
    }


def statistics_of(columns):
    from tensorflow_data_validation.statistics import stats_impl, stats_options

    kinds = {bytes: pa.binary(), int: pa.int64(), float: pa.float32()}
    arrays = {
        name: pa.array(rows, pa.large_list(kinds[type(next(row for row in rows if row)[0])]))
        for name, rows in columns.items()
    }
    return stats_impl.generate_statistics_in_memory(pa.RecordBatch.from_pydict(arrays), stats_options.StatsOptions())


def table_of(columns, folder):
    """Write the table of windows that KeypointExampleGen writes for such examples."""
    rows = [
        {name: value[0].decode() if isinstance(value[0], bytes) else value[0] for name, value in row.items() if value}
        | {"keypoints_least": min(row["keypoints"]), "keypoints_greatest": max(row["keypoints"])}
        for row in (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    ]
    with RowWriter(folder, "train", 0, 1) as table:
        for row in rows:
            table.add(row)


@pytest.fixture
def gate(tmp_path):
    """Run ExampleValidator and DataGate on windows and on those of a baseline; return the blessing."""

    def run(columns, policy="{}", baseline=None):
        from tfx.types import standard_artifacts

        from components.artifacts.types import DataBlessing
        from components.data_gate.executor import Executor
        from components.example_validator.executor import Executor as Validator

        artifacts = {
            "statistics": standard_artifacts.ExampleStatistics(),
            "anomalies": standard_artifacts.ExampleAnomalies(),
            "schema": standard_artifacts.Schema(),
            "blessing": DataBlessing(),
            "examples": standard_artifacts.Examples(),
            "baseline": standard_artifacts.ExampleStatistics(),
        }
        for name, artifact in artifacts.items():
            artifact.uri = str(tmp_path / name)
        statistics, anomalies, schema, blessing, examples, other = ([artifact] for artifact in artifacts.values())
        for found, stated in ((columns, statistics), (baseline, other)):
            if found:
                stated[0].split_names, stated[0].span = '["train"]', 3
                folder = Path(stated[0].uri, "Split-train")
                folder.mkdir(parents=True)
                (folder / "FeatureStats.pb").write_bytes(statistics_of(found).SerializeToString())
        table_of(columns, Path(examples[0].uri))
        (tmp_path / "schema").mkdir()
        (tmp_path / "schema" / "schema.pbtxt").write_text((SCHEMAS / "baduanjin.pbtxt").read_text())
        given = {"statistics": statistics, "baseline": other if baseline else []}
        Validator().Do(given | {"schema": schema}, {"anomalies": anomalies}, {})
        given |= {"anomalies": anomalies, "examples": examples}
        Executor().Do(given, {"blessing": blessing}, {"policy": policy})
        return blessing[0]

    return run


def verdict_of(blessing):
    return json.loads(Path(blessing.uri, "verdict.json").read_text())


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
    verdict = verdict_of(blessing)
    assert verdict["blessed"] == 1
    assert verdict["findings"] == verdict["compared"] == []
    assert verdict["baseline"] is None


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (changed("keypoints", with_number(float("nan"))), ["keypoints", "not finite", "finite numbers", "import"]),
        (
            changed("keypoints", lambda rows: (np.float32(rows) * 480).tolist()),
            ["keypoints", "range", "20 of 20", "at least -2 and at most 4", "units"],
        ),
        (changed("keypoints", lambda rows: [row[:-51] for row in rows]), ["keypoints", "shape [64, 17, 3]", "layout"]),
        (
            changed("label", one([b"zumba"])),
            ["label", "zumba", "1 of 20", '"clip 3"', "one of 8 values", "schema's list"],
        ),
        (changed("fps", one([1.0])), ["fps", "1<5", "1 of 20", '"clip 3"', "at least 5 and at most 240"]),
        (changed("torso_length", one([52.0])), ["torso_length", "at most 3", '"clip 3"']),
        (changed("start_frame", one([-4])), ["start_frame", "at least 0", '"clip 3"']),
        (changed("subject", one(None)), ["subject", "once in every window"]),
        (
            changed("sides", lambda rows: [[b"swapped"]] * 7 + rows[7:]),
            ["sides", "swapped", "7 of 20", "as_named, unclear in 90% of windows", '"clip 0", "clip 1", "clip 2"'],
        ),
        (
            changed("broken_joint", lambda rows: [[b"left_wrist frozen"]] * 7 + rows[7:]),
            ["broken_joint", "left_wrist frozen", "7 of 20", "none in 90% of windows", "poseline data report"],
        ),
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
    assert header.split() == ["split", "feature", "anomaly", "windows", "expected"]
    rows = [line for line in lines if line.startswith("train")]
    assert [row.split()[1] for row in rows] == ["fps", "label"]
    assert (
        sum(line.startswith("    found ") for line in lines)
        == sum(line.startswith("    ->    ") for line in lines)
        == 2
    )
    assert max(map(len, lines)) <= 120


def policy(**values):
    return json.dumps(values)


@pytest.mark.parametrize("verdict", ["warn", "pass"])
def test_policy_lets_named_anomalies_through_and_records_them(gate, verdict):
    blessing = gate(changed("fps", one([1.0])), policy(anomalies={"fps/range": verdict, "fps/*": "stop"}))
    (finding,) = verdict_of(blessing)["findings"]
    assert (finding["feature"], finding["anomaly"], finding["verdict"]) == ("fps", "range", verdict)
    assert finding["witness"] == {"windows": 1, "of": 20, "sequences": ["clip 3"]}


def test_policy_names_patterns_not_everything(gate):
    with pytest.raises(GateError, match="zumba"):
        gate(changed("label", one([b"zumba"])), policy(anomalies={"fps/*": "warn", "label/range": "warn"}))


def test_a_policy_that_does_not_say_stop_or_go_is_refused(gate):
    with pytest.raises(ValueError, match="'pass', 'warn' or 'stop'"):
        gate(windows(), policy(anomalies={"*": "perhaps"}))


def test_means_of_a_split_are_bounded(gate):
    with pytest.raises(GateError, match=r"missing_share +mean +20 of 20 +mean at most 0\.05\n +found mean 0\.1\n"):
        gate(windows(), policy(means={"missing_share": {"max": 0.05}, "fps": {"min": 10, "max": 60}}))


def test_a_mean_of_an_unknown_feature_stops(gate):
    with pytest.raises(GateError, match=r"sharpness +mean +- +mean at least 0\n +found no statistics"):
        gate(windows(), policy(means={"sharpness": {"min": 0}}))


def test_names_cannot_steer_the_terminal(gate):
    columns = changed("label", one([b"\x1b[2Jzumba"]))
    columns["sequence_id"] = one([b"\x1b]0;title\x07" + b"x" * 500])(columns["sequence_id"])
    with pytest.raises(GateError) as raised:
        gate(columns)
    assert "zumba" in str(raised.value)
    assert raised.value.what.replace("\n", "").isprintable()
    assert "x" * 61 not in raised.value.what


def spread(name, low, high):
    """Windows whose feature is evenly distributed between two values."""
    return changed(name, lambda rows: [[float(x)] for x in np.linspace(low, high, len(rows))])


DECIDED = {"min_windows": 20, "min_people": 1}


def test_drift_from_the_last_span_stops_and_says_how_far(gate):
    with pytest.raises(GateError) as raised:
        gate(spread("centre_x", 0.6, 0.8), policy(**DECIDED), baseline=spread("centre_x", 0.3, 0.5))
    (line,) = [line for line in raised.value.what.splitlines() if line.startswith("train")]
    assert line.split()[1:6] == ["centre_x", "drift", "20", "of", "20"]
    text = " ".join(raised.value.what.split())
    assert "at most 0.25 from span 3" in text
    assert "Jensen-Shannon divergence 1.00; mean 0.7, 0.4 in span 3, where 80 % lie in" in text
    assert '"clip 19", "clip 18", "clip 17"' in text, "those that are farthest from the span before"


def test_drift_of_words_names_the_word(gate):
    columns = changed("label", lambda rows: [[LABELS[0].encode()]] * 20)
    with pytest.raises(GateError) as raised:
        gate(columns, policy(**DECIDED), baseline=windows())
    assert f'"{LABELS[0]}" in 100% of windows, 50% in span 3' in " ".join(raised.value.what.split())


def test_the_same_again_has_not_drifted_and_the_measurements_are_kept(gate):
    verdict = verdict_of(gate(spread("centre_x", 0.3, 0.5), policy(**DECIDED), baseline=spread("centre_x", 0.3, 0.5)))
    assert verdict["findings"] == []
    assert verdict["baseline"]["span"] == 3
    measured = {entry["feature"]: entry for entry in verdict["compared"]}
    assert measured["centre_x"]["figure"] < 0.01
    assert (measured["centre_x"]["threshold"], measured["sides"]["threshold"]) == (0.25, 0.15)


@pytest.mark.parametrize("too_few", [{"min_windows": 21, "min_people": 1}, {"min_windows": 20, "min_people": 2}])
def test_few_windows_or_people_prove_no_drift(gate, too_few):
    baseline = spread("centre_x", 0.3, 0.5)
    (finding,) = verdict_of(gate(spread("centre_x", 0.6, 0.8), policy(**too_few), baseline))["findings"]
    assert (finding["anomaly"], finding["verdict"]) == ("drift", "warn")
    assert "one side has no more than 20 windows or 1 people" in finding["figure"]


def test_a_feature_that_the_last_span_lacks_is_not_compared(gate):
    baseline = windows()
    del baseline["extent"]
    verdict = verdict_of(gate(windows(), policy(anomalies={"*/not compared": "warn"}), baseline))
    assert [(f["feature"], f["anomaly"], f["verdict"]) for f in verdict["findings"]] == [
        ("extent", "not compared", "warn")
    ]


def test_unreadable_anomalies_stop(tmp_path):
    from tfx.types import standard_artifacts

    from components.artifacts.types import DataBlessing
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
    from schema.gates import DataPolicy

    gate = DataGate(
        Channel(type=standard_artifacts.ExampleAnomalies), Channel(type=standard_artifacts.ExampleStatistics)
    )
    assert DataPolicy.model_validate_json(gate.exec_properties["policy"]) == DataPolicy()
    assert gate.outputs["blessing"].type_name == "PoselineDataBlessing"


@pytest.mark.parametrize(("spread", "verdict"), [(0.35, "warn"), (0.0, "stop")])
def test_a_mean_that_is_beyond_its_bound_by_chance_only_warns(gate, spread, verdict):
    columns = windows()
    columns["subject"] = [[f"person {n // 2}".encode()] for n in range(20)]
    columns["missing_share"] = [[0.53 + spread * (1 if n % 4 < 2 else -1)] for n in range(20)]
    policy = json.dumps({"means": {"missing_share": {"max": 0.5}}, "anomalies": {"missing_share/range": "pass"}})
    if verdict == "stop":
        with pytest.raises(GateError, match=r"mean 0\.53"):
            gate(columns, policy)
        return
    found = [f for f in verdict_of(gate(columns, policy))["findings"] if f["anomaly"] == "mean"]
    assert [(f["verdict"], "chance" in f["figure"]) for f in found] == [("warn", True)]
