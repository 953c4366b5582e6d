"""The benchmark of the coach's speed."""

import numpy as np
import pytest

from benchmarks.coaching.speed import measure, sessions_of, stream
from data.errors import InputError


def test_time_and_memory_are_measured_while_the_coach_works(bundle, recording):
    rows = {row.name: row.figures for row in measure(bundle, [recording("a"), recording("b")], 0.5, 0.01)}
    events = rows["events"]
    assert min(events["started"], events["counted"], events["ended"]) >= 1
    for name in ("frame without inference, ms", "frame, mean of a step, ms"):
        assert 0 < rows[name]["p50"] <= rows[name]["p95"]
    assert rows["memory, MB"]["after 0.01 h"] > 10
    assert rows["bundle on the device, bytes"]["all"] == sum(
        (bundle / name).stat().st_size for name in ("model_int8.tflite", "references.json", "coach.json")
    )


def test_sessions_are_repeated_as_one_stream(recording):
    poses = list(stream([recording("a"), recording("b")], 55.0))
    moments = np.array([moment for _, moment in poses])
    assert (np.diff(moments) > 0).all()
    assert moments[-1] == pytest.approx(55, abs=0.1)
    assert np.diff(moments).max() == pytest.approx(5, abs=0.1)


def test_data_without_sessions_are_refused(data_folder):
    with pytest.raises(InputError, match="no sessions"):
        sessions_of(data_folder, 30.0)
