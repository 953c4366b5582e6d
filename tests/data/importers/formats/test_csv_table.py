"""Tables as people save them: what changes from row to row, and what is written in another way."""

import numpy as np
import pytest

from data.importers import ImageSize
from data.layouts import load_layout

COCO = load_layout("coco17").joints
SIZE = ImageSize(480, 640)
TINY = {"rtol": 1e-4, "atol": 1e-4}
HEADER = [f"{name}_{axis}" for name in COCO for axis in ("x", "y", "score")]


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a wide table, with further columns before those of the joints."""

    def write(poses, columns=None, header=HEADER, delimiter=",", number=str, before=""):
        columns = columns or {}
        rows = [[*columns, *header]]
        for t, frame in enumerate(np.round(poses, 4).tolist()):
            rows.append([*(values[t] for values in columns.values()), *(number(v) for joint in frame for v in joint)])
        path = tmp_path / "t.csv"
        path.write_text(before + "\n".join(delimiter.join(map(str, row)) for row in rows) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture(params=["arrow", "csv"])
def reader(request, monkeypatch):
    """Read tables by Arrow, or row by row."""
    from data.importers.readers import table_rows

    def refuse(*_):
        raise table_rows.pa.ArrowInvalid("")

    if request.param == "csv":
        monkeypatch.setattr(table_rows, "_by_arrow", refuse)


def described(sequences):
    return [(s.sequence_id, s.label, s.subject, len(s.keypoints)) for s in sequences]


@pytest.mark.usefixtures("reader")
def test_a_clip_ends_where_label_or_subject_changes(poses, take, table):
    given = poses(6)
    video, label = ["v", "v", "v", "v", "w", "w"], ["rest", "squat", "squat", "rest", "rest", "rest"]
    sequences, refused = take(table(given, {"video": video, "label": label}), image=SIZE)
    assert not refused
    assert described(sequences) == [
        ("v", "rest", "unknown", 1),
        ("v_1", "squat", "unknown", 2),
        ("v_2", "rest", "unknown", 1),
        ("w", "rest", "unknown", 2),
    ]
    np.testing.assert_allclose(sequences[1].keypoints, given[1:3] / (480, 480, 1), **TINY)
    sequences, _ = take(table(given, {"subject": ["p1"] * 2 + ["p2"] * 4}), image=SIZE)
    assert described(sequences) == [("t", "unknown", "p1", 2), ("t_1", "unknown", "p2", 4)]


@pytest.mark.usefixtures("reader")
def test_labels_that_look_the_same_are_one_run(poses, take, table):
    path = table(poses(4), {"label": ["arm raise", "arm\N{NO-BREAK SPACE}raise"] * 2})
    assert described(take(path, image=SIZE)[0]) == [("t_0", "arm raise", "unknown", 4)]


@pytest.mark.usefixtures("reader")
def test_a_frame_rate_that_changes_is_refused_and_a_counter_is_noted(poses, take, table):
    sequences, (refused,) = take(table(poses(), {"fps": [25, 25, 50, 50]}), image=SIZE)
    assert not sequences
    assert "the column of the fps changes within a clip" in refused.detail
    assert "from '25' to '50'" in refused.detail
    ((sequence,), _) = take(table(poses(), {"fps": [25] * 4, "reps": [0, 0, 1, 1]}), image=SIZE)
    assert (sequence.fps, sequence.repetitions) == (25, None)
    assert "the column of the repetitions changes within the clip: it is not read" in take.notes
    ((sequence,), _) = take(table(poses(), {"height": [300, 310, 305, 300]}), image=SIZE)  # of a box, not of the image
    np.testing.assert_allclose(sequence.keypoints, poses() / (480, 480, 1), **TINY)


def test_a_row_with_more_cells_than_the_header_is_refused(poses, take, table):
    path = table(poses(), {"row": [""] * 4})
    path.write_text(path.read_text().removeprefix("row,").replace("\n,", "\n7,"))  # as R writes names of rows
    sequences, (refused,) = take(path, image=SIZE)
    assert not sequences
    assert "a row has 52 cells, and the header 51 columns" in refused.detail
    path = table(poses())
    path.write_text(path.read_text().replace("\n", ",,\n").replace(",,\n", "\n", 1))
    assert len(take(path, image=SIZE)[0]) == 1


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("missing", ["None", "NULL", "N/A", "-"])
def test_words_for_a_missing_number(poses, take, table, missing):
    given = poses()
    given[1, 3, :2] = -77
    path = table(given, number=lambda value: missing if value == -77 else value)
    ((sequence,), _) = take(path, image=SIZE, fill_gap=0)
    assert (sequence.keypoints[..., 2] == 0).sum() == 1


@pytest.mark.usefixtures("reader")
def test_decimal_commas_between_semicolons_after_lines_before_the_header(poses, take, table):
    path = table(
        poses(), delimiter=";", number=lambda value: str(value).replace(".", ","), before="sep=;\n# made by hand\n"
    )
    ((sequence,), _) = take(path, image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, poses() / (480, 480, 1), **TINY)


@pytest.mark.parametrize(
    "spelled",
    [
        lambda name: "".join(word[0].upper() + word[1:] * (word not in ("left", "right")) for word in name.split("_")),
        lambda name: f"PoseLandmark.{name.upper()}",
    ],
)
def test_names_of_joints(poses, take, table, spelled):
    header = [f"{spelled(name)}_{axis}" for name in COCO for axis in ("x", "y", "score")]
    ((sequence,), _) = take(table(poses(), header=header), image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, poses() / (480, 480, 1), **TINY)


@pytest.mark.usefixtures("reader")
def test_a_pose_is_a_label_if_it_is_a_text_and_else_a_person(poses, take, table):
    sequences, _ = take(table(poses(), {"pose": ["up", "up", "down", "down"]}), image=SIZE)
    assert [(s.label, len(s.keypoints)) for s in sequences] == [("up", 2), ("down", 2)]
    people = {"frame": [0, 0, 1, 1], "pose": [0, 1, 0, 1]}
    ((sequence,), _) = take(table(poses(), people), image=SIZE)
    assert len(sequence.keypoints) == 2


def test_the_stated_image_size_counts_for_fractions(poses, take, table):
    path = table(poses() / (640, 480, 1))
    ((sequence,), _) = take(path, image=SIZE)
    np.testing.assert_allclose(sequence.keypoints, poses() / (480, 480, 1), atol=5e-4)


@pytest.mark.usefixtures("reader")
def test_a_time_with_underscores_is_not_a_number(poses, take, table):
    sequences, (refused,) = take(table(poses(), {"timestamp": [f"2024_{n}" for n in range(4)]}), image=SIZE)
    assert not sequences
    assert "'2024_0' is neither a number nor a date" in refused.detail
