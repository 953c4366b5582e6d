import numpy as np
import pyarrow as pa
import pytest

from data.errors import InputError
from data.records import SCHEMA, KeypointSequence, Segment, from_batch, to_batch


def sequence(frames=4, **changes):
    keypoints = np.random.default_rng(0).random((frames, 17, 3), dtype=np.float32)
    return KeypointSequence(**{
        "sequence_id": "a", "subject": "p1", "label": "wave", "fps": 30.0, "layout": "coco17", "keypoints": keypoints,
    } | changes)  # fmt: skip


def with_value(value, channel=0):
    keypoints = np.full((4, 17, 3), 0.5, np.float32)
    keypoints[2, 5, channel] = value
    return keypoints


def test_batch_round_trip_keeps_everything():
    rich = sequence(
        sequence_id="b",
        timestamps=np.array([0.0, 0.1, 0.2, 0.5]),
        segments=(Segment(0, 2, "wave", 1.5), Segment(2, 4, "clap")),
        repetitions=2.5,
        quality=1.0,
        view="front",
        split="test",
        source="here",
    )
    batch = to_batch([sequence(), rich])
    assert batch.schema == SCHEMA
    plain, back = from_batch(batch)
    assert plain.timestamps is None
    assert plain.segments == ()
    assert plain.view is None
    for name in ("sequence_id", "subject", "label", "fps", "layout", "segments", "repetitions", "quality", "view"):
        assert getattr(back, name) == getattr(rich, name), name
    np.testing.assert_array_equal(back.keypoints, rich.keypoints)
    np.testing.assert_array_equal(back.timestamps, rich.timestamps)
    assert back.keypoints.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sequence_id": ""}, "sequence_id is empty"),
        ({"label": ""}, "label is empty"),
        ({"subject": ""}, "subject is empty"),
        ({"fps": 0.0}, "fps is 0.0"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"keypoints": np.zeros((4, 17, 3))}, "float64"),
        ({"keypoints": np.zeros((4, 17), np.float32)}, r"shape \[4, 17\]"),
        ({"keypoints": np.zeros((0, 17, 3), np.float32)}, "0 frames"),
        ({"keypoints": np.zeros((4, 17, 2), np.float32)}, "2 channels"),
        ({"keypoints": with_value(np.nan)}, r"frame 2, joint 5, channel 0"),
        ({"keypoints": with_value(np.inf, 1)}, r"frame 2, joint 5, channel 1"),
        ({"keypoints": with_value(1.5, 2)}, r"confidence 1\.5 .*(\n.*)*frame 2, joint 5"),
        ({"keypoints": with_value(-0.1, 2)}, "confidence -0.1"),
        ({"timestamps": np.zeros(3)}, "one float64 per frame: 4"),
        ({"timestamps": np.array([0.0, 0.1, 0.1, 0.2])}, r"do not increase: 0\.1 s(\n.*)*frame 2"),
        ({"timestamps": np.array([0.0, np.nan, 0.1, 0.2])}, r"frame 1"),
        ({"timestamps": np.arange(4) * 33.3}, r"0.03 frames per second(.*\n)*.*divide milliseconds"),
        ({"segments": (Segment(2, 5, "wave"),)}, r"\[2, 5\) does not fit 4 frames"),
        ({"segments": (Segment(2, 2, "wave"),)}, "does not fit"),
        ({"quality": 1.2}, "quality is 1.2"),
        ({"repetitions": float("nan")}, "repetitions are nan"),
    ],
)
def test_wrong_values_are_named(changes, message):
    with pytest.raises(InputError, match=message) as raised:
        sequence(**changes)
    assert raised.value.remedy


def test_decoding_names_file_and_row():
    batch = to_batch([sequence(), sequence()])
    columns = batch.to_pydict()
    columns["frames"][1] = 5
    with pytest.raises(InputError, match=r"204 numbers.*5 x 17 x 3(\n.*)*x\.parquet, row 8, sequence 'a'"):
        list(from_batch(pa.RecordBatch.from_pydict(columns, SCHEMA), "x.parquet", 7))


def test_decoding_rejects_null_numbers():
    columns = to_batch([sequence()]).to_pydict()
    columns["keypoints"][0][3] = None
    with pytest.raises(InputError, match=r"null"):
        list(from_batch(pa.RecordBatch.from_pydict(columns, SCHEMA)))


def test_clips_of_a_session_are_its_segments():
    session = sequence(
        frames=9, label="session", timestamps=np.arange(9.0), segments=(Segment(1, 4, "a"), Segment(5, 9, "b", 2.0))
    )
    first, second = session.clips()
    assert (first.sequence_id, first.label, len(first.keypoints)) == ("a#1", "a", 3)
    assert (second.sequence_id, second.label, second.repetitions) == ("a#5", "b", 2.0)
    np.testing.assert_array_equal(second.keypoints, session.keypoints[5:])
    np.testing.assert_array_equal(second.timestamps, [5.0, 6.0, 7.0, 8.0])
    assert [clip.sequence_id for clip in sequence().clips()] == ["a"]


def test_frame_rate_follows_timestamps():
    assert sequence().frame_rate == 30.0
    assert sequence(timestamps=np.array([0.0, 0.1, 0.2, 0.3])).frame_rate == pytest.approx(10)
