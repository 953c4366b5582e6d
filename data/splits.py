"""The division of sequences into train, eval and test, with each person in one split only."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field, model_validator

from data.errors import InputError
from data.settings.config_section import ConfigSection
from data.store import SequenceKey

SPLITS = ("train", "eval", "test")

_ALIASES = {"val": "eval", "valid": "eval", "validation": "eval", "dev": "eval"} | {name: name for name in SPLITS}


class SplitPolicy(ConfigSection):
    """The rules by which sequences are divided into train, eval and test.

    Attributes:
        method: `column` uses the official `split` of each sequence, `subjects` uses the lists below, and `hash` uses a
            stable hash of the subject, so that a person stays in the same split when others are added.
        subjects: subjects of each split (`subjects` only); `*` in one list stands for all subjects that are not listed.
        eval_share: fraction of people in eval. With `column` and `subjects`, they are taken from train if there is no
            eval split yet; 0 means that there is none.
        test_share: fraction of people in test (`hash` only).
        allow_subject_overlap: whether a person may be in several splits, for official protocols that split by camera.
        seed: seed of the hash.
    """

    method: Literal["column", "subjects", "hash"] = "hash"
    subjects: dict[Literal["train", "eval", "test"], list[str]] = Field(default_factory=dict)
    eval_share: float = Field(default=0.15, ge=0, lt=1)
    test_share: float = Field(default=0.2, gt=0, lt=1)
    allow_subject_overlap: bool = False
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> "SplitPolicy":
        if (self.method == "subjects") != bool(self.subjects):
            raise ValueError("the method `subjects` needs lists of subjects, and other methods have none")
        if self.method == "hash" and self.eval_share + self.test_share >= 1:
            raise ValueError("eval_share and test_share leave nothing to train on")
        listed = [subject for names in self.subjects.values() for subject in names]
        if twice := sorted({subject for subject in listed if listed.count(subject) > 1}):
            raise ValueError(f"subjects listed twice: {', '.join(twice)}")
        return self

    def split_names(self) -> tuple[str, ...]:
        """Return the splits that this policy makes; eval only if it gets people."""
        return SPLITS if self.eval_share > 0 or self.subjects.get("eval") else ("train", "test")


def assign_splits(index: Sequence[SequenceKey], policy: SplitPolicy) -> dict[str, str]:
    """Return the split of every sequence.

    Args:
        index: all sequences of a span.
        policy: rules of the division.

    Returns:
        `train`, `eval` or `test` for each sequence id.

    Raises:
        InputError: if the division is not sound: a person in two splits, only one subject or class, a class without a
            test example, a class without a training example, or an empty split.
    """
    _check_variety(index, policy)
    if policy.method == "column":
        splits = {key.sequence_id: _column_split(key) for key in index}
    else:
        subjects = {key.subject for key in index}
        by_subject = _listed(subjects, policy) if policy.method == "subjects" else _hashed(subjects, policy)
        splits = {key.sequence_id: by_subject[key.subject] for key in index}
    if policy.method != "hash" and policy.eval_share > 0 and "eval" not in splits.values():
        splits = _cut_eval(index, splits, policy)
    if not policy.allow_subject_overlap:
        check_subjects((key.subject, splits[key.sequence_id]) for key in index)
    _check_filled(splits, policy)
    _check_labels(index, splits)
    return splits


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


def _check_variety(index: Sequence[SequenceKey], policy: SplitPolicy) -> None:
    if not index:
        raise InputError("there are no sequences", None, "import data into the span")
    subjects = {key.subject for key in index}
    if len(subjects) == 1 and not policy.allow_subject_overlap:
        raise InputError(
            "all sequences are of one subject",
            f"subject {subjects.pop()!r}",
            "record more people: a test on people the model was trained on says nothing about others",
        )
    labels = {label for key in index for label in key.labels}
    if len(labels) == 1:
        raise InputError(
            "all sequences have one label",
            f"label {labels.pop()!r}",
            "add sequences with other labels: a classifier needs two",
        )


def _column_split(key: SequenceKey) -> str:
    if (split := _ALIASES.get((key.split or "").lower())) is None:
        raise InputError(
            f"split is {key.split!r}" if key.split else "split is empty",
            f"sequence {key.sequence_id!r}",
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


def _cut_eval(index: Sequence[SequenceKey], splits: Mapping[str, str], policy: SplitPolicy) -> dict[str, str]:
    train = {key.subject for key in index if splits[key.sequence_id] == "train"}
    count = max(1, round(policy.eval_share * len(train)))
    if count >= len(train):
        raise InputError(
            f"{len(train)} training subjects are too few to move any to eval",
            f"subjects {', '.join(sorted(train))}",
            "set split.eval_share to 0, or record more people",
        )
    chosen = set(sorted(train, key=lambda subject: _draw(subject, policy.seed))[:count])
    return {
        key.sequence_id: "eval"
        if key.subject in chosen and splits[key.sequence_id] == "train"
        else splits[key.sequence_id]
        for key in index
    }


def _draw(subject: str, seed: int) -> float:
    """Return the hash of a subject as a number in 0..1."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{subject}".encode()).digest()[:8], "big") / 2**64


def _check_filled(splits: Mapping[str, str], policy: SplitPolicy) -> None:
    found = set(splits.values())
    for split in policy.split_names():
        if split not in found:
            raise InputError(f"the {split} split is empty", None, "change the split method, its lists or its fractions")
    if found - set(policy.split_names()):
        raise InputError(
            "the data have an eval split, but the policy has none", None, "set split.eval_share above 0 to use it"
        )


def _check_labels(index: Sequence[SequenceKey], splits: Mapping[str, str]) -> None:
    labels: dict[str, set[str]] = {split: set() for split in SPLITS}
    for key in index:
        labels[splits[key.sequence_id]].update(key.labels)
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
