"""The division of a span into training and test, and what its figures can say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from typing import NamedTuple

from data.errors import InputError
from data.splits import SplitPolicy, assign_splits, drawn_for_test, official_split
from data.text import harmless, listed, natural
from pipelines.new_project.choice import Choice
from pipelines.new_project.survey import UNKNOWN, Survey

ENOUGH_PEOPLE = 4
"""Smallest number of people for a division by person: with fewer, one or two people would stand for all in training."""

_SEEDS = 64


class Division(NamedTuple):
    """A division into splits.

    Attributes:
        settings: settings of the section `split`.
        notes: why a better division is not possible, and who changed sides.
    """

    settings: dict[str, Choice]
    notes: tuple[str, ...]


def choose_division(survey: Survey, earlier: SplitPolicy | None) -> Division:
    """Return the first division in the order official, person, recording, time that works.

    Args:
        survey: the span.
        earlier: policy that is replaced; None if there is none.

    Raises:
        InputError: the clips cannot be divided, for example because a label has one clip of a few frames.
    """
    settings, notes = _official(survey)
    if not settings:
        settings, why, moved = _by_person(survey, earlier)
        notes += moved
        if not settings and len(survey.people) >= ENOUGH_PEOPLE:
            notes.append(f"the division is not by person: {why}")
        settings = settings or _by_recording(survey, why) or _by_time(survey)
    if earlier and earlier.method != (method := settings["method"].value):
        notes.append(
            f"split.method was {earlier.method!r} and is {method!r} now: do not compare figures with earlier ones"
        )
    if survey.unlabelled and survey.leave_out == (UNKNOWN,):
        have = "recording has" if survey.unlabelled == 1 else "recordings have"
        settings["leave_out"] = Choice([UNKNOWN], f"{survey.unlabelled} {have} no label")
    return Division(settings, tuple(notes))


def division_warnings(survey: Survey, policy: SplitPolicy, splits: Mapping[str, str]) -> list[str]:
    """Return what the user should know about figures on the test split of a policy."""
    if policy.tested_on == "parts":
        return [
            "training and test are parts of the same recordings, so the figures say nothing about another day, place or"
            " person"
        ]
    if policy.tested_on == "recordings":
        if not survey.people:
            return ["the data do not say who moves: the figures may not hold for other people"]
        return ["test recordings are of people in training: the figures do not hold for other people"]
    if len(_tested(survey, splits)) == 1:
        return ["a single person is in test: the figures say little about other people"]
    return []


def _obstacle(survey: Survey, settings: Mapping[str, Choice]) -> str:
    """Return what prevents a division, empty if it works."""
    try:
        assign_splits(survey.index, _policy(survey, settings))
    except InputError as error:
        return harmless(error.what)
    return ""


def _policy(survey: Survey, settings: Mapping[str, Choice]) -> SplitPolicy:
    return SplitPolicy(**{name: choice.value for name, choice in settings.items()}, leave_out=survey.leave_out)


def _official(survey: Survey) -> tuple[dict[str, Choice], list[str]]:
    """Return the division that the data state, or a note why it is not used."""
    keys = [key for key in survey.index if set(key.labels) - set(survey.leave_out)]
    stated = {key.split for key in keys if key.split}
    if not stated:
        return {}, []
    if silent := [key.sequence_id for key in keys if not key.split]:
        problem = f"{len(silent)} of {len(keys)} recordings have none, for example {harmless(silent[0], 60)!r}"
        return {}, [_unused(stated, problem)]
    settings = {
        "method": Choice("column", "your data say which recordings are for training and which for test"),
        "eval_share": Choice(0, "all training people train"),
    }
    if any(official_split(name) == "eval" for name in stated):
        settings["eval_share"] = Choice(0.15, "above 0, so that the eval split of your data is used")
    if not _obstacle(survey, settings):
        return settings, []
    why = "the division of your data has people on both sides" if survey.people else "the data do not say who moves"
    settings["allow_subject_overlap"] = Choice(True, why)
    if problem := _obstacle(survey, settings):
        return {}, [_unused(stated, problem)]
    return settings, []


def _unused(stated: Set[str], problem: str) -> str:
    names = listed(sorted(stated)[:4])
    return f"your data state a split ({names}) that is not used: {problem}"


def _by_person(survey: Survey, earlier: SplitPolicy | None) -> tuple[dict[str, Choice], str, list[str]]:
    """Return a division by person whose test people have each label, in about the same proportions as all people.

    Returns:
        Settings, empty if there is no such division; what prevents it; and a note about people who changed sides.
    """
    people = len(survey.people)
    if people < ENOUGH_PEOPLE:
        noun = "person" if people == 1 else "people"
        return {}, f"{people or 'no'} known {noun}, too few for a division by person", []
    if nameless := _nameless(survey):
        return {}, nameless, []
    share, seed = max(0.2, round(1 / people, 2)), None
    kept = earlier if earlier and earlier.method == "hash" else None
    if kept and _test_people(survey, kept.test_share, kept.seed):
        share, seed = kept.test_share, kept.seed
    best = _best_seed(survey, share)
    reason = f"of {_SEEDS} draws, that with the most even labels"
    if seed is not None and seed != best:
        reason = "kept, so that nobody moves from test to training"
    seed = best if seed is None else seed
    if seed is None:
        return {}, _undrawn(survey), []
    test = _test_people(survey, share, seed)
    assert test
    settings = {
        "method": Choice("hash", f"{people} people: nobody is in training and test"),
        "test_share": Choice(share, "share of the people who are in test"),
        "eval_share": Choice(0, "all other people train"),
        "seed": Choice(seed, f"{reason}; in test {_few(test)}"),
    }
    return settings, "", _moved(survey, kept, test)


def _moved(survey: Survey, earlier: SplitPolicy | None, test: Set[str]) -> list[str]:
    """Return a note about people who were in test and train now."""
    moved = drawn_for_test(survey.people, earlier) - test if earlier else set()
    if not moved:
        return []
    return [
        f"{_few(moved)} moved from test to training, because the earlier seed no longer puts each label on both sides:"
        " do not compare figures with those of earlier runs"
    ]


def _nameless(survey: Survey) -> str:
    """Return which clip prevents a division by person because it has no person, and what to do."""
    clips = [
        (clip, label)
        for key in survey.index
        if key.subject == UNKNOWN
        for clip, label in zip(key.clip_ids, key.labels, strict=True)
        if label not in survey.leave_out
    ]
    if not clips:
        return ""
    others = f" and {len(clips) - 1} more have" if len(clips) > 1 else " has"
    why = f"clip {harmless(clips[0][0], 60)!r}{others} no person; name the person in the import"
    labels = Counter(label for _, label in clips)
    if len(survey.counts) - len(labels) >= 2 and all(survey.counts[label] == count for label, count in labels.items()):
        why += f", or leave the label out with `split.leave_out: [{listed(labels)}]`"
    return why


def _undrawn(survey: Survey) -> str:
    """Return which label prevents a division by person, and what to do."""
    for label in survey.counts:
        people = [person for person, labels in survey.people.items() if label in labels]
        if len(people) == 1:
            name = harmless(label, 60)
            return (
                f"label {name!r} has a single person; record it with others, or leave it out with"
                f" `split.leave_out: [{name}]`"
            )
    return f"none of {_SEEDS} draws of the people has every label in training and in test"


def _best_seed(survey: Survey, share: float) -> int | None:
    """Return the seed whose test split is most like all data, in its size and the share of each label.

    Returns:
        The seed; None if no draw puts each label on both sides.
    """
    unlike = {}
    for seed in range(_SEEDS):
        if test := _test_people(survey, share, seed):
            unlike[seed] = _unlike(survey, test, share)
    return min(unlike, key=lambda seed: (unlike[seed], seed)) if unlike else None


def _test_people(survey: Survey, share: float, seed: int) -> set[str]:
    """Return the people whom a seed puts into test; none if it does not divide the data.

    A seed is not accepted either if it would put nobody into test and the nearest person stands in: that person would
    train as soon as somebody joins who is nearer.
    """
    policy = SplitPolicy(test_share=share, eval_share=0, seed=seed, leave_out=survey.leave_out)
    try:
        test = _tested(survey, assign_splits(survey.index, policy))
    except InputError:
        return set()
    return test if test == drawn_for_test(survey.people, policy) else set()


def _tested(survey: Survey, splits: Mapping[str, str]) -> set[str]:
    return {key.subject for key in survey.index for clip in key.clip_ids if splits.get(clip) == "test"}


def _unlike(survey: Survey, test: Set[str], share: float) -> float:
    """Return how much a test split differs from the wanted share of each label: 0 for not at all."""
    tested = Counter(clip.label for clip in survey.clips if clip.subject in test)
    return sum(abs(tested[label] - share * count) for label, count in survey.counts.items()) / len(survey.clips)


def _few(names: Set[str]) -> str:
    """Return names as a list that ends after the third."""
    first = ", ".join(harmless(name, 30) for name in sorted(names, key=natural)[:3])
    return first if len(names) <= 3 else f"{first} and {len(names) - 3} more"


def _by_recording(survey: Survey, why: str) -> dict[str, Choice]:
    settings = {
        "method": Choice("recordings", why),
        "test_share": Choice(0.25, "share of the recordings of each label that are in test"),
        "eval_share": Choice(0, "all other recordings train"),
    }
    return {} if _obstacle(survey, settings) else settings


def _by_time(survey: Survey) -> dict[str, Choice]:
    holders: dict[str, set[str]] = defaultdict(set)
    for key in survey.index:
        for label in key.labels:
            holders[label].add(key.sequence_id)
    single = next((label for label in survey.counts if len(holders[label]) == 1), None)
    why = f"label {harmless(single, 40)!r} has a single recording" if single else "the labels share too few recordings"
    settings = {
        "method": Choice("time", f"{why}: the last part of each label is for test"),
        "test_share": Choice(0.25, "share of the clips, or of a single clip, that are for test"),
        "eval_share": Choice(0, "the rest trains"),
    }
    assign_splits(survey.index, _policy(survey, settings))
    return settings
