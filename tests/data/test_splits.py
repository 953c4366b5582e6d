from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from data.errors import InputError
from data.records import KeypointSequence
from data.splits import CUT, SplitPolicy, assign_splits, check_subjects, split_clips
from data.store import SequenceKey


def key(subject, label="a", split=None, number=0, segments=()):
    name = f"{subject}-{label}-{split}-{number}"
    starts = tuple(range(len(segments)))
    ends = tuple(start + 1 for start in starts)
    return SequenceKey(name, subject, label, split, None, 10, 17, 3, "coco17", 30.0, tuple(segments), starts, ends)


def people(count, labels="ab", split=None):
    return [key(f"p{number}", label, split) for number in range(count) for label in labels]


def sides(index, policy):
    splits = assign_splits(index, policy)
    return {k.subject: splits[clip] for k in index for clip in k.clip_ids}


@pytest.mark.parametrize("count", [3, 4, 10, 200])
def test_hash_fills_all_splits_and_keeps_people_together(count):
    by_subject = sides(people(count), SplitPolicy())
    assert set(by_subject.values()) == {"train", "eval", "test"}
    if count == 200:
        counts = Counter(by_subject.values())
        assert 25 < counts["test"] < 55
        assert 18 < counts["eval"] < 45


def test_hash_does_not_move_people_when_others_join():
    few, many = sides(people(60), SplitPolicy()), sides(people(90), SplitPolicy())
    assert all(many[subject] == split for subject, split in few.items())


def test_seed_draws_other_people():
    assert sides(people(20), SplitPolicy(seed=1)) != sides(people(20), SplitPolicy(seed=2))


def test_without_eval_share_there_is_no_eval():
    policy = SplitPolicy(eval_share=0)
    assert set(sides(people(10), policy).values()) == {"train", "test"}
    assert policy.split_names() == ("train", "test")
    assert SplitPolicy().split_names() == ("train", "eval", "test")


def test_column_is_followed_and_eval_cut_from_train_by_subject():
    index = [*people(8, split="train"), key("q0", "a", "test"), key("q0", "b", "test")]
    by_subject = sides(index, SplitPolicy(method="column", eval_share=0.25))
    assert by_subject["q0"] == "test"
    assert Counter(by_subject.values()) == {"train": 6, "eval": 2, "test": 1}
    official = [*index, key("r0", "a", "val"), key("r0", "b", "VALIDATION")]
    by_subject = sides(official, SplitPolicy(method="column", eval_share=0.25))
    assert Counter(by_subject.values()) == {"train": 8, "eval": 1, "test": 1}


def test_official_protocol_by_camera_may_share_people():
    index = [*people(4, split="train"), *people(4, split="test")]
    with pytest.raises(InputError, match="4 subjects are in two splits"):
        assign_splits(index, SplitPolicy(method="column", eval_share=0))
    splits = assign_splits(index, SplitPolicy(method="column", eval_share=0, allow_subject_overlap=True))
    assert Counter(splits.values()) == {"train": 8, "test": 8}


def test_listed_subjects():
    policy = SplitPolicy(method="subjects", subjects={"test": ["p0", "absent"], "train": ["*"]}, eval_share=0)
    assert sides(people(3), policy) == {"p0": "test", "p1": "train", "p2": "train"}
    policy = SplitPolicy(method="subjects", subjects={"test": ["p0"], "train": ["p1"]}, eval_share=0)
    with pytest.raises(InputError, match=r"in no list.*(\n.*)*p2"):
        assign_splits(people(3), policy)


@pytest.mark.parametrize(
    ("index", "policy", "message"),
    [
        ([], SplitPolicy(), "no sequences"),
        (people(1), SplitPolicy(), "one subject"),
        (people(5, "a"), SplitPolicy(), "one label"),
        (people(2), SplitPolicy(), "2 subjects cannot fill"),
        (people(4), SplitPolicy(method="column"), "split is empty"),
        (people(4, split="holdout"), SplitPolicy(method="column"), "'holdout'"),
        (people(4, split="train"), SplitPolicy(method="column"), "test split is empty"),
        (people(4, split="test"), SplitPolicy(method="column", eval_share=0), "train split is empty"),
        (
            [*people(4, split="train"), *people(2, split="eval"), *people(2, split="test")],
            SplitPolicy(method="column", eval_share=0, allow_subject_overlap=True),
            r"have an eval split(.*\n)*.*eval_share above 0",
        ),
        (
            people(4),
            SplitPolicy(method="subjects", subjects={"train": ["*"], "test": ["p0"], "eval": ["x"]}, eval_share=0),
            "eval split is empty",
        ),
        (
            [*people(1, split="train"), *[key("q", x, "test") for x in "ab"]],
            SplitPolicy(method="column"),
            "too few to move any to eval",
        ),
        (
            [*people(3, "ab", split="train"), *[key("q", x, "test") for x in "abc"]],
            SplitPolicy(method="column"),
            r"but not in train(\n.*)*labels c",
        ),
        (
            [*people(3, "abc", split="train"), *[key("q", x, "test") for x in "ab"]],
            SplitPolicy(method="column"),
            r"no test example(\n.*)*labels c",
        ),
    ],
)
def test_unsound_divisions_are_rejected(index, policy, message):
    with pytest.raises(InputError, match=message):
        assign_splits(index, policy)


def test_labels_of_sessions_are_those_of_their_segments():
    train = [key(f"p{n}", "session", "train", segments=("a", "b")) for n in range(3)]
    test = key("q", "session", "test", segments=("a",))
    with pytest.raises(InputError, match=r"no test example(\n.*)*labels b"):
        assign_splits([*train, test], SplitPolicy(method="column"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "subjects"},
        {"subjects": {"test": ["a"]}},
        {"method": "subjects", "subjects": {"test": ["a"], "train": ["a"]}},
        {"eval_share": 0.6, "test_share": 0.5},
        {"method": "random"},
        {"sed": 1},
    ],
)
def test_invalid_policies_are_rejected(wrong):
    with pytest.raises(ValidationError):
        SplitPolicy(**wrong)


def test_check_subjects():
    check_subjects([("a", "train"), ("b", "test"), ("a", "train")])
    with pytest.raises(InputError, match="'a' in test and train"):
        check_subjects([("a", "train"), ("a", "test")])


def test_with_one_person_recordings_of_each_label_are_divided():
    index = [key("p0", label, number=number) for label in "ab" for number in range(10)]
    splits = assign_splits(index, SplitPolicy(method="recordings", eval_share=0))
    assert Counter(splits.values()) == {"train": 16, "test": 4}
    few = [key("p0", label, number=number) for label in "ab" for number in range(3)]
    assert Counter(assign_splits(few, SplitPolicy(method="recordings", eval_share=0)).values()) == {
        "train": 4,
        "test": 2,
    }


def test_a_session_is_in_one_split_when_recordings_are_divided():
    index = [key("p0", "session", number=number, segments="abab") for number in range(5)]
    splits = assign_splits(index, SplitPolicy(method="recordings", eval_share=0))
    assert len(splits) == 20
    assert all(len({splits[clip] for clip in k.clip_ids}) == 1 for k in index)


def test_time_takes_the_last_clips_of_each_label_and_cuts_an_only_clip():
    index = [key("p0", "session", segments="aaaaab"), key("p0", "b")]
    splits = assign_splits(index, SplitPolicy(method="time", eval_share=0))
    assert [splits[clip] for clip in index[0].clip_ids] == ["train"] * 4 + ["test", "train"]
    assert splits[index[1].sequence_id] == "test"
    only = [key("p0", "a"), key("p0", "b")]
    assert set(assign_splits(only, SplitPolicy(method="time", eval_share=0)).values()) == {CUT}


def test_a_cut_clip_gives_its_last_frames_to_test():
    keypoints = np.ones((10, 17, 3), np.float32)
    clip = KeypointSequence("s", "p", "a", 30.0, "coco17", keypoints)
    parts = list(split_clips(clip, {"s": CUT}, 0.2))
    assert [(part.sequence_id, len(part.keypoints), split) for part, split in parts] == [
        ("s#0", 8, "train"),
        ("s#8", 2, "test"),
    ]
    assert list(split_clips(clip, {}, 0.2)) == []


def test_labels_that_are_left_out_are_in_no_split():
    index = [*people(10), key("p0", "unknown")]
    splits = assign_splits(index, SplitPolicy(leave_out=("unknown",)))
    assert len(splits) == 20


@pytest.mark.parametrize(("train", "test"), [("training", "testing"), ("Train", " TEST ")])
def test_usual_spellings_of_official_splits_are_known(train, test):
    index = [*people(3, split=train), key("q", "a", test), key("q", "b", test)]
    assert Counter(sides(index, SplitPolicy(method="column", eval_share=0)).values()) == {"train": 3, "test": 1}


@pytest.mark.parametrize("frames", [1, 2])
def test_a_clip_that_cannot_be_cut_is_refused_by_time(frames):
    index = [key("p0", "a")._replace(frames=frames), key("p0", "b")]
    with pytest.raises(InputError, match=rf"label 'a' has {frames} frames?, too short"):
        assign_splits(index, SplitPolicy(method="time", eval_share=0, test_share=0.25))


def test_a_segment_that_cannot_be_cut_is_refused_by_time():
    index = [key("p0", "session", segments="ab"), key("p0", "a")]
    with pytest.raises(InputError, match=r"label 'b' has 1 frame, too short"):
        assign_splits(index, SplitPolicy(method="time", eval_share=0, test_share=0.25))
