"""Windows of whole sessions: labelled by what is performed in their middle, with the background as a label.

A window that a device classifies in the midst of a session contains what comes before and after a movement. So a model
that shall know the background is trained on such windows, too, and not on the cut-out segments.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from data.records import KeypointSequence, clip_id
from data.sessions.background import BACKGROUND_LABELS
from data.windows import Window, WindowSpec, cut_windows


def session_clips(session: KeypointSequence, background: str) -> list[KeypointSequence]:
    """Return all parts of a session in order: its segments, and the background between them.

    Args:
        session: sequence with segments.
        background: label of the background.
    """
    spans = sorted((segment.start_frame, segment.end_frame, segment.label) for segment in session.segments)
    clips = {clip.sequence_id: clip for clip in session.clips()}
    ends = np.maximum.accumulate([0, *(end for _, end, _ in spans)])
    gaps = [
        (int(end), start)
        for end, start in zip(ends, [*(start for start, _, _ in spans), len(session.keypoints)], strict=True)
        if start > end
    ]
    for start, end in gaps:
        name = clip_id(session.sequence_id, start)
        clips[name] = replace(
            session,
            sequence_id=name,
            label=background,
            keypoints=session.keypoints[start:end],
            timestamps=None if session.timestamps is None else session.timestamps[start:end],
            segments=(),
            repetitions=None,
        )
    return [as_background(clip, background) for clip in clips.values()]


def as_background(clip: KeypointSequence, background: str) -> KeypointSequence:
    """Return a clip with the label of the background if its label means that."""
    return replace(clip, label=background) if clip.label in BACKGROUND_LABELS - {background} else clip


def cut_session(
    session: KeypointSequence, spec: WindowSpec, background: str
) -> Iterator[tuple[KeypointSequence, Window]]:
    """Yield the windows of a whole session, each with the part of the session that its middle is in.

    Args:
        session: sequence with segments.
        spec: rules by which windows are cut; `slide` only.
        background: label of the background.
    """
    clips = {clip.sequence_id: clip for clip in session_clips(session, background)}
    owner = np.full(len(session.keypoints), "", dtype=object)
    for start, name in sorted((int(name.rpartition("#")[2]), name) for name in clips):
        owner[start : start + len(clips[name].keypoints)] = name  # of overlapping segments the later one counts
    times = session.frame_times
    whole = replace(session, segments=())
    for window in cut_windows(whole, spec):
        middle = times[window.start_frame] + window.step * min(window.frames, spec.length) / 2
        # Half a microsecond of tolerance: a middle that falls on a frame must find it in spite of rounding.
        frame = int(np.searchsorted(times, middle + 5e-7, side="right")) - 1
        if owner[frame]:
            yield clips[owner[frame]], window
