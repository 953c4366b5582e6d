"""`poseline coach`."""

import json

import pytest
from click.testing import CliRunner

from pipelines.cli.main import main
from tests.serving_targets.coach.conftest import raises, standing, still  # noqa: F401
from tests.serving_targets.coaching.conftest import (  # noqa: F401
    FPS,
    LABEL,
    arm_references,
    bundle,
    data_folder,
    recording,
)
from tests.serving_targets.conftest import tflite_model  # noqa: F401


def coach(*arguments, stdin=None):
    return CliRunner().invoke(main, ["coach", *map(str, arguments)], input=stdin)


@pytest.mark.parametrize("options", [(), ("--streaming",)])
def test_a_timeline_is_printed_as_json(bundle, data_folder, options):  # noqa: F811
    done = coach(bundle, data_folder, "--json", *options)
    sessions = json.loads(done.stdout)["sessions"]
    assert [each["sequence_id"] for each in sessions] == ["good", "<b>bad</b>"]
    for each in sessions:
        assert each["fps"] == pytest.approx(FPS, abs=0.1)
        assert sum(segment["repetitions"] for segment in each["segments"]) == pytest.approx(6, abs=1)
        for segment in each["segments"]:
            assert set(segment) == {"label", "start", "end", "repetitions", "score", "corrections"}
            assert segment["label"] == LABEL
    corrections = sessions[1]["segments"][0]["corrections"]
    assert {"joint", "direction", "degrees", "at"} == set(corrections[0])


def test_a_timeline_is_printed_for_people_and_a_page_is_written(bundle, data_folder, tmp_path):  # noqa: F811
    page = tmp_path / "page.html"
    done = coach(bundle, data_folder, "--report", page)
    assert done.exit_code == 0, done.output
    assert "nothing to correct" in done.stdout
    assert "raise your left arm" in " ".join(done.stdout.split())
    assert str(page) in done.stdout
    assert page.read_text().startswith("<!DOCTYPE html>")
    page.write_text("mine")
    assert coach(bundle, data_folder, "--report", page).exit_code == 2
    assert page.read_text() == "mine"


def test_live_poses_become_events(bundle, recording):  # noqa: F811
    lines = [
        json.dumps({"time": 7 + number / FPS, "joints": pose.tolist()})
        for number, pose in enumerate(recording().keypoints)
    ]
    done = coach(bundle, "--live", "--json", stdin="\n".join([*lines, "garbage"]))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [events[0]["kind"], events[-1]["kind"]] == ["started", "finished"]
    counts = [event["repetitions"] for event in events if event["kind"] == "counted"]
    assert counts[-1] == pytest.approx(6, abs=1)
    assert events[-1]["ignored"] == {"line is not a pose": 1}
    plain = coach(bundle, "--live", stdin="\n".join([*lines, "garbage"])).stdout
    assert "ended" in plain
    assert "ignored: 1 x line is not a pose" in plain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a SOURCE"),
        (("--live", "x"), "standard input"),
        (("x", "--language", "tlh"), "the coach speaks en, ko"),
        (("x",), "does not exist"),
    ],
)
def test_wrong_use_is_explained(bundle, arguments, message):  # noqa: F811
    done = coach(bundle, *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
