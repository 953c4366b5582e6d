"""Coaching with a bundle: recordings, live poses, words and the page."""

import io
import json
from collections import Counter

import numpy as np
import pytest

from data.errors import InputError
from data.importers import ImportOptions
from data.importers.span_export import export_span
from serving_targets.coach.form.references import References
from serving_targets.coach.movement.angles import ANGLES, direction
from serving_targets.coach.timeline import Correction, Segment
from serving_targets.coach.words import LANGUAGES, advice, correction_text, words_of
from serving_targets.coaching.live import MOST_BYTES, read_poses
from serving_targets.coaching.page import Coached, render
from serving_targets.coaching.recordings import open_recordings
from serving_targets.coaching.repetitions import performed
from serving_targets.coaching.shipped_coach import open_coach
from tests.lineage.browser import DESKTOP, PHONE, chromium, opened  # noqa: F401
from tests.serving_targets.coaching.conftest import LABEL
from tests.serving_targets.conftest import coach_bundle


def test_a_recording_is_counted_and_scored(bundle, recording):
    with open_coach(bundle) as shipped:
        good, bad = (shipped.follow(recording(degrees=degrees), offline=True) for degrees in (90, 30))
        assert shipped.lacks == ()
    assert good.sequence_id == "anna/1"
    assert {segment.label for segment in good.segments} == {LABEL}
    assert good.repetitions == pytest.approx(6, abs=0.5)
    assert good.score >= 70 > bad.score
    assert ("left_shoulder", "raise") in [(each.joint, each.direction) for each in bad.segments[0].corrections]


@pytest.mark.parametrize("references", [None, References(movements={}, alarm=1.0).model_dump_json()])
def test_what_a_bundle_lacks_is_said(tflite_model, recording, tmp_path, references):
    files = {"references": references} if references else {}
    with open_coach(coach_bundle(tmp_path / "1", tflite_model.read_bytes(), **files)) as shipped:
        timeline = shipped.follow(recording(), offline=True)
    assert [word in " ".join(shipped.lacks) for word in ("coach.json", "references.json", "not scored")] == [True] * 3
    assert timeline.repetitions == pytest.approx(6, abs=0.5)
    assert timeline.score is None


def test_recordings_are_read_from_data_folders_or_imported(data_folder, tmp_path):
    with open_recordings([data_folder], ImportOptions()) as (number, sequences):
        assert (number, [each.sequence_id for each in sequences]) == (2, ["good", "<b>bad</b>"])
    export_span(data_folder / "span-1", "npz", tmp_path / "clips.npz")
    with open_recordings([tmp_path / "clips.npz"], ImportOptions()) as (number, sequences):
        assert (number, sum(1 for _ in sequences)) == (2, 2)
    np.savez(tmp_path / "bad.npz", frames=np.zeros((4, 17, 3)))
    with (
        pytest.raises(InputError, match="unusable") as caught,
        open_recordings([tmp_path / "bad.npz"], ImportOptions()),
    ):
        pass
    assert "data import" in caught.value.remedy
    for sources, message in (([data_folder, tmp_path / "clips.npz"], "some"), ([tmp_path / "no"], "does not exist")):
        with pytest.raises(InputError, match=message), open_recordings(sources, ImportOptions()):
            pass


def test_lines_that_are_no_poses_are_counted():
    good = json.dumps({"time": 1, "joints": [[0.1, 0.2, 0.9]] * 17})
    lines = [
        *(good, '{"time": 2, "joints": null}', "", "{", "3", '{"time": NaN, "joints": null}', '{"time": 3}'),
        *(
            '{"time": 4, "joints": [[1, 2]]}',
            '{"time": 5, "joints": [[1], [1, 2, 3]]}',
            '{"time": "x", "joints": null}',
        ),
        *("[" * 10_000, "9" * (2 * MOST_BYTES), '{"time": 6, "joints": [[null, 1, 1]]}', "\u00ff"),
    ]
    unread = Counter()
    poses = list(read_poses(io.BytesIO("\n".join(lines).encode("latin-1")), unread))
    assert [pose.time for pose in poses] == [1, 2, 6]
    assert poses[0].joints.shape == (17, 3)
    assert unread == {"line is not a pose": 9, "line is too long": 1}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_correction_has_a_sentence(language):
    assert {"en", "ko"} <= set(LANGUAGES)
    sentences = set()
    for angle in ANGLES:
        for change in (-1, 1):
            text = correction_text(Correction(angle, direction(angle, change), 22.4, 65.2), language)
            assert "20°" in text
            assert "1:05" in text
            sentences.add(text)
    assert len(sentences) == 2 * len(ANGLES)
    assert advice(Segment("a", 0, 1, score=90.0), language) == words_of(language)["coach"]["good"]
    assert advice(Segment("a", 0, 1), language) == ""


def test_each_repetition_of_a_segment_is_scored(bundle, recording):
    sequence = recording()
    with open_coach(bundle) as shipped:
        (segment,) = shipped.follow(sequence, offline=True).segments
        found = performed(sequence, segment, shipped.references)
        unknown = performed(sequence, segment, None)
        assert performed(sequence, Segment(LABEL, 3.0, 3.0), shipped.references).repetitions == ()
    assert [each.end - each.start for each in found.repetitions] == pytest.approx([2] * 6, abs=0.5)
    assert all(each.score >= 70 for each in found.repetitions)
    assert found.cycle.shape == found.reference.shape
    assert [each.score for each in unknown.repetitions] == [None] * len(unknown.repetitions)
    assert unknown.reference is None


@pytest.fixture
def page(bundle, data_folder, tmp_path):
    """The page about both recordings, in Korean."""
    file = tmp_path / "page.html"
    with open_coach(bundle) as shipped, open_recordings([data_folder], ImportOptions()) as (_, sequences):
        coached = (Coached(each, shipped.follow(each, offline=True)) for each in sequences)
        file.write_text(render(coached, shipped, "ko"))
    return file


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_the_page_shows_skeletons_scores_and_corrections(chromium, page, viewport):  # noqa: F811
    with opened(chromium, page, viewport) as shown:
        document = shown.page
        assert document.locator("svg.person path.reference").count() >= 2
        assert document.locator("svg.person path.own").count() >= 2
        assert document.locator("h2").all_inner_texts() == ["good", "<b>bad</b>"]
        assert document.locator(".reps i.low").count() >= 1
        assert "고칠 점이 없습니다" in document.locator(".advice").first.inner_text()
        assert "왼팔을" in document.locator(".advice").last.inner_text()
        width, inner = document.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= inner
        document.locator("#motion").click()
        shown.assert_no_problems()
