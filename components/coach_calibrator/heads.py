"""Chooses whether the recogniser gets heads and networks, by sessions that they were not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from components.coach_calibrator.pose_heads import Moved, fit_pose_heads
from components.coach_calibrator.replay import Replay, score
from data.sessions.background import BACKGROUND, BACKGROUND_LABELS, without_synonyms
from serving_targets.coach.head import fit_heads
from serving_targets.coach.recognition import Model, hop_of
from serving_targets.coach.settings import CoachSettings

_SHARES = (0.6, 0.85)
"""Shares of the networks that are tried."""
_LEAST_GAIN = 0.01
"""Networks that are better by less are left out: the sessions that judge them are few."""


class Chosen(NamedTuple):
    """Settings and what they are worth.

    Attributes:
        settings: settings, fitted to all sessions.
        score: their score in sessions that they were not fitted to.
        for_replay: function that returns the settings that were not fitted to a session.
    """

    settings: CoachSettings
    score: float
    for_replay: Callable[[Replay], CoachSettings]


def with_heads(
    model: Model, replays: Sequence[Replay], settings: CoachSettings, best: float
) -> tuple[Chosen, str | None]:
    """Return the settings with heads, if these have a better score in sessions that they were not fitted to.

    Args:
        model: classifier of windows.
        replays: sessions of people whom the model was not trained on.
        settings: the best settings without heads.
        best: their score.

    Returns:
        The settings, and why there are no heads.
    """
    plain = Chosen(settings, best, lambda _: settings)
    if missing := sorted({*model.labels} - BACKGROUND_LABELS - {label for each in replays for label in each.truth}):
        return plain, f"no session of the eval split has {missing[0]}"
    people = {each.session.subject for each in replays}
    of = (lambda each: each.session.subject) if len(people) > 1 else (lambda each: each.session.sequence_id)
    groups = sorted({of(each) for each in replays})
    if len(groups) < 2:
        return plain, "the eval split has a single session"
    spanned = -(-model.length // hop_of(model))
    fitted = {group: fit_heads([each.answered() for each in replays if of(each) != group], spanned) for group in groups}

    def without(replay: Replay) -> CoachSettings:
        return settings.model_copy(update={"heads": fitted[of(replay)]})

    tried = score(replays, without)
    if tried <= best:
        return plain, f"they are not better in sessions that they were not fitted to ({tried:.3f})"
    heads = fit_heads([each.answered() for each in replays], spanned)
    return Chosen(settings.model_copy(update={"heads": heads}), tried, without), None


def with_networks(
    model: Model, trained: Sequence[Moved], replays: Sequence[Replay], chosen: Chosen
) -> tuple[Chosen, str | None]:
    """Return the settings with networks, if these have a better score in sessions that they were not fitted to.

    Args:
        model: classifier of windows.
        trained: sessions of the training split.
        replays: sessions of people whom the model was not trained on.
        chosen: the best settings without networks.

    Returns:
        The settings, and why there are no networks.
    """
    heads = chosen.settings.heads
    labels = [*heads.offline.weights] if heads else [*model.labels, BACKGROUND]
    needed = {without_synonyms(label) for label in labels}
    if missing := sorted(needed ^ {label for each in trained for label in each.labels}):
        return chosen, f"{missing[0]} is not in the sessions of both splits"
    networks = fit_pose_heads(trained, 1.0)

    def mixed(share: float) -> Chosen:
        poses = networks.model_copy(update={"share": share})

        def without(replay: Replay) -> CoachSettings:
            return chosen.for_replay(replay).model_copy(update={"poses": poses})

        return Chosen(chosen.settings, score(replays, without), without)

    tried = {share: mixed(share) for share in _SHARES}
    share = max(tried, key=lambda each: tried[each].score)
    if tried[share].score < chosen.score + _LEAST_GAIN:
        return chosen, f"they are not better in sessions that they were not fitted to ({tried[share].score:.3f})"
    everything = fit_pose_heads([*trained, *(part for each in replays for part in each.moved())], share)
    return tried[share]._replace(settings=chosen.settings.model_copy(update={"poses": everything})), None
