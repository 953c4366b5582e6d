"""What a coach is measured by."""

import gc
import math
import weakref
from dataclasses import replace

import pytest

from serving_targets.coaching.shipped_coach import open_coach
from serving_targets.session_evaluation import measure_coach
from tests.serving_targets.coaching.conftest import LABEL


def measured(bundle, recordings, seconds=math.inf):
    with open_coach(bundle) as shipped:
        return measure_coach(shipped.model, shipped.references, recordings, good_quality=0.7, seconds=seconds)


@pytest.mark.parametrize("quality", [1.0, None])
def test_corrections_are_judged_by_recordings_that_are_known_to_be_good(bundle, recording, quality):
    found = measured(bundle, [replace(recording(str(n)), label=LABEL, quality=quality) for n in range(5)])
    if quality is None:
        assert "0 recordings in the test split are known to be good" in found.missing["false_alarms"]
        assert not {"false_alarms", "correction_rate"} & found.figures.keys()
    else:
        assert 0 <= found.figures["false_alarms"] <= 1


def test_of_a_large_test_split_only_what_is_used_is_held_in_memory(bundle, recording):
    seen = []

    def many():
        for number in range(40):
            each = replace(recording(), sequence_id=str(number), label=LABEL)
            seen.append(weakref.ref(each.keypoints))
            yield each
        gc.collect()
        assert sum(known() is not None for known in seen) < 10

    each = recording()
    length = len(each.keypoints) / each.fps
    assert measured(bundle, many(), seconds=2.5 * length).recordings == 3
