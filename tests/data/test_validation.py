from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import InputError
from data.records import SCHEMA, KeypointSequence, to_batch
from data.splits import SplitPolicy
from data.store import write_span
from data.validation import validate_span

POLICY = SplitPolicy(method="subjects", subjects={"train": ["p0", "p1"], "test": ["p2"]}, eval_share=0)


def rows(subjects=3, labels="ab"):
    sequences = [
        KeypointSequence(f"{s}{x}", f"p{s}", x, 30.0, "coco17", np.full((6, 17, 3), 0.5, np.float32))
        for s in range(subjects)
        for x in labels
    ]
    return to_batch(sequences).to_pydict()


def span_of(tmp_path, columns):
    folder = tmp_path / "span-1"
    folder.mkdir()
    pq.write_table(pa.Table.from_pydict(columns, SCHEMA), folder / "part-00000.parquet")
    return folder


def check(span):
    return validate_span(span, "coco17", 3, POLICY)


def test_a_sound_span_is_counted(tmp_path):
    facts = check(span_of(tmp_path, rows()))
    assert (facts.sequences, facts.frames, facts.subjects) == (6, 36, 3)
    assert facts.seconds == pytest.approx(1.2)
    assert facts.labels == {"a": 3, "b": 3}
    assert facts.splits == {"train": 4, "test": 2}


def nan(columns):
    columns["keypoints"][3][2 * 51 + 4 * 3 + 1] = float("nan")


def zero_frames(columns):
    columns["frames"][3], columns["keypoints"][3] = 0, []


def joints(columns):
    columns["joints"][3], columns["keypoints"][3] = 16, columns["keypoints"][3][: 6 * 16 * 3]


def channels(columns):
    columns["channels"][3], columns["keypoints"][3] = 4, [0.5] * 6 * 17 * 4


def put(column, value):
    def change(columns):
        columns[column][3] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (nan, r"hold nan(.*\n)*.*row 3, sequence '1b', frame 2, joint 4, channel 1"),
        (zero_frames, r"0 frames(.*\n)*.*row 3"),
        (joints, r"16 joints, but layout coco17 has 17(.*\n)*.*row 3"),
        (channels, r"4 channels, not 3(.*\n)*.*row 3"),
        (put("layout", "coco99"), r"unknown layout 'coco99'(.*\n)*.*row 3"),
        (put("layout", "kinect20"), r"layout is kinect20, not coco17(.*\n)*.*row 3"),
        (put("sequence_id", "0a"), r"occurs twice(.*\n)*.*row 0 and .*row 3"),
        (put("label", ""), r"label is empty(.*\n)*.*row 3"),
        (put("subject", ""), r"subject is empty(.*\n)*.*row 3"),
        (put("fps", -1.0), r"fps is -1(.*\n)*.*row 3"),
        (put("label", "c"), r"never seen|no test example"),
        (put("subject", "p9"), r"in no list"),
    ],
)
def test_faults_are_named_with_file_and_row(tmp_path, change, message):
    columns = rows()
    change(columns)
    with pytest.raises(InputError, match=message) as raised:
        check(span_of(tmp_path, columns))
    assert raised.value.where
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (rows(1), "one subject"),
        (rows(3, "a"), "one label"),
        ({name: [] for name in SCHEMA.names}, "no sequences"),
    ],
)
def test_too_little_variety_is_rejected(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        check(span_of(tmp_path, columns))


def test_a_span_of_another_layout_is_rejected(tmp_path):
    span = write_span(
        tmp_path, 1, [KeypointSequence("s", "p", "a", 30.0, "kinect20", np.zeros((4, 20, 4), np.float32))]
    )
    with pytest.raises(InputError, match="layout is kinect20, not coco17"):
        check(span)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        check(tmp_path / "span-4")


NASTY = {
    pa.string(): [None, "", "\0", "x" * 10_000],
    pa.int32(): [None, -1, 0, 2**31 - 1],
    pa.float64(): [None, float("nan"), float("inf"), -1.0, 1e308],
    pa.list_(pa.float32()): [None, [], [None], [float("nan")] * 306, [1e38] * 306],
    pa.list_(pa.float64()): [[], [None] * 6, [0.0] * 6, [float("inf")] * 6, [1e300 * n for n in range(6)]],
    SCHEMA.field("segments").type: [
        [None],
        [{"start_frame": None, "end_frame": 2, "label": "a", "repetitions": None}],
        [{"start_frame": 0, "end_frame": 99, "label": "a", "repetitions": 1.0}],
        [{"start_frame": 0, "end_frame": 3, "label": "", "repetitions": 1.0}],
        [{"start_frame": 0, "end_frame": 3, "label": "a", "repetitions": -1.0}],
    ],
}


@pytest.mark.parametrize(("column", "value"), [(field.name, value) for field in SCHEMA for value in NASTY[field.type]])
def test_nasty_values_are_accepted_or_explained(tmp_path, column, value):
    columns = rows()
    columns[column][3] = value
    optional = pa.schema([field.with_nullable(True) for field in SCHEMA])
    (tmp_path / "span-1").mkdir()
    pq.write_table(pa.Table.from_pydict(columns, optional), tmp_path / "span-1" / "x.parquet")
    with suppress(InputError):
        check(tmp_path / "span-1")
