"""Who is trained on, who tunes, who tests: the same person never on two sides."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from data.errors import InputError
from data.store import SequenceKey

SPLITS = ("train", "eval", "test")

_ALIASES = {"val": "eval", "valid": "eval", "validation": "eval", "dev": "eval"} | {name: name for name in SPLITS}


class SplitPolicy(BaseModel):
    """How sequences are divided into train, eval and test.

    Attributes:
        method: `column` takes the official `split` of each sequence; `subjects` the lists below; `hash` a stable hash
            of the subject, so that a person stays on the same side as others join.
        subjects: split to subjects (`subjects` only); `*` in one list stands for everybody not listed.
        eval_share: share of people for eval. With `column` and `subjects` they are taken out of train where no eval
            is given, and 0 means that there is no eval split.
        test_share: share of people for test (`hash` only).
        allow_subject_overlap: for official protocols that split by camera and not by person.
        seed: changes who is drawn by hash.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["column", "subjects", "hash"] = "hash"
    subjects: dict[Literal["train", "eval", "test"], list[str]] = Field(default_factory=dict)
    eval_share: float = Field(default=0.15, ge=0, lt=1)
    test_share: float = Field(default=0.2, gt=0, lt=1)
    allow_subject_overlap: bool = False
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> "SplitPolicy":
        if (self.method == "subjects") != bool(self.subjects):
            raise ValueError("method `subjects` and the lists of subjects need each other")
        if self.method == "hash" and self.eval_share + self.test_share >= 1:
            raise ValueError("eval_share and test_share together leave nothing to train on")
        listed = [subject for names in self.subjects.values() for subject in names]
        if twice := sorted({subject for subject in listed if listed.count(subject) > 1}):
            raise ValueError(f"subjects listed twice: {', '.join(twice)}")
        return self

    def split_names(self) -> tuple[str, ...]:
        """Return the splits that this policy promises; eval only where people are set aside for it."""
        return SPLITS if self.eval_share > 0 or self.subjects.get("eval") else ("train", "test")


def assign_splits(index: Sequence[SequenceKey], policy: SplitPolicy) -> dict[str, str]:
    """Return the split of every sequence.

    Args:
        index: all sequences of a span.
        policy: how to divide them.

    Returns:
        sequence_id to `train`, `eval` or `test`.

    Raises:
        InputError: where the division would be unsound: a person on two sides, one subject or class only, a class
            without a test example, a label never seen in training, an empty split.
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
    """Raise InputError if a subject occurs with two splits."""
    sides: dict[str, set[str]] = defaultdict(set)
    for subject, split in pairs:
        sides[subject].add(split)
    if shared := sorted(subject for subject, names in sides.items() if len(names) > 1):
        raise InputError(
            f"{len(shared)} subjects are on two sides: {shared[0]!r} in {' and '.join(sorted(sides[shared[0]]))}",
            f"subjects {', '.join(shared[:10])}",
            "split by subject; only for an official protocol that means it, set allow_subject_overlap",
        )


def _check_variety(index: Sequence[SequenceKey], policy: SplitPolicy) -> None:
    if not index:
        raise InputError("there are no sequences", None, "import data into the span")
    subjects = {key.subject for key in index}
    if len(subjects) == 1 and not policy.allow_subject_overlap:
        raise InputError(
            "all sequences are of one subject",
            f"subject {subjects.pop()!r}",
            "record more people: a model tested on those it was trained on says nothing about others",
        )
    labels = {label for key in index for label in key.labels}
    if len(labels) == 1:
        raise InputError("all sequences have one label", f"label {labels.pop()!r}", "a classifier needs two or more")


def _column_split(key: SequenceKey) -> str:
    if (split := _ALIASES.get((key.split or "").lower())) is None:
        raise InputError(
            f"split is {key.split!r}" if key.split else "split is empty",
            f"sequence {key.sequence_id!r}",
            "it must be train, eval or test; or choose the split method subjects or hash",
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
            "add them to one of split.subjects, or put '*' into the list that takes everybody else",
        )
    return {subject: str(listed.get(subject, rest)) for subject in subjects}


def _hashed(subjects: set[str], policy: SplitPolicy) -> dict[str, str]:
    """Cut the hash's range, not the list of people: nobody changes sides when others join.

    With few people a part of the range may be empty; it then takes the person nearest to it.
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
            f"{len(train)} training subjects are too few to take any for eval",
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
    """Return the subject's fixed number in 0..1."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{subject}".encode()).digest()[:8], "big") / 2**64


def _check_filled(splits: Mapping[str, str], policy: SplitPolicy) -> None:
    found = set(splits.values())
    for split in policy.split_names():
        if split not in found:
            raise InputError(f"the {split} split is empty", None, "change the split method, its lists or its shares")
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
            f"{len(unseen)} labels are tested but never seen in training",
            f"labels {', '.join(unseen[:10])}",
            "move a subject who does them into train, or leave these labels out",
        )
    if untested := sorted(labels["train"] - labels["test"]):
        raise InputError(
            f"{len(untested)} labels have no test example",
            f"labels {', '.join(untested[:10])}",
            "move a subject who does them into test, change the seed, or leave these labels out",
        )
