"""Metrics of the coach, against values that are computed by hand."""

import numpy as np
import pytest

from serving_targets.coach.metrics import (
    Fault,
    area_under_curve,
    causal_agreement,
    correction_metrics,
    counting_metrics,
    edit_score,
    form_metrics,
    live_metrics,
    overlap_f1,
    ranked_corrections,
    session_metrics,
)
from serving_targets.coach.timeline import Correction, Segment, Timeline, as_predictions, labels_at, runs


def frames(text):
    """Return labels by letter; a dot is background."""
    return ["none" if letter == "." else letter for letter in text]


def test_the_labels_of_frames_come_from_segments_and_the_later_one_wins():
    segments = [Segment("b", 1.0, 3.0), Segment("a", 0.0, 2.0), Segment("idle", 2.5, 2.6)]
    assert labels_at(segments, np.arange(0, 3.5, 0.5)) == frames("aabbb..")


def test_an_end_belongs_to_what_comes_next():
    assert labels_at([Segment("a", 0.0, 1.0)], np.array([0.0, 0.999, 1.0])) == ["a", "a", "none"]


def test_runs_cover_every_frame_once():
    assert runs(frames("aab.")) == [("a", 0, 2), ("b", 2, 3), ("none", 3, 4)]
    assert runs([]) == []


def test_the_frame_accuracies_of_a_session():
    metrics = session_metrics([frames("..aaaabb")], [frames(".aaaa.bb")])
    assert metrics.frame_accuracy == pytest.approx(6 / 8)
    assert metrics.action_frame_accuracy == pytest.approx(5 / 6)


def test_frames_are_counted_over_all_sessions_but_edit_is_a_mean_of_sessions():
    metrics = session_metrics([frames("aaaa"), frames("ab")], [frames("aaaa"), frames("b.")])
    assert metrics.frame_accuracy == pytest.approx(4 / 6)
    assert metrics.edit == pytest.approx((1 + 1 / 2) / 2)


@pytest.mark.parametrize(
    ("true", "predicted", "score"),
    [
        ("a.b.c", "abc..", 1.0),
        ("a.b.c", "a.c..", 2 / 3),
        ("aabb", "baab", 1 - 1 / 3),
        ("....", "....", 1.0),
        ("....", "aaaa", 0.0),
    ],
)
def test_the_edit_score_compares_orders_without_background(true, predicted, score):
    assert edit_score(frames(true), frames(predicted)) == pytest.approx(score)


def test_a_segment_is_matched_once():
    # Two predicted segments overlap the one true segment by 4/10 each: one hit, one false segment.
    assert overlap_f1([frames("aaaaaaaaaa")], [frames("aaaa..aaaa")], 0.25) == pytest.approx(2 / 3)
    assert overlap_f1([frames("aaaaaaaaaa")], [frames("aaaa..aaaa")], 0.5) == 0.0


def test_an_overlap_that_just_reaches_the_limit_is_a_hit():
    assert overlap_f1([frames("aaaa....")], [frames("..aaaa..")], 1 / 3) == 1.0
    assert overlap_f1([frames("aaaa....")], [frames("..aaaa..")], 0.34) == 0.0


def test_a_segment_is_compared_with_the_one_of_highest_overlap_alone():
    # The second prediction overlaps the first true segment most, which is matched already.
    true, predicted = frames("aaaaaaaa.aa."), frames("aaaaab.a.aa.")
    # Segments: true a[0,8) a[9,11); predicted a[0,5) b a[7,8) a[9,11).
    assert overlap_f1([true], [predicted], 0.1) == pytest.approx(2 * 2 / (4 + 2))


def test_hits_are_summed_over_sessions():
    true, predicted = [frames("aa.b"), frames("c...")], [frames("aa.."), frames("...c")]
    assert overlap_f1(true, predicted, 0.1) == pytest.approx(2 / (2 + 1 + 2))


def test_labels_of_another_number_of_frames_are_refused():
    with pytest.raises(ValueError, match="as many"):
        session_metrics([frames("aa")], [frames("a")])


def test_causal_agreement_leaves_out_the_last_second():
    times = np.arange(6) * 0.5
    assert causal_agreement(frames("aabbbb"), frames("aabaaa"), times) == pytest.approx(3 / 4)
    assert causal_agreement(frames("a"), frames("b"), times[:1]) == 1.0


def test_counts_are_rounded_half_up():
    metrics = counting_metrics([10, 10, 10, 10], [9.5, 10.5, 8.6, 12.0])
    assert metrics.exact == 1 / 4
    assert metrics.off_by_one == 3 / 4
    assert metrics.mae == pytest.approx((0.5 + 0.5 + 1.4 + 2) / 4)
    assert metrics.relative_mae == pytest.approx(metrics.mae / 10)


def test_live_counts_are_not_rounded():
    metrics = live_metrics([3.4, 3.4, 2.0], [3.9, 4.5, 2.0])
    assert (metrics.within_half, metrics.off_by_one) == pytest.approx((2 / 3, 2 / 3))
    assert metrics.mae == pytest.approx((0.5 + 1.1) / 3)


def test_area_under_curve_counts_ties_half():
    assert area_under_curve([80, 70], [70, 60]) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_form_is_a_mean_over_movements_and_a_missing_score_is_wrong():
    clips = [
        *[("squat", True, 90.0), ("squat", True, None), ("squat", False, 50.0)],
        *[("lunge", True, 70.0), ("lunge", False, 69.9), ("lunge", False, None)],
    ]
    metrics = form_metrics(clips)
    assert metrics.auc == {"squat": 0.5, "lunge": 0.5}
    assert metrics.mean_auc == 0.5
    assert metrics.balanced_accuracy == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_form_needs_both_good_and_bad_clips():
    with pytest.raises(ValueError, match="both"):
        form_metrics([("squat", True, 80.0)])


def correction(joint, direction, degrees=20.0):
    return Correction(joint, direction, degrees, 1.0)


def test_corrections_are_compared_with_the_fault():
    fault = Fault("left_elbow", "straighten", 25.0, throughout=True)
    wrong = correction("left_knee", "bend")
    metrics = correction_metrics(
        [
            (fault, [correction("left_elbow", "straighten", 21.0)]),
            (fault, [correction("left_elbow", "bend")]),
            (fault, [wrong, wrong, correction("left_elbow", "straighten")]),
            (fault, []),
            (None, []),
            (None, [wrong, wrong]),
        ]
    )
    assert (metrics.top1, metrics.top1_joint, metrics.top3, metrics.any) == (0.25, 0.5, 0.5, 0.75)
    assert metrics.degrees_error == pytest.approx(4.0)
    assert (metrics.false_alarms, metrics.named_when_good) == (0.5, 1.0)


def test_the_degrees_of_faults_at_the_extreme_are_not_compared():
    fault = Fault("trunk", "lean_back", 25.0, throughout=False)
    assert correction_metrics([(fault, [correction("trunk", "lean_back")])]).degrees_error is None
    assert correction_metrics([]).top1 is None


@pytest.mark.parametrize(
    ("joint", "direction", "same"),
    [
        ("left_elbow", "raise", ("left_shoulder", "raise")),
        ("right_wrist", "lower", ("right_shoulder", "lower")),
        ("left_knee", "raise", ("left_hip", "bend")),
        ("right_ankle", "lower", ("right_hip", "straighten")),
    ],
)
def test_what_is_said_otherwise_is_understood(joint, direction, same):
    fault = Fault(*same, 20.0, throughout=True)
    assert correction_metrics([(fault, [correction(joint, direction)])]).top1 == 1.0


def test_corrections_of_segments_are_ranked_by_their_places():
    elbow, knee, trunk = (
        correction("left_elbow", "bend", 30.0),
        correction("left_knee", "bend", 10.0),
        correction("trunk", "lean_back", 12.0),
    )
    segments = [Segment("a", 0, 1, corrections=(elbow, knee)), Segment("a", 1, 2, corrections=(knee, trunk))]
    assert ranked_corrections(segments) == [knee, elbow, trunk]


def test_the_score_of_a_timeline_is_weighted_by_duration():
    segments = (Segment("a", 0, 1, 1.5, 40.0), Segment("b", 1, 4, 2.0, 80.0), Segment("b", 4, 9))
    timeline = Timeline("x", 30.0, segments, {})
    assert (timeline.score, timeline.repetitions) == (70.0, 3.5)
    assert Timeline("x", 30.0, (Segment("b", 4, 9),), {}).score is None
    assert as_predictions([timeline])["sessions"][0]["segments"][2]["score"] is None
