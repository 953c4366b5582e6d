import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data import store
from data.errors import InputError
from data.records import SCHEMA, KeypointSequence, Segment, to_batch


def sequences(count=5, frames=20, layout="coco17", joints=17):
    rng = np.random.default_rng(1)
    for number in range(count):
        yield KeypointSequence(
            sequence_id=f"s{number}",
            subject=f"p{number % 3}",
            label="ab"[number % 2],
            fps=25.0,
            layout=layout,
            keypoints=rng.random((frames, joints, 3), dtype=np.float32),
            split="train",
        )


def test_round_trip_over_several_row_groups_and_files(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "ROW_GROUP_VALUES", 20 * 17 * 3 * 2)
    monkeypatch.setattr(store, "PART_ROW_GROUPS", 2)
    span = store.write_span(tmp_path, 3, sequences(9))
    assert span == tmp_path / "span-3"
    assert [path.name for path in store.part_files(span)] == [f"part-0000{n}.parquet" for n in range(3)]
    groups = store.row_groups(span)
    assert [(group.index, group.first_row) for group in groups] == [(0, 0), (1, 2), (0, 0), (1, 2), (0, 0)]
    for wrote, read in zip(sequences(9), store.read_sequences(span), strict=True):
        assert read.sequence_id == wrote.sequence_id
        np.testing.assert_array_equal(read.keypoints, wrote.keypoints)
    assert [entry.name for entry in tmp_path.iterdir()] == ["span-3"]


def test_index_reads_light_columns(tmp_path):
    session = KeypointSequence(
        "x", "p9", "session", 30.0, "coco17", np.zeros((9, 17, 3), np.float32), segments=(Segment(0, 3, "a"),)
    )
    keys = store.read_index(store.write_span(tmp_path, 1, [*sequences(2), session]))
    assert keys[0] == store.SequenceKey("s0", "p0", "a", "train", None, 20, 17, 3, "coco17", 25.0)
    assert keys[0].labels == ("a",)
    assert keys[2].labels == ("a",)
    assert keys[2].segment_labels == ("a",)


def test_spans_are_found_by_number(tmp_path):
    assert store.list_spans(tmp_path / "none") == []
    assert store.next_span(tmp_path / "none") == 1
    for span in (2, 10):
        store.write_span(tmp_path, span, sequences(1))
    (tmp_path / "span-x").mkdir()
    assert store.list_spans(tmp_path) == [2, 10]
    assert store.next_span(tmp_path) == 11
    assert store.span_folder(tmp_path) == tmp_path / "span-10"
    assert store.span_folder(tmp_path, 2) == tmp_path / "span-2"
    with pytest.raises(InputError, match=r"span 3 does not exist(\n.*)*2, 10"):
        store.span_folder(tmp_path, 3)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        store.span_folder(tmp_path / "none")
    with pytest.raises(InputError, match="no span-N"):
        store.span_folder(tmp_path)
    (tmp_path / "span-1").mkdir()
    with pytest.raises(InputError, match=r"no \.parquet"):
        store.read_index(tmp_path / "span-1")


def test_a_failed_write_leaves_nothing(tmp_path):
    def broken():
        yield from sequences(3)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        store.write_span(tmp_path, 1, broken())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (lambda: [], "no sequence to write"),
        (lambda: [*sequences(1), *sequences(1)], "occurs twice"),
        (lambda: sequences(1, layout="coco99"), r"unknown layout 'coco99'(\n.*)*coco17"),
        (
            lambda: [*sequences(1), *list(sequences(2, layout="openpose18", joints=18))[1:]],
            "the layout is openpose18, not coco17",
        ),
        (lambda: [*sequences(1), *list(sequences(2, joints=16))[1:]], "16 joints, but layout coco17 has 17"),
    ],
)
def test_sequences_that_do_not_fit_together_are_rejected(tmp_path, stream, message):
    with pytest.raises(InputError, match=message):
        store.write_span(tmp_path, 1, stream())
    assert list(tmp_path.iterdir()) == []


def test_an_existing_span_is_never_changed(tmp_path):
    span = store.write_span(tmp_path, 1, sequences(1))
    before = store.content_digest(span)
    with pytest.raises(InputError, match="exists already"):
        store.write_span(tmp_path, 1, sequences(2))
    assert store.content_digest(span) == before


def test_digest_follows_content_alone(tmp_path):
    span = store.write_span(tmp_path / "a", 1, sequences(3))
    copy = tmp_path / "b" / "span-7"
    shutil.copytree(span, copy)
    os.utime(copy / "part-00000.parquet", (0, 0))
    assert store.content_digest(copy) == store.content_digest(span)
    changed = list(sequences(3))
    changed[1].keypoints[5, 3, 0] += 0.25
    assert store.content_digest(store.write_span(tmp_path / "c", 1, changed)) != store.content_digest(span)


def write_columns(path, change):
    table = pa.Table.from_batches([to_batch(list(sequences(2)))])
    pq.write_table(change(table), path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["subject"]), r"'subject' is missing"),
        (
            lambda table: table.set_column(3, "fps", pa.array(["30", "30"])),
            r"'fps' has type string, not double",
        ),
        (
            lambda table: table.set_column(8, "keypoints", table["keypoints"].cast(pa.list_(pa.float64()))),
            r"'keypoints' has type",
        ),
    ],
)
def test_wrong_columns_are_named(tmp_path, change, message):
    write_columns(tmp_path / "x.parquet", change)
    with pytest.raises(InputError, match=rf"{message}(.*\n)*.*x\.parquet"):
        store.open_part(tmp_path / "x.parquet")


def test_further_columns_are_ignored(tmp_path):
    write_columns(tmp_path / "x.parquet", lambda table: table.append_column("mood", pa.array(["good", "bad"])))
    assert len(list(store.read_sequences(tmp_path))) == 2


def test_list_items_may_bear_another_name(tmp_path):
    renamed = pa.list_(pa.field("item", pa.float32()))
    write_columns(
        tmp_path / "x.parquet", lambda table: table.set_column(8, "keypoints", table["keypoints"].cast(renamed))
    )
    assert len(list(store.read_sequences(tmp_path))) == 2
    assert SCHEMA.field("keypoints").type == renamed


@pytest.mark.parametrize("keep", [0, 10, 0.5, -5])
def test_truncated_files_are_named(tmp_path, keep):
    path = store.write_span(tmp_path, 1, sequences(3)) / "part-00000.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(InputError, match=r"cannot be read as Parquet(.*\n)*.*part-00000\.parquet"):
        list(store.read_sequences(path.parent))


def test_damaged_pages_are_named(tmp_path):
    path = store.write_span(tmp_path, 1, sequences(20)) / "part-00000.parquet"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(InputError):
        list(store.read_sequences(path.parent))


def test_two_imports_at_once_take_different_numbers_and_a_dead_one_holds_none(tmp_path):
    folder = tmp_path / "data"
    first = store.SpanReservation(folder, None)
    second = store.SpanReservation(folder, None)
    assert (first.span, second.span) == (1, 2)
    with pytest.raises(InputError, match="another import is writing span 2"):
        store.SpanReservation(folder, 2)
    for reserved in (first, second):
        reserved.release()
    assert list(folder.iterdir()) == []
    (folder / ".span-1.lock").touch()
    third = store.SpanReservation(folder, 1)
    assert third.span == 1
    third.release()


def test_a_data_folder_that_is_no_folder_is_not_taken_for_a_full_disk(tmp_path):
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    for name in ("dangling", "pipe", "file", "file/data"):
        with pytest.raises(InputError, match="no folder"):
            store.SpanReservation(tmp_path / name, None)
        with pytest.raises(InputError, match="no folder"):
            store.write_span(tmp_path / name, 1, sequences(1))
