import json

import pytest

from data.errors import InputError
from data.importers.clips.types import TimedSegment
from data.importers.sidecars import read_labels, read_segments
from data.layouts import load_layout
from data.records import Segment

COCO = load_layout("coco17").joints


@pytest.fixture
def clip(tmp_path):
    """Return a function that writes a TF.js clip with 30 frames per second."""

    def write(name, frames=90, **fields):
        pose = {"keypoints": [{"x": 100 + n, "y": 50 + 9 * n, "score": 1, "name": j} for n, j in enumerate(COCO)]}
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"fps": 30, "height": 480, "frames": [[pose]] * frames} | fields))
        return tmp_path / "in"

    return write


def test_labels_come_from_folders_the_format_a_pattern_and_a_sidecar_in_rising_order(clip, take, tmp_path):
    clip("squat/anna_front.json")
    clip("lunge/ben_side.json", label="deep lunge")
    source = clip("lunge/cleo_side.json")
    sequences, _ = take(source)
    assert {s.sequence_id: s.label for s in sequences} == {
        "squat/anna_front": "squat",
        "lunge/ben_side": "deep lunge",
        "lunge/cleo_side": "lunge",
    }
    sequences, _ = take(source, pattern="{label}/{subject}_{view}")
    assert {s.sequence_id: (s.label, s.subject, s.view) for s in sequences} == {
        "squat/anna_front": ("squat", "anna", "front"),
        "lunge/ben_side": ("lunge", "ben", "side"),
        "lunge/cleo_side": ("lunge", "cleo", "side"),
    }
    table = tmp_path / "labels.csv"
    table.write_text("\ufefffile,Label,subject,quality\nben_side.json,jump,Ben,0.5\nsquat/anna_front,,Anna,\n")
    sequences, _ = take(source, pattern="{label}/{subject}_{view}", fields=read_labels(table))
    assert {s.sequence_id: (s.label, s.subject, s.quality) for s in sequences} == {
        "squat/anna_front": ("squat", "Anna", None),
        "lunge/ben_side": ("jump", "Ben", 0.5),
        "lunge/cleo_side": ("lunge", "cleo", None),
    }
    _, refused = take(source, pattern="{label}/{subject}-{view}")
    assert {one.reason for one in refused} == {"the file's path does not match --pattern"}


def test_sessions_from_a_csv_in_seconds_or_frames(clip, take, tmp_path):
    source = clip("s1.json")
    clip("s2.json")
    table = tmp_path / "segments.csv"
    table.write_text("sequence,start,end,label,repetitions\ns1,1.5,2.0,clap,2\ns1,0.5,1.5,wave,\n")
    first, second = take(source, segments=read_segments(table))[0]
    assert (first.label, second.label) == ("session", "unknown")
    assert first.segments == (Segment(15, 45, "wave", None), Segment(45, 60, "clap", 2))
    table.write_text("sequence,start_frame,end_frame,label\ns1,3,9,wave\ns2,80,999,wave\ns2,0,2,clap\n")
    first, second = take(source, segments=read_segments(table))[0]
    assert first.segments == (Segment(3, 9, "wave"),)
    assert second.segments == (Segment(0, 2, "clap"), Segment(80, 90, "wave"))
    table.write_text("sequence,start,end,label\ns1,90,95,wave\n")
    _, (refused,) = take(source, segments=read_segments(table))
    assert refused.reason.startswith("segment #")


def test_a_session_that_is_cut_at_a_gap_keeps_its_actions(clip, take):
    pose = {"keypoints": [{"x": 100, "y": 50 + 9 * n, "score": 1, "name": j} for n, j in enumerate(COCO)]}
    frames = [{"timestamp": t / 30 + (5 if t >= 40 else 0), "poses": [pose]} for t in range(90)]
    source = clip("s.json", frames=1) / "s.json"
    source.write_text(json.dumps({"fps": 30, "height": 480, "frames": frames}))
    bounds = [(0, 20, "wave"), (30, 60, "clap"), (70, 90, "jump")]
    segments = {"s": tuple(TimedSegment(start, end, label, 4.0, True) for start, end, label in bounds)}
    first, second = take(source, segments=segments)[0]
    assert [(s.sequence_id, len(s.keypoints)) for s in (first, second)] == [("s#1", 40), ("s#2", 50)]
    assert first.segments == (Segment(0, 20, "wave", 4), Segment(30, 40, "clap"))
    assert second.segments == (Segment(0, 20, "clap"), Segment(30, 50, "jump", 4))


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
 <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
 <TIME_ORDER>
  <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1500"/>
  <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2000"/>
 </TIME_ORDER>
 <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="action">
  <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
   <ANNOTATION_VALUE>push hands (8)</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
   <ANNOTATION_VALUE>draw the bow x 4</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
 </TIER>
</ANNOTATION_DOCUMENT>"""


def test_sessions_from_elan(clip, take, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "s1.eaf").write_text(EAF)
    segments = read_segments(tmp_path / "notes")
    assert segments == read_segments(tmp_path / "notes" / "s1.eaf")
    ((sequence,), _) = take(clip("s1.json"), segments=segments)
    assert sequence.segments == (Segment(15, 45, "draw the bow", 4), Segment(45, 60, "push hands", 8))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "kind", ['<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>', "<!DOCTYPE a SYSTEM 'http://x/y.dtd'>"]
)
def test_elan_documents_that_declare_entities_are_rejected(tmp_path, encoding, kind):
    path = tmp_path / "s.eaf"
    path.write_text(EAF.replace("?>\n", f"?>\n{kind}\n", 1).replace("UTF-8", encoding), encoding=encoding)
    with pytest.raises(InputError, match="declares a document type or entities"):
        read_segments(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.eaf", EAF[:200], "not a valid ELAN document"),
        ("s.eaf", EAF.replace('"ts3" TIME_VALUE="2000"', '"ts3"'), "has no time"),
        ("s.eaf", EAF.replace("draw the bow", ""), "is invalid"),
        ("s.csv", "sequence,start,end,label\na,2,1,x\n", "from 2 to 1"),
        ("s.csv", "sequence,start,end,label\na,one,2,x\n", "start is 'one'"),
        ("s.csv", "sequence,start,end,label\na,nan,2,x\n", "is invalid"),
        ("s.csv", "sequence,start,end,label,repetitions\na,1,2,x,nan\n", "'x' has nan repetitions"),
        ("s.eaf", EAF.replace("x 4", f"x {'9' * 400}"), "'draw the bow' has inf repetitions"),
        ("s.csv", "sequence,start,label\na,1,x\n", "column 'end' is missing"),
        ("s.csv", "who,start,end,label\na,1,2,x\n", "no sequence is named"),
    ],
)
def test_wrong_segments_are_explained(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=message) as raised:
        read_segments(path)
    assert str(path) in raised.value.where


def test_wrong_labels_are_explained(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("id,label\na,x\na,y\n")
    with pytest.raises(InputError, match="'a' is named twice"):
        read_labels(path)
    path.write_bytes(b"id,label\n\xff\xfe\xfa,x\n")
    with pytest.raises(InputError, match="not utf-8 text"):
        read_labels(path)


@pytest.mark.parametrize("read", [read_labels, read_segments])
@pytest.mark.parametrize("content", ["", "\n\n", "sequence,label\n"])
def test_a_sidecar_without_a_row_is_refused(tmp_path, read, content):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(InputError, match="names no sequence"):
        read(path)
