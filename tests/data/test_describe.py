import io
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from data import store
from data.describe import Description, describe, show
from data.errors import InputError
from data.layouts import load_layout
from data.records import KeypointSequence, Segment
from data.store import write_span
from data.synthetic import LABELS, SyntheticSpec, generate

ROOT = Path(__file__).parents[2]
WRIST = load_layout("coco17").index("left_wrist")


def sequence(name: str, subject: str, label: str, frames: int, **more: object) -> KeypointSequence:
    keypoints = np.full((frames, 17, 3), 0.5, np.float32)
    return KeypointSequence(name, subject, label, 10.0, "coco17", keypoints, **more)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hidden = sequence("c", "bob", "jump", 40, view="side", split="test", quality=0.5)
    hidden.keypoints[:20, WRIST] = 0
    session = sequence(
        "d",
        "bob",
        "session",
        100,
        split="test",
        segments=(Segment(0, 30, "run", 2.0), Segment(40, 60, "jump"), Segment(70, 90, "run", 3.0)),
    )
    fast = KeypointSequence(
        "b",
        "ann",
        "run",
        20.0,
        "coco17",
        np.full((20, 17, 3), 0.5, np.float32),
        repetitions=4.0,
        quality=1.0,
        split="train",
    )
    write_span(tmp_path, 1, [sequence("a", "ann", "run", 10, repetitions=1.0, split="train"), fast, hidden, session])
    return tmp_path


def test_counts_add_up(folder: Path):
    description = describe(folder)
    assert description.sequences == 4
    assert description.frames == 170
    assert description.seconds == pytest.approx(1 + 1 + 4 + 10)
    assert description.classes == {"jump": 1, "run": 2, "session": 1}
    assert description.subjects == {"ann": 2, "bob": 2}
    assert description.views == {"-": 3, "side": 1}
    assert description.splits == {"test": 2, "train": 2}
    assert description.subjects_of_splits == {"test": 1, "train": 1}
    assert description.segments == {"jump": 1, "run": 2}
    assert description.repetitions == {"run": 10.0}


def test_spreads_are_of_sequences(folder: Path):
    description = describe(folder)
    assert (description.length.least, description.length.median, description.length.greatest) == (10, 30, 100)
    assert (description.duration.least, description.duration.greatest) == (1, 10)
    assert (description.fps.least, description.fps.median, description.fps.greatest) == (10, 10, 20)
    assert description.quality is not None
    assert (description.quality.least, description.quality.greatest) == (0.5, 1)


def test_missing_joints_are_named_and_do_not_lower_the_confidence(folder: Path):
    description = describe(folder)
    assert description.missing == pytest.approx(20 / (170 * 17), abs=1e-6)
    assert description.worst_joints == {"left_wrist": pytest.approx(20 / 170, abs=1e-6)}
    assert description.missing_by_joint["nose"] == 0
    assert description.confidence == pytest.approx(0.5)


def test_a_span_and_its_data_folder_are_the_same(folder: Path):
    assert describe(folder / "span-1") == describe(folder)


def test_json_round_trip(folder: Path):
    figures = json.loads(json.dumps(describe(folder).to_dict()))
    assert figures["classes"] == {"jump": 1, "run": 2, "session": 1}
    assert figures["length"] == {"least": 10.0, "median": 30.0, "greatest": 100.0}
    assert list(figures["worst_joints"]) == ["left_wrist"]


def printed(description: Description) -> str:
    text = io.StringIO()
    show(description, Console(file=text, width=120, color_system=None))
    return text.getvalue()


def test_tables_show_what_matters(folder: Path):
    text = printed(describe(folder))
    for word in ("170", "run", "segment", "left_wrist 11.8%", "10 to 20, median 10", "ann", "side"):
        assert word in text


def test_many_people_are_summed_up(tmp_path: Path):
    write_span(tmp_path, 1, (sequence(f"s{n}", f"person{n}", "run", 5) for n in range(40)))
    text = printed(describe(tmp_path))
    assert "person7" not in text
    assert "per person" in text


def test_nothing_seen_has_no_confidence(tmp_path: Path):
    empty = KeypointSequence("a", "ann", "run", 10.0, "coco17", np.zeros((5, 17, 3), np.float32))
    write_span(tmp_path, 1, [empty])
    description = describe(tmp_path)
    assert (description.missing, description.confidence, description.quality) == (1.0, 0.0, None)
    assert "100.00%" in printed(description)


def test_no_data_is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError):
        describe(tmp_path / "nowhere")
    with pytest.raises(InputError):
        describe(tmp_path)


def test_only_a_row_group_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "ROW_GROUP_VALUES", 1 << 15)
    write_span(tmp_path, 1, (sequence(f"s{n}", "ann", "run", 500) for n in range(200)))
    describe(tmp_path)  # what is loaded once is loaded now
    tracemalloc.start()
    try:
        describe(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200 * 500 * 17 * 3 * 4 / 10


def test_the_generator_s_output_can_be_described(tmp_path: Path):
    write_span(tmp_path, 1, generate(SyntheticSpec(subjects=2, repetitions=1, sessions=1)))
    description = describe(tmp_path)
    assert set(description.segments) == set(LABELS)
    assert description.sequences == 17
