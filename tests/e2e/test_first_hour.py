"""The first hour with one's own recordings: files and a layout of the user's own in, a pushed bundle out."""

import json
from pathlib import Path

import pytest

from data.layouts import read_own_layout
from tests.e2e.conftest import SETTINGS

pytestmark = pytest.mark.e2e

LAYOUT = """
name: arms
joints: [nose, left_shoulder, right_shoulder, left_elbow, right_elbow, left_wrist, right_wrist, left_hip, right_hip]
bones:
  nose: [left_shoulder, right_shoulder]
  left_shoulder: [left_elbow, left_hip]
  right_shoulder: [right_elbow, right_hip]
  left_elbow: [left_wrist]
  right_elbow: [right_wrist]
"""


def test_own_recordings_become_a_bundle_that_says_what_its_test_shows(bench, tmp_path):
    recordings, layout, project = tmp_path / "recordings.npz", tmp_path / "arms.yaml", tmp_path / "my first"
    layout.write_text(LAYOUT)
    bench.poseline("data", "export", str(bench.data), "--as", "npz", "--to", str(recordings))
    init = ("init", "mine", "--data", str(recordings), "--layout", str(layout), "--to", str(project))
    said = bench.poseline(*init).stdout
    assert f"poseline run --config '{project / 'mine.yaml'}'" in said
    assert "nothing changes" in bench.poseline(*init).stdout

    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    root = tmp_path / "root"
    run = ("run", "--config", str(project / "mine.yaml"), "--root", str(root), "--json", *settings)
    report = json.loads(bench.poseline(*run).stdout)
    assert report["state"] == "pushed"
    assert "the test people are not in training" in report["claims"]

    [pushed] = map(Path, report["pushed"].values())
    manifest = json.loads((pushed / "manifest.json").read_text())
    assert manifest["layout"]["definition"] == read_own_layout(layout).reference
    assert manifest["layout"]["joints"] == list(read_own_layout(layout).joints)
    claims = manifest["claims"]
    assert (claims["holds_for"], claims["people"]) == ("other people", report["data"]["test"]["subjects"])
    assert claims["accuracy"] == report["accuracy"]["int8_sequence"]
    shown = bench.poseline("evaluate", "--bundle", str(pushed), "--data", str(project / "data")).stdout
    assert report["claims"].split(":")[0] in " ".join(shown.split())
