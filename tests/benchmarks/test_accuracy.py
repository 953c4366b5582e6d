import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import HALVINGS, SOURCES, macro_f1, selected
from data.project import PROJECT_ROOT
from data.splits import SplitPolicy
from pipelines.config import load_config


def test_the_marked_sequences_are_copied_whole(tmp_path: Path) -> None:
    lengths, keep = np.array([2, 0, 3, 1]), np.array([True, True, False, True])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    frames = np.arange(6 * 2, dtype=np.float32).reshape(6, 2)
    source = tmp_path / "all.npz"
    np.savez(source, frames=frames, offsets=offsets, usable=keep, label=np.array(list("abcd")), fps=np.float32(30))

    with np.load(selected(source, "usable", tmp_path / "some.npz")) as copied:
        assert copied["label"].tolist() == ["a", "b", "d"]
        assert copied["offsets"].tolist() == [0, 2, 2, 3]
        assert copied["frames"].tolist() == frames[[0, 1, 5]].tolist()
        assert copied["usable"].all()
        assert copied["fps"] == 30


@pytest.mark.parametrize("name", HALVINGS)
def test_halvings_divide_the_people_in_two_but_not_as_the_official_test_does(name: str) -> None:
    split = load_config(name).split
    assert isinstance(split, SplitPolicy)
    official, trained_on = set(split.subjects["test"]), set(split.subjects["train"])
    people = official | trained_on
    for tested_on in HALVINGS[name]:
        assert set(tested_on) < people
        assert len(set(tested_on)) == len(tested_on) == len(people) // 2
        assert set(tested_on) != official


def test_macro_f1_is_the_mean_over_the_classes() -> None:
    truth, called = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    assert macro_f1(truth, called) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_halvings_of_a_set_that_has_none_are_refused() -> None:
    without = sorted(SOURCES.keys() - HALVINGS.keys())[0]
    command = [sys.executable, "-m", "benchmarks.accuracy", without, "--halvings"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "--halvings exist only for msr_action3d" in done.stderr
