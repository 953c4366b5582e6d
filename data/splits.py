"""The division of clips into train, eval and test: by person, or by recording or time where people are too few."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from data.errors import InputError
from data.records import KeypointSequence
from data.settings.config_section import ConfigSection
from data.store import SequenceKey

SPLITS = ("train", "eval", "test")

_SPELLINGS = {
    "train": ("train", "training"),
    "eval": ("eval", "val", "valid", "validation", "dev", "development"),
    "test": ("test", "testing"),
}
_ALIASES = {spelling: split for split, spellings in _SPELLINGS.items() for spelling in spellings}

CUT = "cut"
"""Stands for a split in `assign_splits`: the clip is cut in two, its last part is for test."""


class _Clip(NamedTuple):
    """One clip of the index: its id and label, and the sequence that it belongs to."""

    clip_id: str
    label: str
    sequence_id: str
    subject: str
    split: str | None
    frames: int


class SplitPolicy(ConfigSection):
    """The rules by which sequences are divided into train, eval and test.

    Attributes:
        method: `column` uses the official `split` of each sequence, `subjects` uses the lists below, and `hash` uses a
            stable hash of the subject, so that a person stays in the same split when others are added. Where there are
            too few people, `recordings` divides the sequences of each label by a hash of their ids, and `time` takes
            the last part of the clips of each label for test. People are then in several splits, so the figures say
            nothing about other people.
        subjects: subjects of each split (`subjects` only); `*` in one list stands for all subjects that are not listed.
        eval_share: fraction of people in eval. With `column` and `subjects`, they are taken from train if there is no
            eval split yet; 0 means that there is none.
        test_share: fraction of people, sequences or clips in test (not for `column` and `subjects`).
        allow_subject_overlap: whether a person may be in several splits, for official protocols that split by camera.
        seed: seed of the hash.
        leave_out: labels of clips that are in no split, such as the label of recordings that nobody has labelled.
    """

    method: Literal["column", "subjects", "hash", "recordings", "time"] = "hash"
    subjects: dict[Literal["train", "eval", "test"], list[str]] = Field(default_factory=dict)
    eval_share: float = Field(default=0.15, ge=0, lt=1)
    test_share: float = Field(default=0.2, gt=0, lt=1)
    allow_subject_overlap: bool = False
    seed: int = 0
    leave_out: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "SplitPolicy":
        if (self.method == "subjects") != bool(self.subjects):
            raise ValueError("the method `subjects` needs lists of subjects, and other methods have none")
        if self.method not in ("column", "subjects") and self.eval_share + self.test_share >= 1:
            raise ValueError("eval_share and test_share leave nothing to train on")
        if self.method == "time" and self.eval_share:
            raise ValueError("the method `time` makes no eval split: set eval_share to 0")
        listed = [subject for names in self.subjects.values() for subject in names]
        if twice := sorted({subject for subject in listed if listed.count(subject) > 1}):
            raise ValueError(f"subjects listed twice: {', '.join(twice)}")
        return self

    @property
    def people_overlap(self) -> bool:
        """Whether a person may be in several splits."""
        return self.allow_subject_overlap or self.method in ("recordings", "time")

    @property
    def tested_on(self) -> Literal["people", "recordings", "parts"]:
        """What the test split has that training has not: people, recordings of the same people, or parts of them."""
        if self.method == "time":
            return "parts"
        return "recordings" if self.people_overlap else "people"

    def split_names(self) -> tuple[str, ...]:
        """Return the splits that this policy makes; eval only if it gets people."""
        return SPLITS if self.eval_share > 0 or self.subjects.get("eval") else ("train", "test")


def assign_splits(index: Sequence[SequenceKey], policy: SplitPolicy) -> dict[str, str]:
    """Return the split of every clip, which is a sequence or a segment of a session.

    Args:
        index: all sequences of a span.
        policy: rules of the division.

    Returns:
        `train`, `eval` or `test` for the id of each clip, or `CUT` for a clip whose last part is for test; clips whose
        labels are left out are missing.

    Raises:
        InputError: if the division is not sound: a person in two splits, only one subject or class, a class without a
            test example, a class without a training example, or an empty split.
    """
    clips = [clip for key in index for clip in _clips(key) if clip.label not in policy.leave_out]
    _check_variety(clips, policy)
    if policy.method == "column":
        splits = {clip.clip_id: _column_split(clip) for clip in clips}
    elif policy.method == "recordings":
        splits = _by_recording(clips, policy)
    elif policy.method == "time":
        splits = _by_time(clips, policy)
    else:
        subjects = {clip.subject for clip in clips}
        by_subject = _listed(subjects, policy) if policy.method == "subjects" else _hashed(subjects, policy)
        splits = {clip.clip_id: by_subject[clip.subject] for clip in clips}
    if policy.method in ("column", "subjects") and policy.eval_share > 0 and "eval" not in splits.values():
        splits = _cut_eval(clips, splits, policy)
    if not policy.people_overlap:
        check_subjects((clip.subject, splits[clip.clip_id]) for clip in clips)
    _check_filled(splits, policy)
    _check_labels(clips, splits)
    return splits


def split_clips(
    sequence: KeypointSequence, splits: Mapping[str, str], test_share: float
) -> Iterator[tuple[KeypointSequence, str]]:
    """Yield the clips of a sequence that are in a split, with the split of each.

    Args:
        sequence: sequence whose clips were given to `assign_splits`.
        splits: result of `assign_splits`.
        test_share: fraction of the frames of a cut clip that are for test.
    """
    for clip in sequence.clips():
        split = splits.get(clip.sequence_id)
        if split == CUT:
            yield from zip(clip.cut(_cut_frame(len(clip.keypoints), test_share)), ("train", "test"), strict=True)
        elif split is not None:
            yield clip, split


def check_subjects(pairs: Iterable[tuple[str, str]]) -> None:
    """Check that each subject is in one split.

    Args:
        pairs: subject and split of each sequence.

    Raises:
        InputError: if a subject is in two splits.
    """
    sides: dict[str, set[str]] = defaultdict(set)
    for subject, split in pairs:
        sides[subject].add(split)
    if shared := sorted(subject for subject, names in sides.items() if len(names) > 1):
        raise InputError(
            f"{len(shared)} subjects are in two splits: {shared[0]!r} in {' and '.join(sorted(sides[shared[0]]))}",
            f"subjects {', '.join(shared[:10])}",
            "split by subject, or set allow_subject_overlap for an official protocol that requires it",
        )


def _clips(key: SequenceKey) -> Iterator[_Clip]:
    for clip, label, frames in zip(key.clip_ids, key.labels, key.clip_frames, strict=True):
        yield _Clip(clip, label, key.sequence_id, key.subject, key.split, frames)


def _check_variety(clips: Sequence[_Clip], policy: SplitPolicy) -> None:
    if not clips:
        raise InputError("there are no sequences", None, "import data into the span")
    subjects = {clip.subject for clip in clips}
    if len(subjects) == 1 and not policy.people_overlap:
        raise InputError(
            "all sequences are of one subject",
            f"subject {subjects.pop()!r}",
            "record more people, or set split.method=recordings: a test on the same person says nothing about others",
        )
    labels = {clip.label for clip in clips}
    if len(labels) == 1:
        raise InputError(
            "all sequences have one label",
            f"label {labels.pop()!r}",
            "add sequences with other labels: a classifier needs two",
        )


def official_split(text: str | None) -> str | None:
    """Return the split that an official split stands for in one of its usual spellings; None if it is none."""
    return _ALIASES.get((text or "").strip().lower())


def _column_split(clip: _Clip) -> str:
    if (split := official_split(clip.split)) is None:
        raise InputError(
            f"split is {clip.split!r}" if clip.split else "split is empty",
            f"sequence {clip.sequence_id!r}",
            "write train, eval or test, or choose the split method subjects or hash",
        )
    return split


def _listed(subjects: set[str], policy: SplitPolicy) -> dict[str, str]:
    listed = {subject: split for split, names in policy.subjects.items() for subject in names}
    rest = listed.pop("*", None)
    unknown = sorted(subjects - listed.keys())
    if unknown and rest is None:
        raise InputError(
            f"{len(unknown)} subjects are in no list of the split",
            f"subjects {', '.join(unknown[:10])}",
            "add them to one of split.subjects, or add '*' to the list for all others",
        )
    return {subject: str(listed.get(subject, rest)) for subject in subjects}


def _hashed(subjects: set[str], policy: SplitPolicy) -> dict[str, str]:
    """Return the split of each subject by dividing the range of the hash.

    Dividing the range instead of the list of people keeps everybody in the same split when others are added. With few
    people a part of the range may be empty; it then gets the person nearest to it.
    """
    order = sorted(subjects, key=lambda subject: _draw(subject, policy.seed))
    wanted = ["test", "eval", "train"] if policy.eval_share > 0 else ["test", "train"]
    if len(order) < len(wanted):
        raise InputError(
            f"{len(order)} subjects cannot fill the splits {', '.join(wanted)}",
            f"subjects {', '.join(order)}",
            "record more people, or set eval_share to 0",
        )
    edges = {"test": policy.test_share, "eval": policy.test_share + policy.eval_share, "train": 1.0}
    counts = [sum(_draw(subject, policy.seed) < edges[split] for subject in order) for split in wanted]
    for place in range(len(wanted) - 1):
        lowest = (counts[place - 1] if place else 0) + 1
        counts[place] = min(max(counts[place], lowest), len(order) - (len(wanted) - 1 - place))
    return {
        subject: next(split for split, end in zip(wanted, counts, strict=True) if rank < end)
        for rank, subject in enumerate(order)
    }


def _by_recording(clips: Sequence[_Clip], policy: SplitPolicy) -> dict[str, str]:
    """Return the split of each clip by dividing the sequences of each label; a sequence stays in one split.

    Rare labels choose first. A sequence that was chosen for one of its labels counts for the others, too.
    """
    holders: dict[str, dict[str, None]] = defaultdict(dict)
    for clip in clips:
        holders[clip.label][clip.sequence_id] = None
    chosen: dict[str, str] = {}
    for split, share in (("test", policy.test_share), ("eval", policy.eval_share)):
        for label in sorted(holders, key=lambda label: (len(holders[label]), label)) if share else ():
            order = sorted(holders[label], key=lambda sequence: _draw(sequence, policy.seed))
            wanted = max(1, round(share * len(order))) - sum(chosen.get(sequence) == split for sequence in order)
            free = [sequence for sequence in order if sequence not in chosen]
            chosen |= dict.fromkeys(free[: max(0, wanted)], split)
    return {clip.clip_id: chosen.get(clip.sequence_id, "train") for clip in clips}


def _by_time(clips: Sequence[_Clip], policy: SplitPolicy) -> dict[str, str]:
    """Return the split of each clip: the last clips of each label are for test, and an only clip is cut."""
    by_label: dict[str, list[_Clip]] = defaultdict(list)
    for clip in clips:
        by_label[clip.label].append(clip)
    splits: dict[str, str] = {}
    for label, found in by_label.items():
        ids = [clip.clip_id for clip in found]
        if len(ids) == 1 and not 0 < _cut_frame(found[0].frames, policy.test_share) < found[0].frames:
            raise InputError(
                f"the only clip of label {label!r} has {found[0].frames} frame{'s' * (found[0].frames != 1)}, too"
                " short to be divided into training and test",
                f"clip {ids[0]!r}",
                "record this label at least three times, or leave it out with split.leave_out",
            )
        test = max(1, round(policy.test_share * len(ids)))
        splits |= (
            {ids[0]: CUT}
            if len(ids) == 1
            else {name: "test" if place >= len(ids) - test else "train" for place, name in enumerate(ids)}
        )
    return splits


def _cut_frame(frames: int, test_share: float) -> int:
    """Return the first frame of the part for test of a clip that is cut."""
    return round(frames * (1 - test_share))


def _cut_eval(clips: Sequence[_Clip], splits: Mapping[str, str], policy: SplitPolicy) -> dict[str, str]:
    train = {clip.subject for clip in clips if splits[clip.clip_id] == "train"}
    count = max(1, round(policy.eval_share * len(train)))
    if count >= len(train):
        raise InputError(
            f"{len(train)} training subjects are too few to move any to eval",
            f"subjects {', '.join(sorted(train))}",
            "set split.eval_share to 0, or record more people",
        )
    chosen = set(sorted(train, key=lambda subject: _draw(subject, policy.seed))[:count])
    return {
        clip.clip_id: "eval" if clip.subject in chosen and splits[clip.clip_id] == "train" else splits[clip.clip_id]
        for clip in clips
    }


def drawn_for_test(subjects: Iterable[str], policy: SplitPolicy) -> set[str]:
    """Return the subjects whom the hash of a policy puts into test, whoever else there is."""
    return {subject for subject in subjects if _draw(subject, policy.seed) < policy.test_share}


def _draw(subject: str, seed: int) -> float:
    """Return the hash of a subject as a number in 0..1."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{subject}".encode()).digest()[:8], "big") / 2**64


def _check_filled(splits: Mapping[str, str], policy: SplitPolicy) -> None:
    found = {part for split in splits.values() for part in _parts(split)}
    for split in policy.split_names():
        if split not in found:
            raise InputError(f"the {split} split is empty", None, "change the split method, its lists or its fractions")
    if found - set(policy.split_names()):
        raise InputError(
            "the data have an eval split, but the policy has none", None, "set split.eval_share above 0 to use it"
        )


def _parts(split: str) -> tuple[str, ...]:
    return ("train", "test") if split == CUT else (split,)


def _check_labels(clips: Sequence[_Clip], splits: Mapping[str, str]) -> None:
    labels: dict[str, set[str]] = {split: set() for split in SPLITS}
    for clip in clips:
        for split in _parts(splits[clip.clip_id]):
            labels[split].add(clip.label)
    if unseen := sorted((labels["test"] | labels["eval"]) - labels["train"]):
        raise InputError(
            f"{len(unseen)} labels are in test or eval, but not in train",
            f"labels {', '.join(unseen[:10])}",
            "move a subject with these labels into train, or remove the labels",
        )
    if untested := sorted(labels["train"] - labels["test"]):
        raise InputError(
            f"{len(untested)} labels have no test example",
            f"labels {', '.join(untested[:10])}",
            "move a subject with these labels into test, change the seed, or remove the labels",
        )
