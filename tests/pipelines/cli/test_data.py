import json

import pytest
from click.testing import CliRunner

from data.importers.formats.registry import FORMATS
from data.layouts import load_layout
from pipelines.cli.main import main

COCO = load_layout("coco17").joints


@pytest.fixture
def source(tmp_path):
    """A folder of three TF.js clips, one of them damaged."""
    pose = {"keypoints": [{"x": 100.5, "y": 50 + 9 * n, "score": 1.25, "name": j} for n, j in enumerate(COCO)]}
    for name in ("wave/anna", "wave/ben", "clap/anna"):
        path = tmp_path / "in" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([[pose]] * 10))
    path.write_text(path.read_text()[:500])
    return tmp_path / "in"


def poseline(*arguments):
    return CliRunner().invoke(main, ["data", *map(str, arguments)])


def test_import_prints_a_table_with_the_number_of_records_of_each_outcome(source, tmp_path):
    done = poseline("import", source, "--to", tmp_path / "out", "--max-quarantined", "0.4")
    assert done.exit_code == 0
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert ["read", "3", "records in 3 sources (tfjs)"] in [[part.strip() for part in row] for row in rows]
    assert [row[:2] for row in rows if row[0] in ("kept", "repaired", "quarantined")] == [
        ["kept", "2"],
        ["repaired", "340"],
        ["quarantined", "1"],
        ["quarantined", "records:"],  # the line with the path of the quarantine's report
    ]
    assert "the image height is unknown: assuming 240 pixels" in done.stdout


def test_import_prints_json_and_rejects_too_many_quarantined_records(source, tmp_path):
    arguments = ("import", source, "--to", tmp_path / "out", "--image-size", "640x480", "--json")
    rejected = poseline(*arguments)
    assert rejected.exit_code == 2
    assert "1 of 3 records are unusable" in rejected.stderr
    assert json.loads(rejected.stdout)["quarantined"] == {"the file is not complete JSON": 1}
    done = poseline(*arguments, "--max-quarantined", "0.4")
    summary = json.loads(done.stdout)
    assert done.exit_code == 0
    assert summary["read"] == summary["kept"] + sum(summary["quarantined"].values()) == 3
    assert summary["repaired"] == {"confidences clipped to 0..1": 340}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--image-size", "big"), "write width and height in pixels"),
        (("--layout", "centaur6"), "unknown layout 'centaur6'"),
        (("--columns", "x"), "write FIELD=COLUMN"),
        (("--from", "mp4"), "known formats: openpose"),
        (("--pattern", "{colour}"), "{colour} is not a field"),
    ],
)
def test_wrong_options_are_explained(source, tmp_path, arguments, message):
    done = poseline("import", source, "--to", tmp_path / "out", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_export_and_formats(source, tmp_path):
    poseline("import", source, "--to", tmp_path / "out", "--max-quarantined", "0.4", "--image-size", "640x480")
    done = poseline("export", tmp_path / "out", "--as", "coco", "--to", tmp_path / "coco.json")
    assert done.exit_code == 0, done.stderr
    again = poseline("import", tmp_path / "coco.json", "--to", tmp_path / "again", "--json")
    assert json.loads(again.stdout)["kept"] == 2
    rejected = poseline("export", tmp_path / "out", "--as", "ntu", "--to", tmp_path / "ntu")
    assert (rejected.exit_code, "25 joints" in rejected.stderr) == (2, True)
    assert "alphapose" in poseline("formats").stdout
    assert len(json.loads(poseline("formats", "--json").stdout)) == len(FORMATS)
