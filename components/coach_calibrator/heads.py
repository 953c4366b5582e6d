"""Chooses whether the recogniser gets heads, by sessions that they were not fitted to."""

from __future__ import annotations

from collections.abc import Sequence

from components.coach_calibrator.replay import Replay, score
from data.sessions.background import BACKGROUND_LABELS
from serving_targets.coach.head import fit_heads
from serving_targets.coach.recognition import Model, hop_of
from serving_targets.coach.settings import CoachSettings


def with_heads(
    model: Model, replays: Sequence[Replay], settings: CoachSettings, best: float
) -> tuple[CoachSettings, float, str | None]:
    """Return the settings with heads, if these have a better score in sessions that they were not fitted to.

    Args:
        model: classifier of windows.
        replays: sessions of people whom the model was not trained on.
        settings: the best settings without heads.
        best: their score.

    Returns:
        The settings, their score, and why there are no heads.
    """
    if missing := sorted({*model.labels} - BACKGROUND_LABELS - {label for each in replays for label in each.truth}):
        return settings, best, f"no session of the eval split has {missing[0]}"
    people = {each.session.subject for each in replays}
    of = (lambda each: each.session.subject) if len(people) > 1 else (lambda each: each.session.sequence_id)
    groups = sorted({of(each) for each in replays})
    if len(groups) < 2:
        return settings, best, "the eval split has a single session"
    spanned = -(-model.length // hop_of(model))
    fitted = {group: fit_heads([each.answered() for each in replays if of(each) != group], spanned) for group in groups}
    tried = score(replays, lambda each: settings.model_copy(update={"heads": fitted[of(each)]}))
    if tried <= best:
        return settings, best, f"they are not better in sessions that they were not fitted to ({tried:.3f})"
    heads = fit_heads([each.answered() for each in replays], spanned)
    return settings.model_copy(update={"heads": heads}), tried, None
